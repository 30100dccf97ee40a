#include "engine/query/compiled_query.hpp"

#include "engine/query/column_names.hpp"

#include <algorithm>
#include <limits>

namespace weir::query {
namespace {

constexpr std::uint64_t unbounded = std::numeric_limits<std::uint64_t>::max();
using StateKind = CompiledQuery::StateSpec::Kind;

/// Fields of a sequence's steps by their names. Names are valid, as validate() has seen to.
class StepSlots final : public NameSlots {
public:
  StepSlots(const Query& query, FieldTable& table) : query_(query), table_(table) {}
  std::size_t slot(std::string_view name) override {
    const auto field = parse_step_field(name);
    const auto step = std::find_if(query_.steps.begin(), query_.steps.end(),
                                   [&](const SequenceStep& candidate) { return step_name(candidate) == field->step; });
    return table_.add(field->field, static_cast<std::size_t>(step - query_.steps.begin()));
  }

private:
  const Query& query_;
  FieldTable& table_;
};

/// Columns of a result by their names.
class ColumnSlots final : public NameSlots {
public:
  explicit ColumnSlots(const std::vector<std::string>& columns) : columns_(columns) {}
  std::size_t slot(std::string_view name) override {
    return static_cast<std::size_t>(std::find(columns_.begin(), columns_.end(), name) - columns_.begin());
  }

private:
  const std::vector<std::string>& columns_;
};

StateKind state_of(Aggregate::Kind kind) noexcept {
  switch (kind) {
  case Aggregate::Kind::count: return StateKind::count;
  case Aggregate::Kind::count_unique: return StateKind::unique;
  case Aggregate::Kind::total:
  case Aggregate::Kind::average: return StateKind::sum;
  case Aggregate::Kind::minimum: return StateKind::minimum;
  case Aggregate::Kind::maximum: return StateKind::maximum;
  case Aggregate::Kind::p50:
  case Aggregate::Kind::p95:
  case Aggregate::Kind::p99: return StateKind::numbers;
  case Aggregate::Kind::first: return StateKind::first;
  case Aggregate::Kind::last: return StateKind::last;
  }
  return StateKind::count;
}

/// RETURN, or what comes without it: of an event all core fields, of a match the link and its events' most important.
std::vector<ReturnedField> returned_fields(const Query& query) {
  if (!query.fields.empty())
    return query.fields;
  std::vector<ReturnedField> fields;
  if (!query.is_sequence()) {
    for (const std::string_view name : core_names)
      fields.push_back({std::string(name), {}});
    return fields;
  }
  const auto field_of = [](const SequenceStep& step, std::string_view name) {
    return std::string(step_name(step)) + "." + std::string(name);
  };
  fields.push_back({field_of(query.steps.front(), query.link), query.link});
  for (const SequenceStep& step : query.steps) {
    for (const std::string_view name : {"context_id", "sequence", "position", "timestamp", "payload"})
      fields.push_back({field_of(step, name), {}});
  }
  return fields;
}

void compile_rows(const Query& query, NameSlots& names, CompiledQuery& compiled) {
  for (const ReturnedField& field : returned_fields(query)) {
    compiled.outputs.push_back(names.slot(field.field));
    compiled.columns.push_back(field.name.empty() ? field.field : field.name);
  }
  for (const OrderTerm& term : query.order) {
    // A name given with AS comes before a field of that name.
    const auto named = std::find_if(query.fields.begin(), query.fields.end(),
                                    [&](const ReturnedField& field) { return field.name == term.name; });
    const std::size_t slot = named != query.fields.end()
                                 ? compiled.outputs[static_cast<std::size_t>(named - query.fields.begin())]
                                 : names.slot(term.name);
    compiled.order.push_back({slot, term.order == SortOrder::descending});
  }
}

void compile_groups(const Query& query, NameSlots& names, CompiledQuery& compiled) {
  if (query.per_unit) {
    compiled.per = CompiledQuery::Per{*query.per_unit, names.slot(query.time_field)};
    compiled.columns.push_back(unit_name(*query.per_unit));
  }
  for (const std::string& name : query.group_by) {
    compiled.group_slots.push_back(names.slot(name));
    compiled.columns.push_back(name);
  }
  for (const Aggregate& aggregate : query.aggregates) {
    const StateKind kind = state_of(aggregate.kind);
    const CompiledQuery::StateSpec spec{kind, kind == StateKind::count ? 0 : names.slot(aggregate.field)};
    const auto found = std::find(compiled.states.begin(), compiled.states.end(), spec);
    compiled.aggregates.push_back({aggregate.kind, static_cast<std::size_t>(found - compiled.states.begin())});
    if (found == compiled.states.end())
      compiled.states.push_back(spec);
    compiled.columns.push_back(column_name(aggregate));
  }
  ColumnSlots columns(compiled.columns);
  if (query.group_condition)
    compiled.having.emplace().require(*query.group_condition, columns, nullptr);
  for (const OrderTerm& term : query.order)
    compiled.order.push_back({columns.slot(term.name), term.order == SortOrder::descending});
}

} // namespace

bool CompiledQuery::ties_by_position() const noexcept {
  return !grouped() || std::any_of(states.begin(), states.end(), [](const StateSpec& state) {
    return state.kind == StateSpec::Kind::first || state.kind == StateSpec::Kind::last;
  });
}

bool CompiledQuery::counts_types() const noexcept {
  if (!grouped() || key_count() != 1 || per || states.size() != 1 || states.front().kind != StateSpec::Kind::count)
    return false;
  const FieldTable::Field& key = fields[group_slots.front()];
  return !key.has_path && key.core == Core::event_type;
}

Result<std::shared_ptr<const CompiledQuery>> CompiledQuery::make(const Query& query, const PositionWindow& positions) {
  WEIR_TRY(query.validate());
  auto compiled = std::make_shared<CompiledQuery>();
  compiled->shape = query.is_grouped() ? Shape::groups : Shape::rows;
  compiled->sequence = query.is_sequence();
  EventSlots event_slots(compiled->fields);
  StepSlots step_slots(query, compiled->fields);
  NameSlots& names = query.is_sequence() ? static_cast<NameSlots&>(step_slots) : event_slots;
  if (!query.is_sequence())
    compiled->predicate = Predicate::of_events(query, compiled->fields);
  else if (query.condition)
    compiled->predicate.require(*query.condition, names, &compiled->fields);
  if (positions.from != 0)
    compiled->predicate.require(field("position") >= positions.from, names, &compiled->fields);
  if (positions.below != PositionWindow{}.below)
    compiled->predicate.require(field("position") < positions.below, names, &compiled->fields);
  if (query.is_grouped())
    compile_groups(query, names, *compiled);
  else
    compile_rows(query, names, *compiled);
  compiled->needed_columns = compiled->fields.columns();
  if (compiled->ties_by_position() || compiled->fields.has_paths()) // damage in a document is reported with it
    compiled->needed_columns |= column_position;
  compiled->rows_skipped = query.rows_skipped;
  compiled->rows_max = query.rows_max.value_or(unbounded);
  compiled->rows_kept =
      compiled->rows_max < unbounded - query.rows_skipped ? compiled->rows_max + query.rows_skipped : unbounded;
  return std::shared_ptr<const CompiledQuery>(std::move(compiled));
}

} // namespace weir::query
