// Building an expression: names and literals take their canonical form on the way in.
#include "engine/query/check_expression.hpp"
#include "engine/query/column_names.hpp"
#include <weir/expression.hpp>
#include <weir/limits.hpp>

#include <algorithm>
#include <limits>

namespace weir {
namespace {

/// What is no time is kept as it is: validate() says why.
void to_time(Value& value) {
  if (value.is_null())
    return;
  if (const auto time = query::time_literal(value))
    value = *time;
}

Value negated(const Value& number) {
  constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
  constexpr std::uint64_t lowest_magnitude = std::uint64_t{1} << 63u;
  if (const auto small = number.as_int64())
    return *small == lowest ? Value(lowest_magnitude) : Value(-*small);
  if (const auto large = number.as_uint64(); large && *large == lowest_magnitude)
    return lowest;
  return -*number.as_double();
}

} // namespace

Expr Expr::literal(Value value) {
  Expr made(Kind::literal);
  made.value_ = std::move(value);
  return made;
}

Expr Expr::field(std::string_view name) {
  Expr made(Kind::field);
  made.name_ = query::canonical_column(name);
  return made;
}

Expr Expr::arithmetic(Arithmetic arithmetic, Expr left, Expr right) {
  Expr made(Kind::arithmetic);
  made.operation_ = static_cast<std::uint8_t>(arithmetic);
  made.add_term(std::move(left));
  made.add_term(std::move(right));
  return made;
}

Expr Expr::minus(Expr operand) {
  if (operand.kind_ == Kind::literal && operand.value_.as_double())
    return literal(negated(operand.value_));
  Expr made(Kind::minus);
  made.add_term(std::move(operand));
  return made;
}

Expr Expr::call(Function function, std::vector<Expr> arguments) {
  if (function == Function::time && arguments.size() == 1 && arguments.front().kind_ == Kind::literal &&
      !arguments.front().value_.is_null()) {
    if (const auto time = query::time_literal(arguments.front().value_))
      return literal(*time);
  }
  Expr made(Kind::call);
  made.operation_ = static_cast<std::uint8_t>(function);
  for (Expr& argument : arguments)
    made.add_term(std::move(argument));
  return made;
}

Expr Expr::compare(Expr left, Comparison comparison, Expr right) {
  if (comparison == Comparison::equal || comparison == Comparison::not_equal) {
    const auto literal_null = [](const Expr& e) { return e.kind_ == Kind::literal && e.value_.is_null(); };
    if (literal_null(right) || literal_null(left)) {
      Expr made = is_null(literal_null(right) ? std::move(left) : std::move(right));
      return comparison == Comparison::equal ? made : !std::move(made);
    }
  }
  if (left.kind_ == Kind::literal && query::is_time(right))
    to_time(left.value_);
  if (right.kind_ == Kind::literal && query::is_time(left))
    to_time(right.value_);
  Expr made(Kind::comparison);
  made.operation_ = static_cast<std::uint8_t>(comparison);
  made.add_term(std::move(left));
  made.add_term(std::move(right));
  return made;
}

Expr Expr::one_of(Expr operand, std::vector<Value> values) {
  const bool time = query::is_time(operand);
  Expr made(Kind::one_of);
  made.add_term(std::move(operand));
  for (Value& value : values) {
    if (time)
      to_time(value);
    made.add_term(literal(std::move(value)));
  }
  return made;
}

Expr Expr::between(Expr operand, Expr low, Expr high) {
  const bool time = query::is_time(operand) || query::is_time(low) || query::is_time(high);
  Expr made(Kind::between);
  for (Expr* term : {&operand, &low, &high}) {
    if (time && term->kind_ == Kind::literal)
      to_time(term->value_);
    made.add_term(std::move(*term));
  }
  return made;
}

Expr Expr::like(Expr operand, std::string pattern) {
  Expr made(Kind::like);
  made.value_ = std::move(pattern);
  made.add_term(std::move(operand));
  return made;
}

Expr Expr::is_null(Expr operand) {
  Expr made(Kind::is_null);
  made.add_term(std::move(operand));
  return made;
}

Expr Expr::exists(std::string_view field) {
  Expr made(Kind::exists);
  made.name_ = query::canonical_column(field);
  return made;
}

Expr Expr::contains(Expr operand, Value element) {
  Expr made(Kind::contains);
  made.value_ = std::move(element);
  made.add_term(std::move(operand));
  return made;
}

/// Once too deep, a node stays so whatever is added.
void Expr::add_term(Expr term) {
  if (kind_ == Kind::too_deep)
    return;
  if (term.kind_ == Kind::too_deep || term.depth_ >= limits::query_depth_max) {
    *this = Expr(Kind::too_deep);
    return;
  }
  depth_ = std::max(depth_, static_cast<std::uint16_t>(term.depth_ + 1));
  terms_.push_back(std::move(term));
}

Expr Expr::join(Kind kind, Expr left, Expr right) {
  Expr joined(kind);
  if (left.kind_ == kind)
    joined = std::move(left);
  else
    joined.add_term(std::move(left));
  if (right.kind_ != kind) {
    joined.add_term(std::move(right));
    return joined;
  }
  for (Expr& term : right.terms_)
    joined.add_term(std::move(term));
  return joined;
}

Expr operator&&(Expr left, Expr right) {
  return Expr::join(Expr::Kind::conjunction, std::move(left), std::move(right));
}

Expr operator||(Expr left, Expr right) {
  return Expr::join(Expr::Kind::disjunction, std::move(left), std::move(right));
}

Expr operator!(Expr term) {
  Expr negation(Expr::Kind::negation);
  negation.add_term(std::move(term));
  return negation;
}

/// Recursion is bounded by limits::query_depth_max.
void Expr::rename(const std::vector<std::pair<std::string, std::string>>& names) {
  if (kind_ == Kind::field) {
    const auto found = std::find_if(names.begin(), names.end(), [&](const auto& pair) { return pair.first == name_; });
    if (found != names.end())
      name_ = found->second;
  }
  for (Expr& term : terms_)
    term.rename(names);
}

bool operator==(const Expr& left, const Expr& right) {
  return left.kind_ == right.kind_ && left.operation_ == right.operation_ && left.name_ == right.name_ &&
         left.value_ == right.value_ && left.terms_ == right.terms_;
}

} // namespace weir
