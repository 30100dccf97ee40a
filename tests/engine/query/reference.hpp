// A second opinion: an evaluator too simple to share a mistake with the engine's.
#pragma once

#include "tests/engine/query/random_data.hpp"

#include <span>
#include <vector>

namespace weir::test {

/// The rows of the answer to `query`, the slow way.
std::vector<std::vector<Value>> reference_rows(const Query& query, const std::vector<KnownEvent>& events);
/// The same over events that live elsewhere, in position order.
std::vector<std::vector<Value>> reference_rows(const Query& query, std::span<const KnownEvent* const> events);

} // namespace weir::test
