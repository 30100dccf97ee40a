// Building a plan: names take their canonical form on the way in.
#include "engine/query/column_names.hpp"
#include "engine/query/field.hpp"
#include <weir/query.hpp>

#include <algorithm>

namespace weir {

Query Query::types(const std::vector<std::string>& event_types) {
  Query query;
  query.event_types = event_types;
  return query;
}

Query Query::sequence(std::vector<SequenceStep> steps, std::string_view link) {
  Query query;
  query.steps = std::move(steps);
  for (SequenceStep& step : query.steps) {
    if (step.name == step.event_type) // the name it has anyway
      step.name.clear();
  }
  query.link = query::canonical_name(link);
  return query;
}

Query& Query::for_context(std::string id) {
  return for_contexts({std::move(id)});
}

Query& Query::for_contexts(std::vector<std::string> ids) {
  context_ids = std::move(ids);
  return *this;
}

Query& Query::for_prefix(std::string prefix) {
  context_prefix = std::move(prefix);
  return *this;
}

Query& Query::since(Timestamp time) {
  since_time = time;
  return *this;
}

Query& Query::until(Timestamp time) {
  until_time = time;
  return *this;
}

Query& Query::using_time(std::string_view field) {
  time_field = query::canonical_name(field);
  return *this;
}

Query& Query::where(Expr expression) {
  condition = condition ? *std::move(condition) && std::move(expression) : std::move(expression);
  return *this;
}

Query& Query::returning(const std::vector<std::string>& names) {
  std::vector<ReturnedField> columns;
  columns.reserve(names.size());
  for (const std::string& name : names)
    columns.push_back({name, {}});
  return return_columns(std::move(columns));
}

Query& Query::return_columns(std::vector<ReturnedField> columns) {
  fields = std::move(columns);
  for (ReturnedField& column : fields)
    column.field = query::canonical_column(column.field);
  return *this;
}

Query& Query::count(std::string_view as) {
  return aggregate(Aggregate::Kind::count, {}, as);
}

Query& Query::count_unique(std::string_view field, std::string_view as) {
  return aggregate(Aggregate::Kind::count_unique, field, as);
}

Query& Query::total(std::string_view field, std::string_view as) {
  return aggregate(Aggregate::Kind::total, field, as);
}

Query& Query::average(std::string_view field, std::string_view as) {
  return aggregate(Aggregate::Kind::average, field, as);
}

Query& Query::minimum(std::string_view field, std::string_view as) {
  return aggregate(Aggregate::Kind::minimum, field, as);
}

Query& Query::maximum(std::string_view field, std::string_view as) {
  return aggregate(Aggregate::Kind::maximum, field, as);
}

Query& Query::first(std::string_view field, std::string_view as) {
  return aggregate(Aggregate::Kind::first, field, as);
}

Query& Query::last(std::string_view field, std::string_view as) {
  return aggregate(Aggregate::Kind::last, field, as);
}

Query& Query::aggregate(Aggregate::Kind kind, std::string_view field, std::string_view as) {
  Aggregate made{kind, query::canonical_name(field), std::string(as)};
  if (made.name == default_name(made)) // the name it has anyway
    made.name.clear();
  aggregates.push_back(std::move(made));
  return *this;
}

Query& Query::per(TimeUnit unit) {
  per_unit = unit;
  return *this;
}

Query& Query::by(const std::vector<std::string>& names) {
  group_by.clear();
  for (const std::string& name : names)
    group_by.push_back(query::canonical_name(name));
  return *this;
}

Query& Query::having(Expr expression) {
  group_condition = group_condition ? *std::move(group_condition) && std::move(expression) : std::move(expression);
  return *this;
}

Query& Query::order_by(std::string_view name, SortOrder sort_order) {
  order.push_back({query::canonical_column(name), sort_order});
  return *this;
}

Query& Query::limit(std::uint64_t rows) {
  rows_max = rows;
  return *this;
}

Query& Query::offset(std::uint64_t rows) {
  rows_skipped = rows;
  return *this;
}

Query& Query::within(std::chrono::microseconds duration) {
  within_time = duration;
  return *this;
}

} // namespace weir
