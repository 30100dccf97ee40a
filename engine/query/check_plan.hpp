// What a plan must fulfil, piece by piece.
//
// Purpose: the parser asks these with a place in the text at hand, Query::validate() without one; both refuse the same.
// Threading: pure functions. Errors are `invalid_argument`, and `too_large` for what is beyond a limit.
#pragma once

#include <weir/query.hpp>
#include <weir/result.hpp>

#include "engine/query/field.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::query {

/// A field that can be compared, grouped and ordered by: any but a payload or metadata as a whole.
Result<FieldRef> parse_scalar_field(std::string_view name);

/// Names of event types, contexts, views: not empty, UTF-8.
Status check_name(std::string_view name, std::string_view what);

/// `name` is a field of the events of `query`, of one of its steps if it is a sequence; not a document as a whole
/// unless `whole_too`.
Status check_field(const Query& query, std::string_view name, bool whole_too = false);
/// `name` is a column of the grouped `query`. `clause` asks.
Status check_column(const Query& query, std::string_view name, std::string_view clause);
/// ORDER BY names a field or a column of the result; of a grouped query a column.
Status check_order(const Query& query, std::string_view name);
/// The field that SINCE, UNTIL and PER look at: a time, or a path to one.
Status check_time_field(std::string_view name);
/// A name given with AS: an identifier that is no word of an expression; of an aggregate no unit of PER either, and
/// never a core field.
Status check_as(std::string_view name, bool of_aggregate);
/// A step has a name conditions can use, and no other step has it. `index` counts from 0.
Status check_step(const Query& query, std::size_t index);
/// What a sequence is linked by.
Status check_link(std::string_view link);

/// Which clauses stand together; for each refusal the clause it is about ("BY").
struct ClauseConflict {
  std::string_view clause;
  std::string_view message;
};
[[nodiscard]] std::optional<ClauseConflict> find_conflict(const Query& query) noexcept;
/// The names of the result's columns: PER, BY, aggregates, or those of RETURN.
[[nodiscard]] std::vector<std::string> columns_of(const Query& query);
/// No two columns have one name, as far as AS gave one of them.
Status check_column_names(const Query& query);

} // namespace weir::query
