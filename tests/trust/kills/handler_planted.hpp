// The judge of the handler that applies each event exactly once is judged: it must find each mistake that is planted,
// and none without.
#pragma once

#include <cstdint>

namespace weir::trust {

/// Returns how many were planted; throws std::runtime_error if one is not found.
std::uint64_t find_planted_in_handler();

} // namespace weir::trust
