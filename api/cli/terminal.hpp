// What the operating system says about a terminal.
#pragma once

#include <cstddef>

namespace weir::cli {

[[nodiscard]] bool is_terminal(int descriptor) noexcept;
/// Columns of the terminal behind `descriptor`; 0 if it is none or does not say.
[[nodiscard]] std::size_t terminal_width(int descriptor) noexcept;
/// Lines of it; 0 likewise.
[[nodiscard]] std::size_t terminal_height(int descriptor) noexcept;
/// The locale of the environment (LC_ALL, LC_CTYPE, LANG) says that text is UTF-8.
[[nodiscard]] bool locale_is_utf8();

} // namespace weir::cli
