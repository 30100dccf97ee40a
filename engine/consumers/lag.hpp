// How much lies behind a position: what a consumer there has still before it.
//
// Threading: pure, but for the reads of segments.
#pragma once

#include "engine/shard_view.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace weir {

struct Lag {
  std::uint64_t events = 0;
  std::optional<Timestamp> oldest; ///< `recorded_at` of the oldest of them.
};

/// Counts events at `from` or later. Of each shard at most one segment is read, and of that two columns: all others lie
/// before or behind as a whole. Errors: `corruption`, `io_error`.
Result<Lag> lag_from(std::span<const ShardView> views, Position from);

} // namespace weir
