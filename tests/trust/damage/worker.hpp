// Runs many small checks in a process of its own, so that one that crashes or hangs is counted, not suffered.
//
// Purpose: the parent only watches: a child that dies or makes no progress is replaced by one that begins behind the
// check it died in. Owner: the stage. Threading: one thread in each process.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace weir::trust {

/// Counters that parent and children share; they only grow.
struct WorkCounts {
  std::uint64_t done = 0;
  std::uint64_t wrong = 0;
  std::uint64_t refused = 0;
  std::uint64_t cut = 0;
  std::uint64_t found = 0;
  std::uint64_t harmless = 0;
  std::uint64_t salvaged_events = 0;
  std::uint64_t salvage_losses = 0;
};

/// What a check may say about itself before it begins, for the report of a crash.
using Announce = std::function<void(const std::string& what)>;

/// Calls check(0), check(1) ... check(count - 1), in children. Returns how many crashed or hung; each is reported on
/// the error output.
std::uint64_t run_watched(std::uint64_t count,
                          const std::function<void(std::uint64_t number, WorkCounts& counts, const Announce&)>& check,
                          WorkCounts& counts);

} // namespace weir::trust
