// Some consecutive rows of one context, appended to a batch: the inner loop of a replay.
//
// Purpose: a replay wants all columns of a few rows, so they are decoded straight into the batch's events, one loop for
// all of a run, without a look at each row by each column. Scans, which want few columns of many rows, use ZoneSlice.
// Threading: a pure function of immutable things.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "engine/ports.hpp"
#include "segments/block_source.hpp"
#include "segments/footer.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::segments {

/// Rows first ... first + count - 1 of zone `zone`, which belong to one context.
struct RowRun {
  std::size_t zone = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::string_view context_id; ///< Lives as long as the batch.
  Sequence first_sequence = 0; ///< Of the first row.
  bool backward = false;       ///< Last row first.
};

/// Appends the run's events to `out`, as many as fit: at least one if `out` is empty, and none beyond the one that
/// reaches `bytes_max`. Pins the blocks they point into; types point into `footer`, which is the caller's to pin.
/// Returns how many were appended. Errors: `corruption`, `unsupported`, `io_error`; `out` is as it was then, but for
/// what it pins.
Result<std::uint32_t> append_rows(const BlockSource& source, const Footer& footer, const RowRun& run,
                                  std::size_t bytes_max, EventBatch& out);

} // namespace weir::segments
