// Where in a set of rows there are any.
//
// Purpose: of the sets of a zone most have a few rows in some words that follow each other, and what is done with them
// need not look at all others. Threading: plain values and pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace weir {

/// Some words in a row of a set of rows.
struct WordWindow {
  std::size_t first = 0, count = 0;

  [[nodiscard]] std::size_t behind() const noexcept { return first + count; }
  template <class T> [[nodiscard]] std::span<T> of(std::span<T> words) const noexcept {
    return words.subspan(first, count);
  }
};

/// From the first word of `words` with a row to the last; none without any row.
[[nodiscard]] WordWindow window_of(std::span<const std::uint64_t> words) noexcept;

} // namespace weir
