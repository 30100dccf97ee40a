// The compactor: decides when which shard's segments are merged.
//
// Purpose: one merge at a time in the whole engine, so that background work takes one processor and one stretch of the
// disk at most. After each flush it looks whether enough neighbours of like size have come together; once flushes have
// paused it also merges what that left, and then rewrites segments of which most is removed. Shards take turns. After a
// failure it waits, longer each time. While compaction is paused, or somebody who asked for it has the turn
// (actors/compaction_control.hpp), it does nothing, and is told when that ends.
#pragma once

#include "actors/engine_parts.hpp"
#include "actors/messages.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

namespace weir {

class Compactor : public CompactorActor::base {
public:
  Compactor(caf::actor_config& config, EngineParts& parts);
  behavior_type make_behavior() override;
  const char* name() const override { return "weir-compactor"; }
  void on_exit() override;

private:
  using Time = std::chrono::steady_clock::time_point;
  struct PerShard {
    Time not_before{}; ///< After a failure.
    std::chrono::milliseconds retry_in{0};
  };
  void look();
  bool start_one(Time now, std::size_t fan_in);
  bool start_reclaim(Time now);
  /// What ends the work on a shard, and with it the turn.
  std::function<void(const Status&)> told(std::size_t number, CompactionControl::TurnPtr turn);
  void look_again_at(Time when);

  EngineParts& parts_;
  std::vector<PerShard> shards_;
  std::optional<Time> reminder_; ///< When the next look_atom comes.
  std::size_t next_shard_ = 0;
  Time changed_at_;
};

} // namespace weir
