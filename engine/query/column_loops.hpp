// Loops over arrays of a zone that say which rows fulfil something.
//
// Purpose: the whole cost of a condition on a column. Rows are tested into bytes, which takes no branch and no
// dependency from row to row, and 64 bytes are packed into a word.
// Threading: pure functions. `out` has a word for each 64 rows, the last one may be in part.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace weir::query {

/// Bit i of the result is the lowest bit of byte i. Precondition: bytes are 0 or 1.
[[nodiscard]] inline std::uint64_t packed(const std::array<std::uint8_t, 64>& bytes) noexcept {
  std::uint64_t word = 0;
  for (unsigned part = 0; part < 8; ++part) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, bytes.data() + std::size_t{8} * part, 8);
    // Byte i moves to bit 56 + i: the factor has a bit for each, and no two of the products meet.
    word |= ((eight * 0x0102040810204080u) >> 56u) << (8 * part);
  }
  return word;
}

/// Adds the rows for which `test(i)` is 1 to `out`; it is asked for every row from 0 to `rows` - 1 and gives 0 or 1.
template <class Test> void mark(std::size_t rows, std::span<std::uint64_t> out, const Test& test) noexcept {
  std::array<std::uint8_t, 64> bytes; // NOLINT(cppcoreguidelines-pro-type-member-init): written before it is read
  const std::size_t whole = rows / 64;
  for (std::size_t word = 0; word < whole; ++word) {
    for (std::size_t i = 0; i < 64; ++i)
      bytes[i] = test(word * 64 + i);
    out[word] |= packed(bytes);
  }
  if (rows % 64 == 0)
    return;
  bytes.fill(0);
  for (std::size_t i = 0; i < rows % 64; ++i)
    bytes[i] = test(whole * 64 + i);
  out[whole] |= packed(bytes);
}

/// Adds the rows with a value from `low` to `high`, both inclusive, to `out`. Precondition: low <= high; no NaN.
template <class T> void mark_range(std::span<const T> values, T low, T high, std::span<std::uint64_t> out) noexcept {
  const T* const at = values.data();
  if constexpr (std::is_integral_v<T>) {
    // One comparison for both ends: below `low` the difference wraps round to something large.
    using Unsigned = std::make_unsigned_t<T>;
    const auto base = static_cast<Unsigned>(low);
    const auto width = static_cast<Unsigned>(static_cast<Unsigned>(high) - base);
    mark(values.size(), out, [=](std::size_t i) {
      return static_cast<std::uint8_t>(static_cast<Unsigned>(static_cast<Unsigned>(at[i]) - base) <= width);
    });
  } else {
    mark(values.size(), out, [=](std::size_t i) {
      return static_cast<std::uint8_t>(static_cast<unsigned>(at[i] >= low) & static_cast<unsigned>(at[i] <= high));
    });
  }
}

/// Adds the rows whose code has a 1 in `table` to `out`. Precondition: every code is a place of `table`.
inline void mark_codes(std::span<const std::uint32_t> codes, std::span<const std::uint8_t> table,
                       std::span<std::uint64_t> out) noexcept {
  const std::uint32_t* const at = codes.data();
  const std::uint8_t* const holds = table.data();
  mark(codes.size(), out, [=](std::size_t i) { return holds[at[i]]; });
}

/// Adds the rows with exactly this value to `out`.
template <class T> void mark_equal(std::span<const T> values, T wanted, std::span<std::uint64_t> out) noexcept {
  const T* const at = values.data();
  mark(values.size(), out, [=](std::size_t i) { return static_cast<std::uint8_t>(at[i] == wanted); });
}

} // namespace weir::query
