// The figures as tables, for people.
#pragma once

#include "bench/results.hpp"

#include <string>
#include <vector>

namespace weir::bench {

/// Every line with its peers: median, min-max, ratios to the best peer and to raw, what it cost, and whether the store
/// had what it acknowledged.
[[nodiscard]] std::string to_tables(const Results& results);

/// Columns as wide as their cells, the first aligned left and the others right; the first row is the head.
[[nodiscard]] std::string aligned(const std::vector<std::vector<std::string>>& rows);

/// Four significant digits with a thousands' letter: "1.234 M".
[[nodiscard]] std::string readable(double value);

} // namespace weir::bench
