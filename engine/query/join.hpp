// Parts of an answer made one, to be kept and joined again.
//
// Purpose: what a remembered query gathers grows by parts; merge() makes an answer of it, this does not.
// Threading: pure.
#pragma once

#include <weir/query.hpp>
#include <weir/result.hpp>

#include "engine/query/control.hpp"
#include "engine/query/partial.hpp"

#include <vector>

namespace weir::query {

/// One part that says what `parts`, all made for `query`, say together; no more rows than an answer can use. Errors: as
/// Query::validate(); `deadline_exceeded`, `cancelled`.
Result<ShardRows> join(const Query& query, std::vector<ShardRows> parts, const QueryControl& control);

} // namespace weir::query
