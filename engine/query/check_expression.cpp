#include "engine/query/check_expression.hpp"

#include "engine/query/check_plan.hpp"
#include "engine/query/column_names.hpp"
#include "engine/query/field.hpp"
#include "engine/text.hpp"
#include "engine/time_text.hpp"
#include "engine/validate.hpp"
#include <weir/limits.hpp>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_set>

namespace weir::query {
namespace {

using ExprKind = Expr::Kind;

constexpr std::int64_t round_digits_max = 15; // What a double shows exactly.

bool is_literal(const Expr& expression) {
  return expression.kind() == ExprKind::literal;
}

bool takes_conditions(ExprKind kind) {
  return kind == ExprKind::conjunction || kind == ExprKind::disjunction || kind == ExprKind::negation;
}

/// A field that is known to hold no times.
bool is_untimed_field(const Expr& expression) {
  return expression.kind() == ExprKind::field && !names_time(expression.name()) &&
         (parse_field(expression.name()) || parse_step_field(expression.name()));
}

/// Literals among `terms` that are compared with a time are times, and times stand beside what may be one.
Status check_times(const std::vector<Expr>& terms) {
  const bool time = std::any_of(terms.begin(), terms.end(), is_time);
  const auto untimed = std::find_if(terms.begin(), terms.end(), is_untimed_field);
  for (const Expr& term : terms) {
    if (!is_literal(term) || term.value().is_null())
      continue;
    if (time)
      WEIR_TRY(time_literal(term.value()));
    else if (term.value().kind() == Value::Kind::timestamp && untimed != terms.end())
      return fail(Errc::invalid_argument, format("'{0}' is no time; time({0}) makes one of it", untimed->name()));
  }
  return {};
}

Status check_call(const Expr& call) {
  const auto count = [&](std::size_t least, std::size_t most, std::string_view form) -> Status {
    if (call.terms().size() >= least && call.terms().size() <= most)
      return {};
    return fail(Errc::invalid_argument,
                format("a function is called with {} values, it is {}", call.terms().size(), form));
  };
  switch (call.function()) {
  case Function::lower: return count(1, 1, "lower(x)");
  case Function::length: return count(1, 1, "length(x)");
  case Function::abs: return count(1, 1, "abs(x)");
  case Function::round: {
    WEIR_TRY(count(1, 2, "round(x) or round(x, digits)"));
    if (call.terms().size() == 1)
      return {};
    const auto digits = is_literal(call.terms()[1]) ? call.terms()[1].value().as_int64() : std::nullopt;
    if (!digits || *digits < 0 || *digits > round_digits_max)
      return fail(Errc::invalid_argument, format("the digits of round() are a number from 0 to {}", round_digits_max));
    return {};
  }
  case Function::date_trunc: {
    WEIR_TRY(count(2, 2, "date_trunc('unit', x)"));
    const auto unit = is_literal(call.terms()[0]) ? call.terms()[0].value().as_string() : std::nullopt;
    if (!unit || !unit_of(*unit))
      return fail(Errc::invalid_argument,
                  "the unit of date_trunc() is 'minute', 'hour', 'day', 'week', 'month' or 'year'");
    return {};
  }
  case Function::time:
    WEIR_TRY(count(1, 1, "time(x)"));
    if (const Expr& term = call.terms().front(); is_literal(term) && !term.value().is_null())
      WEIR_TRY(time_literal(term.value()));
    return {};
  }
  return {};
}

/// What was named before is in `named`.
Status check_below(const Expr& expression, const Query& query, Names names,
                   std::unordered_set<std::string_view>& named) {
  WEIR_TRY(check_node(expression));
  if (expression.kind() == ExprKind::field || expression.kind() == ExprKind::exists) {
    WEIR_TRY(check_name_of(expression, query, names));
    named.insert(expression.name());
    if (named.size() > limits::query_fields_max)
      return fail(Errc::too_large, format("a condition names at most {} different fields", limits::query_fields_max));
  }
  for (const Expr& term : expression.terms())
    WEIR_TRY(check_below(term, query, names, named));
  return {};
}

} // namespace

bool is_time(const Expr& expression) {
  if (expression.kind() == ExprKind::field)
    return names_time(expression.name());
  return expression.kind() == ExprKind::call &&
         (expression.function() == Function::time || expression.function() == Function::date_trunc);
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

Status check_literal(const Value& value) {
  if (value.kind() == Value::Kind::timestamp) {
    WEIR_TRY(time_literal(value));
    return {};
  }
  if (value.kind() == Value::Kind::json)
    return fail(Errc::invalid_argument, "JSON text compares with nothing");
  if (value.kind() == Value::Kind::float64 && !std::isfinite(*value.as_double()))
    return fail(Errc::invalid_argument, "a number must be finite");
  if (const auto text = value.as_string(); text && !valid_utf8(*text))
    return fail(Errc::invalid_argument, "a string must be valid UTF-8");
  return {};
}

Status check_pattern(const Value& pattern) {
  const auto text = pattern.as_string();
  if (!text)
    return fail(Errc::invalid_argument, "a pattern of LIKE is a string");
  WEIR_TRY(check_literal(pattern));
  const std::size_t last = text->find_last_not_of('\\');
  const std::size_t backslashes = text->size() - (last == std::string_view::npos ? 0 : last + 1);
  if (backslashes % 2 != 0)
    return fail(Errc::invalid_argument, "a pattern ends in a lone backslash: \\\\ stands for one");
  return {};
}

Status check_node(const Expr& expression) {
  if (expression.kind() == ExprKind::too_deep)
    return fail(Errc::too_large, format("the condition is nested deeper than {} levels", limits::query_depth_max));
  const bool conditions = takes_conditions(expression.kind());
  for (const Expr& term : expression.terms()) {
    if (term.kind() == ExprKind::too_deep)
      return check_node(term);
    if (term.is_condition() != conditions)
      return fail(Errc::invalid_argument, conditions ? "a value stands where a condition is needed"
                                                     : "a condition stands where a value is needed");
  }
  switch (expression.kind()) {
  case ExprKind::literal: return check_literal(expression.value());
  case ExprKind::call: return check_call(expression);
  case ExprKind::one_of:
    if (expression.terms().size() < 2)
      return fail(Errc::invalid_argument, "IN needs a value to compare with");
    if (expression.terms().size() > limits::query_values_max + 1)
      return fail(Errc::too_large, format("IN takes at most {} values", limits::query_values_max));
    return check_times(expression.terms());
  case ExprKind::comparison:
  case ExprKind::between: return check_times(expression.terms());
  case ExprKind::like: return check_pattern(expression.value());
  case ExprKind::contains:
    if (expression.value().kind() == Value::Kind::timestamp)
      return fail(Errc::invalid_argument, "the elements of an array are no times");
    return check_literal(expression.value());
  default: return {};
  }
}

Status check_name_of(const Expr& expression, const Query& query, Names names) {
  if (!valid_utf8(expression.name()))
    return fail(Errc::invalid_argument, "the name of a field is not valid UTF-8");
  if (names != Names::columns)
    return check_field(query, expression.name());
  if (expression.kind() == ExprKind::exists)
    return fail(Errc::invalid_argument, "EXISTS asks an event; HAVING has columns, so use IS NOT NULL");
  return check_column(query, expression.name(), "HAVING");
}

Status check_condition(const Expr& condition, const Query& query, Names names) {
  if (condition.kind() != ExprKind::too_deep && !condition.is_condition())
    return fail(Errc::invalid_argument, "a value stands where a condition is needed");
  std::unordered_set<std::string_view> named;
  return check_below(condition, query, names, named);
}

} // namespace weir::query
