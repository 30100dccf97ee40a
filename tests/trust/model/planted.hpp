// Does the test see? Mistakes planted into reference and histories, which must be found.
//
// Threading: one thread.
#pragma once

#include <cstdint>

namespace weir::trust {

/// A wrong reference must be found out within a few short sequences, and the difference must shrink to a handful of
/// operations; every history that no order explains must be refused. Returns how many mistakes were planted; throws
/// std::runtime_error for one that was not found.
std::uint64_t find_planted(std::uint64_t run_seed);

} // namespace weir::trust
