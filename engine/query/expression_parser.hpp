// Expressions of WHERE and HAVING, by recursive descent.
//
// Threading: as the TokenReader given.
#pragma once

#include <weir/query.hpp>
#include <weir/result.hpp>

#include "engine/query/check_expression.hpp"
#include "engine/query/column_parser.hpp"
#include "engine/query/token_reader.hpp"

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace weir::query {

/// Reads one condition; its values are in value_parser.cpp. What is given outlives it.
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

  /// `( item, item ... )`; `end` is expected where the list stops without its parenthesis.
  template <class Item> Status list_in_parentheses(std::string_view end, Item item) {
    WEIR_TRY(in_.symbol("("));
    WEIR_TRY(in_.list(item));
    if (!in_.token().is_symbol(")"))
      return in_.expected(end);
    return in_.advance();
  }

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

/// Reads a condition as far as it goes. OR binds loosest, then AND, NOT, comparisons, + and -, * / and %, a minus.
/// Parentheses, NOT, functions and minus nest at most limits::query_depth_max deep, which bounds the recursion. Fields
/// are checked against `query`, whose types or steps are known; with Names::columns they are put into `uses` instead.
Result<Expr> parse_condition(TokenReader& in, const Query& query, Names names, std::vector<ColumnUse>& uses);

} // namespace weir::query
