// A service's directory from its first life to its last.
//
// Purpose: lives end by kill -9: at a moment, at an acknowledgement, while the service opens, in the middle of a
// rebuild and while that is swapped in. After each the judge opens what is left. Now and then, between two lives, the
// projection's database is deleted, or pages of it are overwritten: what is made in its place must answer the same to
// the byte. Owner: the stage. Threading: one thread.
#pragma once

#include "trust/kills/workload.hpp"
#include "trust/models/judge.hpp"
#include "trust/models/orders.hpp"

#include "tests/support/temp_directory.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace weir::trust {

struct ModelsPlan {
  std::string host; ///< The program.
  std::uint64_t seed = 0;
  std::uint64_t writes = 0;         ///< The lives go on until so many are acknowledged.
  std::uint64_t writes_of_life = 0; ///< At most; of those lives that end at an acknowledgement.
  std::uint64_t openings = 0;       ///< Kills while it opens ...
  std::uint64_t rebuilds = 0;       ///< ... and in a rebuild ...
  std::uint64_t swaps = 0;          ///< ... and while that is swapped in ...
  std::uint64_t remade = 0;         ///< ... and how often the database is deleted, and damaged.
};

struct ModelsCounts {
  std::uint64_t acknowledged = 0, lost = 0, complaints = 0;
  std::uint64_t events = 0, refused = 0, unacknowledged_present = 0;
  std::uint64_t lives = 0, kills = 0, kills_opening = 0, kills_rebuilding = 0, kills_swapping = 0;
  std::uint64_t cut_short = 0; ///< Rebuilds that a kill left unfinished.
  std::uint64_t deleted = 0, damaged = 0, rebuilt = 0;

  void add(const ModelsCounts& other);
};

/// Lives through the plan. Complaints are printed, and the directory is kept.
[[nodiscard]] ModelsCounts live(const ModelsPlan& plan);

} // namespace weir::trust
