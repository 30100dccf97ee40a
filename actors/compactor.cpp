#include "actors/compactor.hpp"

#include "actors/merge.hpp"
#include "actors/reclaim.hpp"
#include "segments/compaction_plan.hpp"

#include <algorithm>

namespace weir {

namespace {
using segments::CompactionPolicy;

// No flush for this long: the disk has time. Short beside what a person waits for, long beside a burst's pauses.
constexpr std::chrono::milliseconds quiet_time{1'000};
constexpr std::chrono::milliseconds retry_first{1'000};
constexpr std::chrono::milliseconds retry_last{300'000};
} // namespace

Compactor::Compactor(caf::actor_config& config, EngineParts& parts)
    : CompactorActor::base(config), parts_(parts), shards_(parts.shards.size()),
      changed_at_(parts.clock->steady_now()) {
}

Compactor::behavior_type Compactor::make_behavior() {
  return {
      [this](changed_atom) {
        changed_at_ = parts_.clock->steady_now();
        look();
      },
      [this](look_atom) {
        reminder_.reset();
        look();
      },
      [this](merged_atom, std::uint32_t shard, bool worked) {
        PerShard& state = shards_[shard];
        state.retry_in =
            worked ? std::chrono::milliseconds{0} : std::clamp(state.retry_in * 2, retry_first, retry_last);
        state.not_before = parts_.clock->steady_now() + state.retry_in;
        look();
      },
  };
}

void Compactor::on_exit() {
  if (!parts_.stopping.load())
    parts_.health.warn("no segments are merged any more since the compactor ended");
}

void Compactor::look() {
  if (parts_.closing.load() || !parts_.compaction.free_for_background())
    return; // who ends that makes us look again
  const Time now = parts_.clock->steady_now(), quiet_at = changed_at_ + quiet_time;
  if (start_one(now, CompactionPolicy::fan_in_busy) ||
      (now >= quiet_at && (start_one(now, CompactionPolicy::fan_in_quiet) || start_reclaim(now))))
    return;
  std::optional<Time> due;
  for (std::size_t i = 0; i < shards_.size(); ++i)
    if (wants_merge(parts_, *parts_.shards[i])) {
      const Time when = shards_[i].not_before > now ? shards_[i].not_before : quiet_at;
      due = due ? std::min(*due, when) : when;
    }
  if (due)
    look_again_at(*due);
}

bool Compactor::start_one(Time now, std::size_t fan_in) {
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    const std::size_t number = (next_shard_ + i) % shards_.size();
    if (shards_[number].not_before > now)
      continue;
    if (!Merge::plan(parts_, *parts_.shards[number], fan_in))
      continue;
    auto turn = parts_.compaction.take_in_background();
    if (!turn)
      return true;                                                          // as in look()
    const auto merge = Merge::plan(parts_, *parts_.shards[number], fan_in); // others had the turn until a moment ago
    if (!merge)
      continue;
    next_shard_ = number + 1;
    merge->start(told(number, std::move(turn)));
    return true;
  }
  return false;
}

bool Compactor::start_reclaim(Time now) {
  for (std::size_t number = 0; number < shards_.size(); ++number) {
    ShardParts& shard = *parts_.shards[number];
    if (shards_[number].not_before > now || !shard.table || !shard.reclaim_due.load())
      continue;
    auto turn = parts_.compaction.take_in_background();
    if (turn)
      std::make_shared<Reclaim>(parts_, shard)->start(told(number, std::move(turn)));
    return true;
  }
  return false;
}

std::function<void(const Status&)> Compactor::told(std::size_t number, CompactionControl::TurnPtr turn) {
  return [number = static_cast<std::uint32_t>(number), self = caf::actor_cast<CompactorActor>(address()),
          turn = std::move(turn)](const Status& ended) mutable {
    turn.reset(); // first: who is told may start the next one
    caf::anon_send(self, merged_atom_v, number, ended.ok() || ended.code() == Errc::cancelled);
  };
}

void Compactor::look_again_at(Time when) {
  if (reminder_ && *reminder_ <= when)
    return;
  reminder_ = when;
  parts_.compaction_lane->post_after(
      when - parts_.clock->steady_now(),
      [self = caf::actor_cast<CompactorActor>(address())] { caf::anon_send(self, look_atom_v); });
}

} // namespace weir
