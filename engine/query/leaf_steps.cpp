#include "engine/query/leaf_steps.hpp"

#include <limits>
#include <span>
#include <utility>

namespace weir::query {
namespace {

/// Where `steps` are true; nothing if they may be unknown, or that takes too many ranges.
template <class Domain>
std::optional<std::vector<ValueRange<typename Domain::Type>>> value_ranges(const ValueSteps<Domain>& steps) {
  std::vector<ValueRange<typename Domain::Type>> ranges;
  for (const auto& step : steps.steps()) {
    if (!step.outcomes.is_one() || step.outcomes.may_be_unknown())
      return std::nullopt;
    if (!step.outcomes.is_true())
      continue;
    if (ranges.size() == marked_ranges_max)
      return std::nullopt;
    ranges.push_back({step.low, step.high});
  }
  return ranges;
}

/// The same for a core number.
template <class Domain> std::optional<std::vector<NumberRange>> true_ranges(const ValueSteps<Domain>& steps) {
  const auto values = value_ranges(steps);
  if (!values)
    return std::nullopt;
  std::vector<NumberRange> ranges;
  for (const auto& value : *values) {
    const auto low = static_cast<std::uint64_t>(value.low), high = static_cast<std::uint64_t>(value.high);
    if (low <= high) {
      ranges.push_back({low, high});
    } else { // from below zero to above: by their bits these are two
      ranges.push_back({0, high});
      ranges.push_back({low, std::numeric_limits<std::uint64_t>::max()});
    }
  }
  return ranges.size() <= marked_ranges_max ? std::optional(std::move(ranges)) : std::nullopt;
}

} // namespace

LeafSteps::LeafSteps(const Leaf& leaf) {
  const auto literals = leaf.literals();
  const auto of = [&leaf](const ValueView& value) { return leaf.evaluate(value); };
  if (leaf.core() == Core::timestamp || leaf.core() == Core::recorded_at) {
    times_ = {literals, of};
    ranges_ = true_ranges(times_);
  } else if (leaf.core() == Core::sequence || leaf.core() == Core::position) {
    naturals_ = {literals, of};
    ranges_ = true_ranges(naturals_);
  } else if (!leaf.core()) {
    booleans_ = {literals, of};
    integers_ = {literals, of};
    reals_ = {literals, of};
    boolean_ranges_ = value_ranges(booleans_);
    integer_ranges_ = value_ranges(integers_);
    real_ranges_ = value_ranges(reals_);
  }
}

std::optional<FieldRanges> LeafSteps::ranges_of(FieldForm form) const noexcept {
  const auto of = [](const auto& ranges) {
    return ranges ? std::optional<FieldRanges>(std::span(*ranges)) : std::nullopt;
  };
  switch (form) {
  case FieldForm::boolean: return of(boolean_ranges_);
  case FieldForm::int64: return of(integer_ranges_);
  case FieldForm::float64: return of(real_ranges_);
  default: return std::nullopt;
  }
}

} // namespace weir::query
