// What an expression must fulfil, node by node.
//
// Purpose: the parser asks with a place in the text at hand, Query::validate() without one; both refuse the same.
// Threading: pure functions. Errors are `invalid_argument`, and `too_large` for a depth or a list beyond its limit.
#pragma once

#include <weir/expression.hpp>
#include <weir/query.hpp>
#include <weir/result.hpp>

#include <string_view>

namespace weir::query {

/// What the fields of an expression name.
enum class Names { events, steps, columns };

/// The expression is a time whatever the event: a literal beside it is one, too. Literals themselves are not meant.
[[nodiscard]] bool is_time(const Expr& expression);

/// The time a literal means: quoted RFC 3339 or integer milliseconds.
Result<Timestamp> time_literal(const Value& value);
/// A literal that a text can spell: no JSON, no number that is not finite, only UTF-8, times in the years 1 to 9999.
Status check_literal(const Value& value);
/// A pattern of LIKE: a string that does not end in a lone backslash.
Status check_pattern(const Value& pattern);

/// This node alone, as if what is below it were in order.
Status check_node(const Expr& expression);
/// A field, or what EXISTS names, in `query`.
Status check_name_of(const Expr& expression, const Query& query, Names names);
/// The whole of it, as a condition of `query`. Recursion is bounded: an Expr is never deeper than the limit.
Status check_condition(const Expr& condition, const Query& query, Names names);

} // namespace weir::query
