#include "engine/query/expression_parser.hpp"

#include "engine/query/words.hpp"
#include "engine/text.hpp"
#include <weir/limits.hpp>

#include <algorithm>

namespace weir::query {
namespace {

constexpr std::string_view expected_operator =
    "=, !=, <, <=, >, >=, IN, LIKE, BETWEEN, IS, CONTAINS, NOT or an operator such as +";

} // namespace

Result<Expr> ExpressionParser::checked(Expr made, Place place) {
  if (auto status = check_node(made); !status)
    return in_.at(place, status.error().message);
  return made;
}

/// A condition ends where the current token is; a lone value there lacks its operator.
Status ExpressionParser::need_condition(const Expr& expression) {
  return expression.is_condition() ? Status{} : Status(in_.expected(expected_operator));
}

Status ExpressionParser::need_value(const Expr& expression, Place place) {
  if (expression.is_condition())
    return in_.at({place.offset, false}, "a condition stands where a value is needed");
  return {};
}

Status ExpressionParser::check_nesting(std::size_t nesting) {
  if (nesting < limits::query_depth_max)
    return {};
  return in_.at_token(format("the condition is nested deeper than {} levels", limits::query_depth_max));
}

Result<Expr> ExpressionParser::condition() {
  auto made = disjunction(0);
  if (made)
    WEIR_TRY(need_condition(*made));
  return made;
}

Result<Expr> ExpressionParser::chain(std::size_t nesting, std::string_view word, Rule rule) {
  auto left = (this->*rule)(nesting);
  while (left && in_.token().is_keyword(word)) {
    WEIR_TRY(need_condition(*left));
    const Place place = in_.place();
    WEIR_TRY(in_.advance());
    auto right = (this->*rule)(nesting);
    if (!right)
      return right;
    WEIR_TRY(need_condition(*right));
    const bool both = word == "AND";
    left = checked(both ? *std::move(left) && *std::move(right) : *std::move(left) || *std::move(right), place);
  }
  return left;
}

Result<Expr> ExpressionParser::disjunction(std::size_t nesting) {
  return chain(nesting, "OR", &ExpressionParser::conjunction);
}

Result<Expr> ExpressionParser::conjunction(std::size_t nesting) {
  return chain(nesting, "AND", &ExpressionParser::negation);
}

Result<Expr> ExpressionParser::negation(std::size_t nesting) {
  if (!in_.token().is_keyword("NOT"))
    return comparison(nesting);
  const Place place = in_.place();
  WEIR_TRY(check_nesting(nesting));
  WEIR_TRY(in_.advance());
  auto inner = negation(nesting + 1);
  if (!inner)
    return inner;
  WEIR_TRY(need_condition(*inner));
  return checked(!*std::move(inner), place);
}

Result<Expr> ExpressionParser::comparison(std::size_t nesting) {
  const Place place = in_.place();
  if (in_.token().is_keyword("EXISTS"))
    return exists();
  auto left = sum(nesting);
  if (!left)
    return left;
  return relation(*std::move(left), place, nesting);
}

Result<Expr> ExpressionParser::relation(Expr left, Place left_place, std::size_t nesting) {
  const Token& token = in_.token();
  const std::string_view written = token.text == "<>" ? "!=" : token.text;
  const auto* const symbol = std::find(comparison_symbols.begin(), comparison_symbols.end(), written);
  if (token.kind == Token::Kind::symbol && symbol != comparison_symbols.end()) {
    WEIR_TRY(need_value(left, left_place));
    WEIR_TRY(in_.advance());
    const Place right_place = in_.place();
    auto right = sum(nesting);
    if (!right)
      return right;
    WEIR_TRY(need_value(*right, right_place));
    const Place place = right->kind() == Expr::Kind::literal ? right_place : left_place;
    return checked(
        Expr::compare(std::move(left), static_cast<Comparison>(symbol - comparison_symbols.begin()), *std::move(right)),
        place);
  }
  if (left.is_condition())
    return left;
  if (token.is_keyword("IS")) {
    WEIR_TRY(in_.advance());
    const auto negated = in_.take_keyword("NOT");
    if (!negated)
      return negated.error();
    if (!in_.token().is_keyword("NULL"))
      return in_.expected(*negated ? "NULL" : "NULL or NOT NULL");
    WEIR_TRY(in_.advance());
    auto made = checked(Expr::is_null(std::move(left)), left_place);
    return made && *negated ? checked(!*std::move(made), left_place) : made;
  }
  const auto negated = in_.take_keyword("NOT");
  if (!negated)
    return negated.error();
  auto made = test(std::move(left), left_place, *negated, nesting);
  return made && *negated ? checked(!*std::move(made), left_place) : made;
}

/// What may have NOT before it, and CONTAINS; a value alone if there is none of them.
Result<Expr> ExpressionParser::test(Expr left, Place left_place, bool negated, std::size_t nesting) {
  const Token& token = in_.token();
  if (token.is_keyword("IN"))
    return one_of(std::move(left), left_place);
  if (token.is_keyword("BETWEEN"))
    return between(std::move(left), left_place, nesting);
  if (token.is_keyword("LIKE")) {
    WEIR_TRY(in_.advance());
    const Place place = in_.place();
    if (place.parameter || in_.token().kind == Token::Kind::string) {
      const auto pattern = in_.literal();
      if (!pattern)
        return pattern.error();
      if (auto status = check_pattern(*pattern); !status)
        return in_.at(place, status.error().message);
      return checked(Expr::like(std::move(left), std::string(*pattern->as_string())), left_place);
    }
    return in_.expected("a pattern in quotes");
  }
  if (negated)
    return in_.expected("IN, LIKE or BETWEEN");
  if (!token.is_keyword("CONTAINS"))
    return left;
  WEIR_TRY(in_.advance());
  const Place place = in_.place();
  auto value = element();
  if (!value)
    return std::move(value).error();
  return checked(Expr::contains(std::move(left), *std::move(value)), place);
}

Result<Expr> ExpressionParser::one_of(Expr operand, Place operand_place) {
  WEIR_TRY(in_.advance());
  const bool time = is_time(operand);
  std::vector<Value> values;
  const auto one_more = [&]() -> Status {
    const Place place = in_.place();
    auto value = element();
    if (!value)
      return std::move(value).error();
    if (time && !value->is_null()) {
      if (auto status = time_literal(*value); !status)
        return in_.at(place, status.error().message);
    }
    values.push_back(*std::move(value));
    return {};
  };
  WEIR_TRY(list_in_parentheses("',' or ')'", one_more));
  return checked(Expr::one_of(std::move(operand), std::move(values)), operand_place);
}

Result<Expr> ExpressionParser::between(Expr operand, Place operand_place, std::size_t nesting) {
  WEIR_TRY(in_.advance());
  const Place low_place = in_.place();
  auto low = sum(nesting);
  if (!low)
    return low;
  WEIR_TRY(need_value(*low, low_place));
  if (!in_.token().is_keyword("AND"))
    return in_.expected("AND and the upper bound");
  WEIR_TRY(in_.advance());
  const Place high_place = in_.place();
  auto high = sum(nesting);
  if (!high)
    return high;
  WEIR_TRY(need_value(*high, high_place));
  // At fault is a literal that is no time, if anything is.
  Place place = operand_place;
  for (const auto& [bound, at] : {std::pair(&*high, high_place), std::pair(&*low, low_place)}) {
    if (bound->kind() == Expr::Kind::literal && !time_literal(bound->value()))
      place = at;
  }
  return checked(Expr::between(std::move(operand), *std::move(low), *std::move(high)), place);
}

Result<Expr> ExpressionParser::exists() {
  WEIR_TRY(in_.advance());
  const Place place = in_.place();
  if (in_.token().kind != Token::Kind::word)
    return in_.expected("a field");
  Expr made = Expr::exists(in_.token().text);
  if (auto status = check_name_of(made, query_, names_); !status)
    return in_.at(place, status.error().message);
  WEIR_TRY(in_.advance());
  return made;
}

Result<Expr> parse_condition(TokenReader& in, const Query& query, Names names, std::vector<ColumnUse>& uses) {
  WEIR_TRY(in.set_mode(Lexer::Mode::expressions));
  auto made = ExpressionParser(in, query, names, uses).condition();
  if (made)
    WEIR_TRY(in.set_mode(Lexer::Mode::names));
  return made;
}

} // namespace weir::query
