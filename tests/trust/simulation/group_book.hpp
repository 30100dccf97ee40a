// What a consumer group handed out and was told, kept outside the data, and what of it is wrong.
//
// Purpose: judges a group over all lives of an engine: what was acknowledged never comes again; of a context one event
// is out at a time, and none before an earlier one is settled; deliveries are counted up; nothing is left out. Owner:
// one schedule. Threading: one thread. Invariants: what an error left open counts as either.
#pragma once

#include "trust/simulation/journal.hpp"

#include <weir/consumers.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace weir::trust {

class GroupBook {
public:
  using Time = std::chrono::steady_clock::time_point;
  enum class How : std::uint8_t { ack, nack, park };

  /// `options` of every member; `first_live` says which of a context's events are not removed.
  GroupBook(Journal& journal, GroupOptions options, std::function<Sequence(const std::string&)> first_live)
      : journal_(journal), options_(std::move(options)), first_live_(std::move(first_live)) {}

  /// The member, who asked at `asked`, was given this. Returns the number of this handing-out.
  std::uint64_t handed_out(int member, const EventView& event, std::uint32_t deliveries, Time asked, Time now);
  /// A member settled what it was given as `number`, and was told `status`.
  void settled(std::uint64_t number, Position position, How how, std::chrono::milliseconds delay, const Status& status,
               Time now);
  /// It is gone, with all it had.
  void left(int member);
  /// A member has joined where there was none: nothing is out.
  void begins();
  /// It has joined others, who may be members of a group that has come to its end by an error.
  void joined_others();
  /// Parked events of the context (empty: of all) are to be handed out again.
  void replayed_parked(const std::string& context, const Status& status);
  /// Everything is to be handed out again.
  void reset(const Status& status);

  /// An event that a delay or a member who was too slow held up until now at the latest, and that has to be given to
  /// whoever waits.
  [[nodiscard]] std::optional<Position> due(Time now) const;

  /// Whether what was given as `number` is still with its member, for sure.
  [[nodiscard]] bool is_out(std::uint64_t number, Position position, Time now) const;
  /// The group says that everything before `checkpoint` is dealt with.
  void check_checkpoint(Position checkpoint) const;

  /// Everything that was handed out is among `all` events, removed ones included.
  void check_given(const std::map<Position, std::string>& all) const;
  /// The first of these events that is still to come.
  [[nodiscard]] std::optional<Position> awaited(const std::map<Position, std::string>& stored) const;

  [[nodiscard]] const GroupOptions& options() const noexcept { return options_; }
  /// Of all deliveries so far, in their order.
  [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }

private:
  enum class Is : std::uint8_t { no, maybe, yes };
  struct Known {
    std::string context;
    Sequence sequence = 0;
    std::string payload;
    Is done = Is::no, parked = Is::no;
    std::uint32_t deliveries = 0; ///< As told last.
    bool counted_anew = false;    ///< It was parked or reset: they may begin at one again.
  };
  struct Out {
    Position position = 0;
    int member = 0;
    std::uint64_t number = 0;
    Time until;  ///< At least.
    Time latest; ///< From then on it is for others, for sure.
    bool sure = true;
  };

  [[nodiscard]] bool may_be_parked(const Known& known) const;
  void check_turn(const Known& known, Position position, Time now);
  void check_order(const Known& known, Position position);

  Journal& journal_;
  const GroupOptions options_;
  const std::function<Sequence(const std::string&)> first_live_;
  std::map<Position, Known> events_;
  std::map<std::string, std::map<Sequence, Position>> contexts_;
  std::uint64_t hash_ = 0, handed_out_ = 0;
  // Of the group at work:
  std::map<std::string, Out> out_; ///< By context.
  struct Delayed {
    Position position = 0;
    Time until;
  };
  std::map<std::string, Delayed> delayed_;
};

} // namespace weir::trust
