#include "engine/content_hash.hpp"
#include "engine/stub.hpp"
#include "segments/bit_pack.hpp"
#include "segments/bytes.hpp"
#include "segments/field_verify.hpp"
#include "segments/page_verify.hpp"
#include "segments/position_order.hpp"
#include "segments/segment_reader.hpp"
#include "segments/time_index.hpp"
#include "segments/zone_directory.hpp"
#include "segments/zone_rows.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace weir::segments {
namespace {

bool same(const ZoneMeta& a, const ZoneMeta& b) {
  return a.first_row == b.first_row && a.rows == b.rows && a.sequence_min == b.sequence_min &&
         a.sequence_max == b.sequence_max && a.position_min == b.position_min && a.position_max == b.position_max &&
         a.recorded_at_min == b.recorded_at_min && a.recorded_at_max == b.recorded_at_max &&
         a.timestamp_min == b.timestamp_min && a.timestamp_max == b.timestamp_max && a.type_bits == b.type_bits;
}

class Verifier {
public:
  Verifier(const BlockSource& source, std::shared_ptr<const Footer> footer)
      : source_(source), footer_(std::move(footer)), totals_(footer_->totals), marks_(source_, footer_->marks),
        field_verifier_(source_, footer_, fields_), page_verifier_(source_, footer_, fields_) {}

  Status run() {
    WEIR_TRY(check_blocks());
    WEIR_TRY(check_index());
    WEIR_TRY(check_marks());
    WEIR_TRY(check_types());
    for (std::size_t zone = 0; zone < footer_->zones.size(); ++zone)
      WEIR_TRY(check_zone(zone));
    WEIR_TRY(check_sums());
    WEIR_TRY(check_order());
    WEIR_TRY(check_times());
    return page_verifier_.run();
  }

private:
  Result<ZoneDirectory> directory(std::size_t zone) const {
    const BlockRef& ref = footer_->places[zone].directory;
    auto block = source_.read(ref);
    if (!block)
      return std::move(block).error();
    return ZoneDirectory::open(source_, ref, *std::move(block), footer_->zones[zone].rows);
  }

  /// Every byte between header and footer belongs to exactly one block that somebody names, and that block is whole.
  Status check_blocks() {
    std::vector<BlockRef> refs;
    for (std::size_t zone = 0; zone < footer_->zones.size(); ++zone) {
      auto entries = directory(zone);
      if (!entries)
        return std::move(entries).error();
      for (std::size_t kind = 1; kind <= zone_block_kinds; ++kind) {
        for (std::size_t i = 0; i < entries->count(static_cast<BlockKind>(kind)); ++i)
          refs.push_back(entries->at(static_cast<BlockKind>(kind), i).ref);
      }
      refs.push_back(footer_->places[zone].directory);
    }
    for (const IndexBlockRef& block : footer_->index)
      refs.push_back(block.ref);
    for (const MarkBlockRef& block : footer_->marks)
      refs.push_back(block.ref);
    for (std::size_t i = 0; i < footer_->context_filter.blocks(); ++i)
      refs.push_back(footer_->context_filter.block(i, BlockKind::context_filter));
    for (std::size_t i = 0; i < footer_->event_id_filter.blocks(); ++i)
      refs.push_back(footer_->event_id_filter.block(i, BlockKind::event_id_filter));
    for (std::size_t i = 0; i < footer_->order_blocks(); ++i)
      refs.push_back(footer_->order_block(i));
    for (const BlockRef& ref : {footer_->dictionary_block, footer_->time_index_block, footer_->fields_block})
      if (ref.offset != 0)
        refs.push_back(ref);
    WEIR_TRY(append_field_blocks(source_, *footer_, fields_, refs));
    WEIR_TRY(page_verifier_.append_blocks(refs));
    std::sort(refs.begin(), refs.end(), [](const BlockRef& a, const BlockRef& b) { return a.offset < b.offset; });
    std::uint64_t expected = segment_header_bytes;
    for (const BlockRef& ref : refs) {
      if (ref.offset != expected)
        return source_.damaged("blocks leave a gap or overlap", expected);
      if (auto block = source_.read(ref, &footer_->dictionary); !block)
        return std::move(block).error();
      expected = ref.end();
    }
    return expected == totals_.footer_offset ? Status{} : source_.damaged("blocks leave a gap", expected);
  }

  Status check_index() {
    std::uint64_t rows = 0, contexts = 0;
    std::string last;
    for (const IndexBlockRef& block : footer_->index) {
      auto cursor = IndexCursor::open(source_, block);
      if (!cursor)
        return std::move(cursor).error();
      auto moved = cursor->next();
      if (moved && (cursor->entry().context_id != block.first_context || cursor->entry().first_row != rows))
        return source_.damaged("an index block does not begin as the footer says", block.ref.offset);
      for (; moved && *moved; moved = cursor->next()) {
        const IndexEntry entry = cursor->entry();
        if (entry.context_id.empty() || entry.context_id <= last)
          return source_.damaged("contexts are out of order", block.ref.offset);
        last = entry.context_id;
        rows = cursor->next_row();
        ++contexts;
        WEIR_TRY(check_key(footer_->context_filter, BlockKind::context_filter,
                           context_filter_hash(entry.context_id, source_.identity())));
      }
      if (!moved)
        return std::move(moved).error();
    }
    if (rows != totals_.event_count || contexts != totals_.context_count)
      return source_.damaged("the context index and the footer count differently", totals_.footer_offset);
    return {};
  }

  Status check_marks() {
    MarkWalk marks(source_, footer_->marks);
    std::uint64_t count = 0;
    auto moved = marks.next();
    for (; moved && *moved; moved = marks.next()) {
      ++count;
      WEIR_TRY(check_key(footer_->context_filter, BlockKind::context_filter,
                         context_filter_hash(marks.context_id(), source_.identity())));
      const Position position = marks.mark().position;
      if (position < totals_.position_min || position > totals_.position_max)
        return source_.damaged("a mark lies outside the segment's positions", totals_.footer_offset);
    }
    if (!moved)
      return std::move(moved).error();
    return count == footer_->mark_count
               ? Status{}
               : source_.damaged("marks and the footer count differently", totals_.footer_offset);
  }

  Status check_key(const FilterShape& filter, BlockKind kind, std::uint64_t hash) const {
    auto maybe = filter_may_hold(source_, filter, kind, hash);
    if (!maybe)
      return std::move(maybe).error();
    return *maybe ? Status{} : source_.damaged("a filter lacks a key", filter.offset);
  }

  Status check_types() {
    for (std::size_t i = 0; i < footer_->types.size(); ++i) {
      if (!type_numbers_
               .emplace(std::pair(std::string_view(footer_->types[i]), footer_->schema_version(i)),
                        static_cast<std::uint32_t>(i))
               .second)
        return source_.damaged("the dictionary holds a type twice", totals_.footer_offset);
    }
    return {};
  }

  Status check_zone(std::size_t zone) {
    const std::uint64_t place = footer_->places[zone].directory.offset;
    auto rows = read_zone_rows(source_, footer_, zone, columns_all);
    if (!rows)
      return std::move(rows).error();
    auto entries = directory(zone);
    if (!entries)
      return std::move(entries).error();
    BlockPtr hashes;
    if (entries->count(BlockKind::content_hash) != 0) {
      auto block = source_.read(entries->at(BlockKind::content_hash, 0).ref);
      if (!block)
        return std::move(block).error();
      hashes = *std::move(block);
    }
    ByteSource recorded_hashes(hashes ? hashes->text() : std::string_view{});
    WEIR_TRY(field_verifier_.begin_zone(zone));
    ZoneMeta seen;
    seen.first_row = footer_->zones[zone].first_row;
    for (std::uint32_t i = 0; i < (*rows)->rows(); ++i) {
      const EventView event = (*rows)->row(i);
      extend(seen, event, type_numbers_.at({event.event_type, event.schema_version}));
      positions_.push_back(event.position);
      times_.add(event.position, event.timestamp, event.recorded_at);
      payload_bytes_ += live_payload_bytes(event);
      WEIR_TRY(field_verifier_.check(event));
      if (is_stub(event))
        WEIR_TRY(check_stub(event));
      if (event.event_id.empty())
        continue;
      WEIR_TRY(check_key(footer_->event_id_filter, BlockKind::event_id_filter,
                         event_id_filter_hash(event.context_id, event.event_id, source_.identity())));
      const Hash128 hash = content_hash(event, scratch_);
      if (recorded_hashes.take<std::uint64_t>() != hash.low || recorded_hashes.take<std::uint64_t>() != hash.high)
        return source_.damaged("a content hash differs", place);
    }
    if (!recorded_hashes.ok() || recorded_hashes.left() != 0)
      return source_.damaged("content hashes and event ids differ in number", place);
    if (!same(seen, footer_->zones[zone]))
      return source_.damaged("a zone's metadata and its rows differ", place);
    extend(bounds_, seen);
    return field_verifier_.end_zone();
  }

  /// Rows and marks have the same order.
  Status check_stub(const EventView& event) {
    ++stubs_;
    while (!marks_ended_ && marks_at_ < event.context_id) {
      const auto moved = marks_.next();
      if (!moved)
        return moved.error();
      marks_ended_ = !*moved;
      marks_at_ = marks_.context_id();
    }
    if (marks_ended_ || marks_at_ != event.context_id || event.sequence >= marks_.mark().first_live ||
        !event.metadata.empty())
      return source_.damaged("no mark says why an event is a stub", totals_.footer_offset);
    return {};
  }

  /// Where marks were joined, bounds cover also what those said that are no more.
  Status check_sums() const {
    SegmentMeta covered = totals_;
    if (totals_.event_count != 0)
      extend(covered, bounds_);
    const SegmentMeta& bounds = footer_->marks.empty() ? bounds_ : covered;
    const bool equal = payload_bytes_ == totals_.payload_bytes && stubs_ == footer_->stub_count &&
                       bounds.position_min == totals_.position_min && bounds.position_max == totals_.position_max &&
                       bounds.timestamp_min == totals_.timestamp_min && bounds.timestamp_max == totals_.timestamp_max &&
                       bounds.recorded_at_min == totals_.recorded_at_min &&
                       bounds.recorded_at_max == totals_.recorded_at_max;
    return equal ? Status{} : source_.damaged("the footer's sums and the rows differ", totals_.footer_offset);
  }

  /// Strictly ascending positions over as many entries as there are rows: every row is there once.
  Status check_order() const {
    Position last = 0;
    for (std::size_t number = 0; number < footer_->order_blocks(); ++number) {
      const auto block = read_order_block(source_, *footer_, number);
      if (!block)
        return block.error();
      const std::size_t begin = number * order_rows_per_block;
      const std::size_t rows = std::min(order_rows_per_block, positions_.size() - begin);
      for (std::size_t i = 0; i < rows; ++i) {
        const std::uint64_t row = unpack((*block)->text().data(), i, footer_->order_width());
        if (row >= positions_.size() || (begin + i != 0 && positions_[static_cast<std::size_t>(row)] <= last))
          return source_.damaged(order_is_wrong, footer_->order_block(number).offset);
        last = positions_[static_cast<std::size_t>(row)];
      }
    }
    return {};
  }

  /// What the rows make of it is what is there.
  Status check_times() const {
    if (footer_->format_version < segment_format_version_times)
      return {};
    const BlockRef& ref = footer_->time_index_block;
    std::string recorded;
    if (ref.offset != 0) {
      const auto block = source_.read(ref);
      if (!block)
        return block.error();
      recorded = (*block)->text();
    }
    return recorded == times_.encode() ? Status{} : source_.damaged("the time index and the rows differ", ref.offset);
  }

  const BlockSource& source_;
  std::shared_ptr<const Footer> footer_;
  const SegmentMeta& totals_;
  std::map<std::pair<std::string_view, std::uint32_t>, std::uint32_t> type_numbers_; ///< By type and schema version.
  std::vector<Position> positions_;                                                  ///< By row.
  TimeIndexBuilder times_;
  SegmentMeta bounds_;
  std::uint64_t payload_bytes_ = 0;
  MarkWalk marks_; ///< For the stubs, as far as they have come.
  std::string marks_at_;
  bool marks_ended_ = false;
  std::uint64_t stubs_ = 0;
  std::string scratch_;
  SegmentFields fields_;
  FieldVerifier field_verifier_;
  PageVerifier page_verifier_;
};

} // namespace

Status verify_segment(const io::File& file, const std::string& path, std::uint64_t identity, const SegmentMeta& meta,
                      std::uint64_t cache_bytes) {
  BlockCache cache(cache_bytes);
  const BlockSource source(file, path, identity, meta.footer_checksum, meta.file_bytes, cache);
  auto size = file.size();
  if (!size)
    return std::move(size).error();
  if (*size != meta.file_bytes)
    return source.damaged("the file does not have the recorded size", *size);
  auto footer = read_footer(source, meta);
  if (!footer)
    return std::move(footer).error();
  return Verifier(source, std::make_shared<const Footer>(*std::move(footer))).run();
}

} // namespace weir::segments
