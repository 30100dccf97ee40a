// The shard manager: spawns the shards and speaks to all of them.
//
// Purpose: placement itself is a pure function (ShardRouter) that senders call; what concerns every shard comes here.
#pragma once

#include "actors/engine_parts.hpp"
#include "actors/messages.hpp"

#include <vector>

namespace weir {

class ShardManager : public ShardManagerActor::base {
public:
  /// Shards that could not be opened have a null handle in `shards`.
  ShardManager(caf::actor_config& config, EngineParts& parts, std::vector<ShardActor> shards);
  behavior_type make_behavior() override;
  const char* name() const override { return "weir-manager"; }
  void on_exit() override;

private:
  void relieve();

  EngineParts& parts_;
  std::vector<ShardActor> shards_;
};

} // namespace weir
