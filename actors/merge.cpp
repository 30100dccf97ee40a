#include "actors/merge.hpp"

#include "engine/kill_point.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"
#include "segments/compaction_plan.hpp"

#include <algorithm>

namespace weir {

namespace {

using segments::CompactionPolicy;
using segments::CompactionRun;

constexpr std::chrono::milliseconds publish_retry{500};
constexpr std::chrono::milliseconds unread_interval{100};
// Merging mostly shortens, but filters and the index of few segments may be larger than those of many.
constexpr std::uint64_t space_margin_bytes = 1 * MiB;

std::optional<CompactionRun> plan_for(const EngineParts& parts, const SegmentList& segments, std::size_t fan_in) {
  return segments::plan_compaction(metas_of(segments), {parts.options.segment_bytes_max, fan_in});
}

struct Unread {
  std::weak_ptr<const SegmentReader> reader;
  SegmentMeta meta;
};

/// Removes the files of replaced segments; of those that old views still read, later. What is left at the end of the
/// engine is removed by the next open.
void remove_unread(EngineParts& parts, std::vector<Unread> replaced) {
  std::vector<Unread> still_read;
  for (Unread& each : replaced) {
    if (!each.reader.expired())
      still_read.push_back(std::move(each));
    else if (const Status removed = parts.segments->remove(each.meta); !removed)
      parts.health.warn(format("shard {}: a merged segment's file could not be removed: {}", each.meta.shard,
                               to_string(removed.error())));
    else
      kill_point("merge.after_remove");
  }
  if (!still_read.empty())
    parts.compaction_lane->post_after(
        unread_interval, [&parts, left = std::move(still_read)]() mutable { remove_unread(parts, std::move(left)); });
}

} // namespace

std::vector<SegmentMeta> metas_of(std::span<const std::shared_ptr<const SegmentReader>> segments) {
  std::vector<SegmentMeta> metas;
  metas.reserve(segments.size());
  for (const auto& segment : segments)
    metas.push_back(segment->meta());
  return metas;
}

Status may_compact(const EngineParts& parts, const MergeCause& cause) {
  if (parts.closing.load(std::memory_order_relaxed))
    return fail(Errc::cancelled, "the merge was cancelled");
  if (!cause.asked && parts.compaction.paused())
    return fail(Errc::cancelled, "compaction is paused");
  return cause.may_go_on ? cause.may_go_on() : Status();
}

MeteredWork::MeteredWork(EngineParts& parts, ShardParts& shard, const MayGoOn& may_go_on)
    : parts_(parts), shard_(shard), task_(parts.compaction, may_go_on), before_(parts.compaction.moved()) {
}

MeteredWork::~MeteredWork() {
  const CompactionControl::Bytes now = parts_.compaction.moved();
  shard_.merge_read_bytes.fetch_add(now.read - before_.read, std::memory_order_relaxed);
  shard_.merge_written_bytes.fetch_add(now.written - before_.written, std::memory_order_relaxed);
}

MarkLookup durable_marks(const SegmentList& segments) {
  SegmentList marked;
  for (const auto& segment : segments)
    if (const auto has_marks = segment->has_marks(); has_marks && *has_marks)
      marked.push_back(segment);
  if (marked.empty())
    return {};
  return [marked = std::move(marked)](std::string_view context_id) {
    std::optional<ContextMark> joined;
    for (const auto& segment : marked)
      if (const auto mark = segment->find_mark(context_id); mark && *mark) {
        joined = joined.value_or(ContextMark{});
        joined->join(**mark);
      }
    return joined;
  };
}

namespace {

/// See RemovedEvents::older_rows. What cannot be read may hold rows.
std::function<bool(std::string_view)> rows_before(const SegmentList& segments, Position position) {
  SegmentList older;
  for (const auto& segment : segments)
    if (segment->meta().position_max < position)
      older.push_back(segment);
  return [older = std::move(older)](std::string_view context_id) {
    return std::any_of(older.begin(), older.end(), [&](const auto& segment) {
      const auto rows = segment->find_context(context_id);
      return !rows || *rows;
    });
  };
}

} // namespace

bool wants_merge(const EngineParts& parts, const ShardParts& shard) {
  return shard.table && (shard.reclaim_due.load() || shard.reclaiming.load() ||
                         plan_for(parts, *shard.table->view().segments, CompactionPolicy::fan_in_quiet));
}

std::uint64_t compactions_pending(const EngineParts& parts) {
  // First, so that a merge which ends meanwhile is seen here or as what it leaves to do.
  const bool merging = parts.compaction.taken();
  const auto wanted =
      std::count_if(parts.shards.begin(), parts.shards.end(), [&](const auto& s) { return wants_merge(parts, *s); });
  return std::max(static_cast<std::uint64_t>(wanted), std::uint64_t{merging ? 1u : 0u});
}

void look_for_backlog(const EngineParts& parts, ShardParts& shard) {
  shard.merges_behind.store(
      segments::fallen_behind(metas_of(*shard.table->segments()), parts.options.segment_bytes_max));
}

std::shared_ptr<Merge> Merge::plan(EngineParts& parts, ShardParts& shard, std::size_t fan_in) {
  if (!shard.table)
    return nullptr;
  const ShardView view = shard.table->view();
  const auto run = plan_for(parts, *view.segments, fan_in);
  if (!run)
    return nullptr;
  const auto first = view.segments->begin() + static_cast<std::ptrdiff_t>(run->first);
  return std::make_shared<Merge>(parts, shard, SegmentList(first, first + static_cast<std::ptrdiff_t>(run->count)));
}

Merge::Merge(EngineParts& parts, ShardParts& shard, SegmentList inputs, MergeCause cause)
    : parts_(parts), shard_(shard), cause_(std::move(cause)), inputs_(std::move(inputs)), metas_(metas_of(inputs_)) {
}

Merge::~Merge() {
  if (done_) // dropped at shutdown
    shard_.merge_publishing.store(false);
  if (written_ && !maybe_published_)
    static_cast<void>(parts_.segments->remove(*written_).ok()); // what stays is swept away by the next open
}

void Merge::start(Done done) {
  done_ = std::move(done);
  look_for_backlog(parts_, shard_);
  segments_ = shard_.table->segments();
  yields_ = !shard_.merges_behind.load();
  post_write();
}

void Merge::post_write() {
  (yields_ ? parts_.compaction_lane : parts_.catch_up_lane)->post([self = shared_from_this()] { self->write(); });
}

void Merge::write() {
  const MayGoOn go_on = [this] { return may_go_on(); };
  Status written;
  {
    const MeteredWork metered(parts_, shard_, go_on);
    written = try_write(go_on);
  }
  if (!written && std::exchange(starved_, false)) {
    yields_ = false;
    post_write();
    return;
  }
  segments_.reset(); // it would keep the inputs' files
  if (!written) {
    fail(written.error());
    return;
  }
  shard_.merge_publishing.store(true);
  parts_.flush_lane->post([self = shared_from_this()] { self->publish(); });
}

Status Merge::try_write(const MayGoOn& go_on) {
  WEIR_TRY(may_compact(parts_, cause_));
  std::uint64_t bytes = space_margin_bytes;
  for (const SegmentMeta& input : metas_)
    bytes += input.file_bytes;
  full_at_first_ = parts_.guard->check();
  if (full_at_first_)
    return weir::fail(Errc::disk_full, "the disk is full");
  if (parts_.guard->free_bytes() < parts_.guard->reserve_bytes() + bytes)
    return weir::fail(Errc::disk_full,
                      format("{} bytes are free, {} and the reserve are needed", parts_.guard->free_bytes(), bytes));
  kill_point("merge.begin");
  const auto merged =
      parts_.segments->merge(metas_, shard_.next_segment++, go_on,
                             {sabotaged(Sabotage::merge_keeps_removed) ? MarkLookup() : durable_marks(*segments_),
                              rows_before(*segments_, metas_.front().position_min)});
  if (!merged)
    return merged.error();
  written_ = merged->meta;
  dropped_ = merged->dropped;
  auto reader = parts_.segments->open(*written_);
  if (!reader)
    return std::move(reader).error();
  reader_ = *std::move(reader);
  return {};
}

Status Merge::may_go_on() {
  WEIR_TRY(may_compact(parts_, cause_));
  starved_ = yields_ && shard_.merges_behind.load();
  if (starved_)
    return weir::fail(Errc::cancelled, "the merge begins again in a lane that yields to nobody");
  // There was room at the beginning; stores and flushes have used the disk since. The reserve is theirs.
  if (parts_.guard->check())
    return weir::fail(Errc::disk_full, format("{} bytes are free, less than the reserve", parts_.guard->free_bytes()));
  return {};
}

void Merge::publish() {
  // A commit that failed may still turn up after a crash, so from here on the file stays whatever happens.
  maybe_published_ = true;
  kill_point("merge.before_catalog");
  if (sabotaged(Sabotage::remove_merged_before_commit))
    for (const SegmentMeta& input : metas_)
      static_cast<void>(parts_.segments->remove(input).ok());
  if (const Status replaced = parts_.catalog->replace_segments(metas_, *written_, dropped_); !replaced) {
    parts_.health.warn(
        format("shard {}: a merge could not be published, trying again: {}", shard_.id, to_string(replaced.error())));
    parts_.flush_lane->post_after(publish_retry, [self = shared_from_this()] { self->publish(); });
    return;
  }
  kill_point("merge.after_catalog");
  drop_unpublished(parts_, shard_); // a flush that was not taken: its number may be below the catalog's next one now
  shard_.table->replace_segments(inputs_, std::move(reader_));
  shard_.compacted_bytes.fetch_add(written_->file_bytes, std::memory_order_relaxed);
  shard_.compactions.fetch_add(1); // last: who sees it finds the rest
  std::vector<Unread> replaced;
  for (const auto& input : inputs_)
    replaced.push_back({input, input->meta()});
  inputs_.clear();
  parts_.compaction_lane->post(
      [&parts = parts_, replaced = std::move(replaced)]() mutable { remove_unread(parts, std::move(replaced)); });
  shard_.merge_publishing.store(false);
  std::exchange(done_, nullptr)({});
}

void Merge::fail(const Error& why) {
  if (why.code != Errc::cancelled && !cause_.asked && !full_at_first_)
    parts_.health.warn(format("shard {}: segments could not be merged, trying again: {}", shard_.id, to_string(why)));
  std::exchange(done_, nullptr)(why);
}

} // namespace weir
