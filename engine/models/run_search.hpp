// Runs a search's statements and makes its answer of their rows.
//
// Purpose: what search(), each() and the aggregates of JsonModel have in common. Threading: as the connections.
// Invariants: everything in one answer comes of one state of the database.
#pragma once

#include "engine/models/model_table.hpp"
#include "engine/models/select_text.hpp"
#include "engine/sqlite/connections.hpp"

#include <weir/json_value.hpp>
#include <weir/result.hpp>
#include <weir/search.hpp>

#include <cstdint>

namespace weir {

/// Whose cursors are wanted, unless the options say none.
enum class Cursors : std::uint8_t {
  next, ///< Of what lies beyond the page, on the way it goes.
  both,
};

Result<SearchResult> run_search(const ModelTable& table, sqlite::Connections& connections, const Json& attributes,
                                const SearchOptions& options, Cursors cursors);

/// `text`, compiled, with its values.
Result<sqlite::CachedStatement> prepare(sqlite::Lease& lease, const SqlText& text);
/// The first column of the first row; nothing: there is no row.
Result<std::optional<SqlValue>> first_value(sqlite::Lease& lease, const SqlText& text);

} // namespace weir
