// What a query does, in words.
//
// Purpose: EXPLAIN and EXPLAIN ANALYZE. Threading: pure functions; a plan reads metadata of segments.
#pragma once

#include <weir/query.hpp>
#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include "engine/query/control.hpp"
#include "engine/shard_view.hpp"

#include <span>
#include <string>
#include <vector>

namespace weir::query {

/// What a run did: the plan and its stats, a line each.
[[nodiscard]] std::vector<std::string> explain_run(const Query& query, const QueryStats& stats);

/// What a run over `views` would do, a line each, steps of a stage indented: what is pruned by what, which columns are
/// read, and which fields have none and are read from payloads. Reads metadata of segments, and no row. Errors: as
/// Query::validate(), and those of segments.
Result<std::vector<std::string>> explain_plan(const Query& query, std::span<const ShardView> views,
                                              const QueryControl& control);

} // namespace weir::query
