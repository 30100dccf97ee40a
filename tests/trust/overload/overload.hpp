// Ten times what the engine can take.
//
// Purpose: promise P10: memory stays below its budget, who asks for too much waits or is told so, nothing acknowledged
// is lost, and afterwards all is as before; P11: a shard that stands still holds up nobody else, nor does a
// subscriber. Owner: the stage.
// Threading: one thread.
#pragma once

#include <weir/options.hpp>

#include <cstdint>

namespace weir::trust {

struct OverloadPlan {
  std::uint32_t shards = 0;
  std::uint64_t calls = 0;           ///< Made by senders that never wait for an answer.
  std::uint64_t calls_to_others = 0; ///< Made, one after the other, beside a shard that stands still; and without.
};

struct OverloadCounts {
  std::uint64_t calls = 0, acknowledged = 0, overloaded = 0, timed_out = 0; ///< In all.
  std::uint64_t offered_bytes = 0, logged_bytes = 0;                        ///< While the disk was paid for.
  std::uint64_t flood_ms = 0;                                               ///< From the first call to the last.
  std::uint64_t drain_ms = 0;                                               ///< From the last call to the last answer.
  std::uint64_t baseline_bytes = 0, peak_bytes = 0, budget_bytes = 0;       ///< Of memory; 0 if not measured.
  std::uint64_t inbox_bytes_most = 0, unsealed_bytes_most = 0;              ///< Seen in the engine's statistics.
  std::uint64_t quiet_p99_us = 0, beside_standing_p99_us = 0;               ///< Of a store to another shard.
  std::uint64_t subscribed_events = 0;                                      ///< Seen by every subscriber.
  std::uint64_t go_on_ms = 0; ///< Until subscribers that had stopped have seen everything.
  std::uint64_t lost = 0, wrong = 0;
};

OverloadCounts overload(const OverloadPlan& plan, std::uint64_t seed);

/// What the options, and the bounds of a reader and a group, allow the engine to hold.
[[nodiscard]] std::uint64_t memory_budget(const EngineOptions& options);

} // namespace weir::trust
