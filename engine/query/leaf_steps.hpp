// What a leaf of a condition is for the numbers of each kind of column it may meet.
//
// Purpose: found once for a query, tested zone by zone; as ranges where the leaf is true, which a segment can compare
// where the numbers lie. Threading: immutable.
#pragma once

#include "engine/columns.hpp"
#include "engine/query/predicate.hpp"
#include "engine/query/value_steps.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace weir::query {

/// With more ranges a pass over the array is cheaper than one over a packed column for each.
inline constexpr std::size_t marked_ranges_max = 4;

class LeafSteps {
public:
  LeafSteps() = default;
  /// Precondition: the leaf is simple.
  explicit LeafSteps(const Leaf& leaf);

  // Steps of what the leaf is not about are empty.
  [[nodiscard]] const ValueSteps<BooleanDomain>& booleans() const noexcept { return booleans_; }
  [[nodiscard]] const ValueSteps<IntegerDomain>& integers() const noexcept { return integers_; }
  [[nodiscard]] const ValueSteps<RealDomain>& reals() const noexcept { return reals_; }
  [[nodiscard]] const ValueSteps<TimeDomain>& times() const noexcept { return times_; }
  [[nodiscard]] const ValueSteps<NaturalDomain>& naturals() const noexcept { return naturals_; }

  /// Where a leaf on a core number is true, if it is true or false everywhere and that takes few ranges.
  [[nodiscard]] const std::optional<std::vector<NumberRange>>& ranges() const noexcept { return ranges_; }
  /// The same for a payload field with values of this form.
  [[nodiscard]] std::optional<FieldRanges> ranges_of(FieldForm form) const noexcept;

private:
  ValueSteps<BooleanDomain> booleans_;
  ValueSteps<IntegerDomain> integers_;
  ValueSteps<RealDomain> reals_;
  ValueSteps<TimeDomain> times_;
  ValueSteps<NaturalDomain> naturals_;
  std::optional<std::vector<NumberRange>> ranges_;
  std::optional<std::vector<ValueRange<std::int64_t>>> boolean_ranges_, integer_ranges_;
  std::optional<std::vector<ValueRange<double>>> real_ranges_;
};

} // namespace weir::query
