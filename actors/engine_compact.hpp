// What becomes of a call of compact(), once it is inside.
//
// Purpose: the whole of Engine::compact() without the door in front of it, so that tests take it on a simulated disk,
// too. Threading: the caller's thread, which waits; with `stepped` it lets the rest of the engine go on instead.
#pragma once

#include "actors/engine_open.hpp"
#include "actors/engine_parts.hpp"

#include <weir/compact_options.hpp>
#include <weir/result.hpp>

#include <optional>

namespace weir {

/// Errors: those of Engine::compact. Precondition: there is a shard of the number in `options`.
Result<CompactReport> compact_segments(EngineParts& parts, const std::optional<Stepped>& stepped,
                                       const CompactOptions& options);

} // namespace weir
