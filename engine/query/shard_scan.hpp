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
#include <string>
#include <vector>

namespace weir::query {

class ShardScan {
public:
  ShardScan(const CompiledQuery& query, const QueryControl& control)
      : query_(query), control_(control),
        upcasts_(control.upcasts != nullptr && (query.needed_columns & column_payload) != 0),
        columns_(query.needed_columns | (upcasts_ ? column_type | column_context | column_sequence : ColumnSet{0})),
        pacer_(control), collector_(query, control), row_(query.fields),
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
  const bool upcasts_;         ///< What an upcast needs, and its errors name, is read, too.
  ColumnSet columns_;          ///< The query's, those of upcasts, and those that tell whether a row is removed.
  std::string upcast_payload_; ///< Of the row that is judged.
  Pacer pacer_;
  Collector collector_;
  RowReader row_;
  RemovedRows removed_;
  std::uint64_t row_work_; ///< A condition of thousands of terms must not outrun the deadline.
  QueryStats stats_;
};

} // namespace weir::query
