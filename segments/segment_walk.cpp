#include "segments/segment_walk.hpp"

#include "engine/check.hpp"
#include "segments/field_verify.hpp"
#include "segments/integer_column.hpp"
#include "segments/segment_reader.hpp"

#include <algorithm>

namespace weir::segments {
namespace {

// Stored bytes of strings read at a time: long enough for any disk, and several inputs of it are still little memory.
constexpr std::uint64_t read_ahead_bytes = 256 * KiB;

} // namespace

SegmentWalk::SegmentWalk(std::unique_ptr<io::File> file, std::string path, std::uint64_t identity,
                         const SegmentMeta& meta)
    : meta_(meta), file_(std::move(file)),
      source_(*file_, std::move(path), identity, meta.footer_checksum, meta.file_bytes, no_cache_) {
}

Result<std::unique_ptr<SegmentWalk>> SegmentWalk::open(std::unique_ptr<io::File> file, std::string path,
                                                       std::uint64_t identity, const SegmentMeta& meta) {
  std::unique_ptr<SegmentWalk> walk(new SegmentWalk(std::move(file), std::move(path), identity, meta));
  auto footer = read_footer(walk->source_, meta);
  if (!footer)
    return std::move(footer).error();
  walk->footer_ = *std::move(footer);
  return walk;
}

Result<bool> SegmentWalk::next_context() {
  while (true) {
    if (cursor_) {
      auto moved = cursor_->next();
      if (!moved)
        return moved;
      if (*moved)
        break;
      cursor_.reset();
    }
    if (index_block_ == footer_.index.size()) {
      if (row_ != meta_.event_count)
        return source_.damaged("the context index ends before the rows do", meta_.footer_offset);
      return false;
    }
    auto cursor = IndexCursor::open(source_, footer_.index[index_block_++]);
    if (!cursor)
      return std::move(cursor).error();
    cursor_ = *std::move(cursor);
  }
  entry_ = cursor_->entry();
  if (entry_.first_row != row_ || entry_.rows > meta_.event_count - row_)
    return source_.damaged("the context index names rows that are not there",
                           footer_.index[index_block_ - 1].ref.offset);
  rows_left_ = entry_.rows;
  sequence_ = entry_.first_sequence;
  return true;
}

Status SegmentWalk::open_zone() {
  const ZonePlace& place = footer_.places[zone_];
  zone_rows_ = footer_.zones[zone_].rows;
  ++zone_;
  zone_row_ = 0;
  auto block = source_.read(place.directory);
  if (!block)
    return std::move(block).error();
  auto directory = ZoneDirectory::open(source_, place.directory, *std::move(block), zone_rows_);
  if (!directory)
    return std::move(directory).error();
  directory_ = *std::move(directory);
  WEIR_TRY(read_numbers(*directory_));
  pending_.clear();
  pending_at_ = 0;
  for (Strings& column : strings_) {
    column.next_block = 0;
    column.row_end = 0;
    column.block.reset();
    column.ready.clear();
    column.at = 0;
    for (std::size_t i = 0; i < directory_->count(column.kind); ++i)
      pending_.push_back({directory_->at(column.kind, i).ref, &column});
  }
  std::sort(pending_.begin(), pending_.end(),
            [](const Pending& a, const Pending& b) { return a.ref.offset < b.ref.offset; });
  return {};
}

Status SegmentWalk::read_numbers(const ZoneDirectory& directory) {
  struct Wanted {
    BlockKind kind;
    std::vector<std::uint64_t>* out;
  };
  std::vector<Wanted> wanted;
  std::vector<BlockRef> refs;
  if (directory.count(BlockKind::content_hash) != 0) // made anew by a merge, but checked like all else
    if (auto block = source_.read(directory.at(BlockKind::content_hash, 0).ref); !block)
      return std::move(block).error();
  const auto want = [&](BlockKind kind, std::vector<std::uint64_t>& out) {
    out.clear();
    if (directory.count(kind) == 0)
      return;
    wanted.push_back({kind, &out});
    refs.push_back(directory.at(kind, 0).ref);
  };
  want(BlockKind::position, positions_);
  want(BlockKind::recorded_at, recorded_);
  want(BlockKind::timestamp, timestamps_);
  want(BlockKind::type, types_);
  for (Strings& column : strings_)
    want(lengths_of(column.kind), column.lengths);
  std::vector<BlockPtr> blocks(refs.size());
  WEIR_TRY(source_.read_all(refs, blocks));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto column = IntegerColumn::open(blocks[i]->text(), zone_rows_);
    if (!column)
      return source_.damaged("a column does not have the zone's rows", refs[i].offset);
    wanted[i].out->resize(zone_rows_);
    column->decode(0, *wanted[i].out);
  }
  const auto type = std::find_if(types_.begin(), types_.end(),
                                 [this](std::uint64_t number) { return number >= footer_.types.size(); });
  if (type != types_.end())
    return source_.damaged("a type is not in the dictionary", directory.at(BlockKind::type, 0).ref.offset);
  return {};
}

Status SegmentWalk::read_ahead() {
  std::vector<BlockRef> refs;
  const std::size_t first = pending_at_;
  for (std::uint64_t bytes = 0; pending_at_ < pending_.size() && bytes < read_ahead_bytes; ++pending_at_) {
    refs.push_back(pending_[pending_at_].ref);
    bytes += refs.back().stored_bytes;
  }
  std::vector<BlockPtr> blocks(refs.size());
  WEIR_TRY(source_.read_all(refs, blocks, &footer_.dictionary));
  for (std::size_t i = 0; i < blocks.size(); ++i)
    pending_[first + i].column->ready.push_back(std::move(blocks[i]));
  return {};
}

Status SegmentWalk::next_block(Strings& column) {
  if (column.block && column.at != column.block->size())
    return source_.damaged("a block holds more than the lengths of its rows",
                           directory_->at(column.kind, column.next_block - 1).ref.offset);
  WEIR_CHECK(column.next_block < directory_->count(column.kind)); // the last block's rows end with the zone's
  while (column.ready.empty())
    WEIR_TRY(read_ahead()); // ends: a block for each entry of the directory is pending, and next_block is below it
  column.block = std::move(column.ready.front());
  column.ready.pop_front();
  column.at = 0;
  column.row_end = directory_->row_end(column.kind, column.next_block++);
  return {};
}

Result<std::string_view> SegmentWalk::next_string(Strings& column) {
  if (column.lengths.empty())
    return std::string_view{};
  const std::uint64_t length = column.lengths[zone_row_];
  // The rows of a block begin where those of the one before end, but in the file it lies behind the payloads up to the
  // first row that has a string: opened before that row, it would bring them all into memory. At the end of the zone
  // every block is opened, needed or not, so that every one is checked.
  if (length == 0 && zone_row_ >= column.row_end && zone_row_ + 1 != zone_rows_)
    return std::string_view{};
  while (zone_row_ >= column.row_end)
    WEIR_TRY(next_block(column));
  const bool last = zone_row_ + 1 == column.row_end;
  const std::size_t left = column.block->size() - column.at;
  if (length > left || (last && length != left))
    return source_.damaged("a block and the lengths of its rows differ",
                           directory_->at(column.kind, column.next_block - 1).ref.offset);
  const std::string_view value = column.block->text().substr(column.at, static_cast<std::size_t>(length));
  column.at += static_cast<std::size_t>(length);
  return value;
}

Status SegmentWalk::check_derived() const {
  std::vector<BlockRef> refs;
  for (std::size_t i = 0; i < footer_.context_filter.blocks(); ++i)
    refs.push_back(footer_.context_filter.block(i, BlockKind::context_filter));
  for (std::size_t i = 0; i < footer_.event_id_filter.blocks(); ++i)
    refs.push_back(footer_.event_id_filter.block(i, BlockKind::event_id_filter));
  for (std::size_t i = 0; i < footer_.order_blocks(); ++i)
    refs.push_back(footer_.order_block(i));
  if (footer_.time_index_block.offset != 0)
    refs.push_back(footer_.time_index_block);
  const SegmentFields fields;
  WEIR_TRY(append_field_blocks(source_, footer_, fields, refs));
  for (const BlockRef& ref : refs)
    if (auto block = source_.read(ref); !block)
      return std::move(block).error();
  return {};
}

Result<Reclaimable> SegmentWalk::reclaimable(const MayGoOn& may_go_on, const MarkLookup& removed) const {
  std::uint64_t below = 0;
  for (const IndexBlockRef& block : footer_.index) {
    WEIR_TRY(may_go_on());
    auto cursor = IndexCursor::open(source_, block);
    if (!cursor)
      return std::move(cursor).error();
    auto moved = cursor->next();
    for (; moved && *moved; moved = cursor->next()) {
      const IndexEntry entry = cursor->entry();
      if (const auto mark = removed(entry.context_id); mark && mark->first_live > entry.first_sequence)
        below += std::min<std::uint64_t>(mark->first_live - entry.first_sequence, entry.rows);
    }
    if (!moved)
      return std::move(moved).error();
  }
  // Stubs lie below the marks of their contexts, which only grow.
  const std::uint64_t stubs = footer_.stub_count;
  return Reclaimable{below - std::min(below, stubs), meta_.event_count - stubs, stubs};
}

Status SegmentWalk::next_row(EventView& event) {
  if (zone_row_ == zone_rows_)
    WEIR_TRY(open_zone());
  event.context_id = entry_.context_id;
  event.sequence = sequence_++;
  event.position = positions_[zone_row_];
  event.recorded_at = time_of(recorded_[zone_row_]);
  event.timestamp = timestamps_.empty() ? event.recorded_at : time_of(timestamps_[zone_row_]);
  const auto type = static_cast<std::size_t>(types_[zone_row_]);
  event.event_type = footer_.types[type];
  event.schema_version = footer_.schema_version(type);
  std::string_view* const fields[] = {&event.event_id, &event.metadata, &event.payload};
  for (std::size_t i = 0; i < strings_.size(); ++i) {
    auto value = next_string(strings_[i]);
    if (!value)
      return std::move(value).error();
    *fields[i] = *value;
  }
  ++zone_row_;
  ++row_;
  --rows_left_;
  return {};
}

} // namespace weir::segments
