#include "segments/segment_columns.hpp"

#include "engine/text.hpp"
#include "segments/zone_columns.hpp"

#include <vector>

namespace weir::segments {

Status SegmentColumns::check_zone(std::size_t zone) const {
  return zone < footer_->zones.size()
             ? Status{}
             : fail(Errc::invalid_argument, format("zone {} of {}", zone, footer_->zones.size()), source_.path());
}

Result<std::span<const FieldZone>> SegmentColumns::field_zones(std::size_t field) const {
  auto zones = fields_.zones(source_, *footer_, field);
  if (!zones)
    return std::move(zones).error();
  return std::span<const FieldZone>((*zones)->zones);
}

Result<bool> SegmentColumns::may_hold(std::size_t zone, std::size_t field, std::string_view text) const {
  auto zones = fields_.zones(source_, *footer_, field);
  if (!zones)
    return std::move(zones).error();
  return field_may_hold(source_, **zones, zone, text);
}

Result<std::shared_ptr<const ZoneColumns>> SegmentColumns::read_columns(std::size_t zone, ColumnSet core,
                                                                        std::span<const std::size_t> fields,
                                                                        RowWords wanted_rows) const {
  WEIR_TRY(check_zone(zone));
  if ((core & (column_context | column_sequence)) != 0 && footer_->zones_are_pages)
    return fail(Errc::invalid_argument, "pages have neither contexts nor sequences", source_.path());
  std::vector<const FieldZones*> wanted(fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    auto zones = fields_.zones(source_, *footer_, fields[i]);
    if (!zones)
      return std::move(zones).error();
    wanted[i] = *zones;
  }
  return read_zone_columns(source_, footer_, zone, core, wanted, wanted_rows);
}

Result<bool> SegmentColumns::mark_rows(std::size_t zone, ColumnBit column, std::span<const NumberRange> ranges,
                                       RowWords rows, std::span<std::uint64_t> out) const {
  WEIR_TRY(check_zone(zone));
  return mark_zone_rows(source_, *footer_, zone, column, ranges, rows, out);
}

Result<bool> SegmentColumns::count_types(std::size_t zone, RowWords rows, std::span<std::uint64_t> counts) const {
  WEIR_TRY(check_zone(zone));
  return count_zone_types(source_, *footer_, zone, rows, counts);
}

Result<bool> SegmentColumns::mark_field(std::size_t zone, std::size_t field, const FieldRanges& ranges, RowWords rows,
                                        const FieldMarks& out) const {
  WEIR_TRY(check_zone(zone));
  const auto zones = fields_.zones(source_, *footer_, field);
  if (!zones)
    return zones.error();
  return mark_zone_field(source_, *footer_, zone, **zones, ranges, rows, out);
}

} // namespace weir::segments
