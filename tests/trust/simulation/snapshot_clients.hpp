// Who keeps states of contexts, and loads them.
//
// Purpose: saves, loads and drops snapshots at random; a state says of which events it was made, so that whether it
// still stands for them can be judged. Owner: one schedule. Threading: one thread; their calls wait
// (Machine::wait_for). Invariants: a snapshot is a cache: none, or after a crash an older one, is fine; a wrong one
// never is.
#pragma once

#include "trust/simulation/journal.hpp"
#include "trust/simulation/machine.hpp"
#include "trust/simulation/mistake.hpp"
#include "trust/simulation/removals.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace weir::trust {

class SnapshotClients {
public:
  struct Counts {
    std::uint64_t saved = 0, loaded = 0, found = 0;
  };

  SnapshotClients(Machine& machine, Journal& journal, Removals& removals, std::uint64_t seed, Mistake mistake)
      : machine_(machine), journal_(journal), removals_(removals), chance_(seed), planted_(mistake, chance_.pick(2)) {}

  void act(const std::string& context);
  void end() { newest_.clear(); }

  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }

private:
  struct Saved {
    Sequence sequence = 0;
    Position position = 0;
    std::string state, tag;
  };

  void save(const std::string& context);
  void load(const std::string& context);
  void drop(const std::string& context);
  void check_snapshot(const std::string& context, const std::string& tag, const Snapshot& given, const Rows& all);
  void check_missing(const std::string& context, const std::string& tag, const Snapshot* given, Sequence first_live);

  Machine& machine_;
  Journal& journal_;
  Removals& removals_;
  Chance chance_;
  Planted planted_;
  Counts counts_;
  std::map<std::string, std::vector<Saved>> saved_; ///< Everything that was ever to be kept, by context.
  std::map<std::string, Saved> newest_;             ///< What is kept for sure, in this life.
};

} // namespace weir::trust
