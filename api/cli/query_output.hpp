// The answer of a statement, as people or programs want it.
//
// Purpose: `weir query` and `weir shell` print alike. Threading: one thread at a time.
#pragma once

#include "api/cli/output.hpp"
#include "api/cli/rows.hpp"
#include <weir/execute.hpp>

#include <cstddef>

namespace weir::cli {

struct AnswerStyle {
  Format format = Format::table;
  bool plot = false;     ///< Bars in the place of rows.
  std::size_t width = 0; ///< Columns of the terminal; 0: it is none.
  bool utf8 = true;      ///< Of a plot.
};

/// Prints rows, bars or the lines of EXPLAIN; not the message. Errors: those of Output, and of plot().
Status print_answer(const Executed& executed, const AnswerStyle& style, Output& out);
/// Lines that print_answer() takes at least.
[[nodiscard]] std::size_t lines_of_answer(const Executed& executed, const AnswerStyle& style);

} // namespace weir::cli
