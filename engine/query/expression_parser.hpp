// Expressions of WHERE and HAVING, by recursive descent.
//
// Threading: as the TokenReader given.
#pragma once

#include <weir/query.hpp>
#include <weir/result.hpp>

#include "engine/query/check_expression.hpp"
#include "engine/query/column_parser.hpp"
#include "engine/query/token_reader.hpp"

#include <vector>

namespace weir::query {

/// Reads a condition as far as it goes. OR binds loosest, then AND, NOT, comparisons, + and -, * / and %, a minus.
/// Parentheses, NOT, functions and minus nest at most limits::query_depth_max deep, which bounds the recursion. Fields
/// are checked against `query`, whose types or steps are known; with Names::columns they are put into `uses` instead.
Result<Expr> parse_condition(TokenReader& in, const Query& query, Names names, std::vector<ColumnUse>& uses);

} // namespace weir::query
