#include "actors/shard_manager.hpp"

#include "engine/text.hpp"

namespace weir {

ShardManager::ShardManager(caf::actor_config& config, EngineParts& parts, std::vector<ShardActor> shards)
    : ShardManagerActor::base(config), parts_(parts), shards_(std::move(shards)) {
}

ShardManager::behavior_type ShardManager::make_behavior() {
  return {
      [this](flush_now_atom, const GatherPtr& gather) {
        for (std::size_t i = 0; i < shards_.size(); ++i)
          if (shards_[i])
            send(shards_[i], flush_now_atom_v, gather);
          else
            gather->answer(fail(Errc::shard_failed, format("shard {} could not be opened", i)));
      },
      [this](relieve_atom) { relieve(); },
      [this](poke_all_atom) {
        for (const ShardActor& shard : shards_)
          if (shard)
            send(shard, drain_atom_v);
      },
  };
}

void ShardManager::relieve() {
  // Passive memtables are being flushed already, and that wakes the shards; only if there are none must one be made.
  ShardParts* largest = nullptr;
  for (const auto& shard : parts_.shards) {
    if (!shard->table)
      continue;
    if (shard->table->flush_queue().size() != 0)
      return;
    if (largest == nullptr || shard->table->active_bytes() > largest->table->active_bytes())
      largest = shard.get();
  }
  if (largest != nullptr)
    largest->log->freeze_soon(0);
}

void ShardManager::on_exit() {
  shards_.clear();
  parts_.give_up_stores("the shard manager ended");
}

} // namespace weir
