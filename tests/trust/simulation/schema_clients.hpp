// Who defines schemas while everybody stores.
//
// Purpose: defines the versions of two types one after the other, older ones again and some that may not follow, sends
// payloads that fit none of them, and judges whatever is stored or refused: a version that was defined before a store
// began or one that was on its way has to say so. Owner: one schedule. Threading: one thread. Invariants: what it knows
// of definitions and calls is kept outside the data; what an error left open counts as either.
#pragma once

#include "trust/simulation/journal.hpp"
#include "trust/simulation/machine.hpp"
#include "trust/simulation/mistake.hpp"

#include <weir/schema.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace weir::trust {

class SchemaClients {
public:
  struct Counts {
    std::uint64_t defined = 0, not_defined = 0, violations = 0, judged = 0;
  };

  SchemaClients(Machine& machine, Journal& journal, std::uint64_t seed, Mistake mistake);

  /// Defines something, sends something that fits nothing, or reads `context`.
  void act(const std::string& context);
  /// An engine was opened: it knows what was defined.
  void begin();
  void end();

  /// Call `call` is about to be sent.
  void sent(std::size_t call, std::span<const Event> events);
  void answered(std::size_t call, const Result<Receipt>& answer);

  /// Schedules differ.
  [[nodiscard]] bool at_work() const noexcept { return at_work_; }
  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }

private:
  using Version = std::uint32_t;
  struct Type {
    std::string name;
    std::vector<Schema> versions; ///< From 1 on, as they are to be defined.
    Version in_force = 0;         ///< For sure.
    Version asked = 0;            ///< The last one that may be in force in this life,
    Version may_be_there = 0;     ///< or be found by the next one.
  };
  /// An event on its way, with the versions that may judge it.
  struct Sent {
    std::size_t type = 0;
    bool has_more = false;
    Version from = 0, to = 0;
  };
  struct Call {
    std::vector<Sent> events;
    bool answered = false;
  };

  void define_next(std::size_t which);
  void define_again(const Type& type);
  void define_incompatible(const Type& type);
  void define(Schema schema, std::function<void(const Result<std::uint32_t>&)> done);
  void violate(const Type& type, const std::string& context);
  void look_at(const std::string& context);
  [[nodiscard]] static bool fits(const Type& type, Version version, bool has_more);
  /// Whether some version that may have judged the event says `verdict` of it.
  [[nodiscard]] bool may_be_judged(const Sent& sent, bool verdict) const;

  Machine& machine_;
  Journal& journal_;
  Chance chance_;
  Planted planted_;
  const bool at_work_;
  Counts counts_;
  std::uint64_t life_ = 0;
  std::array<Type, 2> types_;
  std::map<std::size_t, Call> calls_;
};

} // namespace weir::trust
