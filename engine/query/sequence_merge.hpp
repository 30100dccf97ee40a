// From the matches of a sequence to the answer, with the documents of their events.
//
// Purpose: the last part of a sequence query, after its events were matched.
// Threading: free functions without shared state; one thread per query.
#pragma once

#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include "engine/query/control.hpp"
#include "engine/query/partial.hpp"
#include "engine/query/sequence_plan.hpp"
#include "engine/shard_view.hpp"

#include <span>
#include <vector>

namespace weir::query {

/// The answer from the matches (SequenceMatching::rows()) among the events of `views`. Errors: as a query.
Result<QueryResult> merge_sequence(const CompiledSequence& query, std::vector<ShardRows> matches,
                                   std::span<const ShardView> views, const QueryControl& control);

/// Puts documents where `rows` of the answer hold positions instead (CompiledSequence::documents). `views` are those
/// that were scanned. Errors: as a query.
Status fetch_documents(const CompiledSequence& query, std::span<const ShardView> views, const QueryControl& control,
                       std::vector<std::vector<Value>>& rows);

} // namespace weir::query
