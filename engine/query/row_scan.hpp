// Rows judged one by one, with all they are.
//
// Purpose: memtables, rows whose payload must be read, and scans without pruning.
// Owner: one worker of a scan. Threading: one thread.
#pragma once

#include <weir/event.hpp>
#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include "engine/query/control.hpp"
#include "engine/query/outcomes.hpp"
#include "engine/query/removed_rows.hpp"
#include "engine/query/required_text.hpp"
#include "engine/query/row.hpp"
#include "engine/query/row_sink.hpp"
#include "engine/query/scan_plan.hpp"
#include "engine/shard_view.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::query {

class RowScan {
public:
  /// All must outlive this.
  RowScan(const ScanTarget& target, const QueryControl& control, RowSink& sink, Pacer& pacer, QueryStats& stats);

  /// Judges one row that has all columns of the target, and hands it on if it matches. `known`: what its condition can
  /// turn out to be. `removed`: null if that was looked at.
  Status judge(const EventView& event, Outcomes known, RemovedRows* removed);
  /// Rows `first` to before `last` of a memtable, in position order.
  Status scan_memtable(const MemtableView& memtable, std::uint64_t first, std::uint64_t last, RemovedRows* removed);
  /// The rows of one context.
  Status scan_context(const MemtableView& memtable, std::string_view context, RemovedRows* removed);

  /// Payloads may not be what is stored; an upcast needs these columns, too.
  [[nodiscard]] bool upcasts() const noexcept { return upcasts_; }
  static constexpr ColumnSet upcast_columns = column_type | column_context | column_sequence;

private:
  const ScanTarget& target_;
  const QueryControl& control_;
  RowSink& sink_;
  Pacer& pacer_;
  QueryStats& stats_;
  const bool upcasts_;
  const RequiredText required_text_;
  RowReader row_;
  Scratch scratch_;
  std::string upcast_payload_; ///< Of the row that is judged.
  std::uint64_t row_work_;     ///< A condition of thousands of terms must not outrun the deadline.
};

} // namespace weir::query
