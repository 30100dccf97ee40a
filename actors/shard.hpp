// The shard actor: a thin shell round ShardTurns and the log.
#pragma once

#include "actors/engine_parts.hpp"
#include "actors/messages.hpp"

namespace weir {

class Shard : public ShardActor::base {
public:
  /// `shard` outlives the actor system.
  Shard(caf::actor_config& config, ShardParts& shard);
  behavior_type make_behavior() override;

private:
  ShardParts& shard_;
};

} // namespace weir
