// The scan of one zone of a segment.
//
// Purpose: columns of the condition before all others, payloads last and only where a row is left that needs them.
// Owner: one worker of a scan. Threading: one thread.
#pragma once

#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include "engine/query/column_predicate.hpp"
#include "engine/query/control.hpp"
#include "engine/query/outcome_bits.hpp"
#include "engine/query/removed_rows.hpp"
#include "engine/query/row_scan.hpp"
#include "engine/query/row_sink.hpp"
#include "engine/query/scan_plan.hpp"
#include "engine/query/zone_values.hpp"

#include <cstddef>
#include <memory>
#include <vector>

namespace weir::query {

class ZoneScan {
public:
  /// All must outlive this.
  ZoneScan(const ScanTarget& target, const ColumnPredicate& predicate, const QueryControl& control, RowSink& sink,
           RowScan& rows, Pacer& pacer, QueryStats& stats)
      : target_(target), predicate_(predicate), control_(control), sink_(sink), row_scan_(rows), pacer_(pacer),
        stats_(stats), row_(target.fields.size()) {}

  /// Prunes, scans and hands on what matches.
  Status scan(const SegmentPlan& plan, std::size_t zone, RemovedRows& removed);
  /// Reads everything and judges every row in full.
  Status scan_unpruned(const SegmentReader& segment, std::size_t zone, RemovedRows& removed);

private:
  Status keep_demanded(ZoneValues& values, RowBits& rows, RowBits unsure);
  Status remove_rows(ZoneValues& values, RowBits& rows, RemovedRows& removed);
  Status keep_wanted(ZoneValues& values, RowBits& rows);
  Status hand_on(ZoneValues& values, const RowBits& rows);
  Status judge_documents(const ZoneRows& documents, const ZoneValues& values, ColumnSet core, const RowBits& rows,
                         std::uint32_t end, const RowBits& certain);
  Status read_documents(const SegmentPlan& plan, ZoneValues& values, const RowBits& rows, const RowBits& certain);

  const ScanTarget& target_;
  const ColumnPredicate& predicate_;
  const QueryControl& control_;
  RowSink& sink_;
  RowScan& row_scan_;
  Pacer& pacer_;
  QueryStats& stats_;
  std::vector<ValueView> row_;    ///< By slot; those handed on are filled.
  std::vector<Outcomes> by_leaf_; ///< What metadata say of each leaf in the zone.
};

} // namespace weir::query
