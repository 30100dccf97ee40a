// Schedules in processes of their own, as many at a time as there are processors.
//
// Purpose: a schedule that ends or hangs its process is a finding like any other, and two processors do twice as much.
// Owner: the stage. Threading: the calling process has one thread. Invariants: no child is left behind; what comes back
// does not depend on how the work was shared out.
#pragma once

#include "trust/simulation/schedule.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace weir::trust {

struct Finding {
  enum class Kind : std::uint8_t { wrong_answer, acknowledged_lost, stuck, crashed };
  Kind kind = Kind::wrong_answer;
  std::uint64_t schedule = 0;
  std::string what;
};

struct Findings {
  std::map<std::uint64_t, std::uint64_t> hashes; ///< Order of deliveries, by schedule.
  std::vector<Finding> findings;
  Tally tally;
};

/// The seed of schedule `number` of a run.
[[nodiscard]] std::uint64_t seed_of(std::uint64_t run_seed, std::uint64_t number);

/// What playing schedule `number` in this process gives.
void play_one(std::uint64_t run_seed, std::uint64_t number, Findings& findings,
              std::vector<std::string>* lines = nullptr);

/// Plays these schedules, in this order as far as each process goes. Stops soon after the first findings.
[[nodiscard]] Findings play_apart(std::uint64_t run_seed, const std::vector<std::uint64_t>& numbers);

} // namespace weir::trust
