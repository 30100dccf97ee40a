#include "engine/query/condition_parser.hpp"

#include "engine/text.hpp"
#include <weir/limits.hpp>

#include <algorithm>
#include <array>

namespace weir::query {
namespace {

class ConditionParser {
public:
  explicit ConditionParser(TokenReader& in) : in_(in) {}
  Result<Expr> disjunction(std::size_t nesting);

private:
  Result<Expr> conjunction(std::size_t nesting);
  Result<Expr> term(std::size_t nesting);
  Result<Expr> comparison();
  [[nodiscard]] Error too_deep() const {
    return in_.at_token(format("the condition is nested deeper than {} levels", limits::query_depth_max));
  }

  TokenReader& in_;
};

Result<Expr> ConditionParser::disjunction(std::size_t nesting) {
  auto left = conjunction(nesting);
  while (left && in_.token().is_keyword("OR")) {
    WEIR_TRY(in_.advance());
    auto right = conjunction(nesting);
    if (!right)
      return right;
    left = *std::move(left) || *std::move(right);
    if (left->kind() == Expr::Kind::too_deep)
      return too_deep();
  }
  return left;
}

Result<Expr> ConditionParser::conjunction(std::size_t nesting) {
  auto left = term(nesting);
  while (left && in_.token().is_keyword("AND")) {
    WEIR_TRY(in_.advance());
    auto right = term(nesting);
    if (!right)
      return right;
    left = *std::move(left) && *std::move(right);
    if (left->kind() == Expr::Kind::too_deep)
      return too_deep();
  }
  return left;
}

Result<Expr> ConditionParser::term(std::size_t nesting) {
  const bool negated = in_.token().is_keyword("NOT");
  if (!negated && !in_.token().is_symbol("("))
    return comparison();
  // The recursion ends here, whatever the text; the depth of the expression alone would not count "((((".
  if (nesting == limits::query_depth_max)
    return too_deep();
  WEIR_TRY(in_.advance());
  if (!negated) {
    auto inner = disjunction(nesting + 1);
    if (inner && !in_.token().is_symbol(")"))
      return in_.expected("AND, OR or ')'");
    if (inner)
      WEIR_TRY(in_.advance());
    return inner;
  }
  auto inner = term(nesting + 1);
  if (!inner)
    return inner;
  Expr negation = !*std::move(inner);
  if (negation.kind() == Expr::Kind::too_deep)
    return too_deep();
  return negation;
}

Result<Expr> ConditionParser::comparison() {
  auto field = in_.field_name(true);
  if (!field)
    return std::move(field).error();
  if (in_.token().is_keyword("IN")) {
    WEIR_TRY(in_.advance());
    WEIR_TRY(in_.symbol("("));
    std::vector<Value> values;
    while (true) {
      auto value = in_.literal_for_field(*field);
      if (!value)
        return std::move(value).error();
      values.push_back(*std::move(value));
      if (!in_.token().is_symbol(","))
        break;
      WEIR_TRY(in_.advance());
    }
    if (!in_.token().is_symbol(")"))
      return in_.expected("',' or ')'");
    WEIR_TRY(in_.advance());
    return Expr::one_of(*field, std::move(values));
  }
  constexpr std::array<std::string_view, 6> symbols = {"=", "!=", "<", "<=", ">", ">="}; // As in Comparison.
  const auto* const found = std::find(symbols.begin(), symbols.end(), in_.token().text);
  if (in_.token().kind != Token::Kind::symbol || found == symbols.end())
    return in_.expected("=, !=, <, <=, >, >= or IN");
  WEIR_TRY(in_.advance());
  auto value = in_.literal_for_field(*field);
  if (!value)
    return std::move(value).error();
  return Expr::compare(*field, static_cast<Comparison>(found - symbols.begin()), *std::move(value));
}

} // namespace

Result<Expr> parse_condition(TokenReader& in) {
  return ConditionParser(in).disjunction(0);
}

} // namespace weir::query
