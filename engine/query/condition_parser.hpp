// The expression of WHERE, by recursive descent.
//
// Threading: as the TokenReader given.
#pragma once

#include <weir/query.hpp>
#include <weir/result.hpp>

#include "engine/query/token_reader.hpp"

namespace weir::query {

/// Reads `a = 1 AND (b < 2 OR NOT c IN (3, 4))`, as far as it goes. NOT binds tightest, then AND, then OR. Parentheses
/// and NOT nest at most limits::query_depth_max deep, which bounds the recursion.
Result<Expr> parse_condition(TokenReader& in);

} // namespace weir::query
