// From the events that may take part, of all shards, to the matches and their documents.
//
// Purpose: the second half of a sequence query, after the shards were scanned.
// Threading: free functions without shared state; one thread per query.
#pragma once

#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include "engine/query/control.hpp"
#include "engine/query/partial.hpp"
#include "engine/query/sequence_part.hpp"
#include "engine/query/sequence_plan.hpp"
#include "engine/shard_view.hpp"

#include <span>
#include <vector>

namespace weir::query {

/// The matches as rows of CompiledSequence::match, each at the position of its first event. What `parts` took of the
/// budget is given back. Errors: `too_large`, `deadline_exceeded`, `cancelled`.
Result<ShardRows> match_sequences(const CompiledSequence& query, std::vector<SequencePart> parts,
                                  const QueryControl& control);

/// The answer from what the scan of `query` gathered, whose views are `views` if the answer has documents. Errors: as a
/// query.
Result<QueryResult> merge_sequence(const CompiledSequence& query, std::vector<ShardRows> parts,
                                   std::span<const ShardView> views, const QueryControl& control);

/// Puts documents where `rows` of the answer hold positions instead (CompiledSequence::documents). `views` are those
/// that were scanned. Errors: as a query.
Status fetch_documents(const CompiledSequence& query, std::span<const ShardView> views, const QueryControl& control,
                       std::vector<std::vector<Value>>& rows);

} // namespace weir::query
