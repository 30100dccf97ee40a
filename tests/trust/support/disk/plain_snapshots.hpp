// Snapshots of a plain engine.
//
// Purpose: what EngineCore has of them, with a lane that does everything at once. Owner: a test. Threading: one thread.
#pragma once

#include "engine/snapshots/snapshots.hpp"
#include "trust/support/disk/judge.hpp"
#include "trust/support/disk/plain_engine.hpp"

#include <memory>
#include <string>

namespace weir::trust {

/// The engine outlives them.
[[nodiscard]] std::unique_ptr<Snapshots> make_plain_snapshots(PlainEngine& engine);

/// The state that stands for the first `sequence` events of a context.
[[nodiscard]] std::string snapshot_state(const Rows& rows, Sequence sequence);

} // namespace weir::trust
