// Which rows of a zone have a value of a payload field: the front of a field's block.
//
// Format: docs/formats/segment.md, "Fields". Threading: plain values.
#pragma once

#include "engine/columns.hpp"
#include "segments/bytes.hpp"
#include "segments/format.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::segments {

/// One bit for each row, low bits first; bits behind the last row are 0.
using RowBits = std::vector<std::uint64_t>;

[[nodiscard]] constexpr std::size_t row_words(std::size_t rows) noexcept {
  return (rows + 63) / 64;
}

/// Which bitmaps follow the front.
constexpr std::uint8_t value_bits_follow = 1, null_bits_follow = 2;

/// A double is kept as an integer, divided by this at its number of decimals.
constexpr std::array<double, field_decimals_max + 1> powers_of_ten = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

/// The front of a column, taken apart.
struct FieldRows {
  std::uint8_t decimals = 0; ///< Of doubles; field_decimals_none: they are kept as they are.
  RowBits present;           ///< Rows with a value.
  RowBits null;              ///< Rows with a null; empty: none.
  bool all_present = false;

  [[nodiscard]] std::uint64_t nulls(std::size_t word) const noexcept { return null.empty() ? 0 : null[word]; }
};

/// Takes the front of a column of a zone with `rows` rows, of which the directory says `zone`. False if these
/// contradict each other.
[[nodiscard]] bool take_field_rows(ByteSource& source, const FieldZone& zone, std::uint32_t rows, FieldRows& out);

} // namespace weir::segments
