#include "actors/flusher.hpp"

#include "actors/reclaim.hpp"
#include "engine/text.hpp"

#include <algorithm>

namespace weir {

namespace {
constexpr std::chrono::milliseconds retry_first{50};
constexpr std::chrono::milliseconds retry_last{2'000};
constexpr std::chrono::milliseconds retry_when_full{500}; // a full disk recovers quickly
} // namespace

Flusher::Flusher(caf::actor_config& config, EngineParts& parts)
    : FlusherActor::base(config), parts_(parts), shards_(parts.shards.size()) {
}

Flusher::behavior_type Flusher::make_behavior() {
  return {
      [this](frozen_atom, std::uint32_t shard) {
        if (!shards_[shard].busy)
          start(shard);
      },
      [this](flushed_atom, std::uint32_t shard, bool worked) {
        PerShard& state = shards_[shard];
        state.busy = false;
        const auto longest = parts_.guard->flush_blocked() ? retry_when_full : retry_last;
        state.retry_in = worked ? std::chrono::milliseconds{0}
                                : std::clamp<std::chrono::milliseconds>(state.retry_in * 2, retry_first, longest);
        if (parts_.shards[shard]->table->flush_queue().size() != 0)
          start(shard);
      },
  };
}

void Flusher::on_exit() {
  if (parts_.stopping.load())
    return;
  parts_.give_up_stores("the flusher ended");
  for (const auto& shard : parts_.shards)
    if (shard->table)
      shard->table->flush_queue().end(
          fail(Errc::shard_failed, format("shard {} is flushed no more since the flusher ended", shard->id)));
}

void Flusher::start(std::uint32_t shard) {
  shards_[shard].busy = true;
  auto job = [&parts = parts_, shard, self = caf::actor_cast<FlusherActor>(address())] {
    const bool first = parts.shards[shard]->flushes.load() == 0;
    const Status flushed = flush_oldest(parts, *parts.shards[shard]);
    if (flushed) {
      if (first && parts.options.segment_bytes_max != 0)
        look_for_marks(parts, *parts.shards[shard]);
      parts.poke_all(); // memory came back
      parts.segments_changed();
    } else {
      parts.health.warn(
          format("shard {}: a flush failed and will be tried again: {}", shard, to_string(flushed.error())));
      parts.shards[shard]->table->flush_queue().fail_waiters(flushed.error());
      if (flushed.code() == Errc::disk_full)
        parts.poke_all(); // stores that wait for memory are refused instead
    }
    caf::anon_send(self, flushed_atom_v, shard, flushed.ok());
  };
  if (shards_[shard].retry_in.count() == 0)
    parts_.flush_lane->post(std::move(job));
  else
    parts_.flush_lane->post_after(shards_[shard].retry_in, std::move(job));
}

} // namespace weir
