// The answer of a query with PER as bars in a terminal.
//
// Purpose: `weir query --plot` and the shell's \plot. Threading: pure functions.
// Invariants: no line is wider than asked for, as long as that is at least plot_width_min; every row of the answer has
// a bar, in the order of time; times without a row are shown as such.
#pragma once

#include <weir/query.hpp>
#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include <cstddef>
#include <string>

namespace weir::cli {

inline constexpr std::size_t plot_width_min = 60;
inline constexpr std::size_t plot_series_max = 8;

struct PlotStyle {
  std::size_t width = 80; ///< Columns.
  bool utf8 = true;       ///< Off: ASCII alone.
};

/// `result` as bars, one below the other, for each column with numbers; with BY, a bar for each group at each time.
/// `plan` is the query that was answered. Errors: `invalid_argument` if it has no PER, if there are more than
/// plot_series_max groups, or if no column has numbers.
Result<std::string> plot(const Query& plan, const QueryResult& result, PlotStyle style);

} // namespace weir::cli
