// Text as it may be shown: no control characters, and as wide as it says.
//
// Purpose: names, payloads and messages come from outside; written raw to a terminal they could move its cursor or end
// a line of a table. Threading: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::cli {

/// Appends `text` with control characters (C0, DEL and C1) written as \n, \t or \u001b; bytes that are no UTF-8 become
/// U+FFFD.
void append_printable(std::string& out, std::string_view text);
[[nodiscard]] std::string printable(std::string_view text);

/// Columns of a terminal that printable `text` takes: one per code point, which is right for all but wide scripts.
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;

/// Cuts `text` to `width` columns (at least 1), the last of them an ellipsis if anything had to go.
void cut_to_width(std::string& text, std::size_t width);

} // namespace weir::cli
