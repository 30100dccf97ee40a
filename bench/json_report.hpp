// The figures as a JSON array, for programs.
//
// Form: {"name", "peer", "unit", "median", "min", "max", "runs", "durability"}; name is operation/shape/durability, and
// a further figure of a line stands beside it as operation-aspect/shape/durability.
#pragma once

#include "bench/results.hpp"

#include <string>

namespace weir::bench {

[[nodiscard]] std::string to_json(const Results& results);

} // namespace weir::bench
