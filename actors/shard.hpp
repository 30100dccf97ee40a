// The shard actor: a thin shell round ShardPump.
#pragma once

#include "actors/messages.hpp"
#include "actors/shard_pump.hpp"

namespace weir {

class Shard : public ShardActor::base {
public:
  /// `parts` and `shard` outlive the actor system.
  Shard(caf::actor_config& config, EngineParts& parts, ShardParts& shard);
  behavior_type make_behavior() override;

private:
  void tell_if_idle();

  ShardParts& shard_;
  ShardPump pump_;
};

} // namespace weir
