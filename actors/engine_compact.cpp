// Compaction when somebody asks for it, and what the background is told.
#include "actors/engine_compact.hpp"

#include "actors/countdown.hpp"
#include "actors/engine_core.hpp"
#include "actors/merge.hpp"
#include "actors/reclaim.hpp"
#include "engine/callback_scope.hpp"
#include "engine/guarded_call.hpp"
#include "engine/kill_point.hpp"
#include "engine/text.hpp"
#include "segments/compaction_plan.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace weir {

namespace {

using segments::CompactionPolicy;
using segments::CompactionRun;

// How long a change may go unseen by who waits for a merge.
constexpr std::chrono::milliseconds look_interval{50};

/// One call of compact(): takes the turn for one merge after another.
class CompactCall {
public:
  CompactCall(EngineParts& parts, const std::optional<Stepped>& stepped, const CompactOptions& options)
      : parts_(parts), stepped_(stepped), options_(options), claim_(parts.compaction) {
    cause_.asked = true;
    cause_.may_go_on = [cancel = options.cancel, given_up = given_up_]() -> Status {
      const bool cancelled = given_up->load() || (cancel && cancel->load());
      return cancelled ? Status(fail(Errc::cancelled, "the compaction was cancelled")) : Status();
    };
    // What is stored from now on is left to the next call, so that this one ends however much that is.
    for (const auto& shard : parts.shards)
      if (shard->table && options.shard.value_or(shard->id) == shard->id)
        targets_.push_back({shard.get(), parts.positions->next()});
  }

  Result<CompactReport> run() {
    count(report_.segments_before, report_.bytes_before, events_before_);
    for (Target& target : targets_)
      WEIR_TRY(finish(target));
    std::uint64_t events_after = 0;
    const std::uint64_t payload_bytes = count(report_.segments_after, report_.bytes_after, events_after);
    report_.bytes_given_back = report_.bytes_before - std::min(report_.bytes_before, report_.bytes_after);
    report_.events_removed = events_before_ - std::min(events_before_, events_after);
    if (payload_bytes != 0)
      report_.write_amplification = static_cast<double>(report_.bytes_written) / static_cast<double>(payload_bytes);
    return report_;
  }

private:
  struct Target {
    ShardParts* shard;
    Position end; ///< Segments that begin before it.
  };
  /// How a merge, or a look for removed events, ended. Shared: the call may have left.
  struct Ended {
    Ended(const std::optional<Stepped>& stepped, const io::Clock& clock) : left(1, stepped, clock) {}
    Countdown left;
    Status status;
    std::uint64_t merges = 0;
    CompactionControl::Bytes moved;
  };

  [[nodiscard]] SegmentList segments_of(const Target& target) const {
    SegmentList found = *target.shard->table->segments();
    std::erase_if(found, [&](const auto& segment) { return segment->meta().position_min >= target.end; });
    return found;
  }

  /// Counts up, and returns the bytes of payload.
  std::uint64_t count(std::uint64_t& segments, std::uint64_t& bytes, std::uint64_t& events) const {
    std::uint64_t payload_bytes = 0;
    for (const Target& target : targets_)
      for (const auto& segment : segments_of(target)) {
        ++segments;
        bytes += segment->meta().file_bytes;
        events += segment->meta().event_count;
        payload_bytes += segment->meta().payload_bytes;
      }
    return payload_bytes;
  }

  [[nodiscard]] CompactionPolicy policy() const {
    return {parts_.options.segment_bytes_max, CompactionPolicy::fan_in_quiet};
  }
  [[nodiscard]] segments::CompactionPlan planner() const {
    return options_.all ? segments::plan_fewest : segments::plan_compaction;
  }

  Status finish(const Target& target) {
    if (parts_.options.segment_bytes_max == 0)
      return {};
    for (bool looked = false;;) {
      const auto merged = merge_next(target);
      if (!merged)
        return merged.error();
      if (*merged)
        continue;
      if (looked)
        return {};
      kill_point("compact.before_reclaim");
      WEIR_TRY(reclaim(target));
      looked = true;
    }
  }

  Result<bool> merge_next(const Target& target) {
    auto turn = take_turn();
    if (!turn)
      return std::move(turn).error();
    const SegmentList segments = segments_of(target);
    const auto run = planner()(metas_of(segments), policy());
    if (!run)
      return false;
    const auto first = segments.begin() + static_cast<std::ptrdiff_t>(run->first);
    const auto merge = std::make_shared<Merge>(
        parts_, *target.shard, SegmentList(first, first + static_cast<std::ptrdiff_t>(run->count)), cause_);
    WEIR_TRY(work(*target.shard, *std::move(turn), [&](Merge::Done done) { merge->start(std::move(done)); }));
    return true;
  }

  Status reclaim(const Target& target) {
    auto turn = take_turn();
    if (!turn)
      return std::move(turn).error();
    const auto look = std::make_shared<Reclaim>(
        parts_, *target.shard, cause_, options_.all ? Reclaim::From::anything_removed : Reclaim::From::half_removed);
    return work(*target.shard, *std::move(turn), [&](Merge::Done done) { look->start(std::move(done)); });
  }

  Result<CompactionControl::TurnPtr> take_turn() {
    for (;;) {
      WEIR_TRY(look());
      if (auto turn = claim_.take(stepped_ ? std::chrono::milliseconds(0) : look_interval))
        return turn;
      if (stepped_)
        stepped_->go_on();
    }
  }

  /// Starts what has the turn and waits for its end. Once a merge of it is beyond recall, a cancelled call leaves it to
  /// itself: the catalog may fail again and again.
  Status work(ShardParts& shard, CompactionControl::TurnPtr turn, const std::function<void(Merge::Done)>& start) {
    const auto ended = std::make_shared<Ended>(stepped_, *parts_.clock);
    const std::uint64_t merges = shard.compactions.load();
    const CompactionControl::Bytes moved = parts_.compaction.moved();
    moved_before_ = moved.sum();
    estimate();
    start([ended, merges, moved, turn = std::move(turn), &shard, &parts = parts_](const Status& status) mutable {
      // While the turn is held: what comes after it is another's.
      ended->merges = shard.compactions.load() - merges;
      ended->moved = {parts.compaction.moved().read - moved.read, parts.compaction.moved().written - moved.written};
      turn.reset();
      parts.look_for_merges(); // the call may have left
      ended->status = status;
      ended->left.down();
    });
    while (!ended->left.wait_until(wait_end())) {
      if (const Status going = look(); !going && (parts_.closing.load() || shard.merge_publishing.load()))
        return going;
    }
    report_.merges += ended->merges;
    report_.bytes_read += ended->moved.read;
    report_.bytes_written += ended->moved.written;
    moved_before_.reset();
    WEIR_TRY(tell());
    kill_point("compact.after_merge");
    return ended->status;
  }

  [[nodiscard]] Countdown::Time wait_end() const {
    return (stepped_ ? parts_.clock->steady_now() : std::chrono::steady_clock::now()) + look_interval;
  }

  /// Tells how far it is, and asks whether it may go on.
  Status look() {
    WEIR_TRY(tell());
    if (parts_.closing.load())
      return closing_error();
    return cause_.may_go_on();
  }

  [[nodiscard]] std::uint64_t bytes_so_far() const {
    const std::uint64_t running = moved_before_ ? parts_.compaction.moved().sum() - *moved_before_ : 0;
    return report_.bytes_read + report_.bytes_written + running;
  }
  /// What is left to move, as segments are now.
  void estimate() {
    if (!options_.progress)
      return;
    bytes_total_ = report_.bytes_read + report_.bytes_written;
    for (const Target& target : targets_)
      bytes_total_ += segments::bytes_to_move(metas_of(segments_of(target)), policy(), planner());
  }
  /// The error, once the function threw: the merge under way is given up, and nothing more is told.
  Status tell() {
    if (told_) {
      const CompactProgress now{report_.merges, bytes_so_far(), std::max(bytes_total_, bytes_so_far())};
      told_ = guarded_tell(progress_function, options_.progress, now);
      given_up_->store(!told_);
    }
    return told_;
  }

  EngineParts& parts_;
  const std::optional<Stepped>& stepped_;
  const CompactOptions& options_;
  MergeCause cause_;
  const std::shared_ptr<std::atomic<bool>> given_up_ = std::make_shared<std::atomic<bool>>(false);
  Status told_;
  std::vector<Target> targets_;
  CompactReport report_;
  std::uint64_t events_before_ = 0;
  std::uint64_t bytes_total_ = 0;
  std::optional<std::uint64_t> moved_before_; ///< While something runs.
  CompactionControl::Claim claim_;
};

} // namespace

Result<CompactReport> compact_segments(EngineParts& parts, const std::optional<Stepped>& stepped,
                                       const CompactOptions& options) {
  if (options.shard && !parts.shards[*options.shard]->table)
    return *parts.shards[*options.shard]->failure();
  return CompactCall(parts, stepped, options).run();
}

Result<CompactReport> EngineCore::compact(const CompactOptions& options) {
  if (CallbackScope::active())
    return fail(Errc::invalid_argument, "a compaction waits, so a callback cannot ask for one");
  if (options.shard && *options.shard >= parts_.shards.size())
    return fail(Errc::invalid_argument,
                format("there is no shard {}: the directory has {}", *options.shard, parts_.shards.size()));
  const Door::Inside inside(door_);
  if (!inside || closing_.load())
    return closing_error();
  auto report = compact_segments(parts_, stepped_, options);
  parts_.look_for_merges(); // the background had to wait
  return report;
}

void EngineCore::pause_compaction() {
  parts_.compaction.pause();
}

void EngineCore::resume_compaction() {
  parts_.compaction.resume();
  if (const Door::Inside inside(door_); inside)
    parts_.look_for_merges();
}

void EngineCore::set_compaction_rate(std::uint64_t bytes_per_second_max) {
  parts_.compaction.set_rate(bytes_per_second_max);
}

} // namespace weir
