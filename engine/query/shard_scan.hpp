// The scan of one shard.
//
// Purpose: segments from their metadata inwards, columns of the condition before all others, then the memtables. With
// a LIMIT and no ORDER BY, sources and zones are visited by their lowest position, so that the scan can stop.
// Threading: one owner, one use.
#pragma once

#include "engine/query/compiled_query.hpp"
#include "engine/query/control.hpp"
#include "engine/query/partial.hpp"
#include "engine/query/pruning.hpp"
#include "engine/query/removed_rows.hpp"
#include "engine/shard_view.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace weir::query {

class ShardScan {
public:
  ShardScan(const CompiledQuery& query, const QueryControl& control)
      : query_(query), control_(control), pacer_(control), collector_(query, control), row_(query.fields),
        row_work_(1 + query.predicate.leaves().size() / 16) {}
  Result<ShardRows> run(const ShardView& view) &&;

private:
  /// Consecutive rows of a segment.
  struct RowRange {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };

  Status scan_segment(const SegmentReader& segment);
  Status scan_pruned(const SegmentReader& segment);
  Status scan_unpruned(const SegmentReader& segment);
  /// `rows` of zone `number`; `known`: what their condition can turn out to be.
  Status scan_zone(const SegmentReader& segment, std::size_t number, const ZoneMeta& zone, RowRange rows,
                   Outcomes known);
  Result<std::shared_ptr<const ZoneRows>> read_zone(const SegmentReader& segment, std::size_t number,
                                                    const ZoneMeta& zone, ColumnSet columns);
  Status scan_memtable(const MemtableView& memtable);
  Status scan_context(const MemtableView& memtable, std::string_view context);
  /// Judges one row with all needed columns, and gathers it.
  Status judge(const EventView& event, Outcomes known);

  const CompiledQuery& query_;
  const QueryControl& control_;
  Pacer pacer_;
  Collector collector_;
  RowReader row_;
  RemovedRows removed_;
  ColumnSet needed_columns_ = 0; ///< The query's, and those that tell whether a row is removed.
  std::uint64_t row_work_;       ///< A condition of thousands of terms must not outrun the deadline.
  QueryStats stats_;
};

} // namespace weir::query
