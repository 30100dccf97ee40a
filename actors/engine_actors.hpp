// The actor system of one engine. Only files of actors/ include this: it needs CAF.
#pragma once

#include "actors/engine_core.hpp"
#include "actors/messages.hpp"

#include <optional>
#include <vector>

namespace weir {

struct EngineCore::ActorSide {
  /// `stepped`, if given, says in which system.
  ActorSide(EngineParts& parts, const std::optional<Stepped>& stepped);
  /// Precondition: end() was called, and nothing holds a handle.
  ~ActorSide();
  /// Ends every actor and waits for it. Precondition: the executor has stopped, so nobody sends any more.
  void end();

  struct OwnSystem {
    OwnSystem();
    caf::actor_system_config config; // outlives the system
    std::optional<caf::actor_system> system;
  };
  const std::optional<Stepped>& stepped;
  std::optional<OwnSystem> own;
  caf::actor_system& system;
  std::vector<ShardActor> shards; // null where the shard could not be opened
  FlusherActor flusher;
  CompactorActor compactor;
  ShardManagerActor manager;
};

} // namespace weir
