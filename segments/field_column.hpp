// One payload field in the rows of one zone: the content of its block.
//
// Purpose: presence, numbers and strings as bits; decoded to the arrays that a query reads. Format:
// docs/formats/segment.md, "Fields". Threading: pure functions.
#pragma once

#include "engine/columns.hpp"
#include "segments/field_rows.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::segments {

/// What a writer knows of a column.
struct FieldValues {
  FieldForm type = FieldForm::none; ///< Not `mixed`.
  std::uint32_t rows = 0;
  const RowBits& present; ///< Rows with a value; looked at only where some have none.
  const RowBits& null;    ///< Rows with a null; looked at only where there are some.
  std::uint32_t nulls = 0;
  /// By row, of rows that have one: integers as they are, doubles by their bits, codes of strings.
  std::span<const std::uint64_t> values;
  std::span<const std::string_view> texts; ///< The strings by code, ascending.
};

[[nodiscard]] std::string encode_field_column(const FieldValues& column);

/// The least and the largest of `values` of zone.type, which is no string. Precondition: there is one.
void set_bounds(FieldZone& zone, std::span<const std::uint64_t> values);
/// The same of strings, and how many there are: `texts` ascend, and the bounds point into them. Precondition: as above.
void set_bounds(FieldZone& zone, std::span<const std::string_view> texts);
/// Too many different strings for what they are: each would be kept nearly as often as it is there.
[[nodiscard]] bool nearly_all_different(std::size_t different, std::size_t count) noexcept;

/// Memory of the arrays of one zone.
class ZoneArrays {
public:
  /// Room for `count` values, not set to anything.
  template <class T> std::span<T> room(std::size_t count) {
    auto bytes = std::make_unique_for_overwrite<std::byte[]>(count * sizeof(T));
    T* const first = reinterpret_cast<T*>(bytes.get());
    std::uninitialized_default_construct_n(first, count);
    memory_.push_back(std::move(bytes));
    return {first, count};
  }

private:
  std::vector<std::unique_ptr<std::byte[]>> memory_;
};

/// The arrays of the column `bytes` of a zone with `rows` rows, of which the directory says `zone`; strings stay in
/// `bytes`. Nothing if these contradict each other. Only the elements of `wanted` are set, and only these are checked.
[[nodiscard]] std::optional<FieldColumn> decode_field_column(std::string_view bytes, const FieldZone& zone,
                                                             std::uint32_t rows, ZoneArrays& memory,
                                                             RowWords wanted = {});

} // namespace weir::segments
