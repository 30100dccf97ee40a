// Values inside of conditions: sums, products, functions, fields and literals.
#include "engine/query/column_names.hpp"
#include "engine/query/expression_parser.hpp"
#include "engine/query/words.hpp"

#include <algorithm>

namespace weir::query {

Result<Expr> ExpressionParser::arithmetic(Expr left, Place left_place, Arithmetic operation, Rule rule,
                                          std::size_t nesting) {
  WEIR_TRY(need_value(left, left_place));
  WEIR_TRY(in_.advance());
  const Place right_place = in_.place();
  auto right = (this->*rule)(nesting);
  if (!right)
    return right;
  WEIR_TRY(need_value(*right, right_place));
  return checked(Expr::arithmetic(operation, std::move(left), *std::move(right)), right_place);
}

Result<Expr> ExpressionParser::sum(std::size_t nesting) {
  const Place place = in_.place();
  auto left = product(nesting);
  while (left && (in_.token().is_symbol("+") || in_.token().is_symbol("-")))
    left = arithmetic(*std::move(left), place, in_.token().is_symbol("+") ? Arithmetic::add : Arithmetic::subtract,
                      &ExpressionParser::product, nesting);
  return left;
}

Result<Expr> ExpressionParser::product(std::size_t nesting) {
  const Place place = in_.place();
  auto left = signed_value(nesting);
  while (left && (in_.token().is_symbol("*") || in_.token().is_symbol("/") || in_.token().is_symbol("%"))) {
    const Arithmetic operation = in_.token().is_symbol("*")   ? Arithmetic::multiply
                                 : in_.token().is_symbol("/") ? Arithmetic::divide
                                                              : Arithmetic::remainder;
    left = arithmetic(*std::move(left), place, operation, &ExpressionParser::signed_value, nesting);
  }
  return left;
}

Result<Expr> ExpressionParser::signed_value(std::size_t nesting) {
  if (!in_.token().is_symbol("-"))
    return primary(nesting);
  WEIR_TRY(check_nesting(nesting));
  WEIR_TRY(in_.advance());
  const Place place = in_.place();
  auto operand = signed_value(nesting + 1);
  if (!operand)
    return operand;
  WEIR_TRY(need_value(*operand, place));
  return checked(Expr::minus(*std::move(operand)), place);
}

std::optional<Function> ExpressionParser::function_here() const {
  if (in_.token().kind != Token::Kind::word)
    return std::nullopt;
  const auto* const found = std::find(function_names.begin(), function_names.end(), lowered(in_.token().text));
  if (found == function_names.end() || !in_.peek().is_symbol("("))
    return std::nullopt;
  return static_cast<Function>(found - function_names.begin());
}

Result<Expr> ExpressionParser::primary(std::size_t nesting) {
  const Token& token = in_.token();
  if (token.is_symbol("(")) {
    // The recursion ends here, whatever the text; the depth of the expression alone would not count "((((".
    WEIR_TRY(check_nesting(nesting));
    WEIR_TRY(in_.advance());
    auto inner = disjunction(nesting + 1);
    if (inner && !in_.token().is_symbol(")"))
      return in_.expected(inner->is_condition() ? "AND, OR or ')'" : "an operator or ')'");
    if (inner)
      WEIR_TRY(in_.advance());
    return inner;
  }
  if (const auto function = function_here())
    return call(*function, nesting);
  const bool digit = token.kind == Token::Kind::word && token.text.front() >= '0' && token.text.front() <= '9';
  if (digit || token.kind == Token::Kind::string || token.kind == Token::Kind::parameter || token.is_keyword("TRUE") ||
      token.is_keyword("FALSE") || token.is_keyword("NULL")) {
    auto value = in_.literal();
    if (!value)
      return std::move(value).error();
    return Expr::literal(*std::move(value));
  }
  if (token.kind == Token::Kind::word)
    return field();
  return in_.expected("a field, a value or a function");
}

Result<Expr> ExpressionParser::call(Function function, std::size_t nesting) {
  const Place place = in_.place();
  WEIR_TRY(check_nesting(nesting));
  WEIR_TRY(in_.advance());
  std::vector<Expr> arguments;
  Place at_fault = place;
  const auto one_more = [&]() -> Status {
    const Place argument_place = in_.place();
    auto argument = sum(nesting + 1);
    if (!argument)
      return std::move(argument).error();
    WEIR_TRY(need_value(*argument, argument_place));
    if (argument->kind() == Expr::Kind::literal && at_fault.offset == place.offset)
      at_fault = argument_place;
    arguments.push_back(*std::move(argument));
    return {};
  };
  WEIR_TRY(list_in_parentheses("an operator, ',' or ')'", one_more));
  return checked(Expr::call(function, std::move(arguments)), at_fault);
}

Result<Expr> ExpressionParser::field() {
  if (names_ != Names::columns) {
    auto name = parse_query_field(in_, query_, false);
    if (!name)
      return std::move(name).error();
    return Expr::field(*name);
  }
  auto use = parse_column(in_);
  if (!use)
    return std::move(use).error();
  // No column of a group but that of PER has such a name; as the canonical one it makes times of the literals beside
  // it.
  if (unit_of(lowered(use->name)))
    use->name = lowered(use->name);
  Expr made = Expr::field(use->name);
  uses_.push_back(*std::move(use));
  return made;
}

/// One value of IN or CONTAINS: a literal, a number with its sign, or a time.
Result<Value> ExpressionParser::element() {
  const Place place = in_.place();
  if (function_here() == Function::time || in_.token().is_symbol("-")) {
    auto made = signed_value(0);
    if (!made)
      return std::move(made).error();
    if (made->kind() != Expr::Kind::literal)
      return in_.at(place, "a value of IN or CONTAINS is a literal");
    return made->value();
  }
  return in_.literal();
}

} // namespace weir::query
