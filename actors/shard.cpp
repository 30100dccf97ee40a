#include "actors/shard.hpp"

#include "actors/shard_turns.hpp"
#include "engine/text.hpp"

namespace weir {

Shard::Shard(caf::actor_config& config, EngineParts& parts, ShardParts& shard)
    : ShardActor::base(config), parts_(parts), shard_(shard) {
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

void Shard::on_exit() {
  if (parts_.stopping.load())
    return;
  shard_.log->give_up(fail(Errc::shard_failed, format("shard {} takes no stores since its actor ended", shard_.id)));
  shard_.turns->actor_ended();
}

} // namespace weir
