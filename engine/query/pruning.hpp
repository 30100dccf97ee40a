// Which segments and zones cannot hold a match.
//
// Purpose: the condition is evaluated over bounds; where it cannot be true nothing is read, and where it must be true
// nothing is tested.
// Threading: a Bounds is a plain value; a SegmentPruner is immutable and borrows predicate and segment metadata.
#pragma once

#include "engine/ports.hpp"
#include "engine/query/outcomes.hpp"
#include "engine/query/predicate.hpp"

#include <limits>
#include <span>
#include <string>
#include <vector>

namespace weir::query {

/// Smallest and largest value of the numeric core fields of some rows, both inclusive.
struct Bounds {
  Sequence sequence_min = 1, sequence_max = weir::sequence_max;
  Position position_min = 0, position_max = std::numeric_limits<Position>::max();
  Timestamp timestamp_min = Timestamp::min(), timestamp_max = Timestamp::max();
  Timestamp recorded_at_min = Timestamp::min(), recorded_at_max = Timestamp::max();

  static Bounds of(const SegmentMeta& meta) noexcept;
  static Bounds of(const ZoneMeta& zone) noexcept;
};

class SegmentPruner {
public:
  /// `context`: all rows looked at belong to it; nothing: they may belong to any.
  SegmentPruner(const Predicate& predicate, std::span<const std::string> types,
                std::optional<std::string_view> context);

  /// For rows within `bounds` and of any type of the segment.
  [[nodiscard]] Outcomes evaluate(const Bounds& bounds) const;
  /// For the rows of one zone, whose sequences are also known to be within `sequences`.
  [[nodiscard]] Outcomes evaluate(const ZoneMeta& zone, const Bounds& sequences) const;

private:
  [[nodiscard]] Outcomes evaluate(const Bounds& bounds, const ZoneMeta* zone) const;
  [[nodiscard]] Outcomes of_types(std::size_t leaf, const ZoneMeta* zone) const;

  const Predicate& predicate_;
  std::optional<std::string_view> context_;
  std::vector<std::vector<Outcomes>> type_outcomes_; ///< By leaf, then by number of the type; empty: not on types.
};

/// For a segment of which only the catalog's entry is known.
[[nodiscard]] Outcomes evaluate(const Predicate& predicate, const SegmentMeta& meta);

} // namespace weir::query
