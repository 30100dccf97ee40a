// What becomes of a call about a remembered query, once it is inside.
//
// Purpose: the steps of Engine::remember(), forget() and show() without the door in front of them, so that tests take
// them on a simulated disk, too. Threading: remember_view() and forget_view() in the flush lane, where names are given
// and taken one after the other; show_view() anywhere.
#pragma once

#include "actors/engine_parts.hpp"
#include "actors/querier.hpp"

#include <weir/query.hpp>
#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include <functional>
#include <string>
#include <vector>

namespace weir {

/// Durable, then known. Errors: those of ViewBook::check and of the catalog.
Status remember_view(EngineParts& parts, const std::string& name, const Query& query);
/// Errors: `not_found`, those of the catalog.
Status forget_view(EngineParts& parts, const std::string& name);

/// Takes the views of all shards; called after the watermark was read.
using TakeViews = std::function<Result<std::vector<ShardView>>()>;
/// Answers the view, going on from its state, and keeps what was gathered. Errors: those of `take` and of the query.
Result<QueryResult> show_view(EngineParts& parts, const std::string& name, ViewBook::View view, const TakeViews& take,
                              const Querier& querier, const QueryRun& run);

} // namespace weir
