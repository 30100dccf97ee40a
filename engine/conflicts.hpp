// The receipts that a refusal tells of.
//
// Purpose: whoever is refused learns which event stands against the call, and where that is. Memory knows of most;
// for others a segment has to be read. Threading: pure functions. Invariants: what a refusal rests on is applied by
// then, so its event is in the views given here, unless compaction has taken it away.
#pragma once

#include "engine/shard_view.hpp"

#include <weir/result.hpp>

#include <span>

namespace weir {

/// Fills in what memtables know: `memtables` of the shard, oldest first. `reached`: the durability of what is told.
/// Returns whether receipts are still missing.
[[nodiscard]] bool add_receipts(Error& refusal, std::span<const MemtableView> memtables, Durability reached);
/// Fills in the others; what is not there any more, or cannot be read, stays missing. May do I/O.
void add_receipts(Error& refusal, const ShardView& view, Durability reached);

} // namespace weir
