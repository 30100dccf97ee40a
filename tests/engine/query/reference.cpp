#include "tests/engine/query/reference.hpp"

#include "tests/engine/query/reference_values.hpp"

#include <algorithm>
#include <optional>
#include <set>

namespace weir::test {
namespace {

using Rows = std::vector<std::vector<Value>>;
constexpr int no = -1, unknown = 0, yes = 1;

/// The fields of an event, or the columns of a group, by name.
using Fields = std::map<std::string, Value>;

Value field_of(const Fields& fields, const std::string& name) {
  const auto found = fields.find(name);
  return found == fields.end() ? Value{} : found->second;
}

Value value_of(const Expr& expression, const Fields& fields) {
  const auto term = [&](std::size_t i) { return value_of(expression.terms()[i], fields); };
  switch (expression.kind()) {
  case Expr::Kind::literal: return expression.value();
  case Expr::Kind::field: return field_of(fields, expression.name());
  case Expr::Kind::arithmetic: return reference_arithmetic(expression.arithmetic(), term(0), term(1));
  case Expr::Kind::minus: return reference_arithmetic(Arithmetic::subtract, Value(0), term(0));
  case Expr::Kind::call: break;
  default: return {};
  }
  switch (expression.function()) {
  case Function::lower: return reference_lower(term(0));
  case Function::length: return reference_length(term(0));
  case Function::abs: return reference_abs(term(0));
  case Function::round:
    return reference_round(term(0), expression.terms().size() == 1 ? 0 : static_cast<int>(*term(1).as_int64()));
  case Function::date_trunc: return reference_trunc(std::string(*term(0).as_string()), term(1));
  case Function::time: return reference_time(term(0));
  }
  return {};
}

int compare_two(const Value& left, Comparison comparison, const Value& right) {
  const bool equality = comparison == Comparison::equal || comparison == Comparison::not_equal;
  const int type = type_order(left);
  if (left.is_null() || right.is_null() || type != type_order(right) || type == json_type)
    return unknown;
  if (type == boolean_type && !equality)
    return unknown;
  const int order = order_of(left, right);
  switch (comparison) {
  case Comparison::equal: return order == 0 ? yes : no;
  case Comparison::not_equal: return order != 0 ? yes : no;
  case Comparison::less: return order < 0 ? yes : no;
  case Comparison::less_equal: return order <= 0 ? yes : no;
  case Comparison::greater: return order > 0 ? yes : no;
  case Comparison::greater_equal: return order >= 0 ? yes : no;
  }
  return unknown;
}

int evaluate(const Expr& expression, const Fields& fields) {
  const auto& terms = expression.terms();
  const auto value = [&](std::size_t i) { return value_of(terms[i], fields); };
  int result = no;
  switch (expression.kind()) {
  case Expr::Kind::comparison: return compare_two(value(0), expression.comparison(), value(1));
  case Expr::Kind::one_of:
    for (std::size_t i = 1; i < terms.size(); ++i) {
      const bool both_null = terms[i].value().is_null() && value(0).is_null();
      const int one = terms[i].value().is_null() ? (both_null ? yes : no)
                                                 : compare_two(value(0), Comparison::equal, terms[i].value());
      result = std::max(result, one);
    }
    return result;
  case Expr::Kind::between:
    return std::min(compare_two(value(0), Comparison::greater_equal, value(1)),
                    compare_two(value(0), Comparison::less_equal, value(2)));
  case Expr::Kind::like: {
    const Value text = value(0);
    if (!text.as_string())
      return unknown;
    return reference_like(std::string(*text.as_string()), std::string(*expression.value().as_string())) ? yes : no;
  }
  case Expr::Kind::is_null: return value(0).is_null() ? yes : no;
  case Expr::Kind::exists: return fields.contains(expression.name()) ? yes : no;
  case Expr::Kind::contains: return reference_contains(value(0), expression.value());
  case Expr::Kind::disjunction:
    for (const Expr& term : terms)
      result = std::max(result, evaluate(term, fields));
    return result;
  case Expr::Kind::conjunction:
    result = yes;
    for (const Expr& term : terms)
      result = std::min(result, evaluate(term, fields));
    return result;
  case Expr::Kind::negation: return -evaluate(terms.front(), fields);
  default: break;
  }
  return unknown;
}

template <class T> bool allows(const std::vector<T>& list, const T& value) {
  return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

bool matches(const Query& query, const KnownEvent& known) {
  const StoredEvent& event = known.event;
  if (!allows(query.event_types, event.event_type) || !allows(query.context_ids, event.context_id))
    return false;
  if (query.context_prefix && event.context_id.substr(0, query.context_prefix->size()) != *query.context_prefix)
    return false;
  const Value time = reference_time(field_of(known.fields, query.time_field));
  if (query.since_time && (time.is_null() || *time.as_timestamp() < *query.since_time))
    return false;
  if (query.until_time && (time.is_null() || *time.as_timestamp() >= *query.until_time))
    return false;
  return !query.condition || evaluate(*query.condition, known.fields) == yes;
}

/// A row with the values it is ordered by: the terms of ORDER BY, then those that decide where they tie.
struct Ordered {
  std::vector<Value> keys;
  std::vector<Value> cells;
};

Rows window(const Query& query, std::vector<Ordered> rows) {
  std::stable_sort(rows.begin(), rows.end(), [&](const Ordered& a, const Ordered& b) {
    for (std::size_t i = 0; i < a.keys.size(); ++i) {
      const int order = order_of(a.keys[i], b.keys[i]);
      if (order != 0)
        return i < query.order.size() && query.order[i].order == SortOrder::descending ? order > 0 : order < 0;
    }
    return false;
  });
  Rows out;
  for (std::size_t i = query.rows_skipped;
       i < rows.size() && i - query.rows_skipped < query.rows_max.value_or(SIZE_MAX); ++i)
    out.push_back(rows[i].cells);
  return out;
}

std::string unit_of_plan(TimeUnit unit) {
  return std::vector<std::string>{"minute", "hour", "day", "week", "month", "year"}[static_cast<std::size_t>(unit)];
}

Value aggregate_of(const Aggregate& aggregate, const std::vector<const KnownEvent*>& events) {
  std::vector<Value> values; // In position order.
  for (const KnownEvent* event : events) {
    if (Value value = field_of(event->fields, aggregate.field); !value.is_null())
      values.push_back(std::move(value));
  }
  std::vector<Value> sorted = values;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Value& a, const Value& b) { return order_of(a, b) < 0; });
  std::vector<Value> numbers;
  for (const Value& value : sorted) {
    if (type_order(value) == number_type)
      numbers.push_back(value);
  }
  const auto percentile = [&](std::size_t percent) {
    return numbers.empty() ? Value{} : plainest(numbers[(numbers.size() * percent + 99) / 100 - 1]);
  };
  switch (aggregate.kind) {
  case Aggregate::Kind::count: return Value(events.size());
  case Aggregate::Kind::count_unique: {
    std::size_t different = 0;
    for (std::size_t i = 0; i < sorted.size(); ++i)
      different += i == 0 || order_of(sorted[i - 1], sorted[i]) != 0 ? 1 : 0;
    return Value(different);
  }
  case Aggregate::Kind::total: return reference_total(numbers);
  case Aggregate::Kind::average: return reference_average(numbers);
  case Aggregate::Kind::minimum: return sorted.empty() ? Value{} : plainest(sorted.front());
  case Aggregate::Kind::maximum: return sorted.empty() ? Value{} : plainest(sorted.back());
  case Aggregate::Kind::p50: return percentile(50);
  case Aggregate::Kind::p95: return percentile(95);
  case Aggregate::Kind::p99: return percentile(99);
  case Aggregate::Kind::first: return values.empty() ? Value{} : values.front();
  case Aggregate::Kind::last: return values.empty() ? Value{} : values.back();
  }
  return {};
}

struct ValuesLess {
  bool operator()(const std::vector<Value>& a, const std::vector<Value>& b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [](const Value& x, const Value& y) { return order_of(x, y) < 0; });
  }
};

Rows groups_of(const Query& query, const std::vector<const KnownEvent*>& events) {
  std::map<std::vector<Value>, std::vector<const KnownEvent*>, ValuesLess> groups;
  if (query.group_by.empty() && !query.per_unit)
    groups[{}];
  for (const KnownEvent* event : events) {
    std::vector<Value> keys;
    if (query.per_unit)
      keys.push_back(
          reference_trunc(unit_of_plan(*query.per_unit), reference_time(field_of(event->fields, query.time_field))));
    for (const std::string& name : query.group_by)
      keys.push_back(plainest(field_of(event->fields, name)));
    groups[std::move(keys)].push_back(event);
  }
  std::vector<std::string> columns;
  if (query.per_unit)
    columns.push_back(unit_of_plan(*query.per_unit));
  columns.insert(columns.end(), query.group_by.begin(), query.group_by.end());
  for (const Aggregate& aggregate : query.aggregates)
    columns.push_back(column_name(aggregate));
  std::vector<Ordered> rows;
  for (const auto& [keys, members] : groups) {
    Ordered row{{}, keys};
    for (const Aggregate& aggregate : query.aggregates)
      row.cells.push_back(aggregate_of(aggregate, members));
    Fields named;
    for (std::size_t i = 0; i < columns.size(); ++i)
      named.emplace(columns[i], row.cells[i]); // Of two columns with one name the first is meant.
    if (query.group_condition && evaluate(*query.group_condition, named) != yes)
      continue;
    for (const OrderTerm& term : query.order)
      row.keys.push_back(named.at(term.name));
    row.keys.insert(row.keys.end(), keys.begin(), keys.end());
    rows.push_back(std::move(row));
  }
  return window(query, std::move(rows));
}

} // namespace

Rows reference_rows(const Query& query, const std::vector<KnownEvent>& events) {
  std::vector<const KnownEvent*> all;
  for (const KnownEvent& event : events)
    all.push_back(&event);
  return reference_rows(query, all);
}

Rows reference_rows(const Query& query, std::span<const KnownEvent* const> events) {
  std::vector<const KnownEvent*> matching;
  for (const KnownEvent* event : events) {
    if (matches(query, *event))
      matching.push_back(event);
  }
  if (!query.aggregates.empty())
    return groups_of(query, matching);
  static const std::vector<std::string> all = {"context_id",  "event_type", "sequence", "position", "timestamp",
                                               "recorded_at", "event_id",   "metadata", "payload"};
  std::vector<ReturnedField> fields = query.fields;
  for (const std::string& name : query.fields.empty() ? all : std::vector<std::string>{})
    fields.push_back({name, {}});
  std::vector<Ordered> rows;
  for (const KnownEvent* event : matching) {
    Ordered row;
    for (const OrderTerm& term : query.order) {
      const auto named = std::find_if(query.fields.begin(), query.fields.end(),
                                      [&](const ReturnedField& field) { return field.name == term.name; });
      row.keys.push_back(field_of(event->fields, named != query.fields.end() ? named->field : term.name));
    }
    row.keys.emplace_back(event->event.position);
    for (const ReturnedField& field : fields)
      row.cells.push_back(field_of(event->fields, field.field));
    rows.push_back(std::move(row));
  }
  return window(query, std::move(rows));
}

} // namespace weir::test
