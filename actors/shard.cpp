#include "actors/shard.hpp"

namespace weir {

namespace {

// Jobs keep a strong handle: the answer must find its shard, and the engine joins all jobs before the actors go.
ShardPump::Resolved send_back(const ShardActor& shard) {
  return [shard](ShardPump::Answers answers) { caf::anon_send(shard, resolved_atom_v, std::move(answers)); };
}

} // namespace

Shard::Shard(caf::actor_config& config, EngineParts& parts, ShardParts& shard)
    : ShardActor::base(config), shard_(shard), pump_(parts, shard, [this](ShardPump::Answers answers) {
        send_back(caf::actor_cast<ShardActor>(address()))(std::move(answers));
      }) {
}

Shard::behavior_type Shard::make_behavior() {
  return {
      [this](drain_atom) {
        pump_.pump();
        tell_if_idle();
      },
      [this](resolved_atom, LookupAnswers& answers) {
        pump_.resolved(answers);
        tell_if_idle(); // the look-up may have failed, and with it the last call there was
      },
      [this](renumber_atom, std::uint64_t epoch) {
        pump_.renumber(epoch);
        tell_if_idle();
      },
      [this](stopped_atom, const Error& why) {
        shard_.fail(why);
        pump_.stop(why);
        tell_if_idle();
      },
      [this](flush_now_atom, GatherPtr& gather) {
        shard_.log->flush([gather = std::move(gather)](Status status) { gather->answer(std::move(status)); });
      },
  };
}

void Shard::tell_if_idle() {
  if (!shard_.idle_awaited())
    return;
  shard_.log->want_progress(); // first: the last group may leave the log while we look
  if (pump_.idle())
    if (const auto idle = shard_.take_when_idle())
      idle();
}

} // namespace weir
