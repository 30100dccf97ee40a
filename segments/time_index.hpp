// The time index of a segment: for each stretch of positions, how many rows there are and the bounds of their times.
//
// Purpose: rows lie in the order of their contexts, so every zone spans all times. Rows that follow each other in
// position were stored one after the other, and mostly follow each other in time, too: the index and the position order
// lead from a span of time to its rows. Format: docs/formats/segment.md, "Time index".
// Threading: a builder has one owner; the rest are plain values.
// Invariants: what a builder makes depends on the rows alone, not on the order they come in.
#pragma once

#include <weir/result.hpp>

#include "engine/ports.hpp"
#include "segments/block_source.hpp"
#include "segments/footer.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::segments {

class TimeIndexBuilder {
public:
  /// Counts a row. Amortised constant time; memory is bounded by time_stretches_max, whatever the positions.
  void add(Position position, Timestamp timestamp, Timestamp recorded_at);
  /// The content of the block; empty: so few rows need none.
  [[nodiscard]] std::string encode() const;

private:
  struct Bounds {
    std::int64_t min = 0, max = 0;
    void widen(bool first, const Bounds& other) noexcept;
  };
  struct Stretch {
    std::uint64_t rows = 0;
    Bounds timestamp, recorded_at; ///< Mean nothing where there are no rows.
    void add(const Stretch& other) noexcept;
  };
  /// As the members of the same names.
  static void join_pairs(std::vector<Stretch>& stretches, std::uint64_t& first, unsigned& shift);

  std::vector<Stretch> stretches_;
  std::uint64_t first_ = 0; ///< Number of the first stretch: its positions, shifted.
  unsigned shift_ = 0;
  std::uint64_t rows_ = 0;
};

/// See SegmentReader::select_rows; nothing for conditions on other columns than position, timestamp and recorded_at.
/// Errors: `corruption`, `unsupported`, `io_error`, and what `may_go_on` says.
Result<std::optional<SelectedRows>> select_by_time(const BlockSource& source, const Footer& footer,
                                                   std::span<const CoreCondition> conditions, const MayGoOn& may_go_on);

} // namespace weir::segments
