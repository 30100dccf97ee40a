// From partial answers to one, and a whole query in one thread.
//
// Purpose: what execution.hpp shares among threads ends here.
// Threading: free of shared state beyond QueryControl; may run anywhere. A view is held only during the call.
#pragma once

#include <weir/query.hpp>
#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include "engine/query/control.hpp"
#include "engine/query/partial.hpp"
#include "engine/shard_view.hpp"

#include <span>
#include <vector>

namespace weir::query {

/// The answer of all parts (columns, rows, stats), which were made for the same `query`, whatever they cover: their
/// order and number make no difference. Errors: `deadline_exceeded`, `cancelled`, `too_large`.
Result<QueryResult> merge(const CompiledQuery& query, std::vector<ShardRows> parts, const QueryControl& control);
/// The rows of all parts by position, no more than the answer has. Precondition: a query of rows without ORDER BY and
/// OFFSET. Errors: `deadline_exceeded`, `cancelled`.
Result<std::vector<ResultRow>> rows_by_position(const CompiledQuery& query, std::vector<ShardRows> parts,
                                                const QueryControl& control);
/// Scan and merge in the caller's thread. See Execution for several.
Result<QueryResult> run(const Query& query, std::span<const ShardView> views, const QueryControl& control);

} // namespace weir::query
