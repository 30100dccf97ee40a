#include "engine/query/check_plan.hpp"

#include "engine/query/check_expression.hpp"
#include "engine/query/column_names.hpp"
#include "engine/query/text_position.hpp"
#include "engine/text.hpp"
#include "engine/validate.hpp"
#include <weir/limits.hpp>

#include <algorithm>
#include <array>

namespace weir {
namespace query {
namespace {

/// A column with this name could not be told from a piece of the language.
constexpr std::array<std::string_view, 14> expression_words = {
    "and", "or", "not", "in", "is", "like", "between", "contains", "exists", "null", "true", "false", "asc", "desc"};

template <class List> bool holds(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

Status check_count(std::size_t count, std::size_t most, std::string_view what) {
  if (count <= most)
    return {};
  return fail(Errc::too_large, format("the query has {} {}, at most {} are allowed", count, what, most));
}

Status check_sizes(const Query& query) {
  WEIR_TRY(check_count(query.event_types.size(), limits::query_names_max, "event types"));
  WEIR_TRY(check_count(query.context_ids.size(), limits::query_names_max, "contexts"));
  WEIR_TRY(check_count(query.steps.size(), limits::query_steps_max, "steps"));
  WEIR_TRY(check_count(query.fields.size(), limits::query_columns_max, "columns"));
  WEIR_TRY(check_count(query.aggregates.size(), limits::query_columns_max, "aggregates"));
  WEIR_TRY(check_count(query.group_by.size(), limits::query_columns_max, "fields of BY"));
  return check_count(query.order.size(), limits::query_columns_max, "terms of ORDER BY");
}

Status check_events(const Query& query) {
  for (const std::string& type : query.event_types)
    WEIR_TRY(check_name(type, "an event type"));
  for (std::size_t i = 0; i < query.steps.size(); ++i)
    WEIR_TRY(check_step(query, i));
  if (query.is_sequence())
    WEIR_TRY(check_link(query.link));
  for (const std::string& id : query.context_ids)
    WEIR_TRY(check_name(id, "a context"));
  if (query.context_prefix)
    WEIR_TRY(check_name(*query.context_prefix, "the prefix of a context"));
  for (const auto& time : {query.since_time, query.until_time}) {
    if (time)
      WEIR_TRY(time_literal(Value(*time)));
  }
  return check_time_field(query.time_field);
}

Status check_aggregates(const Query& query) {
  for (const Aggregate& aggregate : query.aggregates) {
    if (!aggregate.name.empty())
      WEIR_TRY(check_as(aggregate.name, true));
    if (aggregate.kind != Aggregate::Kind::count)
      WEIR_TRY(check_field(query, aggregate.field));
    else if (!aggregate.field.empty())
      return fail(Errc::invalid_argument, "COUNT has no field; COUNT UNIQUE has one");
  }
  for (const std::string& name : query.group_by)
    WEIR_TRY(check_field(query, name));
  return {};
}

Status check_rows(const Query& query) {
  for (const ReturnedField& field : query.fields) {
    WEIR_TRY(check_field(query, field.field, true));
    if (!field.name.empty())
      WEIR_TRY(check_as(field.name, false));
  }
  for (const OrderTerm& term : query.order)
    WEIR_TRY(check_order(query, term.name));
  return check_column_names(query);
}

} // namespace

std::vector<std::string> columns_of(const Query& query) {
  std::vector<std::string> names;
  if (query.per_unit)
    names.push_back(unit_name(*query.per_unit));
  names.insert(names.end(), query.group_by.begin(), query.group_by.end());
  for (const Aggregate& aggregate : query.aggregates)
    names.push_back(column_name(aggregate));
  for (const ReturnedField& field : query.fields)
    names.push_back(field.name.empty() ? field.field : field.name);
  return names;
}

Result<FieldRef> parse_scalar_field(std::string_view name) {
  auto field = parse_field(name);
  if (field && field->is_whole_document())
    return fail(Errc::invalid_argument,
                format("'{0}' as a whole can only be returned; name a field in it, such as {0}.total", name));
  return field;
}

Status check_name(std::string_view name, std::string_view what) {
  if (name.empty())
    return fail(Errc::invalid_argument, format("{} is empty", what));
  if (!valid_utf8(name))
    return fail(Errc::invalid_argument, format("{} is not valid UTF-8", what));
  return {};
}

Status check_field(const Query& query, std::string_view name, bool whole_too) {
  WEIR_TRY(check_name(name, "the name of a field"));
  if (!query.is_sequence()) {
    auto field = whole_too ? parse_field(name) : parse_scalar_field(name);
    return field ? Status{} : Status(std::move(field).error());
  }
  const auto field = parse_step_field(name);
  if (!field)
    return field.error();
  if (std::none_of(query.steps.begin(), query.steps.end(),
                   [&](const SequenceStep& step) { return step_name(step) == field->step; }))
    return fail(Errc::invalid_argument, format("the sequence has no step '{}'", shortened(field->step)));
  if (!whole_too && field->field.is_whole_document())
    return fail(Errc::invalid_argument,
                format("'{0}' as a whole can only be returned; name a field in it, such as {0}.total", name));
  return {};
}

Status check_column(const Query& query, std::string_view name, std::string_view clause) {
  const std::vector<std::string> columns = columns_of(query);
  if (holds(columns, name))
    return {};
  std::string list;
  for (const std::string& column : columns) {
    if (!list.empty())
      list += ", ";
    list += column;
  }
  return fail(Errc::invalid_argument,
              format("{} takes columns of the result, and '{}' is none: they are {}", clause, shortened(name), list));
}

Status check_order(const Query& query, std::string_view name) {
  WEIR_TRY(check_name(name, "the name of a field"));
  if (query.is_grouped())
    return check_column(query, name, "ORDER BY");
  if (std::any_of(query.fields.begin(), query.fields.end(),
                  [&](const ReturnedField& field) { return field.name == name; }))
    return {};
  return check_field(query, name);
}

Status check_time_field(std::string_view name) {
  WEIR_TRY(check_name(name, "the field of USING TIME"));
  const auto field = parse_scalar_field(name);
  if (!field)
    return field.error();
  if (field->is_time() || field->is_document())
    return {};
  return fail(
      Errc::invalid_argument,
      format("'{}' is no time: USING TIME takes timestamp, recorded_at or a path such as payload.paid_at", name));
}

Status check_as(std::string_view name, bool of_aggregate) {
  if (!is_identifier(name))
    return fail(Errc::invalid_argument,
                format("'{}' is no name for a column: letters, digits and _, no digit first", shortened(name)));
  if (holds(expression_words, lowered(name)) || holds(core_names, name) || (of_aggregate && unit_of(lowered(name))))
    return fail(Errc::invalid_argument, format("'{}' has a meaning of its own and is no name for a column", name));
  return {};
}

Status check_step(const Query& query, std::size_t index) {
  const SequenceStep& step = query.steps[index];
  WEIR_TRY(check_name(step.event_type, "an event type"));
  const std::string_view name = step_name(step);
  if (!is_identifier(name) && step.name.empty())
    return fail(Errc::invalid_argument,
                format("the step '{}' needs a name: AS and letters, digits and _, no digit first", shortened(name)));
  if (!is_identifier(name))
    return fail(Errc::invalid_argument,
                format("'{}' is no name for a step: letters, digits and _, no digit first", shortened(name)));
  if (holds(core_names, name))
    return fail(Errc::invalid_argument, format("a step cannot be called '{}', which is a field; AS names it", name));
  for (std::size_t i = 0; i < index; ++i) {
    if (step_name(query.steps[i]) == name)
      return fail(Errc::invalid_argument, format("two steps are called '{}'; AS tells them apart", shortened(name)));
  }
  return {};
}

Status check_link(std::string_view link) {
  WEIR_TRY(check_name(link, "the field of LINKED BY"));
  auto field = parse_scalar_field(link);
  return field ? Status{} : Status(std::move(field).error());
}

std::optional<ClauseConflict> find_conflict(const Query& query) noexcept {
  if (query.is_grouped() && !query.fields.empty())
    return ClauseConflict{"RETURN", "RETURN and COUNT, TOTAL and the like exclude each other: a group has no events to "
                                    "return fields of; use BY to say what to group by"};
  if (!query.context_ids.empty() && query.context_prefix)
    return ClauseConflict{"FOR", "FOR names contexts or the prefix of them, not both"};
  if (query.is_sequence()) {
    if (!query.event_types.empty())
      return ClauseConflict{"QUERY", "a sequence has its event types in its steps"};
    if (query.steps.size() < 2)
      return ClauseConflict{"QUERY", "a sequence has at least two steps"};
    if (query.link.empty())
      return ClauseConflict{"QUERY", "a sequence needs LINKED BY: what its events have in common"};
    if (query.within_time && query.within_time->count() <= 0)
      return ClauseConflict{"WITHIN", "WITHIN takes a duration above zero"};
    if (std::any_of(query.aggregates.begin(), query.aggregates.end(),
                    [](const Aggregate& a) { return a.kind != Aggregate::Kind::count; }))
      return ClauseConflict{"COUNT", "of a sequence there is COUNT, and no other aggregate"};
    if (query.per_unit)
      return ClauseConflict{"PER", "a sequence cannot be grouped: PER is for single events"};
    if (!query.group_by.empty())
      return ClauseConflict{"BY", "a sequence cannot be grouped: BY is for single events"};
    if (query.group_condition)
      return ClauseConflict{"HAVING", "a sequence cannot be grouped: HAVING is for single events"};
    return std::nullopt;
  }
  if (!query.link.empty())
    return ClauseConflict{"LINKED", "LINKED BY is for sequences: QUERY a FOLLOWED BY b"};
  if (query.within_time)
    return ClauseConflict{"WITHIN", "WITHIN is for sequences: QUERY a FOLLOWED BY b"};
  if (query.is_grouped())
    return std::nullopt;
  if (query.per_unit)
    return ClauseConflict{"PER", "PER needs COUNT or another aggregate: it says what to count by"};
  if (!query.group_by.empty())
    return ClauseConflict{"BY", "BY needs COUNT or another aggregate: it says what to count by"};
  if (query.group_condition)
    return ClauseConflict{"HAVING", "HAVING needs COUNT or another aggregate: it looks at groups"};
  return std::nullopt;
}

Status check_column_names(const Query& query) {
  const std::vector<std::string> columns = columns_of(query);
  const auto once = [&](const std::string& name) -> Status {
    if (name.empty() || std::count(columns.begin(), columns.end(), name) < 2)
      return {};
    return fail(Errc::invalid_argument, format("two columns are called '{}'", name));
  };
  for (const Aggregate& aggregate : query.aggregates)
    WEIR_TRY(once(aggregate.name));
  for (const ReturnedField& field : query.fields)
    WEIR_TRY(once(field.name));
  return {};
}

} // namespace query

Status Query::validate() const {
  if (const auto conflict = query::find_conflict(*this))
    return fail(Errc::invalid_argument, std::string(conflict->message));
  WEIR_TRY(query::check_sizes(*this));
  WEIR_TRY(query::check_events(*this));
  WEIR_TRY(query::check_aggregates(*this));
  WEIR_TRY(query::check_rows(*this));
  if (condition)
    WEIR_TRY(query::check_condition(*condition, *this, is_sequence() ? query::Names::steps : query::Names::events));
  if (group_condition)
    WEIR_TRY(query::check_condition(*group_condition, *this, query::Names::columns));
  return {};
}

} // namespace weir
