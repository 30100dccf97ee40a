// A second opinion: an evaluator too simple to share a mistake with the engine's.
#pragma once

#include "tests/engine/query/random_data.hpp"

#include <vector>

namespace weir::test {

/// The rows of the answer to `query`, the slow way.
std::vector<std::vector<Value>> reference_rows(const Query& query, const std::vector<KnownEvent>& events);

} // namespace weir::test
