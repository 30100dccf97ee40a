// Who sets rules of retention, and has them applied.
//
// Purpose: sets rules and runs them at random, cut short by cancellations, errors and crashes and run again, and
// decides by the words of the rules what has to go: exactly that, judged at the point that was recorded first. Owner:
// one schedule. Threading: one thread; the calls wait (Machine::in_steps). Invariants: the ledger knows what a run may
// remove before it begins, and what it must have removed once it has come to its end.
#pragma once

#include "trust/simulation/journal.hpp"
#include "trust/simulation/machine.hpp"
#include "trust/simulation/mistake.hpp"
#include "trust/simulation/removals.hpp"

#include <weir/retention.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir::trust {

class RetentionClients {
public:
  /// Of some events, beside Ledger::event_type; never in a group, whose conditions know of no removal.
  static constexpr const char* other_type = "noted";

  struct Counts {
    std::uint64_t runs = 0, resumed = 0, truncated = 0;
  };

  RetentionClients(Machine& machine, Journal& journal, Removals& removals, std::uint64_t seed, Mistake mistake)
      : machine_(machine), journal_(journal), removals_(removals), chance_(seed), planted_(mistake, chance_.pick(2)) {}

  void act();
  /// An engine was opened: the rules are those that were set.
  void begin();

  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }

private:
  /// What runs are judged by: events up to the last one that was synced when the point was taken.
  struct Point {
    Timestamp now;
    Position last = 0;
  };
  struct Live {
    Sequence sequence = 0;
    Position position = 0;
    std::string type;
    Timestamp recorded_at;
  };
  struct Context {
    std::string name;
    Sequence first_live = 1;
    std::vector<Live> live;
    bool quiet = true;    ///< Nobody else removes anything of it.
    Completion expecting; ///< Of the ledger; empty: nothing may go.
  };
  using Rules = std::vector<RetentionRule>;

  void set_rules();
  void apply();
  Result<RetentionReport> run(bool cancelled, const Point& fresh);
  void cut_short(const Error& error, bool cancelled, const Point& fresh);
  /// Reads all contexts; nothing if that was refused.
  std::optional<std::vector<Context>> read_contexts();
  /// Tells the ledger what may go, whichever of the points it is.
  void expect(std::vector<Context>& contexts, const std::vector<Point>& points);
  /// Which point the report speaks of; null: none that it may.
  [[nodiscard]] const Point* point_of(const RetentionReport& report, const Point& fresh) const;
  void check(std::vector<Context>& contexts, const RetentionReport& report, const Point& point);
  [[nodiscard]] Sequence first_to_stay(const Context& context, const Point& point) const;
  [[nodiscard]] bool goes(const Context& context, const Live& event, const RetentionRule& rule,
                          const Point& point) const;

  Machine& machine_;
  Journal& journal_;
  Removals& removals_;
  Chance chance_;
  Planted planted_;
  Counts counts_;
  std::vector<Rules> may_be_set_{Rules{}}; ///< Several after an error.
  Rules rules_;                            ///< Of the run under way.
  std::vector<Point> pending_;             ///< Of runs that were cut short: the next one may go on with one of them,
  bool recorded_ = false;                  ///< and does.
};

} // namespace weir::trust
