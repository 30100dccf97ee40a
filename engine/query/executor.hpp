// Runs a query: one shard at a time to partial answers, then those to one.
//
// Purpose: shards are scanned apart, by whatever threads the caller has, and merged by one.
// Threading: scan_shard and merge are free of shared state beyond QueryControl and may run anywhere. A view is held
// only during the call.
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

/// The part of the answer that this shard gives. Errors: as Query::validate(); `deadline_exceeded`, `cancelled`,
/// `too_large`; `corruption` and `io_error` of a segment.
Result<ShardRows> scan_shard(const Query& query, const ShardView& view, const QueryControl& control);

/// The answer of all shards. `parts` were made for the same `query`. Errors: as scan_shard.
Result<QueryResult> merge(const Query& query, std::vector<ShardRows> parts, const QueryControl& control);

/// Both, one shard after the other in the caller's thread.
Result<QueryResult> run(const Query& query, std::span<const ShardView> views, const QueryControl& control);

} // namespace weir::query
