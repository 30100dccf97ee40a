// A scan's matches on their way into a Collector.
//
// Owner: one worker of a scan. Threading: one thread.
#pragma once

#include "engine/query/compiled_query.hpp"
#include "engine/query/partial.hpp"
#include "engine/query/row_sink.hpp"
#include "engine/query/scan_plan.hpp"
#include "engine/query/zone_groups.hpp"

#include <limits>
#include <utility>

namespace weir::query {

class CollectorSink final : public RowSink {
public:
  CollectorSink(const CompiledQuery& query, const QueryControl& control)
      : query_(query), control_(control), collector_(query, control), groups_(query) {}

  [[nodiscard]] Position end() const noexcept override { return collector_.end(); }
  Status add(Position position, RowValues row) override { return collector_.add(position, row); }
  Status add_count(std::uint64_t matches) override { return collector_.add_count(matches); }
  Result<bool> add_types(const ZoneValues& values, const RowBits& rows, Pacer& pacer) override {
    return query_.counts_types() ? groups_.add_types(values, rows, collector_, pacer) : Result<bool>(false);
  }
  Result<bool> add_zone(const ZoneValues& values, const RowBits& rows, Pacer& pacer) override {
    if (!control_.columns)
      return false;
    return query_.grouped() ? groups_.add(values, rows, collector_, pacer)
                            : collector_.add_candidates(values, rows, pacer);
  }
  [[nodiscard]] ShardRows finish() && { return std::move(collector_).finish(); }

private:
  const CompiledQuery& query_;
  const QueryControl& control_;
  Collector collector_;
  ZoneGroups groups_;
};

/// What a scan for `query` looks for. Borrows it.
[[nodiscard]] ScanTarget target_of(const CompiledQuery& query);

} // namespace weir::query
