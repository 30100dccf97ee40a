#include "segments/run_columns.hpp"

#include "segments/bytes.hpp"
#include "segments/context_index.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::segments {

namespace {

void decode_some(const IntegerColumn& column, std::uint32_t first, std::size_t rows, std::vector<std::uint64_t>& out) {
  out.resize(rows);
  column.decode(first, out);
}

} // namespace

Status RunColumns::decode(const BlockSource& source, const Footer& footer, const ZoneTail& tail, std::uint32_t first,
                          std::size_t rows) {
  footer_ = &footer;
  decode_some(*tail.column(BlockKind::position), first, rows, positions_);
  decode_some(*tail.column(BlockKind::recorded_at), first, rows, recorded_);
  decode_some(*tail.column(BlockKind::type), first, rows, types_);
  has_timestamps_ = tail.column(BlockKind::timestamp).has_value();
  if (has_timestamps_)
    decode_some(*tail.column(BlockKind::timestamp), first, rows, timestamps_);
  if (std::any_of(types_.begin(), types_.end(), [&](std::uint64_t type) { return type >= footer.types.size(); }))
    return source.damaged("a type is not in the dictionary", tail.directory().at(BlockKind::type, 0).ref.offset);
  return {};
}

void RunColumns::fill(std::size_t row, EventView& event) const {
  event.position = positions_[row];
  event.recorded_at = time_of(recorded_[row]);
  event.timestamp = has_timestamps_ ? time_of(timestamps_[row]) : event.recorded_at;
  const auto type = static_cast<std::size_t>(types_[row]);
  event.event_type = footer_->types[type];
  event.schema_version = footer_->schema_version(type);
  event.event_id = event.metadata = event.payload = {}; // a column may not be there
}

Status visit_contexts(const BlockSource& source, const Footer& footer, std::uint64_t begin, std::uint64_t end,
                      const std::function<void(const ContextRows&)>& visit) {
  auto block =
      std::prev(std::upper_bound(footer.index.begin(), footer.index.end(), begin,
                                 [](std::uint64_t row, const IndexBlockRef& place) { return row < place.first_row; }));
  for (std::uint64_t row = begin; row < end; ++block) {
    if (block == footer.index.end())
      return source.damaged("the context index ends before the rows do", footer.index.back().ref.offset);
    auto cursor = IndexCursor::open(source, *block);
    if (!cursor)
      return std::move(cursor).error();
    auto found = cursor->seek_row(row);
    if (found && !*found)
      return source.damaged("the context index has a gap", block->ref.offset);
    for (; found && *found && row < end; found = cursor->next()) {
      const IndexEntry entry = cursor->entry();
      const std::uint64_t entry_end = std::min<std::uint64_t>(entry.first_row + entry.rows, end);
      visit({entry.context_id, row, entry_end, entry.first_sequence + (row - entry.first_row)});
      row = entry_end;
    }
    if (!found)
      return std::move(found).error();
  }
  return {};
}

} // namespace weir::segments
