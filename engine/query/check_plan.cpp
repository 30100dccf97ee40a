#include "engine/query/check_plan.hpp"

#include "engine/query/text_position.hpp"
#include "engine/text.hpp"
#include "engine/time_text.hpp"
#include "engine/validate.hpp"
#include <weir/limits.hpp>

#include <algorithm>
#include <cmath>

namespace weir {
namespace query {

Result<FieldRef> parse_scalar_field(std::string_view name) {
  auto field = parse_field(name);
  if (field && field->is_whole_document())
    return fail(Errc::invalid_argument,
                format("'{0}' as a whole can only be returned; name a field in it, such as {0}.total", name));
  return field;
}

Result<Timestamp> time_literal(const Value& value) {
  if (const auto text = value.as_string())
    return parse_timestamp(*text);
  if (const auto milliseconds = value.as_int64())
    return timestamp_from_ms(*milliseconds);
  if (const auto time = value.as_timestamp()) {
    if (timestamp_in_range(*time))
      return *time;
    return fail(Errc::invalid_argument, "a time must be in the years 1 to 9999");
  }
  return fail(Errc::invalid_argument, "a time is quoted RFC 3339 text or an integer of milliseconds since 1970");
}

Result<Value> literal_for(const FieldRef& field, Value value) {
  if (field.is_time() && !value.is_null()) {
    auto time = time_literal(value);
    if (!time)
      return std::move(time).error();
    return Value(*time);
  }
  if (value.kind() == Value::Kind::timestamp)
    return fail(Errc::invalid_argument,
                format("'{}' is no time; only timestamp and recorded_at compare with one", to_text(field)));
  if (value.kind() == Value::Kind::json)
    return fail(Errc::invalid_argument, "JSON text compares with nothing");
  if (value.kind() == Value::Kind::float64 && !std::isfinite(*value.as_double()))
    return fail(Errc::invalid_argument, "a number must be finite");
  if (const auto text = value.as_string(); text && !valid_utf8(*text))
    return fail(Errc::invalid_argument, "a string must be valid UTF-8");
  return value;
}

Status check_name(std::string_view name, std::string_view what) {
  if (name.empty())
    return fail(Errc::invalid_argument, format("{} is empty", what));
  if (!valid_utf8(name))
    return fail(Errc::invalid_argument, format("{} is not valid UTF-8", what));
  return {};
}

Status check_order(const Query& query, std::string_view name) {
  if (!query.counted) {
    if (auto field = parse_scalar_field(name); !field)
      return std::move(field).error();
    return {};
  }
  if (name == count_column || std::find(query.group_by.begin(), query.group_by.end(), name) != query.group_by.end())
    return {};
  return fail(Errc::invalid_argument,
              format("with COUNT, ORDER BY takes count or a field of BY, and '{}' is neither", shortened(name)));
}

Status check_clauses(const Query& query) {
  if (query.counted && !query.fields.empty())
    return fail(Errc::invalid_argument, "RETURN and COUNT exclude each other: a count has no rows to return fields of; "
                                        "use BY to say what to count by");
  if (!query.counted && !query.group_by.empty())
    return fail(Errc::invalid_argument, "BY needs COUNT: it says what to count by");
  return {};
}

namespace {

/// Recursion is bounded: an Expr is never deeper than limits::query_depth_max.
Status check_expression(const Expr& expression) {
  if (expression.kind() == Expr::Kind::too_deep)
    return fail(Errc::too_large, format("the condition is nested deeper than {} levels", limits::query_depth_max));
  for (const Expr& term : expression.terms())
    WEIR_TRY(check_expression(term));
  if (!expression.terms().empty())
    return {};
  auto field = parse_scalar_field(expression.field());
  if (!field)
    return std::move(field).error();
  if (expression.values().empty())
    return fail(Errc::invalid_argument, format("IN needs a value to compare '{}' with", expression.field()));
  for (const Value& value : expression.values())
    WEIR_TRY(literal_for(*field, value));
  return {};
}

Status check_utf8(const std::vector<std::string>& names) {
  for (const std::string& name : names)
    WEIR_TRY(check_name(name, "the name of a field"));
  return {};
}

} // namespace
} // namespace query

Status Query::validate() const {
  for (const std::string& type : event_types)
    WEIR_TRY(query::check_name(type, "an event type"));
  if (context_id)
    WEIR_TRY(query::check_name(*context_id, "the context"));
  for (const auto& time : {since_time, until_time}) {
    if (time)
      WEIR_TRY(query::time_literal(Value(*time)));
  }
  WEIR_TRY(query::check_clauses(*this));
  WEIR_TRY(query::check_utf8(fields));
  for (const std::string& name : fields)
    WEIR_TRY(query::parse_field(name));
  WEIR_TRY(query::check_utf8(group_by));
  for (const std::string& name : group_by)
    WEIR_TRY(query::parse_scalar_field(name));
  for (const OrderTerm& term : order) {
    WEIR_TRY(query::check_name(term.name, "the name of a field"));
    WEIR_TRY(query::check_order(*this, term.name));
  }
  return condition ? query::check_expression(*condition) : Status{};
}

} // namespace weir
