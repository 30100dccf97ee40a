// A column of integers of one zone: frame of reference and bits, in groups of 128.
//
// Purpose: small on disk, and any range of rows decodes without the rows before it.
// Threading: plain values; a view borrows its block.
#pragma once

#include "engine/columns.hpp"
#include "segments/unpack.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir::segments {

/// The encoding of `values`.
/// Appends a column of `values` minus `base`.
void append_integers(std::string& out, std::span<const std::uint64_t> values, std::uint64_t base = 0);
[[nodiscard]] std::string encode_integers(std::span<const std::uint64_t> values);

class IntegerColumn {
public:
  /// Nothing if `bytes` are not exactly a column of `rows` values.
  [[nodiscard]] static std::optional<IntegerColumn> open(std::string_view bytes, std::uint32_t rows) noexcept;

  /// Asks for the memory that decode() will look at, in two steps, each of which the next one needs.
  void prefetch_group(std::uint32_t first) const noexcept;
  void prefetch_values(std::uint32_t first) const noexcept;
  /// Values first ... first + out.size() - 1. Precondition: they are in the column.
  void decode(std::uint32_t first, std::span<std::uint64_t> out) const noexcept;
  /// The same, cut to 32 bits.
  void decode(std::uint32_t first, std::span<std::uint32_t> out) const noexcept;
  /// Those of `rows` to their places in `out`, which has one for each value; others become anything.
  void decode_rows(RowWords rows, std::span<std::uint64_t> out) const noexcept;
  void decode_rows(RowWords rows, std::span<std::uint32_t> out) const noexcept;
  /// Adds those of `rows` whose value lies in one of `ranges` to `out`. Groups whose bounds tell, and those without any
  /// of `rows` that do not follow one like them, are not unpacked. False if one that was unpacked is above `limit`.
  [[nodiscard]] bool mark(std::span<const NumberRange> ranges, RowWords rows, std::uint64_t limit,
                          std::span<std::uint64_t> out) const noexcept;

  /// Adds how many of `rows` have each value to `counts`, by value. Groups of one value are not unpacked. False if one
  /// of `rows` has none of them.
  [[nodiscard]] bool count_values(RowWords rows, std::span<std::uint64_t> counts) const noexcept;

  /// Single values; cheapest at places that follow each other.
  class Cursor {
  public:
    /// Borrows `column`, which has values.
    explicit Cursor(const IntegerColumn& column) noexcept;
    /// Precondition: there is such a value.
    [[nodiscard]] std::uint64_t at(std::size_t index) noexcept;

  private:
    const IntegerColumn& column_;
    std::size_t group_ = 0;
    std::uint64_t base_;
    unsigned width_;
    const char* bits_;
  };

private:
  IntegerColumn(std::string_view bytes, std::uint32_t rows) noexcept : bytes_(bytes), rows_(rows) {}
  [[nodiscard]] std::size_t groups() const noexcept;
  [[nodiscard]] unsigned width(std::size_t group) const noexcept;
  [[nodiscard]] const char* values_of(std::size_t group) const noexcept;
  [[nodiscard]] std::uint64_t base(std::size_t group) const noexcept;
  template <class Out> void decode_to(std::uint32_t first, std::span<Out> out) const noexcept;
  template <class Out> void decode_rows_to(RowWords rows, std::span<Out> out) const noexcept;

  std::string_view bytes_;
  std::uint32_t rows_;
};

} // namespace weir::segments
