// Every context of some shards, once, in the order of their bytes.
//
// Purpose: whoever wants all events (an export) asks for the contexts and replays each. Threading: one thread; the
// views are its own. Memory: the names of the contexts in memtables, and one zone's context column of each segment; the
// memtables themselves are let go, so that a slow visitor keeps no store waiting.
#pragma once

#include "engine/shard_view.hpp"

#include <functional>
#include <string_view>
#include <vector>

namespace weir {

/// Calls `visit` with each context of `views` that begins with `prefix`; its text lives until the call returns. Ends
/// with the visitor's error, if it has one. Errors: those of reading segments.
Status walk_contexts(std::vector<ShardView> views, std::string_view prefix,
                     const std::function<Status(std::string_view)>& visit);

} // namespace weir
