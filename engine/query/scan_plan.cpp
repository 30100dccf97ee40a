#include "engine/query/scan_plan.hpp"

#include "engine/query/zone_values.hpp"
#include "engine/schema/registry.hpp"

#include <algorithm>
#include <utility>

namespace weir::query {
namespace {

/// Looking each of more contexts up costs more than reading the columns of a zone.
constexpr std::size_t contexts_looked_up_max = 64;

/// Whether some number from `low` to `high` lies in one of `ranges`.
bool overlap(std::span<const NumberRange> ranges, std::uint64_t low, std::uint64_t high) noexcept {
  if (low > high) // times before and after 1970, by their bits
    return !ranges.empty();
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const NumberRange& range) { return range.low <= high && range.high >= low; });
}

/// Of a span of time few zones by position are read. Where no condition is on a payload, rows that lie by type are
/// worth more than what zones in the order of contexts tell of their fields.
bool gains_by_position(const ScanTarget& target, std::span<const CoreDemand> demands) {
  const auto& leaves = target.predicate.leaves();
  return !demands.empty() ||
         std::none_of(leaves.begin(), leaves.end(), [](const Leaf& leaf) { return leaf.in_document(); });
}

/// Zones by position may have all that the query asks of an event.
bool may_do_by_position(const ScanTarget& target) {
  for (std::size_t slot = 0; slot < target.fields.size(); ++slot) {
    const FieldTable::Field& field = target.fields[slot];
    const bool is_there = field.core == Core::event_type || field.core == Core::timestamp || field.is_in_payload();
    if (field.step == target.step && !is_there)
      return false;
  }
  ColumnSet there = column_type | column_timestamp | column_payload;
  if (!target.ties_by_position)
    there |= column_position; // of documents that nobody reads
  return (target.columns & ~there) == 0;
}

} // namespace

Result<std::shared_ptr<const SegmentPlan>> SegmentPlan::make(const ScanTarget& target,
                                                             std::span<const CoreDemand> demands,
                                                             const SegmentReader& segment, bool may_be_removed,
                                                             const QueryControl& control) {
  using Plan = std::shared_ptr<const SegmentPlan>;
  if (!query::evaluate(target.predicate, segment.meta()).may_be_true())
    return Plan();
  Bounds bounds = Bounds::of(segment.meta());
  std::vector<RowRange> rows;
  const auto contexts = target.predicate.contexts();
  const bool looked_up = !contexts.empty() && contexts.size() <= contexts_looked_up_max;
  for (std::size_t i = 0; looked_up && i < contexts.size(); ++i) {
    const auto found = segment.find_context(contexts[i]);
    if (!found)
      return found.error();
    if (!*found)
      continue;
    const ContextRange& range = **found;
    bounds.sequence_min = rows.empty() ? range.first_sequence : std::min(bounds.sequence_min, range.first_sequence);
    bounds.sequence_max = rows.empty() ? range.last_sequence : std::max(bounds.sequence_max, range.last_sequence);
    rows.push_back({range.first_row, range.first_row + range.rows});
  }
  if (looked_up && rows.empty())
    return Plan();
  std::sort(rows.begin(), rows.end(), [](const RowRange& a, const RowRange& b) { return a.begin < b.begin; });
  const auto types = segment.types();
  if (!types)
    return types.error();
  Pacer pacer(control);
  Watch watch(pacer);
  const std::shared_ptr<SegmentPlan> plan(new SegmentPlan(
      target, demands, segment, *types, contexts.size() == 1 ? std::optional(contexts.front()) : std::nullopt, watch));
  WEIR_TRY(watch.going());
  plan->bounds_ = bounds;
  plan->rows_ = std::move(rows);
  plan->some_rows_ = looked_up;
  if (!plan->pruner_.evaluate(bounds).may_be_true())
    return Plan();
  if (!looked_up && !may_be_removed && control.columns && gains_by_position(target, demands) &&
      may_do_by_position(target)) {
    const auto by_position = segment.by_position();
    if (!by_position)
      return by_position.error();
    if (*by_position != nullptr) {
      WEIR_TRY(plan->read_zones(**by_position, control));
      if (plan->has_all_columns())
        return Plan(plan);
    }
  }
  WEIR_TRY(plan->read_zones(segment, control));
  if (!looked_up) // a few contexts have few rows
    WEIR_TRY(plan->select_rows(pacer));
  return Plan(plan);
}

Status SegmentPlan::read_zones(const ColumnReader& columns, const QueryControl& control) {
  columns_ = &columns;
  const auto zones = columns.zones();
  if (!zones)
    return zones.error();
  zones_ = *zones;
  return find_fields(control);
}

bool SegmentPlan::has_all_columns() const noexcept {
  for (std::size_t slot = 0; slot < target_.fields.size(); ++slot)
    for (std::size_t zone = 0; zone < zones_.size(); ++zone)
      if (target_.fields[slot].step == target_.step && target_.fields[slot].is_in_payload() && !column(slot, zone))
        return false;
  return true;
}

Status SegmentPlan::select_rows(Pacer& pacer) {
  if (demands_.empty())
    return {};
  std::vector<CoreCondition> conditions;
  for (const CoreDemand& demand : demands_)
    conditions.push_back(demand.condition);
  auto selected = segment_.select_rows(conditions, [&pacer] { return pacer.pause(); });
  if (!selected)
    return std::move(selected).error();
  if (!*selected)
    return {};
  selected_ = *std::move(selected);
  const std::size_t words = (segment_.meta().event_count + 63) / 64;
  if (selected_->rows.size() != words || (has_unsure() && selected_->unsure.size() != words))
    return fail(Errc::corruption, "the rows selected are not those of the segment", place_of(segment_));
  met_.resize(target_.predicate.leaves().size());
  for (const CoreDemand& demand : demands_)
    met_[demand.leaf] = true;
  return {};
}

Status SegmentPlan::find_fields(const QueryControl& control) {
  fields_.assign(target_.fields.size(), std::nullopt);
  field_zones_.assign(target_.fields.size(), {});
  changed_types_.clear();
  if (control.upcasts != nullptr)
    for (std::size_t type = 0; type < types_.size(); ++type)
      if (control.upcasts->upcasts(types_[type]))
        changed_types_.push_back(type);
  if (!control.columns || !target_.fields.has_paths(target_.step))
    return {};
  const auto known = columns_->fields();
  if (!known)
    return known.error();
  for (std::size_t slot = 0; slot < fields_.size(); ++slot) {
    const FieldTable::Field& field = target_.fields[slot];
    if (field.step != target_.step || !field.is_in_payload())
      continue;
    const json::Path& path = target_.fields.payload_paths(field.step)[field.path];
    const auto found =
        std::find_if(known->begin(), known->end(), [&](const FieldInfo& info) { return info.path == path; });
    if (found == known->end())
      continue;
    const auto number = static_cast<std::size_t>(found - known->begin());
    const auto zones = columns_->field_zones(number);
    if (!zones)
      return zones.error();
    if (zones->size() != zones_.size())
      continue; // nothing is known of some zones: the payload is
    fields_[slot] = number;
    field_zones_[slot] = *zones;
  }
  return {};
}

/// Calls `visit(begin, end)` with rows of the zone, counted from its first.
template <class Visit> void SegmentPlan::each_range(std::size_t zone, const Visit& visit) const {
  const ZoneMeta& meta = zones_[zone];
  if (!some_rows_)
    return visit(std::uint64_t{0}, std::uint64_t{meta.rows});
  for (const RowRange& range : rows_) {
    const std::uint64_t begin = std::max(range.begin, meta.first_row);
    const std::uint64_t end = std::min(range.end, meta.first_row + meta.rows);
    if (begin < end)
      visit(begin - meta.first_row, end - meta.first_row);
  }
}

std::uint64_t SegmentPlan::rows_in(std::size_t zone) const noexcept {
  RowBits rows(zones_[zone].rows);
  add_rows(zone, rows);
  return rows.count();
}

void SegmentPlan::add_rows(std::size_t zone, RowBits& rows) const noexcept {
  each_range(zone, [&](std::uint64_t begin, std::uint64_t end) { rows.add(begin, end); });
  if (selected_)
    rows.keep(selected_->rows, zones_[zone].first_row);
}

void SegmentPlan::keep_unsure(std::size_t zone, RowBits& rows) const noexcept {
  if (has_unsure())
    rows.keep(selected_->unsure, zones_[zone].first_row);
  else
    rows = RowBits(rows.rows());
}

bool SegmentPlan::may_meet_demands(std::size_t zone) const noexcept {
  const ZoneMeta& meta = zones_[zone];
  const auto word = [](Timestamp time) { return static_cast<std::uint64_t>(time.time_since_epoch().count()); };
  const auto may_meet = [&](const CoreCondition& condition) {
    switch (condition.column) {
    case column_position: return overlap(condition.ranges, meta.position_min, meta.position_max);
    case column_timestamp: return overlap(condition.ranges, word(meta.timestamp_min), word(meta.timestamp_max));
    case column_recorded_at: return overlap(condition.ranges, word(meta.recorded_at_min), word(meta.recorded_at_max));
    default: return true;
    }
  };
  return std::all_of(demands_.begin(), demands_.end(),
                     [&](const CoreDemand& demand) { return may_meet(demand.condition); });
}

bool SegmentPlan::is_sure(std::size_t zone) const noexcept {
  RowBits rows(zones_[zone].rows);
  rows.add(0, rows.rows());
  keep_unsure(zone, rows);
  return !rows.any();
}

std::optional<std::size_t> SegmentPlan::column(std::size_t slot, std::size_t zone) const noexcept {
  const bool usable = fields_[slot] && field_zones_[slot][zone].type != FieldForm::mixed && !payloads_change(zone);
  return usable ? fields_[slot] : std::nullopt;
}

bool SegmentPlan::payloads_change(std::size_t zone) const noexcept {
  return std::any_of(changed_types_.begin(), changed_types_.end(),
                     [&](std::size_t type) { return zones_[zone].has_type(type); });
}

Result<Outcomes> SegmentPlan::evaluate(std::size_t zone, std::vector<Outcomes>& by_leaf, Pacer& pacer,
                                       bool with_fields) const {
  Status status;
  Watch watch(pacer);
  const bool change = payloads_change(zone);
  const auto of_field = [&](const Leaf& leaf) {
    const std::size_t slot = leaf.slot();
    if (!fields_[slot] || change || !with_fields)
      return Outcomes::any();
    const auto may_hold = [&](std::string_view text) {
      if (!watch.spend(1))
        return true;
      const auto answer = columns_->may_hold(zone, *fields_[slot], text);
      if (!answer)
        status = answer.error();
      return !answer || *answer;
    };
    return query::evaluate(leaf, field_zones_[slot][zone], zones_[zone].rows, may_hold);
  };
  const Outcomes outcomes = pruner_.evaluate(zones_[zone], bounds_, of_field, met_, by_leaf, &watch);
  if (!status)
    return status.error();
  WEIR_TRY(watch.going());
  return outcomes;
}

} // namespace weir::query
