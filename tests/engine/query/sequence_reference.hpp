// A second opinion on sequences: the rule word by word, over maps of fields.
#pragma once

#include "tests/engine/query/random_data.hpp"

#include <vector>

namespace weir::test {

/// A valid sequence over random_data(); its conditions are of the kinds that reference_sequences() knows.
Query random_sequence(Random& random);

/// The rows of the answer to `query`, the slow way.
std::vector<std::vector<Value>> reference_sequences(const Query& query, const std::vector<KnownEvent>& events);

} // namespace weir::test
