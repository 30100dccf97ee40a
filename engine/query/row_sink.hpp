// Where a scan puts the rows it finds.
//
// Threading: one owner, one worker of a scan.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "engine/query/compare.hpp"
#include "engine/query/control.hpp"
#include "engine/query/outcome_bits.hpp"

#include <cstdint>

namespace weir::query {

class ZoneValues;

class RowSink {
public:
  virtual ~RowSink() = default;
  /// No row at this position or behind is of use any more; the largest position: any may be.
  [[nodiscard]] virtual Position end() const noexcept = 0;
  /// A match: the values of ScanTarget::slots, by slot. `position` is 0 if the target does not ask for the column.
  virtual Status add(Position position, RowValues row) = 0;
  /// Matches that were not looked at. Precondition: ScanTarget::counts_only.
  virtual Status add_count(std::uint64_t matches) = 0;
  /// All matches of a zone, where how many have each event type is all that counts. False: nothing was done.
  virtual Result<bool> add_types(const ZoneValues& values, const RowBits& rows, Pacer& pacer) = 0;
  /// All matches of a zone at once, where that is cheaper than row by row. False: nothing was done. Columns of the
  /// slots were read.
  virtual Result<bool> add_zone(const ZoneValues& values, const RowBits& rows, Pacer& pacer) = 0;
};

} // namespace weir::query
