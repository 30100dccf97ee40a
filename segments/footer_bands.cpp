#include "segments/footer_bands.hpp"

#include <algorithm>
#include <utility>

namespace weir::segments {
namespace {

Timestamp take_time(ByteSource& bytes) {
  return time_of(bytes.take<std::uint64_t>());
}

/// The next page of `band`, which ends at row `end_row`.
bool take_page(ByteSource& bytes, const BlockSource& source, const Band& band, std::uint64_t first_row,
               std::uint64_t end_row, Footer& footer) {
  ZoneMeta page;
  page.first_row = first_row;
  page.sequence_min = 1;
  page.sequence_max = sequence_max;
  const std::uint64_t rows = bytes.take_varint();
  PageNumbers numbers;
  numbers.timestamps = take_block(bytes, BlockKind::timestamp);
  numbers.types = take_block(bytes, BlockKind::type);
  const auto lies_in = [&](const BlockRef& ref) {
    return ref.offset >= band.tail && source.contains(ref) && ref.end() <= band.end;
  };
  if (!take_bounds(bytes, footer.types.size(), page) || rows == 0 ||
      rows > std::min<std::uint64_t>(zone_rows_max, end_row - first_row) || page.position_max < page.position_min ||
      !lies_in(numbers.timestamps) || !lies_in(numbers.types))
    return false;
  page.rows = static_cast<std::uint32_t>(rows);
  footer.pages.push_back(std::move(page));
  footer.page_numbers.push_back(numbers);
  return true;
}

/// The next band, of zones from number `zone` on, which becomes that of the first one behind.
bool take_band(ByteSource& bytes, const BlockSource& source, Footer& footer, std::size_t& zone) {
  Band band;
  const std::uint64_t zones = bytes.take_varint();
  band.begin = bytes.take<std::uint64_t>();
  band.tail = bytes.take<std::uint64_t>();
  band.end = bytes.take<std::uint64_t>();
  const std::uint64_t pages = bytes.take_varint();
  if (!bytes.ok() || zones == 0 || zones > footer.zones.size() - zone || pages == 0 || pages > bytes.left())
    return false;
  band.zones = static_cast<std::uint32_t>(zones);
  band.pages = static_cast<std::uint32_t>(pages);
  const std::size_t next_zone = zone + band.zones;
  if (band.begin < footer.places[next_zone - 1].directory.end() || band.tail < band.begin || band.end < band.tail ||
      band.end > source.end() || (next_zone < footer.zones.size() && footer.places[next_zone].begin < band.end))
    return false;
  std::uint64_t row = footer.zones[zone].first_row;
  const std::uint64_t end_row = footer.zones[next_zone - 1].first_row + footer.zones[next_zone - 1].rows;
  for (std::uint32_t i = 0; i < band.pages; ++i) {
    const Position before = i == 0 ? 0 : footer.pages.back().position_max;
    if (!take_page(bytes, source, band, row, end_row, footer) || footer.pages.back().position_min <= before)
      return false;
    row += footer.pages.back().rows;
  }
  footer.bands.push_back(band);
  zone = next_zone;
  return row == end_row;
}

} // namespace

void append_block(std::string& out, const BlockRef& block) {
  append_integer(out, block.offset);
  append_integer(out, block.stored_bytes);
}

BlockRef take_block(ByteSource& bytes, BlockKind kind) {
  const auto offset = bytes.take<std::uint64_t>();
  return {offset, bytes.take<std::uint32_t>(), kind};
}

void append_bounds(std::string& out, const ZoneMeta& zone) {
  append_integer(out, zone.position_min);
  append_integer(out, zone.position_max);
  for (const Timestamp time : {zone.recorded_at_min, zone.recorded_at_max, zone.timestamp_min, zone.timestamp_max})
    append_integer(out, micros_of(time));
  append_varint(out, zone.type_bits.size());
  for (const std::uint64_t word : zone.type_bits)
    append_integer(out, word);
}

bool take_bounds(ByteSource& bytes, std::size_t types, ZoneMeta& zone) {
  zone.position_min = bytes.take<std::uint64_t>();
  zone.position_max = bytes.take<std::uint64_t>();
  for (Timestamp* const time : {&zone.recorded_at_min, &zone.recorded_at_max, &zone.timestamp_min, &zone.timestamp_max})
    *time = take_time(bytes);
  const std::uint64_t words = bytes.take_varint();
  if (words == 0 || words > (types + 63) / 64 || words * 8 > bytes.left())
    return false;
  zone.type_bits.resize(static_cast<std::size_t>(words));
  for (std::uint64_t& word : zone.type_bits)
    word = bytes.take<std::uint64_t>();
  return bytes.ok();
}

void append_bands(std::string& out, const Footer& footer) {
  append_varint(out, footer.bands.size());
  std::size_t page = 0;
  for (const Band& band : footer.bands) {
    append_varint(out, band.zones);
    append_integer(out, band.begin);
    append_integer(out, band.tail);
    append_integer(out, band.end);
    append_varint(out, band.pages);
    for (std::uint32_t i = 0; i < band.pages; ++i, ++page) {
      append_varint(out, footer.pages[page].rows);
      append_block(out, footer.page_numbers[page].timestamps);
      append_block(out, footer.page_numbers[page].types);
      append_bounds(out, footer.pages[page]);
    }
  }
}

bool take_bands(ByteSource& bytes, const BlockSource& source, Footer& footer) {
  const std::uint64_t count = bytes.take_varint();
  if (!bytes.ok() || count > footer.zones.size())
    return false;
  std::size_t zones = 0;
  for (std::uint64_t i = 0; i < count; ++i)
    if (!take_band(bytes, source, footer, zones))
      return false;
  return count == 0 || zones == footer.zones.size();
}

Footer footer_of_pages(const Footer& footer) {
  Footer pages;
  pages.format_version = footer.format_version;
  pages.totals = footer.totals;
  pages.zone_rows = footer.zone_rows;
  pages.types = footer.types;
  pages.schema_versions = footer.schema_versions;
  pages.zones = footer.pages;
  pages.page_numbers = footer.page_numbers;
  pages.zones_are_pages = true;
  pages.fields_block = footer.fields_block;
  for (const Band& band : footer.bands)
    pages.places.resize(pages.places.size() + band.pages, {band.begin, band.tail, {}});
  return pages;
}

} // namespace weir::segments
