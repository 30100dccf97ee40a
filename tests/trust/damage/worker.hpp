// Runs many small checks in processes of their own, so that one that crashes or hangs is counted, not suffered.
//
// Purpose: whoever starts a child only watches it: one that dies or makes no progress is replaced by one that begins
// behind the check it died in. Several such pairs share long work. Owner: the stage. Threading: one thread in each
// process.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace weir::trust {

/// What checks counted; it only grows.
struct WorkCounts {
  std::uint64_t done = 0;
  std::uint64_t wrong = 0;
  std::uint64_t refused = 0;
  std::uint64_t cut = 0;
  std::uint64_t found = 0;
  std::uint64_t harmless = 0;
  std::uint64_t salvaged_events = 0;
  std::uint64_t salvage_losses = 0;

  void add(const WorkCounts& more);
};

/// What a check may say about itself before it begins, for the report of a crash.
using Announce = std::function<void(const std::string& what)>;

/// Calls check(0), check(1) ... check(count - 1), each once, in as many children at a time as there are `workers`.
/// Returns how many crashed or hung; each is reported on the error output.
std::uint64_t run_watched(std::uint64_t count, unsigned workers,
                          const std::function<void(std::uint64_t number, WorkCounts& counts, const Announce&)>& check,
                          WorkCounts& counts);

} // namespace weir::trust
