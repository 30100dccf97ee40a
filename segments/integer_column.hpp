// A column of integers of one zone: frame of reference and bits, in groups of 128.
//
// Purpose: small on disk, and any range of rows decodes without the rows before it.
// Threading: plain values; a view borrows its block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir::segments {

/// The encoding of `values`.
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

private:
  IntegerColumn(std::string_view bytes, std::uint32_t rows) noexcept : bytes_(bytes), rows_(rows) {}
  [[nodiscard]] std::size_t groups() const noexcept;
  [[nodiscard]] unsigned width(std::size_t group) const noexcept;
  [[nodiscard]] const char* values_of(std::size_t group) const noexcept;
  template <class Out> void decode_to(std::uint32_t first, std::span<Out> out) const noexcept;

  std::string_view bytes_;
  std::uint32_t rows_;
};

} // namespace weir::segments
