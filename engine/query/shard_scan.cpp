#include "engine/query/shard_scan.hpp"

#include "engine/schema/registry.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace weir::query {
namespace {

void copy_columns(EventView& to, const EventView& from, ColumnSet columns) {
  if ((columns & column_context) != 0)
    to.context_id = from.context_id;
  if ((columns & column_sequence) != 0)
    to.sequence = from.sequence;
  if ((columns & column_position) != 0)
    to.position = from.position;
  if ((columns & column_recorded_at) != 0)
    to.recorded_at = from.recorded_at;
  if ((columns & column_timestamp) != 0)
    to.timestamp = from.timestamp;
  if ((columns & column_type) != 0)
    to.event_type = from.event_type;
  if ((columns & column_type) != 0)
    to.schema_version = from.schema_version;
  if ((columns & column_event_id) != 0)
    to.event_id = from.event_id;
  if ((columns & column_metadata) != 0)
    to.metadata = from.metadata;
  if ((columns & column_payload) != 0)
    to.payload = from.payload;
}

/// Parsing a kilobyte of JSON takes as long as some plain rows.
std::uint64_t extraction_work(const EventView& event) {
  return (event.payload.size() + event.metadata.size()) / 1024;
}

} // namespace

Result<ShardRows> ShardScan::run(const ShardView& view) && {
  stats_.shards = 1;
  WEIR_TRY(pacer_.pause());
  if (query_.rows_max != 0) {
    auto removed = RemovedRows::of(view);
    if (!removed)
      return std::move(removed).error();
    removed_ = *std::move(removed);
    columns_ |= removed_.any() ? column_context | column_sequence : ColumnSet{0};
    SegmentList segments = *view.segments;
    std::sort(segments.begin(), segments.end(),
              [](const auto& a, const auto& b) { return a->meta().position_min < b->meta().position_min; });
    for (const auto& segment : segments)
      WEIR_TRY(scan_segment(*segment));
    for (const MemtableView& memtable : view.memtables)
      WEIR_TRY(scan_memtable(memtable));
  }
  ShardRows part = std::move(collector_).finish();
  part.stats = stats_;
  return part;
}

Status ShardScan::scan_segment(const SegmentReader& segment) {
  ++stats_.segments_total;
  WEIR_TRY(pacer_.pause());
  return control_.prune ? scan_pruned(segment) : scan_unpruned(segment);
}

Status ShardScan::scan_unpruned(const SegmentReader& segment) {
  const auto zones = segment.zones();
  if (!zones)
    return zones.error();
  for (std::size_t i = 0; i < zones->size(); ++i) {
    const ZoneMeta& zone = (*zones)[i];
    ++stats_.zones_total;
    ++stats_.zones_scanned;
    ++stats_.payload_zones;
    stats_.rows_scanned += zone.rows;
    const auto rows = read_zone(segment, i, zone, columns_all);
    if (!rows)
      return rows.error();
    for (std::uint32_t row = 0; row < zone.rows; ++row)
      WEIR_TRY(judge((*rows)->row(row), Outcomes::any()));
  }
  return {};
}

Status ShardScan::scan_pruned(const SegmentReader& segment) {
  const SegmentMeta& meta = segment.meta();
  if (!collector_.wants(meta.position_min) || !evaluate(query_.predicate, meta).may_be_true())
    return ++stats_.segments_pruned, Status{};
  RowRange range{0, std::numeric_limits<std::uint64_t>::max()};
  Bounds bounds = Bounds::of(meta);
  const auto context = query_.predicate.context();
  if (context) {
    const auto found = segment.find_context(*context);
    if (!found)
      return found.error();
    if (!*found)
      return ++stats_.segments_pruned, Status{};
    range = {(*found)->first_row, (*found)->first_row + (*found)->rows};
    bounds.sequence_min = (*found)->first_sequence;
    bounds.sequence_max = (*found)->last_sequence;
  }
  const auto types = segment.types();
  if (!types)
    return types.error();
  const SegmentPruner pruner(query_.predicate, *types, context);
  if (!pruner.evaluate(bounds).may_be_true())
    return ++stats_.segments_pruned, Status{};
  const auto zones = segment.zones();
  if (!zones)
    return zones.error();
  std::vector<std::size_t> numbers(zones->size());
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  if (query_.stops_early())
    std::sort(numbers.begin(), numbers.end(),
              [&](std::size_t a, std::size_t b) { return (*zones)[a].position_min < (*zones)[b].position_min; });
  for (const std::size_t number : numbers) {
    const ZoneMeta& zone = (*zones)[number];
    ++stats_.zones_total;
    const RowRange rows{std::max(range.begin, zone.first_row), std::min(range.end, zone.first_row + zone.rows)};
    const Outcomes known = pruner.evaluate(zone, bounds);
    if (rows.begin >= rows.end || !known.may_be_true() || !collector_.wants(zone.position_min)) {
      ++stats_.zones_pruned;
    } else if (known.is_true() && query_.counts_only() && !removed_.any()) {
      ++stats_.zones_counted;
      stats_.rows_matched += rows.end - rows.begin;
      collector_.add_count(rows.end - rows.begin);
    } else {
      WEIR_TRY(scan_zone(segment, number, zone, rows, known));
    }
  }
  return {};
}

Result<std::shared_ptr<const ZoneRows>> ShardScan::read_zone(const SegmentReader& segment, std::size_t number,
                                                             const ZoneMeta& zone, ColumnSet columns) {
  WEIR_TRY(pacer_.pause());
  auto rows = segment.read_zone(number, columns);
  if (rows && (*rows)->rows() != zone.rows)
    return fail(Errc::corruption,
                format("zone {} has {} rows, its metadata says {}", number, (*rows)->rows(), zone.rows),
                format("segment {} of shard {}", segment.meta().number, segment.meta().shard));
  return rows;
}

Status ShardScan::scan_zone(const SegmentReader& segment, std::size_t number, const ZoneMeta& zone, RowRange rows,
                            Outcomes known) {
  ++stats_.zones_scanned;
  stats_.rows_scanned += rows.end - rows.begin;
  const auto begin = static_cast<std::uint32_t>(rows.begin - zone.first_row);
  const auto end = static_cast<std::uint32_t>(rows.end - zone.first_row);
  // The condition's own columns are read alone first; mostly no row is left, and the wide ones stay unread.
  const ColumnSet first = known.is_true() ? 0 : query_.predicate.core_columns();
  const ColumnSet rest = columns_ & ~first;
  const bool two_reads = first != 0 && rest != 0;
  const auto narrow = read_zone(segment, number, zone, two_reads ? first : columns_);
  if (!narrow)
    return narrow.error();
  if (!two_reads) {
    stats_.payload_zones += (columns_ & column_payload) != 0 ? 1 : 0;
    for (std::uint32_t i = begin; i < end; ++i)
      WEIR_TRY(judge((*narrow)->row(i), known));
    return {};
  }
  std::vector<std::pair<std::uint32_t, Outcomes>> survivors;
  for (std::uint32_t i = begin; i < end; ++i) {
    WEIR_TRY(pacer_.spend(row_work_));
    row_.bind((*narrow)->row(i));
    const Outcomes outcomes = query_.predicate.evaluate(row_, false);
    if (outcomes.may_be_true())
      survivors.emplace_back(i, outcomes);
  }
  if (survivors.empty())
    return {};
  stats_.payload_zones += (rest & column_payload) != 0 ? 1 : 0;
  const auto wide = read_zone(segment, number, zone, rest);
  if (!wide)
    return wide.error();
  for (const auto& [i, outcomes] : survivors) {
    EventView event = (*narrow)->row(i);
    copy_columns(event, (*wide)->row(i), rest);
    WEIR_TRY(judge(event, outcomes));
  }
  return {};
}

Status ShardScan::scan_memtable(const MemtableView& memtable) {
  WEIR_TRY(pacer_.pause());
  const auto context = query_.predicate.context();
  if (control_.prune && context)
    return scan_context(memtable, *context);
  for (std::uint64_t i = 0; i < memtable.rows(); ++i) {
    const EventView event = memtable.row(i);
    if (control_.prune && !collector_.wants(event.position))
      return {}; // Rows are in position order.
    ++stats_.memtable_rows;
    WEIR_TRY(judge(event, Outcomes::any()));
  }
  return {};
}

Status ShardScan::scan_context(const MemtableView& memtable, std::string_view context) {
  SequenceRange range;
  bool more = true;
  while (more) {
    EventBatch batch;
    more = memtable.read_context(context, range, ReadBounds{}, batch);
    if (batch.empty())
      return {};
    for (const EventView& event : batch) {
      if (!collector_.wants(event.position))
        return {};
      ++stats_.memtable_rows;
      WEIR_TRY(judge(event, Outcomes::any()));
    }
    range.from = batch.back().sequence + 1;
  }
  return {};
}

Status ShardScan::judge(const EventView& event, Outcomes known) {
  WEIR_TRY(pacer_.spend(row_work_));
  row_.bind(event);
  if (control_.prune) {
    if (!collector_.wants(event.position))
      return {};
    if (!known.is_true())
      known = query_.predicate.evaluate(row_, false);
    if (!known.may_be_true())
      return {};
  }
  if (removed_.any()) {
    const auto removed = removed_.holds(event);
    if (!removed)
      return removed.error();
    if (*removed)
      return {};
  }
  if (upcasts_) {
    auto payload = control_.upcasts->upcast(event);
    if (!payload)
      return std::move(payload).error();
    if (*payload) {
      upcast_payload_ = *std::move(*payload);
      EventView upcast = event;
      upcast.payload = upcast_payload_;
      row_.bind(upcast);
    }
  }
  if (query_.fields.has_paths()) {
    WEIR_TRY(pacer_.spend(extraction_work(event)));
    WEIR_TRY(row_.extract());
  }
  if (!known.is_true() && !query_.predicate.evaluate(row_, true).is_true())
    return {};
  ++stats_.rows_matched;
  return collector_.add(row_);
}

} // namespace weir::query
