#include "segments/run_columns.hpp"

#include "segments/bytes.hpp"

#include <algorithm>

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

} // namespace weir::segments
