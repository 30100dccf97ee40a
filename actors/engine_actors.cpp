#include "actors/engine_actors.hpp"

#include "actors/compactor.hpp"
#include "actors/consumer_service.hpp"
#include "actors/flusher.hpp"
#include "actors/shard.hpp"
#include "actors/shard_manager.hpp"
#include "actors/shard_turns.hpp"

namespace weir {

EngineCore::ActorSide::OwnSystem::OwnSystem() {
  // A private system: no message of the host's ever runs on our workers, nor the other way round. `sharing` keeps idle
  // workers asleep (`stealing` polls); the throughput bound lets a busy shard take turns with the others.
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", std::size_t{2});
  config.set("scheduler.max-throughput", std::size_t{64});
  system.emplace(config);
}

EngineCore::ActorSide::ActorSide(EngineParts& parts, const std::optional<Stepped>& by)
    : stepped(by), system(stepped ? *stepped->actors : *own.emplace().system) {
  flusher = system.spawn<Flusher, caf::hidden>(parts);
  compactor = system.spawn<Compactor, caf::hidden>(parts);
  for (const auto& shard : parts.shards)
    shards.push_back(shard->table ? system.spawn<Shard, caf::hidden>(parts, *shard) : ShardActor{});
  manager = system.spawn<ShardManager, caf::hidden>(parts, shards);
  // CAF leaves a share of the new system's logger with the thread that made it, and a system does not end before all of
  // them are given back: the engine could be closed only by the thread that opened it.
  CAF_SET_LOGGER_SYS(nullptr);
}

void EngineCore::ActorSide::end() {
  caf::scoped_actor self(system, true);
  const auto end_one = [this, &self](auto& handle) {
    if (!handle)
      return;
    self->send_exit(handle, caf::exit_reason::kill);
    while (stepped && stepped->go_on()) {
    }
    self->wait_for(handle);
    handle = nullptr;
  };
  end_one(manager);
  for (ShardActor& shard : shards)
    end_one(shard);
  end_one(flusher);
  end_one(compactor);
  shards.clear();
}

EngineCore::ActorSide::~ActorSide() = default;

void EngineCore::start_actors() {
  actors_ = std::make_unique<ActorSide>(parts_, stepped_);
  parts_.poke_all = [manager = actors_->manager] { caf::anon_send(manager, poke_all_atom_v); };
  parts_.relieve = [manager = actors_->manager] { caf::anon_send(manager, relieve_atom_v); };
  parts_.segments_changed = [compactor = actors_->compactor] { caf::anon_send(compactor, changed_atom_v); };
  parts_.look_for_merges = [compactor = actors_->compactor] { caf::anon_send(compactor, look_atom_v); };
  for (std::size_t i = 0; i < parts_.shards.size(); ++i) {
    ShardParts& shard = *parts_.shards[i];
    if (!shard.table)
      continue;
    shard.turns = std::make_shared<ShardTurns>(parts_, shard,
                                               [handle = actors_->shards[i]] { caf::anon_send(handle, go_on_atom_v); });
    shard.wake = [turns = shard.turns.get()] { turns->take(); };
    shard.log->listen({
        .progress = shard.wake,
        .reset = [turns = shard.turns.get()](
                     std::uint64_t epoch) { turns->tell([epoch](ShardPump& pump) { pump.renumber(epoch); }); },
        .failed =
            [this, &shard](const Error& why) {
              shard.fail(why);
              parts_.queue->end(why);
              shard.turns->tell([why](ShardPump& pump) { pump.stop(why); });
            },
        .frozen = [flusher = actors_->flusher,
                   i] { caf::anon_send(flusher, frozen_atom_v, static_cast<std::uint32_t>(i)); },
        .warn = [this](const std::string& what) { parts_.health.warn(what); },
    });
    if (shard.table->flush_queue().size() != 0) // recovery filled more than one memtable
      caf::anon_send(actors_->flusher, frozen_atom_v, static_cast<std::uint32_t>(i));
  }
  parts_.segments_changed(); // an earlier life may have left work
}

void EngineCore::flush(FlushQueue::Waiter waiter) {
  const Door::Inside inside(door_);
  if (!inside) {
    waiter(Status{fail(Errc::closing, "the engine is closing")});
    return;
  }
  caf::anon_send(actors_->manager, flush_now_atom_v, std::make_shared<Gather>(parts_.shards.size(), std::move(waiter)));
}

void EngineCore::stop_actors() {
  parts_.stopping.store(true);
  actors_->end(); // one of them may be at a shard's turn, which calls what goes next
  // Nothing may hold a handle once its system is gone.
  parts_.poke_all = nullptr;
  parts_.relieve = nullptr;
  parts_.segments_changed = nullptr;
  parts_.look_for_merges = nullptr;
  for (auto& shard : parts_.shards)
    if (shard->table) {
      shard->wake = nullptr;
      shard->log->listen({});
    }
  actors_.reset();
  for (auto& shard : parts_.shards)
    shard->turns.reset();
  // A drain that ran out of time leaves calls behind, and flushes wait: they are told now, not when the last stream
  // lets go of us.
  for (auto& shard : parts_.shards)
    if (shard->table) {
      std::vector<StorePtr> left;
      shard->inbox->drain(left, SIZE_MAX);
      shard->log->drop_queued();
      shard->table->flush_queue().end(fail(Errc::closing, "the engine is closing"));
    }
}

EngineCore::EngineCore() = default;

EngineCore::~EngineCore() {
  (void)close(parts_.options.close_timeout_ms);
}

} // namespace weir
