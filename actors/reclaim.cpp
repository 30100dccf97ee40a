#include "actors/reclaim.hpp"

#include "engine/text.hpp"
#include "segments/compaction_plan.hpp"

#include <utility>

namespace weir {

namespace {
constexpr std::uint64_t stubs_in_event = 8; // so many take the space of one, about
} // namespace

Reclaim::~Reclaim() {
  if (done_) // dropped at shutdown
    shard_.reclaiming.store(false);
}

void Reclaim::start(Merge::Done done) {
  shard_.reclaiming.store(true);
  shard_.reclaim_due.store(false); // what is removed from now on is looked for again
  done_ = std::move(done);
  segments_ = shard_.table->segments();
  parts_.compaction_lane->post([self = shared_from_this()] { self->look(); });
}

void Reclaim::look() {
  const Status found = find();
  segments_.reset();
  if (!found) {
    if (found.code() != Errc::cancelled && !cause_.asked)
      parts_.health.warn(format("shard {}: segments could not be looked through for removed events, trying again: {}",
                                shard_.id, to_string(found.error())));
    end(found, false);
    return;
  }
  // What is next is chosen under the table's lock, so not here.
  parts_.flush_lane->post([self = shared_from_this()] { self->rewrite_next(); });
}

Status Reclaim::find() {
  const MarkLookup removed = durable_marks(*segments_);
  if (!removed)
    return {};
  const MayGoOn may_go_on = [this] { return may_compact(parts_, cause_); };
  const MeteredWork metered(parts_, shard_, may_go_on);
  for (const auto& segment : *segments_) {
    const auto found = parts_.segments->reclaimable(segment->meta(), may_go_on, removed);
    if (!found)
      return found.error();
    const bool half = 2 * found->events >= found->of + found->stubs / stubs_in_event;
    if (found->events != 0 && (half || from_ == From::anything_removed))
      to_rewrite_.push_back(segment);
  }
  return {};
}

void Reclaim::rewrite_next() {
  if (to_rewrite_.empty() || parts_.closing.load()) {
    end({}, true);
    return;
  }
  const bool others_first = !cause_.asked && (parts_.compaction.claimed() ||
                                              Merge::plan(parts_, shard_, segments::CompactionPolicy::fan_in_busy));
  if (others_first) {
    end({}, false);
    return;
  }
  SegmentList alone{std::move(to_rewrite_.back())};
  to_rewrite_.pop_back();
  const auto merge = std::make_shared<Merge>(parts_, shard_, std::move(alone), cause_);
  merge->start([self = shared_from_this()](const Status& ended) {
    if (ended)
      self->rewrite_next();
    else
      self->end(ended, false);
  });
}

void Reclaim::end(const Status& ended, bool through) {
  to_rewrite_.clear();
  if (!through)
    shard_.reclaim_due.store(true);
  shard_.reclaiming.store(false); // first: who is told may start the next work
  std::exchange(done_, nullptr)(ended);
}

void look_for_marks(EngineParts& parts, ShardParts& shard) {
  parts.compaction_lane->post([&parts, &shard, segments = shard.table->segments()] {
    if (parts.closing.load() || !durable_marks(*segments))
      return;
    shard.reclaim_due.store(true);
    parts.segments_changed();
  });
}

} // namespace weir
