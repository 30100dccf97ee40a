#include "engine/consumers/lag.hpp"

#include <algorithm>

namespace weir {

namespace {

void add(Lag& lag, std::uint64_t events, Timestamp oldest) {
  if (events == 0)
    return;
  lag.events += events;
  lag.oldest = std::min(lag.oldest.value_or(oldest), oldest);
}

Status add_segment(const SegmentReader& segment, Position from, Lag& lag) {
  const SegmentMeta& meta = segment.meta();
  if (meta.position_max < from)
    return {};
  if (meta.position_min >= from) {
    add(lag, meta.event_count, meta.recorded_at_min);
    return {};
  }
  const auto zones = segment.zones();
  if (!zones)
    return zones.error();
  for (std::size_t i = 0; i < zones->size(); ++i) {
    const ZoneMeta& zone = (*zones)[i];
    if (zone.position_max < from)
      continue;
    if (zone.position_min >= from) {
      add(lag, zone.rows, zone.recorded_at_min);
      continue;
    }
    const auto rows = segment.read_zone(i, column_position | column_recorded_at);
    if (!rows)
      return rows.error();
    for (std::uint32_t row = 0; row < (*rows)->rows(); ++row)
      if (const EventView event = (*rows)->row(row); event.position >= from)
        add(lag, 1, event.recorded_at);
  }
  return {};
}

void add_memtable(const MemtableView& memtable, Position from, Lag& lag) {
  std::uint64_t first = 0, last = memtable.rows(); // rows are in position order
  while (first < last) {
    const std::uint64_t middle = first + (last - first) / 2;
    if (memtable.row(middle).position < from)
      first = middle + 1;
    else
      last = middle;
  }
  if (first < memtable.rows())
    add(lag, memtable.rows() - first, memtable.row(first).recorded_at);
}

} // namespace

Result<Lag> lag_from(std::span<const ShardView> views, Position from) {
  Lag lag;
  for (const ShardView& view : views) {
    for (const auto& segment : *view.segments)
      WEIR_TRY(add_segment(*segment, from, lag));
    for (const MemtableView& memtable : view.memtables)
      add_memtable(memtable, from, lag);
  }
  return lag;
}

} // namespace weir
