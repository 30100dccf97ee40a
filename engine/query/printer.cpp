// The canonical text of a plan.
#include "engine/query/field.hpp"
#include "engine/query/number_text.hpp"
#include "engine/time_text.hpp"
#include <weir/query.hpp>

#include <algorithm>

namespace weir {
namespace {

void append_name(std::string& out, std::string_view name) {
  if (!name.empty() && std::all_of(name.begin(), name.end(), query::is_word_char))
    out += name;
  else
    query::append_quoted(out, name, '\'');
}

void append_literal(std::string& out, const Value& value) {
  switch (value.kind()) {
  case Value::Kind::null: out += "null"; break;
  case Value::Kind::boolean: out += *value.as_bool() ? "true" : "false"; break;
  case Value::Kind::int64:
  case Value::Kind::uint64:
  case Value::Kind::float64: query::append_number(out, value); break;
  case Value::Kind::timestamp: query::append_quoted(out, format_timestamp(*value.as_timestamp()), '\''); break;
  case Value::Kind::string: query::append_quoted(out, *value.as_string(), '\''); break;
  case Value::Kind::json: query::append_quoted(out, *value.as_json(), '\''); break; // Of no valid plan.
  }
}

template <class List, class Append> void append_list(std::string& out, const List& list, Append append) {
  bool first = true;
  for (const auto& item : list) {
    if (!first)
      out += ", ";
    first = false;
    append(out, item);
  }
}

void append_field(std::string& out, const std::string& name) {
  out += name;
}

std::string_view symbol(Comparison comparison) {
  switch (comparison) {
  case Comparison::equal: return " = ";
  case Comparison::not_equal: return " != ";
  case Comparison::less: return " < ";
  case Comparison::less_equal: return " <= ";
  case Comparison::greater: return " > ";
  case Comparison::greater_equal: return " >= ";
  }
  return " ? ";
}

/// How tightly a kind binds: a looser one inside of a tighter one needs parentheses.
int binding(Expr::Kind kind) {
  switch (kind) {
  case Expr::Kind::disjunction: return 0;
  case Expr::Kind::conjunction: return 1;
  case Expr::Kind::negation: return 2;
  default: return 3;
  }
}

/// Recursion is bounded by limits::query_depth_max.
void append_expression(std::string& out, const Expr& expression) {
  const auto append_term = [&](const Expr& term) {
    const bool parentheses = binding(term.kind()) < binding(expression.kind());
    if (parentheses)
      out += '(';
    append_expression(out, term);
    if (parentheses)
      out += ')';
  };
  switch (expression.kind()) {
  case Expr::Kind::comparison:
    out += expression.field();
    out += symbol(expression.comparison());
    append_literal(out, expression.values().front());
    break;
  case Expr::Kind::one_of:
    out += expression.field();
    out += " IN (";
    append_list(out, expression.values(), append_literal);
    out += ')';
    break;
  case Expr::Kind::negation:
    out += "NOT ";
    append_term(expression.terms().front());
    break;
  case Expr::Kind::conjunction:
  case Expr::Kind::disjunction: {
    bool first = true;
    for (const Expr& term : expression.terms()) {
      if (!first)
        out += expression.kind() == Expr::Kind::conjunction ? " AND " : " OR ";
      first = false;
      append_term(term);
    }
    break;
  }
  case Expr::Kind::too_deep: out += "..."; break; // Of no valid plan.
  }
}

void append_order(std::string& out, const OrderTerm& term) {
  out += term.name;
  if (term.order == SortOrder::descending)
    out += " DESC";
}

} // namespace

std::string to_text(const Query& query) {
  std::string out = "QUERY ";
  if (query.event_types.empty())
    out += '*';
  append_list(out, query.event_types, append_name);
  if (query.context_id) {
    out += " FOR ";
    append_name(out, *query.context_id);
  }
  if (query.since_time) {
    out += " SINCE ";
    append_literal(out, Value(*query.since_time));
  }
  if (query.until_time) {
    out += " UNTIL ";
    append_literal(out, Value(*query.until_time));
  }
  if (query.condition) {
    out += " WHERE ";
    append_expression(out, *query.condition);
  }
  if (!query.fields.empty()) {
    out += " RETURN [";
    append_list(out, query.fields, append_field);
    out += ']';
  }
  if (query.counted)
    out += " COUNT";
  if (!query.group_by.empty()) {
    out += " BY ";
    append_list(out, query.group_by, append_field);
  }
  if (!query.order.empty()) {
    out += " ORDER BY ";
    append_list(out, query.order, append_order);
  }
  if (query.rows_max)
    out += " LIMIT " + std::to_string(*query.rows_max);
  if (query.rows_skipped != 0)
    out += " OFFSET " + std::to_string(query.rows_skipped);
  return out;
}

} // namespace weir
