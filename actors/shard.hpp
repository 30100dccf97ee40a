// The shard actor: a thin shell round ShardTurns and the log.
#pragma once

#include "actors/engine_parts.hpp"
#include "actors/messages.hpp"

namespace weir {

class Shard : public ShardActor::base {
public:
  /// `parts` and `shard` outlive the actor system.
  Shard(caf::actor_config& config, EngineParts& parts, ShardParts& shard);
  behavior_type make_behavior() override;
  const char* name() const override { return "weir-shard"; }
  void on_exit() override;

private:
  EngineParts& parts_;
  ShardParts& shard_;
};

} // namespace weir
