#include "tests/engine/query/reference.hpp"

#include <algorithm>
#include <limits>
#include <optional>

namespace weir::test {
namespace {

using Rows = std::vector<std::vector<Value>>;

Value field_of(const KnownEvent& event, const std::string& name) {
  const auto found = event.fields.find(name);
  return found == event.fields.end() ? Value{} : found->second;
}

/// The 64 bit mantissa of this machine's long double holds every int64, uint64 and double exactly.
static_assert(std::numeric_limits<long double>::digits >= 64);
std::optional<long double> number(const Value& value) {
  switch (value.kind()) {
  case Value::Kind::int64: return static_cast<long double>(*value.as_int64());
  case Value::Kind::uint64: return static_cast<long double>(*value.as_uint64());
  case Value::Kind::float64: return static_cast<long double>(*value.as_double());
  default: return std::nullopt;
  }
}

int type_order(const Value& value) {
  if (number(value))
    return 2;
  switch (value.kind()) {
  case Value::Kind::null: return 0;
  case Value::Kind::boolean: return 1;
  case Value::Kind::string: return 4;
  case Value::Kind::json: return 5;
  default: return 3;
  }
}

/// -1, 0 or 1: values of one type, in ORDER BY's sense.
int order_of(const Value& a, const Value& b) {
  const auto sign = [](const auto& x, const auto& y) { return x < y ? -1 : y < x ? 1 : 0; };
  if (type_order(a) != type_order(b))
    return sign(type_order(a), type_order(b));
  switch (type_order(a)) {
  case 1: return sign(*a.as_bool(), *b.as_bool());
  case 2: return sign(*number(a), *number(b));
  case 3: return sign(*a.as_timestamp(), *b.as_timestamp());
  case 4: return sign(std::string(*a.as_string()), std::string(*b.as_string()));
  case 5: return sign(std::string(*a.as_json()), std::string(*b.as_json()));
  default: return 0;
  }
}

constexpr int no = -1, unknown = 0, yes = 1;

int compare_one(const Value& value, Comparison comparison, const Value& literal) {
  const bool equality = comparison == Comparison::equal || comparison == Comparison::not_equal;
  if (literal.is_null() && equality)
    return value.is_null() == (comparison == Comparison::equal) ? yes : no;
  if (value.is_null() || literal.is_null() || type_order(value) != type_order(literal) || type_order(value) == 5)
    return unknown;
  if (type_order(value) == 1 && !equality)
    return unknown;
  const int order = order_of(value, literal);
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

int evaluate(const Expr& expression, const KnownEvent& event) {
  int result = no;
  switch (expression.kind()) {
  case Expr::Kind::comparison:
    return compare_one(field_of(event, expression.field()), expression.comparison(), expression.values().front());
  case Expr::Kind::one_of:
    for (const Value& value : expression.values())
      result = std::max(result, compare_one(field_of(event, expression.field()), Comparison::equal, value));
    return result;
  case Expr::Kind::disjunction:
    for (const Expr& term : expression.terms())
      result = std::max(result, evaluate(term, event));
    return result;
  case Expr::Kind::conjunction:
    result = yes;
    for (const Expr& term : expression.terms())
      result = std::min(result, evaluate(term, event));
    return result;
  case Expr::Kind::negation: return -evaluate(expression.terms().front(), event);
  case Expr::Kind::too_deep: break;
  }
  return unknown;
}

bool matches(const Query& query, const KnownEvent& known) {
  const StoredEvent& event = known.event;
  const auto& types = query.event_types;
  return (types.empty() || std::find(types.begin(), types.end(), event.event_type) != types.end()) &&
         (!query.context_id || event.context_id == *query.context_id) &&
         (!query.since_time || event.timestamp >= *query.since_time) &&
         (!query.until_time || event.timestamp < *query.until_time) &&
         (!query.condition || evaluate(*query.condition, known) == yes);
}

/// Rows with the values they are ordered by in front, last of all the position of an event.
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

Rows count_groups(const Query& query, const std::vector<const KnownEvent*>& events) {
  std::vector<Ordered> groups;
  if (query.group_by.empty())
    groups.push_back({{}, {Value(0)}});
  for (const KnownEvent* event : events) {
    std::vector<Value> keys;
    for (const std::string& name : query.group_by) {
      Value key = field_of(*event, name);
      if (key.kind() == Value::Kind::float64 && *key.as_double() == 1.0)
        key = 1; // Integral doubles among the samples, spelled as the integers they equal.
      if (key.kind() == Value::Kind::float64 && *key.as_double() == 9007199254740992.0)
        key = 9007199254740992;
      keys.push_back(key);
    }
    auto found = std::find_if(groups.begin(), groups.end(), [&](const Ordered& group) {
      return std::equal(keys.begin(), keys.end(), group.cells.begin(),
                        [](const Value& a, const Value& b) { return order_of(a, b) == 0; });
    });
    if (found == groups.end()) {
      keys.emplace_back(0);
      found = groups.insert(groups.end(), {{}, keys});
    }
    found->cells.back() = *found->cells.back().as_uint64() + 1;
  }
  for (Ordered& group : groups) {
    for (const OrderTerm& term : query.order) {
      const auto column = std::find(query.group_by.begin(), query.group_by.end(), term.name) - query.group_by.begin();
      group.keys.push_back(group.cells[static_cast<std::size_t>(column)]);
    }
    group.keys.insert(group.keys.end(), group.cells.begin(), group.cells.end() - 1);
  }
  return window(query, std::move(groups));
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
  if (query.counted)
    return count_groups(query, matching);
  static const std::vector<std::string> all = {"context_id",  "event_type", "sequence", "position", "timestamp",
                                               "recorded_at", "event_id",   "metadata", "payload"};
  std::vector<Ordered> rows;
  for (const KnownEvent* event : matching) {
    Ordered row;
    for (const OrderTerm& term : query.order)
      row.keys.push_back(field_of(*event, term.name));
    row.keys.emplace_back(event->event.position);
    for (const std::string& name : query.fields.empty() ? all : query.fields)
      row.cells.push_back(field_of(*event, name));
    rows.push_back(std::move(row));
  }
  return window(query, std::move(rows));
}

} // namespace weir::test
