// The flusher: one passive memtable in, one segment out.
//
// Purpose: keeps at most one flush job of each shard in the flush lane, and tries again, at growing intervals, when one
// fails; the memtable stays readable and its log stays until it works.
#pragma once

#include "actors/engine_parts.hpp"
#include "actors/messages.hpp"

#include <chrono>
#include <vector>

namespace weir {

class Flusher : public FlusherActor::base {
public:
  Flusher(caf::actor_config& config, EngineParts& parts);
  behavior_type make_behavior() override;
  const char* name() const override { return "weir-flusher"; }
  void on_exit() override;

private:
  struct PerShard {
    bool busy = false;
    std::chrono::milliseconds retry_in{0};
  };
  void start(std::uint32_t shard);

  EngineParts& parts_;
  std::vector<PerShard> shards_;
};

} // namespace weir
