#include "actors/reclaim.hpp"

#include "engine/text.hpp"
#include "segments/compaction_plan.hpp"

#include <utility>

namespace weir {

namespace {
constexpr std::uint64_t stubs_in_event = 8; // so many take the space of one, about
} // namespace

Reclaim::~Reclaim() {
  if (done_) { // dropped at shutdown
    parts_.merging.store(false);
    shard_.reclaiming.store(false);
  }
}

void Reclaim::start(Merge::Done done) {
  parts_.merging.store(true);
  shard_.reclaiming.store(true);
  shard_.reclaim_due.store(false); // what is removed from now on is looked for again
  done_ = std::move(done);
  parts_.compaction_lane->post([self = shared_from_this()] { self->look(); });
}

void Reclaim::look() {
  if (const Status found = find(); !found) {
    if (found.code() != Errc::cancelled)
      parts_.health.warn(format("shard {}: segments could not be looked through for removed events, trying again: {}",
                                shard_.id, to_string(found.error())));
    end(false, false);
    return;
  }
  rewrite_next();
}

Status Reclaim::find() {
  const auto segments = shard_.table->segments();
  const MarkLookup removed = durable_marks(*segments);
  if (!removed)
    return {};
  const MayGoOn may_go_on = [this]() -> Status {
    return parts_.closing.load(std::memory_order_relaxed) ? Status(fail(Errc::cancelled, "the engine is closing"))
                                                          : Status();
  };
  for (const auto& segment : *segments) {
    const auto found = parts_.segments->reclaimable(segment->meta(), may_go_on, removed);
    if (!found)
      return found.error();
    if (found->events != 0 && 2 * found->events >= found->of + found->stubs / stubs_in_event)
      mostly_removed_.push_back(segment);
  }
  return {};
}

void Reclaim::rewrite_next() {
  if (mostly_removed_.empty() || parts_.closing.load()) {
    end(true, true);
    return;
  }
  if (Merge::plan(parts_, shard_, segments::CompactionPolicy::fan_in_busy)) {
    end(true, false);
    return;
  }
  SegmentList alone{std::move(mostly_removed_.back())};
  mostly_removed_.pop_back();
  const auto merge = std::make_shared<Merge>(parts_, shard_, std::move(alone));
  merge->start([self = shared_from_this()](bool worked) {
    if (worked)
      self->rewrite_next();
    else
      self->end(false, false);
  });
}

void Reclaim::end(bool worked, bool through) {
  mostly_removed_.clear();
  if (!through)
    shard_.reclaim_due.store(true);
  parts_.merging.store(false); // first: who is told may start the next one
  shard_.reclaiming.store(false);
  std::exchange(done_, nullptr)(worked);
}

void look_for_marks(EngineParts& parts, ShardParts& shard) {
  parts.compaction_lane->post([&parts, &shard] {
    if (parts.closing.load() || !durable_marks(*shard.table->segments()))
      return;
    shard.reclaim_due.store(true);
    parts.segments_changed();
  });
}

} // namespace weir
