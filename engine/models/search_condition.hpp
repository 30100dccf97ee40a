// What a search asks of one column, as a condition in SQL.
//
// Purpose: the operators of columns (in, is_array, text_search ...) in one place. Threading: pure functions, but for
// the functions of the column itself. Invariants: what is searched for is bound, never part of the text; equal
// questions have equal texts, whatever they ask for, so that compiled statements are found again.
#pragma once

#include "engine/models/model_table.hpp"
#include "engine/models/sql_text.hpp"

#include <weir/json_value.hpp>
#include <weir/result.hpp>

#include <string_view>

namespace weir {

/// An empty text: whatever the column has will do. Errors: `invalid_argument` for a value that does not fit the column,
/// `too_large` for a list of more than list_values_max; what the column's own functions say.
Result<SqlText> search_condition(const ModelTable& table, const TableColumn& column, const Json& wanted);

inline constexpr std::size_t list_values_max = 16'384;

/// Trusted SQL with its values, in brackets. Errors: `invalid_argument`, naming `what`, unless there is one plain
/// placeholder for each value.
Result<SqlText> bracketed(std::string_view what, std::string_view sql, const std::vector<SqlValue>& values);

/// As bracketed(), as it is.
Result<SqlText> checked(std::string_view what, std::string_view sql, const std::vector<SqlValue>& values);

} // namespace weir
