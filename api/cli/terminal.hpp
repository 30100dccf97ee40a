// What the operating system says about a terminal.
#pragma once

#include <cstddef>

namespace weir::cli {

[[nodiscard]] bool is_terminal(int descriptor) noexcept;
/// Columns of the terminal behind `descriptor`; 0 if it is none or does not say.
[[nodiscard]] std::size_t terminal_width(int descriptor) noexcept;

} // namespace weir::cli
