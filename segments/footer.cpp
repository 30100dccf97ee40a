#include "segments/footer.hpp"

#include "segments/bit_pack.hpp"
#include "segments/bytes.hpp"
#include "segments/footer_bands.hpp"

#include <algorithm>
#include <bit>

namespace weir::segments {
namespace {

template <class T> void widen(bool first, T& low, T& high, const T& other_low, const T& other_high) {
  low = first ? other_low : std::min(low, other_low);
  high = first ? other_high : std::max(high, other_high);
}

/// Visits the numbers of the totals in their order in the file.
template <class Visit> void each_total(Visit visit, auto& totals) {
  visit(totals.event_count);
  visit(totals.context_count);
  visit(totals.payload_bytes);
  visit(totals.position_min);
  visit(totals.position_max);
  visit(totals.timestamp_min);
  visit(totals.timestamp_max);
  visit(totals.recorded_at_min);
  visit(totals.recorded_at_max);
}

struct Append {
  std::string& out;
  void operator()(std::uint64_t value) const { append_integer(out, value); }
  void operator()(Timestamp value) const { append_integer(out, micros_of(value)); }
};

struct Take {
  ByteSource& source;
  void operator()(std::uint64_t& value) const { value = source.take<std::uint64_t>(); }
  void operator()(Timestamp& value) const { value = time_of(source.take<std::uint64_t>()); }
};

void append_zone(std::string& out, const ZonePlace& place, const ZoneMeta& zone) {
  append_integer(out, place.begin);
  append_integer(out, place.tail);
  append_block(out, place.directory);
  append_varint(out, zone.sequence_min);
  append_varint(out, zone.sequence_max);
  append_bounds(out, zone);
}

void append_filter(std::string& out, const FilterShape& filter) {
  append_integer(out, filter.offset);
  append_integer(out, filter.lines);
  append_integer(out, filter.probes);
}

/// Reads a footer from `bytes`; every function returns false at the first contradiction.
class Parser {
public:
  Parser(const BlockSource& source, std::string_view bytes, const SegmentMeta& recorded)
      : blocks_(source), bytes_(bytes), recorded_(recorded) {}

  bool parse(Footer& footer) {
    return totals(footer) && types(footer) && zones(footer) && index(footer) &&
           filter(footer.context_filter, BlockKind::context_filter) && footer.context_filter.lines != 0 &&
           filter(footer.event_id_filter, BlockKind::event_id_filter) && order(footer) && dictionary(footer) &&
           fields(footer) && times(footer) && bands(footer) && schema_versions(footer) && marks(footer) &&
           (footer.totals.event_count != 0 || footer.mark_count != 0) && bytes_.left() == 0;
  }

private:
  bool totals(Footer& footer) {
    SegmentMeta& totals = footer.totals;
    totals = recorded_; // file facts; what the footer repeats must be the same
    each_total(Take{bytes_}, totals);
    footer.zone_rows = bytes_.take<std::uint32_t>();
    return bytes_.ok() && totals == recorded_ && totals.event_count <= segment_rows_max &&
           (totals.context_count >= 1) == (totals.event_count >= 1) && totals.context_count <= totals.event_count &&
           footer.zone_rows >= 1 && footer.zone_rows <= zone_rows_max;
  }

  bool types(Footer& footer) {
    const std::uint64_t count = bytes_.take_varint();
    if ((count == 0) != (footer.totals.event_count == 0) || count > bytes_.left())
      return false;
    footer.types.reserve(static_cast<std::size_t>(count));
    for (std::uint64_t i = 0; i < count; ++i)
      footer.types.emplace_back(bytes_.take_text());
    return bytes_.ok();
  }

  bool zones(Footer& footer) {
    const std::uint64_t events = footer.totals.event_count;
    const std::uint64_t count = bytes_.take_varint();
    if (count != (events + footer.zone_rows - 1) / footer.zone_rows || count > bytes_.left())
      return false;
    for (std::uint64_t first_row = 0; first_row < events; first_row += footer.zone_rows) {
      ZonePlace place;
      ZoneMeta zone;
      zone.first_row = first_row;
      zone.rows = static_cast<std::uint32_t>(std::min<std::uint64_t>(footer.zone_rows, events - first_row));
      const Take take{bytes_};
      take(place.begin);
      take(place.tail);
      place.directory = take_block(bytes_, BlockKind::directory);
      zone.sequence_min = bytes_.take_varint();
      zone.sequence_max = bytes_.take_varint();
      const std::uint64_t expected =
          footer.places.empty() ? segment_header_bytes : footer.places.back().directory.end();
      // Pages may lie between two zones.
      const bool follows =
          footer.format_version < segment_format_version_pages ? place.begin == expected : place.begin >= expected;
      if (!take_bounds(bytes_, footer.types.size(), zone) || !follows || place.tail < place.begin ||
          place.tail > place.directory.offset || !blocks_.contains(place.directory))
        return false;
      footer.places.push_back(place);
      footer.zones.push_back(std::move(zone));
    }
    return bytes_.ok();
  }

  bool index(Footer& footer) {
    const std::uint64_t count = bytes_.take_varint();
    if ((count == 0) != (footer.totals.event_count == 0) || count > bytes_.left())
      return false;
    for (std::uint64_t i = 0; i < count; ++i) {
      IndexBlockRef block;
      block.ref = take_block(bytes_, BlockKind::context_index);
      block.first_row = bytes_.take<std::uint32_t>();
      block.first_context = bytes_.take_text();
      const bool ascends = i == 0 ? block.first_row == 0
                                  : block.first_row > footer.index.back().first_row &&
                                        block.first_context > footer.index.back().first_context;
      if (!bytes_.ok() || !ascends || block.first_row >= footer.totals.event_count || !blocks_.contains(block.ref))
        return false;
      footer.index.push_back(std::move(block));
    }
    return true;
  }

  bool filter(FilterShape& shape, BlockKind kind) {
    shape.offset = bytes_.take<std::uint64_t>();
    shape.lines = bytes_.take<std::uint32_t>();
    shape.probes = bytes_.take<std::uint8_t>();
    if (shape.lines == 0)
      return bytes_.ok();
    return shape.probes >= 1 && shape.probes <= filter_probes_max &&
           contains_all(shape.block(0, kind), shape.block(shape.blocks() - 1, kind));
  }

  bool order(Footer& footer) {
    footer.order_offset = bytes_.take<std::uint64_t>();
    const std::size_t blocks = footer.order_blocks();
    return bytes_.ok() && (blocks == 0 || contains_all(footer.order_block(0), footer.order_block(blocks - 1)));
  }

  bool dictionary(Footer& footer) {
    footer.dictionary_block.kind = BlockKind::dictionary;
    return block(footer.dictionary_block);
  }

  /// Older formats have none.
  bool fields(Footer& footer) {
    return footer.format_version < segment_format_version_fields || block(footer.fields_block);
  }
  bool times(Footer& footer) {
    if (footer.format_version < segment_format_version_times)
      return true;
    // Behind the zones: what readers derive from blocks is cached by their places, which must not be taken for each
    // other.
    const BlockRef& ref = footer.time_index_block;
    return block(footer.time_index_block) &&
           (ref.offset == 0 || footer.places.empty() || ref.offset >= footer.places.back().directory.end());
  }

  bool bands(Footer& footer) {
    return footer.format_version < segment_format_version_pages || take_bands(bytes_, blocks_, footer);
  }

  /// One that may be missing.
  bool block(BlockRef& ref) {
    ref = take_block(bytes_, ref.kind);
    return bytes_.ok() && (ref.offset == 0 ? ref.stored_bytes == 0 : blocks_.contains(ref));
  }

  /// Only there if one is not 0, and told by a first byte of 0 from marks, of which there is at least one.
  bool schema_versions(Footer& footer) {
    if (!bytes_.next_is('\0'))
      return true;
    bytes_.take_varint();
    if (footer.types.size() > bytes_.left())
      return false;
    bool any = false;
    for (std::size_t i = 0; i < footer.types.size(); ++i) {
      const std::uint64_t version = bytes_.take_varint();
      if (!bytes_.ok() || version > UINT32_MAX)
        return false;
      footer.schema_versions.push_back(static_cast<std::uint32_t>(version));
      any = any || version != 0;
    }
    return any;
  }

  /// Segments without marks end before.
  bool marks(Footer& footer) {
    if (bytes_.left() == 0)
      return true;
    footer.mark_count = bytes_.take_varint();
    footer.stub_count = bytes_.take_varint();
    const std::uint64_t blocks = bytes_.take_varint();
    if (blocks == 0 || blocks > footer.mark_count || blocks > bytes_.left() ||
        footer.stub_count > footer.totals.event_count)
      return false;
    for (std::uint64_t i = 0; i < blocks; ++i) {
      MarkBlockRef block;
      block.ref = take_block(bytes_, BlockKind::marks);
      block.first_context = bytes_.take_text();
      const std::string_view before = i == 0 ? std::string_view{} : std::string_view(footer.marks.back().first_context);
      if (!bytes_.ok() || block.first_context <= before || !blocks_.contains(block.ref))
        return false;
      footer.marks.push_back(std::move(block));
    }
    return true;
  }

  /// Whether a run of blocks from `first` to `last` lies in the file; their sizes are small, so nothing wraps unless
  /// the first offset itself is far outside.
  bool contains_all(const BlockRef& first, const BlockRef& last) const {
    return blocks_.contains(first) && blocks_.contains(last);
  }

  const BlockSource& blocks_;
  ByteSource bytes_;
  const SegmentMeta& recorded_;
};

} // namespace

unsigned Footer::order_width() const noexcept {
  return totals.event_count == 0 ? 0 : static_cast<unsigned>(std::bit_width(totals.event_count - 1));
}

std::size_t Footer::order_blocks() const noexcept {
  return totals.event_count <= 1 ? 0 : static_cast<std::size_t>((totals.event_count - 1) / order_rows_per_block + 1);
}

BlockRef Footer::order_block(std::size_t number) const noexcept {
  const std::uint64_t before = std::uint64_t{number} * order_rows_per_block;
  const std::uint64_t rows = std::min<std::uint64_t>(order_rows_per_block, totals.event_count - before);
  const std::uint64_t stride =
      block_header_bytes + packed_bytes(order_rows_per_block, order_width()) + bits_padding_bytes;
  return {order_offset + number * stride,
          static_cast<std::uint32_t>(packed_bytes(rows, order_width()) + bits_padding_bytes),
          BlockKind::position_order};
}

void extend(ZoneMeta& zone, const EventView& event, std::uint32_t type) {
  const bool first = zone.rows++ == 0;
  widen(first, zone.sequence_min, zone.sequence_max, event.sequence, event.sequence);
  widen(first, zone.position_min, zone.position_max, event.position, event.position);
  widen(first, zone.recorded_at_min, zone.recorded_at_max, event.recorded_at, event.recorded_at);
  widen(first, zone.timestamp_min, zone.timestamp_max, event.timestamp, event.timestamp);
  if (type / 64 >= zone.type_bits.size())
    zone.type_bits.resize(type / 64 + 1);
  zone.type_bits[type / 64] |= std::uint64_t{1} << (type % 64);
}

void extend(SegmentMeta& totals, const ZoneMeta& zone) {
  const bool first = zone.first_row == 0;
  widen(first, totals.position_min, totals.position_max, zone.position_min, zone.position_max);
  widen(first, totals.timestamp_min, totals.timestamp_max, zone.timestamp_min, zone.timestamp_max);
  widen(first, totals.recorded_at_min, totals.recorded_at_max, zone.recorded_at_min, zone.recorded_at_max);
}

void extend(SegmentMeta& totals, const SegmentMeta& other) {
  widen(false, totals.position_min, totals.position_max, other.position_min, other.position_max);
  widen(false, totals.timestamp_min, totals.timestamp_max, other.timestamp_min, other.timestamp_max);
  widen(false, totals.recorded_at_min, totals.recorded_at_max, other.recorded_at_min, other.recorded_at_max);
}

void extend(SegmentMeta& totals, const ContextMark& mark, bool first) {
  widen(first, totals.position_min, totals.position_max, mark.position, mark.position);
  widen(first, totals.timestamp_min, totals.timestamp_max, mark.recorded_at, mark.recorded_at);
  widen(first, totals.recorded_at_min, totals.recorded_at_max, mark.recorded_at, mark.recorded_at);
}

std::string encode_footer(const Footer& footer) {
  std::string out;
  each_total(Append{out}, footer.totals);
  append_integer(out, footer.zone_rows);
  append_varint(out, footer.types.size());
  for (const std::string& type : footer.types)
    append_text(out, type);
  append_varint(out, footer.zones.size());
  for (std::size_t i = 0; i < footer.zones.size(); ++i)
    append_zone(out, footer.places[i], footer.zones[i]);
  append_varint(out, footer.index.size());
  for (const IndexBlockRef& block : footer.index) {
    append_block(out, block.ref);
    append_integer(out, block.first_row);
    append_text(out, block.first_context);
  }
  append_filter(out, footer.context_filter);
  append_filter(out, footer.event_id_filter);
  append_integer(out, footer.order_offset);
  append_block(out, footer.dictionary_block);
  if (footer.format_version >= segment_format_version_fields)
    append_block(out, footer.fields_block);
  if (footer.format_version >= segment_format_version_times)
    append_block(out, footer.time_index_block);
  if (footer.format_version >= segment_format_version_pages)
    append_bands(out, footer);
  if (std::any_of(footer.schema_versions.begin(), footer.schema_versions.end(),
                  [](auto version) { return version != 0; })) {
    append_varint(out, 0);
    for (const std::uint32_t version : footer.schema_versions)
      append_varint(out, version);
  }
  if (footer.marks.empty())
    return out;
  append_varint(out, footer.mark_count);
  append_varint(out, footer.stub_count);
  append_varint(out, footer.marks.size());
  for (const MarkBlockRef& block : footer.marks) {
    append_block(out, block.ref);
    append_text(out, block.first_context);
  }
  return out;
}

Result<Footer> parse_footer(const BlockSource& source, std::string_view bytes, const SegmentMeta& recorded,
                            std::uint32_t format_version) {
  Footer footer;
  footer.format_version = format_version;
  if (!Parser(source, bytes, recorded).parse(footer))
    return source.damaged("the footer contradicts itself or the catalog", recorded.footer_offset);
  return footer;
}

} // namespace weir::segments
