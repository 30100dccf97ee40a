// The judge of snapshots is judged: it must find each mistake that is planted, and none without.
#pragma once

#include <cstdint>

namespace weir::trust {

/// Returns how many were planted; throws std::runtime_error if one is not found.
std::uint64_t find_planted_in_snapshots();

} // namespace weir::trust
