#include "actors/shard.hpp"

#include "actors/shard_turns.hpp"

namespace weir {

Shard::Shard(caf::actor_config& config, ShardParts& shard) : ShardActor::base(config), shard_(shard) {
}

Shard::behavior_type Shard::make_behavior() {
  return {
      [this](drain_atom) { shard_.turns->take(); },
      [this](go_on_atom) { shard_.turns->go_on(); },
      [this](flush_now_atom, GatherPtr& gather) {
        shard_.log->flush([gather = std::move(gather)](Status status) { gather->answer(std::move(status)); });
      },
  };
}

} // namespace weir
