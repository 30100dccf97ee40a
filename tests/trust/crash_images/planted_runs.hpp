// Shows the judge of crash images mistakes that it must find.
//
// Purpose: a part of the judgement that finds nothing wrong with something wrong would say nothing of weir either.
// Owner: the stage. Threading: one thread.
#pragma once

#include <cstdint>

namespace weir::trust {

/// Plants each mistake into the workload that meets it. Returns how many; throws std::runtime_error naming the first
/// one that is not found.
std::uint64_t find_planted(std::uint64_t seed);

} // namespace weir::trust
