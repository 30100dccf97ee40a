// What a plan must fulfil, piece by piece.
//
// Purpose: the parser asks these with a place in the text at hand, Query::validate() without one; both refuse the same.
// Threading: pure functions. Errors are `invalid_argument`.
#pragma once

#include <weir/query.hpp>
#include <weir/result.hpp>

#include "engine/query/field.hpp"

#include <string_view>

namespace weir::query {

/// The name of the aggregate COUNT as a result column.
inline constexpr std::string_view count_column = "count";

/// A field that can be compared, grouped and ordered by: any but a payload or metadata as a whole.
Result<FieldRef> parse_scalar_field(std::string_view name);

/// `value` in the form a comparison with `field` keeps: text or milliseconds become a Timestamp where the field is a
/// time. Refuses what no text can spell: JSON, numbers that are not finite, text that is not UTF-8, and a Timestamp for
/// a field that is no time.
Result<Value> literal_for(const FieldRef& field, Value value);
/// The time a literal means: quoted RFC 3339 or integer milliseconds.
Result<Timestamp> time_literal(const Value& value);

/// Names of event types and contexts: not empty, UTF-8.
Status check_name(std::string_view name, std::string_view what);
/// ORDER BY names a field of a row, or of a grouped query a column.
Status check_order(const Query& query, std::string_view name);
Status check_clauses(const Query& query);

} // namespace weir::query
