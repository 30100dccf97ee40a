// Mistakes made by hand, which the judge of the stage "models" must find.
#pragma once

#include <cstdint>

namespace weir::trust {

/// How many there are. Throws std::runtime_error for one that was not found, and for what was found where there is
/// none.
std::uint64_t find_planted_in_models(std::uint64_t seed);

} // namespace weir::trust
