#include "segments/run_zone_decoder.hpp"

#include "segments/context_index.hpp"

#include <iterator>
#include <utility>

namespace weir::segments {
namespace {

constexpr std::size_t blocks_at_once = 16;

Timestamp time_of(std::uint64_t micros) {
  return Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(micros)));
}

} // namespace

void decode(const IntegerColumn& column, std::size_t rows, std::vector<std::uint64_t>& out) {
  out.resize(rows);
  column.decode(0, out);
}

Status RunZoneDecoder::read(std::size_t zone) {
  const ZoneTail& columns = *plan_.tails[zone];
  const auto wanted = plan_.places(zone);
  decode(*columns.column(BlockKind::position), wanted.size(), positions_);
  decode(*columns.column(BlockKind::recorded_at), wanted.size(), recorded_);
  decode(*columns.column(BlockKind::type), wanted.size(), types_);
  const bool timestamps = columns.column(BlockKind::timestamp).has_value();
  if (timestamps)
    decode(*columns.column(BlockKind::timestamp), wanted.size(), timestamps_);
  std::size_t next = plan_.first_in_zone[zone];
  event_of_row_.assign(wanted.size(), RunPlan::nothing);
  for (std::size_t row = 0; row < wanted.size(); ++row) {
    if (wanted[row] == RunPlan::nothing)
      continue;
    if (types_[row] >= plan_.footer->types.size())
      return source_.damaged("a type is not in the dictionary", columns.directory().at(BlockKind::type, 0).ref.offset);
    plan_.order[wanted[row]] = event_of_row_[row] = static_cast<std::uint32_t>(next);
    EventView& event = *new (plan_.rows + next++ * sizeof(EventView)) EventView;
    event.position = positions_[row];
    event.recorded_at = time_of(recorded_[row]);
    event.timestamp = timestamps ? time_of(timestamps_[row]) : event.recorded_at;
    const auto type = static_cast<std::size_t>(types_[row]);
    event.event_type = plan_.footer->types[type];
    event.schema_version = plan_.footer->schema_version(type);
  }
  WEIR_TRY(read_contexts(zone));
  return read_strings(columns, wanted);
}

std::uint64_t RunZoneDecoder::give(std::vector<std::shared_ptr<const void>>& owners) {
  std::move(kept_.begin(), kept_.end(), std::back_inserter(owners));
  owners.push_back(texts_);
  return kept_bytes_ + texts_->bytes();
}

/// Contexts and sequences of the zone's chosen rows, out of the context index.
Status RunZoneDecoder::read_contexts(std::size_t zone) {
  const auto wanted = plan_.places(zone);
  const std::uint64_t begin = plan_.footer->zones[zone].first_row, end = begin + wanted.size();
  auto block =
      std::prev(std::upper_bound(plan_.footer->index.begin(), plan_.footer->index.end(), begin,
                                 [](std::uint64_t row, const IndexBlockRef& place) { return row < place.first_row; }));
  EventView* event = plan_.at(plan_.first_in_zone[zone]);
  for (std::uint64_t row = begin; row < end; ++block) {
    if (block == plan_.footer->index.end())
      return source_.damaged("the context index ends before the rows do", plan_.footer->index.back().ref.offset);
    auto cursor = IndexCursor::open(source_, *block);
    if (!cursor)
      return std::move(cursor).error();
    auto found = cursor->seek_row(row);
    if (found && !*found)
      return source_.damaged("the context index has a gap", block->ref.offset);
    for (; found && *found && row < end; found = cursor->next()) {
      const IndexEntry entry = cursor->entry();
      std::string_view name;
      for (; row < std::min(entry.first_row + entry.rows, end); ++row) {
        if (wanted[static_cast<std::size_t>(row - begin)] == RunPlan::nothing)
          continue;
        if (name.empty())
          name = texts_->keep(entry.context_id);
        event->context_id = name;
        event->sequence = entry.first_sequence + (row - entry.first_row);
        ++event;
      }
    }
    if (!found)
      return std::move(found).error();
  }
  return {};
}

Status RunZoneDecoder::read_strings(const ZoneTail& columns, std::span<const std::uint32_t> wanted) {
  const ZoneDirectory& directory = columns.directory();
  struct Wanted {
    BlockRef ref;
    std::size_t column = 0;
    std::uint32_t first_row = 0, row_end = 0;
  };
  std::vector<Wanted> blocks;
  for (std::size_t column = 0; column < run_string_kinds.size(); ++column) {
    const BlockKind kind = run_string_kinds[column];
    if (!columns.column(lengths_of(kind)))
      continue;
    decode(*columns.column(lengths_of(kind)), wanted.size(), string_lengths_[column]);
    for (std::size_t i = 0; i < directory.count(kind); ++i) {
      const ZoneBlock block = directory.at(kind, i);
      const std::uint32_t end = directory.row_end(kind, i);
      if (std::any_of(wanted.begin() + block.first_row, wanted.begin() + end,
                      [](std::uint32_t place) { return place != RunPlan::nothing; }))
        blocks.push_back({block.ref, column, block.first_row, end});
    }
  }
  // By offset: columns share a stretch of the file, and one read gets neighbours of all of them.
  std::sort(blocks.begin(), blocks.end(), [](const Wanted& a, const Wanted& b) { return a.ref.offset < b.ref.offset; });
  for (std::size_t at = 0; at < blocks.size(); at += blocks_at_once) {
    const std::size_t count = std::min(blocks_at_once, blocks.size() - at);
    std::array<BlockRef, blocks_at_once> refs;
    std::array<BlockPtr, blocks_at_once> read;
    for (std::size_t i = 0; i < count; ++i)
      refs[i] = blocks[at + i].ref;
    WEIR_TRY(source_.read_all(std::span(refs).first(count), std::span(read).first(count), &plan_.footer->dictionary));
    for (std::size_t i = 0; i < count; ++i)
      WEIR_TRY(slice(blocks[at + i].column, blocks[at + i].first_row, blocks[at + i].row_end, refs[i].offset,
                     std::move(read[i])));
  }
  return {};
}

/// Finds the strings of the rows from `first` to below `end` in their block.
Status RunZoneDecoder::slice(std::size_t column, std::uint32_t first, std::uint32_t end, std::uint64_t offset,
                             BlockPtr block) {
  const std::vector<std::uint64_t>& lengths = string_lengths_[column];
  std::uint64_t all = 0, wanted = 0;
  for (std::uint32_t row = first; row < end; ++row) {
    if (lengths[row] > block->size() - all)
      return source_.damaged("a block holds less than the lengths of its rows", offset);
    all += lengths[row];
    wanted += event_of_row_[row] != RunPlan::nothing ? lengths[row] : 0;
  }
  if (all != block->size())
    return source_.damaged("a block holds more than the lengths of its rows", offset);
  static constexpr std::array fields = {&EventView::event_id, &EventView::metadata, &EventView::payload};
  const bool keep = wanted >= all / 4 * 3;
  EventView* const events = plan_.at(0);
  std::size_t at = 0;
  for (std::uint32_t row = first; row < end; ++row) {
    const std::string_view text = block->text().substr(at, static_cast<std::size_t>(lengths[row]));
    at += text.size();
    if (event_of_row_[row] != RunPlan::nothing)
      events[event_of_row_[row]].*fields[column] = keep ? text : texts_->keep(text);
  }
  if (keep) {
    kept_bytes_ += block->charge_bytes();
    kept_.push_back(std::move(block));
  }
  return {};
}

} // namespace weir::segments
