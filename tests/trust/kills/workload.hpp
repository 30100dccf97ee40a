// What the writers of the kill stage store, as a pure function of who stores it.
//
// Purpose: the host builds its calls with this and the driver builds them again, so that every byte found after a crash
// can be compared with what that writer really handed in.
// Threading: pure functions.
#pragma once

#include "engine/io/random.hpp"

#include <weir/event.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::trust {

/// One store call: the `number`th (from 1) of a writer in a life of the engine. Lives are numbered from 1 over a run.
struct CallId {
  std::uint32_t life = 0;
  std::uint32_t writer = 0;
  std::uint32_t number = 0;
  friend auto operator<=>(const CallId&, const CallId&) = default;
};

struct Call {
  struct Part {
    std::uint32_t context = 0;
    std::uint32_t first = 0;   ///< Place in the call of its first event, from 0.
    std::vector<Event> events; ///< 1-8.
  };
  std::vector<Part> parts; ///< One, or two for contexts of one group.
  Durability durability = Durability::synced;
  /// It is to be refused unless each context's last sequence is the one its writer knows. (A host may leave that out.)
  bool expects = false;
  /// It is to be refused if its group has an event with this tag: of a claim there is one, whatever happens.
  std::string claim{};

  [[nodiscard]] std::uint32_t events() const { return parts.back().first + events_of(parts.back()); }
  /// The part that holds the call's event `index`. Precondition: there is one.
  [[nodiscard]] std::size_t part_of(std::uint32_t index) const {
    return parts.size() > 1 && index >= parts[1].first ? 1 : 0;
  }
  [[nodiscard]] const Event& event(std::uint32_t index) const {
    const Part& part = parts[part_of(index)];
    return part.events[index - part.first];
  }
  [[nodiscard]] std::vector<std::uint32_t> contexts() const {
    std::vector<std::uint32_t> all;
    for (const Part& part : parts)
      all.push_back(part.context);
    return all;
  }
  [[nodiscard]] static std::uint32_t events_of(const Part& part) {
    return static_cast<std::uint32_t>(part.events.size());
  }
};

inline constexpr std::uint32_t kill_contexts = 200;

[[nodiscard]] std::string kill_context_name(std::uint32_t context);
/// What stands in its name's braces; empty for the contexts that are in no group.
[[nodiscard]] std::string kill_group(std::uint32_t context);
[[nodiscard]] Call make_call(std::uint64_t seed, const CallId& id);

/// Who stored an event, as its payload says.
struct EventOrigin {
  CallId call;
  std::uint32_t index = 0; ///< Place in the call, from 0.
  friend auto operator<=>(const EventOrigin&, const EventOrigin&) = default;
};
/// Life 0 if the payload is none of make_call's.
[[nodiscard]] EventOrigin origin_of(std::string_view payload);

/// All that the caller gave, in one line without line breaks: type, time, id, metadata, payload.
[[nodiscard]] std::string caller_fields(std::string_view type, Timestamp timestamp, std::string_view event_id,
                                        std::string_view metadata, std::string_view payload);

/// Stands for an event at its place.
[[nodiscard]] std::uint64_t fingerprint(std::string_view context_name, Sequence sequence, Position position,
                                        std::string_view caller_fields);

/// Seeded choices: the same ones on every machine.
class Dice {
public:
  explicit Dice(std::uint64_t seed) : random_(io::make_seeded_random(seed)) {}
  [[nodiscard]] std::uint64_t next() { return random_->next(); }
  /// 0 ... bound - 1.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return random_->next() % bound; }

private:
  std::unique_ptr<io::Random> random_;
};

} // namespace weir::trust
