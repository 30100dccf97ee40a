// The columns of one zone as arrays: what queries compute with.
//
// Threading: immutable once read.
#pragma once

#include "engine/ports.hpp"

#include "segments/block_source.hpp"
#include "segments/field_directory.hpp"
#include "segments/footer.hpp"
#include "segments/integer_column.hpp"

#include <memory>
#include <optional>
#include <span>

namespace weir::segments {

/// See SegmentReader::read_columns. Precondition: there is such a zone.
Result<std::shared_ptr<const ZoneColumns>>
read_zone_columns(const BlockSource& source, const std::shared_ptr<const Footer>& footer, std::size_t zone,
                  ColumnSet core, std::span<const FieldZones* const> fields, RowWords wanted);

/// The numbers of a core column of a zone where they lie.
struct NumberBlock {
  BlockPtr block;
  IntegerColumn column; ///< Lies in it.
  BlockRef ref;
};
/// Of position, timestamp, recorded_at and type; nothing for other columns. Precondition: there is such a zone.
Result<std::optional<NumberBlock>> read_numbers(const BlockSource& source, const Footer& footer, std::size_t zone,
                                                ColumnBit column);

/// See SegmentReader::count_types. Precondition: as for mark_zone_rows().
Result<bool> count_zone_types(const BlockSource& source, const Footer& footer, std::size_t zone, RowWords rows,
                              std::span<std::uint64_t> counts);

/// See SegmentReader::mark_rows. Precondition: there is such a zone, `rows` and `out` have a word for each 64 rows.
Result<bool> mark_zone_rows(const BlockSource& source, const Footer& footer, std::size_t zone, ColumnBit column,
                            std::span<const NumberRange> ranges, RowWords rows, std::span<std::uint64_t> out);

/// See SegmentReader::mark_field. Preconditions as of mark_zone_rows().
Result<bool> mark_zone_field(const BlockSource& source, const Footer& footer, std::size_t zone, const FieldZones& field,
                             const FieldRanges& ranges, RowWords rows, const FieldMarks& out);

/// See SegmentReader::may_hold.
Result<bool> field_may_hold(const BlockSource& source, const FieldZones& field, std::size_t zone,
                            std::string_view text);

} // namespace weir::segments
