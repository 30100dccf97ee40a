#include "engine/query/text_pieces.hpp"

#include "engine/query/check_expression.hpp"
#include "engine/query/field.hpp"
#include "engine/query/number_text.hpp"
#include "engine/query/words.hpp"
#include "engine/text.hpp"
#include "engine/time_text.hpp"

#include <algorithm>
#include <array>

namespace weir::query {
namespace {

using ExprKind = Expr::Kind;

/// How tightly an expression binds: a looser one inside of a tighter one needs parentheses.
enum class Binding { any, both, negated, compared, added, multiplied, signed_value, whole };

Binding binding(const Expr& expression) {
  switch (expression.kind()) {
  case ExprKind::disjunction: return Binding::any;
  case ExprKind::conjunction: return Binding::both;
  case ExprKind::negation: return Binding::negated;
  case ExprKind::arithmetic:
    return expression.arithmetic() == Arithmetic::add || expression.arithmetic() == Arithmetic::subtract
               ? Binding::added
               : Binding::multiplied;
  case ExprKind::minus: return Binding::signed_value;
  case ExprKind::literal:
  case ExprKind::field:
  case ExprKind::call:
  case ExprKind::too_deep: return Binding::whole;
  default: return Binding::compared;
  }
}

Binding tighter(Binding than) {
  return static_cast<Binding>(static_cast<int>(than) + 1);
}

class Printer {
public:
  Printer(std::string& out, std::size_t bytes_max) : out_(out), bytes_max_(bytes_max) {}
  void print(const Expr& expression, bool beside_time = false);

private:
  void literal(const Value& value, bool beside_time);
  void within(const Expr& term, Binding least, bool beside_time = false);
  void values(const Expr& one_of);
  void call(const Expr& expression);
  void chain(const Expr& expression, std::string_view word);
  void condition(const Expr& expression, std::string_view negation);

  std::string& out_;
  std::size_t bytes_max_;
};

void Printer::literal(const Value& value, bool beside_time) {
  const auto text = value.as_string();
  if (text && text->size() > bytes_max_)
    append_quoted(out_, text->substr(0, bytes_max_), '\'');
  else
    append_literal(out_, value, beside_time);
}

void Printer::within(const Expr& term, Binding least, bool beside_time) {
  const bool parentheses = binding(term) < least;
  if (parentheses)
    out_ += '(';
  print(term, beside_time);
  if (parentheses)
    out_ += ')';
}

void Printer::values(const Expr& one_of) {
  const bool time = is_time(one_of.terms().front());
  for (std::size_t i = 1; i < one_of.terms().size() && out_.size() <= bytes_max_; ++i) {
    out_ += i == 1 ? "" : ", ";
    literal(one_of.terms()[i].value(), time);
  }
}

void Printer::call(const Expr& expression) {
  out_ += function_names[static_cast<std::size_t>(expression.function())];
  out_ += '(';
  append_list(out_, expression.terms(), [&](std::string&, const Expr& term) { print(term); });
  out_ += ')';
}

void Printer::chain(const Expr& expression, std::string_view word) {
  bool first = true;
  for (const Expr& term : expression.terms()) {
    if (out_.size() > bytes_max_)
      return;
    if (!first)
      out_ += word;
    first = false;
    within(term, tighter(binding(expression)));
  }
}

/// What has a NOT of its own: `x NOT IN (1)`. `negation` is it, or empty.
void Printer::condition(const Expr& expression, std::string_view negation) {
  const auto& terms = expression.terms();
  const bool time = std::any_of(terms.begin(), terms.end(), is_time);
  within(terms.front(), Binding::added, time);
  out_ += expression.kind() == ExprKind::is_null ? " IS " : " ";
  out_ += negation;
  switch (expression.kind()) {
  case ExprKind::is_null: out_ += "NULL"; break;
  case ExprKind::like:
    out_ += "LIKE ";
    literal(expression.value(), false);
    break;
  case ExprKind::one_of:
    out_ += "IN (";
    values(expression);
    out_ += ')';
    break;
  default:
    out_ += "BETWEEN ";
    within(terms[1], Binding::added, time);
    out_ += " AND ";
    within(terms[2], Binding::added, time);
    break;
  }
}

void Printer::print(const Expr& expression, bool beside_time) {
  if (out_.size() > bytes_max_)
    return;
  const auto& terms = expression.terms();
  switch (expression.kind()) {
  case ExprKind::literal: literal(expression.value(), beside_time); break;
  case ExprKind::field: out_ += expression.name(); break;
  case ExprKind::arithmetic:
    within(terms[0], binding(expression));
    out_ += format(" {} ", arithmetic_symbols[static_cast<std::size_t>(expression.arithmetic())]);
    within(terms[1], tighter(binding(expression)));
    break;
  case ExprKind::minus:
    out_ += '-';
    within(terms[0], Binding::signed_value);
    break;
  case ExprKind::call: call(expression); break;
  case ExprKind::comparison: {
    const bool time = is_time(terms[0]) || is_time(terms[1]);
    within(terms[0], Binding::added, time);
    out_ += format(" {} ", comparison_symbols[static_cast<std::size_t>(expression.comparison())]);
    within(terms[1], Binding::added, time);
    break;
  }
  case ExprKind::one_of:
  case ExprKind::between:
  case ExprKind::like:
  case ExprKind::is_null: condition(expression, ""); break;
  case ExprKind::exists: out_ += "EXISTS " + expression.name(); break;
  case ExprKind::contains:
    within(terms[0], Binding::added);
    out_ += " CONTAINS ";
    literal(expression.value(), false);
    break;
  case ExprKind::conjunction: chain(expression, " AND "); break;
  case ExprKind::disjunction: chain(expression, " OR "); break;
  case ExprKind::negation:
    switch (terms[0].kind()) {
    case ExprKind::one_of:
    case ExprKind::between:
    case ExprKind::like:
    case ExprKind::is_null: condition(terms[0], "NOT "); break;
    default: out_ += "NOT "; within(terms[0], Binding::negated);
    }
    break;
  case ExprKind::too_deep: out_ += "..."; break; // Of no valid plan.
  }
}

} // namespace

void append_name(std::string& out, std::string_view name) {
  if (!name.empty() && std::all_of(name.begin(), name.end(), is_word_char))
    out += name;
  else
    append_quoted(out, name, '\'');
}

void append_literal(std::string& out, const Value& value, bool beside_time) {
  switch (value.kind()) {
  case Value::Kind::null: out += "null"; break;
  case Value::Kind::boolean: out += *value.as_bool() ? "true" : "false"; break;
  case Value::Kind::int64:
  case Value::Kind::uint64:
  case Value::Kind::float64: append_number(out, value); break;
  case Value::Kind::timestamp:
    out += beside_time ? "" : "time(";
    append_time(out, *value.as_timestamp());
    out += beside_time ? "" : ")";
    break;
  case Value::Kind::string: append_quoted(out, *value.as_string(), '\''); break;
  case Value::Kind::json: append_quoted(out, *value.as_json(), '\''); break; // Of no valid plan.
  }
}

void append_time(std::string& out, Timestamp time) {
  append_quoted(out, format_timestamp(time), '\'');
}

void append_duration(std::string& out, std::chrono::microseconds duration) {
  const auto* const unit = std::find_if(duration_units.begin(), duration_units.end(), [&](const DurationUnit& each) {
    return duration.count() % each.microseconds == 0;
  });
  const std::int64_t count = duration.count() / unit->microseconds;
  out += format("{} {}", count, count == 1 ? unit->singular() : unit->plural);
}

void append_expression(std::string& out, const Expr& expression, std::size_t bytes_max) {
  Printer(out, bytes_max).print(expression);
}

} // namespace weir::query
