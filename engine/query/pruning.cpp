#include "engine/query/pruning.hpp"

#include <algorithm>

namespace weir::query {

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
                             std::optional<std::string_view> context)
    : predicate_(predicate), context_(context), type_outcomes_(predicate.leaves().size()) {
  // Each type is judged once per segment; a zone then only asks which types it has.
  for (std::size_t i = 0; i < type_outcomes_.size(); ++i) {
    const Leaf& leaf = predicate.leaves()[i];
    if (leaf.core() != Core::event_type)
      continue;
    for (const std::string& type : types)
      type_outcomes_[i].push_back(leaf.evaluate(ValueView::of(std::string_view(type))));
  }
}

Outcomes SegmentPruner::evaluate(const Bounds& bounds) const {
  return evaluate(bounds, nullptr);
}

Outcomes SegmentPruner::evaluate(const ZoneMeta& zone, const Bounds& sequences) const {
  Bounds bounds = Bounds::of(zone);
  bounds.sequence_min = std::max(bounds.sequence_min, sequences.sequence_min);
  bounds.sequence_max = std::min(bounds.sequence_max, sequences.sequence_max);
  return evaluate(bounds, &zone);
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

Outcomes SegmentPruner::evaluate(const Bounds& bounds, const ZoneMeta* zone) const {
  const auto range = [](const Leaf& leaf, auto low, auto high) {
    // Bounds that cross mean metadata of no rows; they must not prove anything.
    return low <= high ? leaf.evaluate_range(ValueView::of(low), ValueView::of(high)) : Outcomes::any();
  };
  return predicate_.evaluate([&](std::size_t number, const Leaf& leaf) {
    switch (leaf.core()) {
    case Core::context_id: return context_ ? leaf.evaluate(ValueView::of(*context_)) : Outcomes::any();
    case Core::event_type: return of_types(number, zone);
    case Core::sequence: return range(leaf, bounds.sequence_min, bounds.sequence_max);
    case Core::position: return range(leaf, bounds.position_min, bounds.position_max);
    case Core::timestamp: return range(leaf, bounds.timestamp_min, bounds.timestamp_max);
    case Core::recorded_at: return range(leaf, bounds.recorded_at_min, bounds.recorded_at_max);
    default: return Outcomes::any();
    }
  });
}

Outcomes evaluate(const Predicate& predicate, const SegmentMeta& meta) {
  return SegmentPruner(predicate, {}, std::nullopt).evaluate(Bounds::of(meta));
}

} // namespace weir::query
