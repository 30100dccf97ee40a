// Which segments and zones cannot hold a match.
//
// Purpose: the condition is evaluated over bounds; where it cannot be true nothing is read, and where it must be true
// nothing is tested.
// Threading: a Bounds is a plain value; a SegmentPruner is immutable and borrows predicate and segment metadata.
#pragma once

#include "engine/ports.hpp"
#include "engine/query/outcomes.hpp"
#include "engine/query/predicate.hpp"

#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
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
  /// `context`: all rows looked at belong to it; nothing: they may belong to any. Here and below nothing that is said
  /// means anything once the `watch` is over; null: none.
  SegmentPruner(const Predicate& predicate, std::span<const std::string> types, std::optional<std::string_view> context,
                Watch* watch = nullptr);

  /// For rows within `bounds` and of any type of the segment.
  [[nodiscard]] Outcomes evaluate(const Bounds& bounds) const;
  /// What a simple condition on a payload field can turn out to be in the zone.
  using OfField = std::function<Outcomes(const Leaf& leaf)>;
  /// For the rows of one zone, whose sequences are also known to be within `sequences`, and for which the leaves `met`
  /// (by number; empty: none) are known to be true. `by_leaf` becomes what is known of each leaf.
  [[nodiscard]] Outcomes evaluate(const ZoneMeta& zone, const Bounds& sequences, const OfField& of_field,
                                  const std::vector<bool>& met, std::vector<Outcomes>& by_leaf,
                                  Watch* watch = nullptr) const;
  /// What the leaf is for each type; empty if it is not on types.
  [[nodiscard]] std::span<const Outcomes> of_types(std::size_t leaf) const noexcept { return type_outcomes_[leaf]; }

private:
  [[nodiscard]] Outcomes evaluate(std::size_t number, const Leaf& leaf, const Bounds& bounds, const ZoneMeta* zone,
                                  const OfField* of_field) const;
  [[nodiscard]] Outcomes of_types(std::size_t leaf, const ZoneMeta* zone) const;

  const Predicate& predicate_;
  std::optional<std::string_view> context_;
  std::vector<std::vector<Outcomes>> type_outcomes_; ///< By leaf, then by number of the type; empty: not on types.
};

/// A filter is not asked for more texts: beyond them it would seldom exclude the zone, and each costs a look at a
/// block.
inline constexpr std::size_t texts_asked_max = 32;

/// For the values of a payload field in one zone. `may_hold` is asked for a text that the condition demands and that
/// the bounds of the zone leave possible, at most `texts_asked_max` times: false means that no row has it.
[[nodiscard]] Outcomes evaluate(const Leaf& leaf, const FieldZone& zone, std::uint32_t rows,
                                const std::function<bool(std::string_view text)>& may_hold);

/// For a segment of which only the catalog's entry is known.
[[nodiscard]] Outcomes evaluate(const Predicate& predicate, const SegmentMeta& meta);

} // namespace weir::query
