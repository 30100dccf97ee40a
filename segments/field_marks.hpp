// A condition on a payload field, tested where the values lie.
//
// Purpose: to know which rows have a value in a range takes no array of values: the range is moved to where the packed
// integers are, and they are compared there. Threading: pure functions.
#pragma once

#include "engine/columns.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::segments {

/// See SegmentReader::mark_field, for the column `bytes` of a zone with `rows` rows, of which the directory says
/// `zone`. Nothing if these contradict each other; only the values of `wanted` are looked at.
[[nodiscard]] std::optional<bool> mark_field_column(std::string_view bytes, const FieldZone& zone, std::uint32_t rows,
                                                    const FieldRanges& ranges, RowWords wanted, const FieldMarks& out);

} // namespace weir::segments
