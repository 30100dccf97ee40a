#include "segments/segment_writer.hpp"

#include "engine/check.hpp"
#include "engine/hash.hpp"
#include "engine/sabotage.hpp"
#include "engine/stub.hpp"
#include "engine/text.hpp"
#include "segments/bit_pack.hpp"
#include "segments/bytes.hpp"
#include "segments/position_order.hpp"

#include <algorithm>
#include <memory_resource>

namespace weir::segments {

namespace {

std::uint32_t zone_rows_of(const SegmentWriter::Shape& shape) noexcept {
  return std::clamp(shape.zone_rows, 1u, zone_rows_max);
}

} // namespace

std::string encode_header(const SegmentIdentity& who, std::uint32_t zone_rows) {
  std::string header(segment_magic, segment_magic_bytes);
  append_integer(header, segment_format_version);
  append_integer(header, who.shard);
  append_integer(header, who.number);
  append_integer(header, who.identity);
  append_integer(header, zone_rows);
  append_integer(header, std::uint32_t{0});
  append_integer(header, hash64(header, checksum_seed(who.identity, 0)));
  return header;
}

SegmentWriter::SegmentWriter(io::File& file, const SegmentIdentity& who, const Shape& shape)
    : out_(file, who.identity), filter_bits_per_key_(shape.filter_bits_per_key),
      pages_(shape.pages ? std::make_unique<PageWriter>(out_, zone_rows_of(shape)) : nullptr),
      fields_(out_, zone_rows_of(shape), shape.filter_bits_per_key, pages_.get()), zone_(out_, fields_, pages_.get()) {
  footer_.zone_rows = zone_rows_of(shape);
  footer_.totals.shard = who.shard;
  footer_.totals.number = who.number;
  out_.append_raw(encode_header(who, footer_.zone_rows));
}

Status SegmentWriter::check_order(const EventView& event, bool new_context) const {
  const SegmentMeta& totals = footer_.totals;
  if (event.context_id.empty() || event.context_id.size() > limits::context_id_bytes_max || event.sequence == 0 ||
      event.sequence == sequence_max)
    return fail(Errc::invalid_argument, "an event for a segment has no valid context or sequence");
  if (totals.event_count == 0)
    return {};
  if (new_context ? event.context_id < context_ : event.sequence != last_sequence_ + 1)
    return fail(Errc::invalid_argument,
                format("events for a segment are out of order: sequence {} follows {}", event.sequence, last_sequence_),
                std::string(event.context_id));
  WEIR_CHECK(totals.event_count < segment_rows_max); // no memtable is that large, and no merge is let to be
  return {};
}

std::uint32_t SegmentWriter::type_number(std::string_view type, std::uint32_t schema_version) {
  // Mostly one of those seen lately; where two share a place, the names tell them apart.
  LatelySeen& lately = lately_[LatelySeen::place_of(type)];
  if (lately.number < footer_.types.size() && lately.schema_version == schema_version &&
      same_text(footer_.types[lately.number], type))
    return lately.number;
  lately = {number_of_type(type, schema_version), schema_version};
  return lately.number;
}

std::uint32_t SegmentWriter::number_of_type(std::string_view type, std::uint32_t schema_version) {
  auto found = types_.find(type);
  if (found == types_.end())
    found = types_.emplace(type, std::vector<std::uint32_t>{}).first;
  for (const std::uint32_t number : found->second) // a type has few versions in one segment
    if (footer_.schema_versions[number] == schema_version)
      return number;
  const auto number = static_cast<std::uint32_t>(footer_.types.size());
  footer_.types.emplace_back(type);
  footer_.schema_versions.push_back(schema_version);
  found->second.push_back(number);
  return number;
}

Status SegmentWriter::add(const EventView& event) {
  SegmentMeta& totals = footer_.totals;
  const bool new_context = totals.event_count == 0 || !same_text(event.context_id, context_);
  WEIR_TRY(check_order(event, new_context));
  if (new_context) {
    finish_context();
    context_ = event.context_id;
    context_first_row_ = totals.event_count;
    context_first_sequence_ = event.sequence;
    ++totals.context_count;
    context_hashes_.push_back(context_filter_hash(context_, out_.identity()));
  }
  last_sequence_ = event.sequence;
  if (totals.event_count % footer_.zone_rows == 0)
    zone_.begin(totals.event_count);
  zone_.add(event, type_number(event.event_type, event.schema_version), new_context);
  if (!event.event_id.empty() && !(takes_place_ && sabotaged(Sabotage::forget_ids_in_merge)))
    event_id_hashes_.push_back(event_id_filter_hash(event.context_id, event.event_id, out_.identity()));
  positions_.push_back(event.position);
  times_.add(event.position, event.timestamp, event.recorded_at);
  ++totals.event_count;
  totals.payload_bytes += live_payload_bytes(event);
  footer_.stub_count += is_stub(event) ? 1 : 0;
  if (zone_.rows() == footer_.zone_rows)
    WEIR_TRY(finish_zone());
  return out_.status();
}

Status SegmentWriter::finish_zone() {
  zone_.finish();
  const ZoneMeta& zone = zone_.meta();
  extend(footer_.totals, zone);
  footer_.zones.push_back(zone);
  footer_.places.push_back(zone_.place());
  return pages_ && pages_->full() ? pages_->write_band(footer_) : Status{};
}

void SegmentWriter::finish_context() {
  if (footer_.totals.event_count == 0)
    return;
  if (index_.empty())
    index_first_row_ = context_first_row_;
  index_.add(context_, static_cast<std::uint32_t>(footer_.totals.event_count - context_first_row_),
             context_first_sequence_);
  if (index_.full())
    flush_index_block();
}

void SegmentWriter::flush_index_block() {
  PendingIndexBlock block;
  block.place.first_context = index_.first_context();
  block.place.first_row = static_cast<std::uint32_t>(index_first_row_);
  block.content = index_.finish();
  index_blocks_.push_back(std::move(block));
}

void SegmentWriter::write_filter(FilterShape& shape, BlockKind kind, std::vector<std::uint64_t>& hashes,
                                 std::uint32_t bits_per_key) {
  const BuiltFilter filter = build_filter(hashes, bits_per_key);
  hashes = {};
  shape = filter.shape;
  shape.offset = shape.lines == 0 ? 0 : out_.offset();
  const std::string_view lines = filter.lines;
  for (std::size_t at = 0; at < lines.size(); at += filter_lines_per_block * filter_line_bytes)
    out_.append(kind, lines.substr(at, filter_lines_per_block * filter_line_bytes), false);
}

Status SegmentWriter::write_order() {
  const auto ordered = rows_by_position(positions_, *std::pmr::new_delete_resource());
  if (!ordered)
    return ordered.error();
  const std::vector<std::uint32_t>& rows = *ordered;
  footer_.order_offset = footer_.order_blocks() == 0 ? 0 : out_.offset();
  for (std::size_t block = 0; block < footer_.order_blocks(); ++block) {
    const std::size_t begin = block * order_rows_per_block;
    const std::size_t end = std::min(begin + order_rows_per_block, rows.size());
    const std::vector<std::uint64_t> values(rows.begin() + static_cast<std::ptrdiff_t>(begin),
                                            rows.begin() + static_cast<std::ptrdiff_t>(end));
    std::string raw;
    append_packed(raw, values, footer_.order_width());
    raw.append(bits_padding_bytes, '\0');
    out_.append(BlockKind::position_order, raw, false);
  }
  return {};
}

Status SegmentWriter::add_mark(std::string_view context_id, const ContextMark& mark) {
  if (context_id <= marked_context_ || context_id.size() > limits::context_id_bytes_max || mark.last == sequence_max ||
      mark.first_live == 0 || mark.first_live > mark.last + 1 || mark.position == 0)
    return fail(Errc::invalid_argument, "a mark for a segment is out of order, or says what cannot be",
                std::string(context_id));
  marks_.add(context_id, mark);
  if (marks_.full())
    flush_mark_block();
  marked_context_ = context_id;
  ++footer_.mark_count;
  context_hashes_.push_back(context_filter_hash(context_id, out_.identity()));
  // A mark that a merge takes from a later segment is younger than its events may say they are: the catalog, which
  // knows the bounds of what is replaced, takes no others.
  if (takes_place_)
    return {};
  SegmentMeta bounds = covered_.value_or(SegmentMeta{});
  extend(bounds, mark, !covered_);
  covered_ = bounds;
  return {};
}

void SegmentWriter::flush_mark_block() {
  PendingMarkBlock block;
  block.place.first_context = marks_.first_context();
  block.content = marks_.finish();
  mark_blocks_.push_back(std::move(block));
}

void SegmentWriter::cover(const SegmentMeta& other) {
  takes_place_ = true;
  if (covered_)
    extend(*covered_, other);
  else
    covered_ = other;
}

void SegmentWriter::finish_bounds() {
  if (footer_.mark_count == 0)
    return; // nothing was left out
  SegmentMeta& totals = footer_.totals;
  SegmentMeta bounds = *covered_;
  if (totals.event_count != 0)
    extend(bounds, totals);
  totals.position_min = bounds.position_min;
  totals.position_max = bounds.position_max;
  totals.timestamp_min = bounds.timestamp_min;
  totals.timestamp_max = bounds.timestamp_max;
  totals.recorded_at_min = bounds.recorded_at_min;
  totals.recorded_at_max = bounds.recorded_at_max;
}

/// The blocks that were kept in memory until the zones were written.
void SegmentWriter::write_pending() {
  if (!index_.empty())
    flush_index_block();
  for (PendingIndexBlock& block : index_blocks_) {
    block.place.ref = out_.append(BlockKind::context_index, block.content);
    footer_.index.push_back(std::move(block.place));
    block.content = {};
  }
  if (!marks_.empty())
    flush_mark_block();
  for (PendingMarkBlock& block : mark_blocks_) {
    block.place.ref = out_.append(BlockKind::marks, block.content);
    footer_.marks.push_back(std::move(block.place));
    block.content = {};
  }
}

Result<SegmentMeta> SegmentWriter::finish() {
  SegmentMeta& totals = footer_.totals;
  if (totals.event_count == 0 && footer_.mark_count == 0)
    return fail(Errc::invalid_argument, "a segment needs at least one event or mark");
  if (totals.event_count % footer_.zone_rows != 0)
    WEIR_TRY(finish_zone());
  if (pages_ && !pages_->empty())
    WEIR_TRY(pages_->write_band(footer_));
  finish_context();
  finish_bounds();
  write_pending();
  write_filter(footer_.context_filter, BlockKind::context_filter, context_hashes_, filter_bits_per_key_);
  // A false hit among contexts costs a look into an index. One among ids sends a call that is new through a look-up,
  // and its sender's later calls wait for it.
  write_filter(footer_.event_id_filter, BlockKind::event_id_filter, event_id_hashes_, 2 * filter_bits_per_key_);
  WEIR_TRY(write_order());
  if (const std::string times = times_.encode(); !times.empty())
    footer_.time_index_block = out_.append(BlockKind::time_index, times);
  footer_.fields_block = fields_.finish();
  if (!out_.dictionary().empty()) // beside the footer, which whoever needs the one reads, too
    footer_.dictionary_block = out_.append(BlockKind::dictionary, out_.dictionary());
  totals.footer_offset = out_.offset();
  out_.append(BlockKind::footer, encode_footer(footer_));
  totals.footer_checksum = out_.last_checksum();
  totals.file_bytes = out_.offset();
  out_.flush();
  WEIR_TRY(out_.status());
  return totals;
}

} // namespace weir::segments
