#include "engine/query/pruning.hpp"

#include "engine/sabotage.hpp"

#include <algorithm>

namespace weir::query {
namespace {

/// Types that cost as much to look at as a plain row of a scan.
constexpr std::size_t types_per_work = 64;

} // namespace

Bounds Bounds::of(const SegmentMeta& meta) noexcept {
  Bounds bounds;
  bounds.position_min = meta.position_min;
  bounds.position_max = meta.position_max;
  bounds.timestamp_min = meta.timestamp_min;
  bounds.timestamp_max = meta.timestamp_max;
  bounds.recorded_at_min = meta.recorded_at_min;
  bounds.recorded_at_max = meta.recorded_at_max;
  return bounds;
}

Bounds Bounds::of(const ZoneMeta& zone) noexcept {
  return {zone.sequence_min,  zone.sequence_max,  zone.position_min,    zone.position_max,
          zone.timestamp_min, zone.timestamp_max, zone.recorded_at_min, zone.recorded_at_max};
}

SegmentPruner::SegmentPruner(const Predicate& predicate, std::span<const std::string> types,
                             std::optional<std::string_view> context, Watch* watch)
    : predicate_(predicate), context_(context), type_outcomes_(predicate.leaves().size()) {
  // Each type is judged once per segment; a zone then only asks which types it has.
  for (std::size_t i = 0; i < type_outcomes_.size(); ++i) {
    const Leaf& leaf = predicate.leaves()[i];
    if (leaf.core() != Core::event_type)
      continue;
    for (const std::string& type : types) {
      if (watch != nullptr && !watch->spend(1))
        return;
      type_outcomes_[i].push_back(leaf.evaluate(ValueView::of(std::string_view(type)), watch));
    }
  }
}

Outcomes SegmentPruner::evaluate(const Bounds& bounds) const {
  return predicate_.evaluate(
      [&](std::size_t number, const Leaf& leaf) { return evaluate(number, leaf, bounds, nullptr, nullptr); });
}

Outcomes SegmentPruner::evaluate(const ZoneMeta& zone, const Bounds& sequences, const OfField& of_field,
                                 const std::vector<bool>& met, std::vector<Outcomes>& by_leaf, Watch* watch) const {
  Bounds bounds = Bounds::of(zone);
  bounds.sequence_min = std::max(bounds.sequence_min, sequences.sequence_min);
  bounds.sequence_max = std::min(bounds.sequence_max, sequences.sequence_max);
  by_leaf.assign(predicate_.leaves().size(), Outcomes::any());
  return predicate_.evaluate([&](std::size_t number, const Leaf& leaf) {
    // A condition may have thousands of leaves, and a segment as many types.
    if (watch != nullptr && !watch->spend(1 + type_outcomes_[number].size() / types_per_work))
      return Outcomes::any();
    const bool known = !met.empty() && met[number];
    by_leaf[number] = known ? Outcomes::always() : evaluate(number, leaf, bounds, &zone, &of_field);
    return by_leaf[number];
  });
}

Outcomes SegmentPruner::of_types(std::size_t leaf, const ZoneMeta* zone) const {
  const std::vector<Outcomes>& types = type_outcomes_[leaf];
  Outcomes outcomes;
  for (std::size_t type = 0; type < types.size(); ++type) {
    if (zone == nullptr || zone->has_type(type))
      outcomes = outcomes | types[type];
  }
  return outcomes.empty() ? Outcomes::any() : outcomes; // No types at all: nothing is known.
}

Outcomes SegmentPruner::evaluate(std::size_t number, const Leaf& leaf, const Bounds& bounds, const ZoneMeta* zone,
                                 const OfField* of_field) const {
  const auto range = [&leaf](auto low, auto high) {
    // Bounds that cross mean metadata of no rows; they must not prove anything.
    return low <= high ? leaf.evaluate_range(ValueView::of(low), ValueView::of(high)) : Outcomes::any();
  };
  if (!leaf.is_simple())
    return Outcomes::any();
  if (!leaf.core())
    return of_field != nullptr ? (*of_field)(leaf) : Outcomes::any();
  switch (*leaf.core()) {
  case Core::context_id: return context_ ? leaf.evaluate(ValueView::of(*context_)) : Outcomes::any();
  case Core::event_type: return of_types(number, zone);
  case Core::sequence: return range(bounds.sequence_min, bounds.sequence_max);
  case Core::position: return range(bounds.position_min, bounds.position_max);
  case Core::timestamp: return range(bounds.timestamp_min, bounds.timestamp_max);
  case Core::recorded_at: return range(bounds.recorded_at_min, bounds.recorded_at_max);
  default: return Outcomes::any();
  }
}

namespace {

/// No text that the leaf demands is between the two, as far as `may_hold` knows.
bool excludes(const Leaf& leaf, std::string_view low, std::optional<std::string_view> high,
              const std::function<bool(std::string_view)>& may_hold) {
  if (!leaf.demands_texts())
    return false;
  const auto texts = leaf.literals(); // in order
  const auto text_of = [](const Value& literal) { return *literal.as_string(); };
  const auto first =
      std::lower_bound(texts.begin(), texts.end(), low,
                       [&](const Value& literal, std::string_view text) { return text_of(literal) < text; });
  const auto last =
      !high ? texts.end()
            : std::upper_bound(first, texts.end(), *high,
                               [&](std::string_view text, const Value& literal) { return text < text_of(literal); });
  if (static_cast<std::size_t>(last - first) > texts_asked_max)
    return false;
  return std::none_of(first, last, [&](const Value& literal) { return may_hold(text_of(literal)); });
}

/// For the values alone; there is one.
Outcomes of_values(const Leaf& leaf, const FieldZone& zone, const std::function<bool(std::string_view)>& may_hold) {
  switch (zone.type) {
  case FieldForm::boolean:
    return leaf.evaluate(ValueView::of_boolean(zone.integer_min != 0)) |
           leaf.evaluate(ValueView::of_boolean(zone.integer_max != 0));
  case FieldForm::int64:
    if (sabotaged(Sabotage::prune_one_too_many) && zone.integer_min < zone.integer_max)
      return leaf.evaluate_range(ValueView::of_integer(zone.integer_min), ValueView::of_integer(zone.integer_max - 1));
    return leaf.evaluate_range(ValueView::of_integer(zone.integer_min), ValueView::of_integer(zone.integer_max));
  case FieldForm::float64:
    return leaf.evaluate_range(ValueView::of_real(zone.real_min), ValueView::of_real(zone.real_max));
  case FieldForm::string: {
    // No valid text has the byte 0xFF, so this is behind all that begin with what was kept of the largest.
    std::string high(zone.text_max);
    if (zone.text_max_open)
      high += '\xFF';
    const Outcomes in_range = leaf.evaluate_range(ValueView::of(zone.text_min), ValueView::of(std::string_view(high)));
    const bool none = in_range.may_be_true() && excludes(leaf, zone.text_min, high, may_hold);
    return none ? Outcomes::never() | Outcomes::unknown() : in_range;
  }
  case FieldForm::none:
  case FieldForm::mixed: break;
  }
  return Outcomes::any();
}

} // namespace

Outcomes evaluate(const Leaf& leaf, const FieldZone& zone, std::uint32_t rows,
                  const std::function<bool(std::string_view text)>& may_hold) {
  if (zone.type == FieldForm::mixed) {
    const bool none = zone.text_filter && excludes(leaf, {}, std::nullopt, may_hold);
    return none ? Outcomes::never() | Outcomes::unknown() : Outcomes::any();
  }
  if (std::uint64_t{zone.values} + zone.nulls > rows)
    return Outcomes::any(); // Counts that cannot be must not prove anything.
  Outcomes outcomes;
  if (zone.values != 0)
    outcomes = outcomes | of_values(leaf, zone, may_hold);
  if (zone.nulls != 0)
    outcomes = outcomes | leaf.evaluate(ValueView{});
  if (zone.values + zone.nulls < rows)
    outcomes = outcomes | leaf.evaluate(ValueView::absent());
  return outcomes.empty() ? Outcomes::any() : outcomes;
}

Outcomes evaluate(const Predicate& predicate, const SegmentMeta& meta) {
  return SegmentPruner(predicate, {}, std::nullopt).evaluate(Bounds::of(meta));
}

} // namespace weir::query
