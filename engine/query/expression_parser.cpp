#include "engine/query/expression_parser.hpp"

#include "engine/query/column_names.hpp"
#include "engine/query/field.hpp"
#include "engine/query/words.hpp"
#include "engine/text.hpp"
#include <weir/limits.hpp>

#include <algorithm>
#include <optional>

namespace weir::query {
namespace {

constexpr std::string_view expected_operator =
    "=, !=, <, <=, >, >=, IN, LIKE, BETWEEN, IS, CONTAINS, NOT or an operator such as +";

class ExpressionParser {
public:
  ExpressionParser(TokenReader& in, const Query& query, Names names, std::vector<ColumnUse>& uses)
      : in_(in), query_(query), names_(names), uses_(uses) {}
  Result<Expr> condition();

private:
  using Rule = Result<Expr> (ExpressionParser::*)(std::size_t nesting);

  Result<Expr> disjunction(std::size_t nesting);
  Result<Expr> conjunction(std::size_t nesting);
  Result<Expr> negation(std::size_t nesting);
  Result<Expr> comparison(std::size_t nesting);
  Result<Expr> sum(std::size_t nesting);
  Result<Expr> product(std::size_t nesting);
  Result<Expr> signed_value(std::size_t nesting);
  Result<Expr> primary(std::size_t nesting);

  Result<Expr> chain(std::size_t nesting, std::string_view word, Rule rule);
  Result<Expr> relation(Expr left, Place left_place, std::size_t nesting);
  Result<Expr> test(Expr left, Place left_place, bool negated, std::size_t nesting);
  Result<Expr> one_of(Expr operand, Place operand_place);
  Result<Expr> between(Expr operand, Place operand_place, std::size_t nesting);
  Result<Expr> exists();
  Result<Expr> arithmetic(Expr left, Place left_place, Arithmetic operation, Rule rule, std::size_t nesting);
  Result<Expr> call(Function function, std::size_t nesting);
  Result<Expr> field();
  Result<Value> element();

  /// `made`, or what is wrong with it, at `place`.
  Result<Expr> checked(Expr made, Place place);
  Status need_condition(const Expr& expression);
  Status need_value(const Expr& expression, Place place);
  Status check_nesting(std::size_t nesting);
  [[nodiscard]] std::optional<Function> function_here() const;

  TokenReader& in_;
  const Query& query_;
  Names names_;
  std::vector<ColumnUse>& uses_;
};

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
  WEIR_TRY(in_.symbol("("));
  const bool time = is_time(operand);
  std::vector<Value> values;
  while (true) {
    const Place place = in_.place();
    auto value = element();
    if (!value)
      return std::move(value).error();
    if (time && !value->is_null()) {
      if (auto status = time_literal(*value); !status)
        return in_.at(place, status.error().message);
    }
    values.push_back(*std::move(value));
    const auto more = in_.take_symbol(",");
    if (!more)
      return more.error();
    if (!*more)
      break;
  }
  if (!in_.token().is_symbol(")"))
    return in_.expected("',' or ')'");
  WEIR_TRY(in_.advance());
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
  WEIR_TRY(in_.advance());
  std::vector<Expr> arguments;
  Place at_fault = place;
  while (true) {
    const Place argument_place = in_.place();
    auto argument = sum(nesting + 1);
    if (!argument)
      return argument;
    WEIR_TRY(need_value(*argument, argument_place));
    if (argument->kind() == Expr::Kind::literal && at_fault.offset == place.offset)
      at_fault = argument_place;
    arguments.push_back(*std::move(argument));
    const auto more = in_.take_symbol(",");
    if (!more)
      return more.error();
    if (!*more)
      break;
  }
  if (!in_.token().is_symbol(")"))
    return in_.expected("an operator, ',' or ')'");
  WEIR_TRY(in_.advance());
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

} // namespace

Result<Expr> parse_condition(TokenReader& in, const Query& query, Names names, std::vector<ColumnUse>& uses) {
  WEIR_TRY(in.set_mode(Lexer::Mode::expressions));
  auto made = ExpressionParser(in, query, names, uses).condition();
  if (made)
    WEIR_TRY(in.set_mode(Lexer::Mode::names));
  return made;
}

} // namespace weir::query
