#include "actors/shard_log.hpp"

#include "engine/check.hpp"
#include "engine/conflicts.hpp"
#include "engine/kill_point.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"
#include "engine/waiter.hpp"

#include <algorithm>

namespace weir {

namespace {

// Free space is asked for after so many bytes: often enough that all logs together leave most of the reserve.
constexpr std::uint64_t space_check_bytes_max = 4 * MiB;
constexpr std::uint64_t space_check_bytes_min = 64 * KiB;
constexpr std::chrono::milliseconds space_check_interval{100};
// While space is short: how soon stores are taken again once it has returned.
constexpr std::chrono::milliseconds space_watch_interval{500};
constexpr std::chrono::milliseconds go_on_interval{100};
// Longest pause after an answered group; with slower disks a share of the sync's cost (see answer()).
constexpr std::chrono::microseconds pause_max{200};
// Below it a pause costs more than the split: the shortest sleep takes some 60 us.
constexpr std::chrono::microseconds pause_from{500};
// Calls in a group that nobody waits for, from which on a stream is taken to be behind it; and how long it then
// gathers.
constexpr std::size_t stream_from = 16;
constexpr std::chrono::microseconds stream_pause{50};
// So many refusals at most wait for a look-up thread to read the receipts they tell of. For further ones the log reads
// itself: refusals that come faster than they can be answered hold up the shard, rather than fill memory.
constexpr std::size_t conflicts_reading_max = 1'024;

} // namespace

ShardLog::ShardLog(ShardId shard, const EngineOptions& options, std::uint64_t memtable_bytes_max, Parts parts,
                   std::unique_ptr<wal::Writer> writer)
    : shard_(shard), sync_interval_(options.sync_interval_ms), memtable_bytes_max_(memtable_bytes_max),
      wal_file_bytes_(options.wal_file_bytes),
      space_check_bytes_(std::clamp(options.disk_reserve_bytes / (4 * std::max<std::uint64_t>(options.shards, 1)),
                                    space_check_bytes_min, space_check_bytes_max)),
      parts_(std::move(parts)), writer_(std::move(writer)) {
}

void ShardLog::submit(Submission submission) {
  if (sabotaged(Sabotage::settle_before_sync))
    parts_.watermark.settle(shard_, submission.group);
  in_flight_.fetch_add(1);
  bool schedule = false;
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(submission));
    schedule = !std::exchange(scheduled_, true);
  }
  if (schedule)
    parts_.lane->post_urgent([this] { process(); });
}

void ShardLog::process() {
  std::vector<Submission> work;
  {
    std::lock_guard lock(mutex_);
    work.swap(queue_);
    scheduled_ = false;
  }
  std::vector<Submission> waiting; // written, not synced
  const bool nobody_waits = std::none_of(work.begin(), work.end(),
                                         [](const Submission& each) { return each.strongest == Durability::synced; });
  const auto compression = nobody_waits ? wal::Compression::allowed : wal::Compression::none;
  for (Submission& submission : work) {
    if (failed_ || (submission.epoch != epoch_ && !sabotaged(Sabotage::keep_numbers_after_failed_write))) {
      commit(waiting); // answers keep their order
      refuse(submission, failed_ ? *failed_ : lost_);
      continue;
    }
    const bool at_once =
        waiting.empty() && (submission.strongest != Durability::synced || sabotaged(Sabotage::acknowledge_before_sync));
    if (submission.records->records() != 0) {
      write(submission, at_once, compression, waiting);
      continue;
    }
    waiting.push_back(std::move(submission)); // only answers, which rest on what was stored before
    if (at_once) {
      answer(waiting, false);
      waiting.clear();
    }
  }
  commit(waiting);
  after_work();
}

void ShardLog::write(Submission& submission, bool at_once, wal::Compression compression,
                     std::vector<Submission>& waiting) {
  groups_.fetch_add(1, std::memory_order_relaxed);
  bytes_since_check_ += submission.records->bytes();
  const auto answer_alone = [&] {
    std::vector<Submission> done;
    done.push_back(std::move(submission));
    answer(done, false);
    submission = std::move(done.front());
  };
  const bool before_write =
      at_once && (submission.strongest == Durability::buffered || sabotaged(Sabotage::acknowledge_before_write));
  if (before_write) {
    apply(submission, writer_->last_record() + 1); // a guess, put right below
    answer_alone();
  }
  // A file may have been left broken by the seal that a backup asked for; mostly there is none.
  const Status whole = writer_->abandon_file();
  auto first_record = whole ? writer_->append(*submission.records, compression) : Result<std::uint64_t>(whole.error());
  bytes_written_.store(writer_->bytes_appended(), std::memory_order_relaxed);
  if (before_write) {
    // The cut of its flush must neither miss a record nor reach one that is still to come.
    parts_.table.set_last_record(writer_->last_record());
    freeze_if_full();
  }
  if (!first_record) {
    commit(waiting);
    write_failed(std::move(first_record).error(), submission, before_write);
    return;
  }
  if (before_write)
    return;
  if (at_once) {
    apply(submission, *first_record);
    freeze_if_full();
    answer_alone();
  } else {
    submission.first_record = *first_record;
    waiting.push_back(std::move(submission));
  }
}

void ShardLog::apply(Submission& submission, std::uint64_t first_record) {
  const wal::Group& records = *submission.records;
  parts_.table.apply(submission.records, records.bodies(), first_record, records.bytes());
}

void ShardLog::make_room(const Submission& submission) {
  applied_group_.store(submission.group, std::memory_order_release);
  in_flight_.fetch_sub(1);
}

// What left the log is there for good or gone for good: the event queue may show it, or pass over it.
void ShardLog::settle() {
  if (failed_ || unlogged_ || torn_ || writer_->synced_record() != writer_->last_record())
    return;
  parts_.watermark.settle(shard_, applied_group());
}

void ShardLog::tell_progress() {
  if (wanted_.exchange(false))
    events_.progress();
}

void ShardLog::answer(std::vector<Submission>& done, bool synced, StoreCommand::WhenSynced when_synced) {
  // Room first: the shard forms its next group while the answers go out.
  std::size_t commands = 0;
  for (const Submission& submission : done)
    make_room(submission);
  tell_progress();
  if (synced) // else a group may be on its way into the log only now
    settle();
  if (when_synced)
    when_synced(true);
  {
    const WakeLater blocked_callers;
    for (Submission& submission : done) {
      commands += submission.answers.size();
      std::uint64_t events = 0, payload_bytes = 0;
      for (const Submission::Answer& each : submission.answers) {
        events += each.receipt.events;
        payload_bytes += each.command->verdict ? 0 : each.command->payload_bytes;
      }
      payload_bytes_stored_.fetch_add(payload_bytes, std::memory_order_relaxed);
      events_stored_.fetch_add(events, std::memory_order_relaxed); // before the answers: who has one finds it counted
      // A verdict may rest on its own group; if nothing is stored in that, on what came before, which may be safer.
      const bool all_synced = submission.records->records() == 0 && writer_->synced_record() == writer_->last_record();
      const Durability rests_on = all_synced ? Durability::synced : submission.strongest;
      std::vector<StorePtr> conflicts;
      for (Submission::Answer& each : submission.answers) {
        if (each.command->verdict) {
          answer_verdict(std::move(each.command), rests_on, conflicts);
          continue;
        }
        each.command->answer(each.receipt, submission.strongest);
      }
      if (!conflicts.empty())
        answer_conflicts(std::move(conflicts), rests_on);
    }
  }
  // Writers that were answered together come back together. Starting the next sync right away would split them into two
  // cohorts that each wait for two syncs; measured with 1 ms syncs the pause gives 40-65 % more throughput.
  if (synced && commands > 1 && sync_cost_ >= pause_from && parts_.pause)
    parts_.pause(std::min<std::chrono::nanoseconds>(sync_cost_ / 8, pause_max));
  // Groups that wait for no disk would get small: this thread is faster than any sender. A stream of stores is let grow
  // into groups that are worth their overhead; a lone one never waits.
  if (!synced && commands >= stream_from && parts_.pause)
    parts_.pause(stream_pause);
}

void ShardLog::answer_verdict(StorePtr command, Durability reached, std::vector<StorePtr>& conflicts) {
  const std::unique_ptr<Result<Receipt>> verdict = std::move(command->verdict);
  if (verdict->ok()) {
    command->answer(**verdict, reached);
    return;
  }
  Error error = std::move(*verdict).error();
  const ShardView view = error.conflicts.empty() ? ShardView{} : parts_.table.view();
  const bool missing = add_receipts(error, std::span(view.memtables), reached);
  if (missing && conflicts_reading_.load() + conflicts.size() >= conflicts_reading_max) {
    add_receipts(error, view, reached);
  } else if (missing) {
    command->encoded = {};
    command->more = {};
    command->verdict = std::make_unique<Result<Receipt>>(std::move(error));
    conflicts.push_back(std::move(command));
    return;
  }
  command->done(std::move(error));
}

void ShardLog::answer_conflicts(std::vector<StorePtr> conflicts, Durability reached) {
  conflicts_reading_.fetch_add(conflicts.size());
  parts_.post_read([this, conflicts = std::move(conflicts), reached] {
    conflicts_reading_.fetch_sub(conflicts.size());
    const ShardView view = parts_.table.view();
    const WakeLater blocked_callers;
    for (const StorePtr& command : conflicts) {
      Error error = std::move(*command->verdict).error();
      add_receipts(error, view, reached);
      command->done(std::move(error));
    }
  });
}

void ShardLog::refuse(Submission& submission, const Error& why) {
  make_room(submission);
  tell_progress();
  const WakeLater blocked_callers;
  for (Submission::Answer& each : submission.answers)
    if (sabotaged(Sabotage::swallow_error_of_followers) && &each != &submission.answers.front())
      each.command->done(each.receipt);
    else
      each.command->done(why);
}

void ShardLog::write_failed(Error why, Submission& submission, bool applied) {
  if (why.code == Errc::disk_full)
    parts_.guard.hit_full();
  ++epoch_;
  torn_ = true;
  lost_ = why;
  // Groups written before are whole: they get their sync, then the log goes on in a new file behind them.
  if (writer_->synced_record() < writer_->last_record())
    (void)sync(); // a failure has failed the shard
  if (applied) {
    freeze(); // acknowledged as `buffered` and visible, but in no log: a segment is the way to make it durable
    unlogged_ = true;
  } else {
    refuse(submission, failed_ ? *failed_ : why);
  }
  events_.warn(
      format("shard {}: a write to the log failed, stores behind it were refused: {}", shard_, to_string(why)));
  go_on();
}

void ShardLog::go_on() {
  if (failed_)
    return;
  if (const Status finished = writer_->abandon_file(); !finished) {
    if (finished.code() == Errc::disk_full)
      parts_.lane->post_after(go_on_interval, [this] { go_on(); });
    else
      fail_shard(finished.error());
    return;
  }
  if (unlogged_ && !sabotaged(Sabotage::leave_hole_behind_lost_write)) {
    // A later group in the log without these events would be a hole in its contexts after a crash.
    parts_.table.flush_queue().wait_for_all([this](const Status& flushed) {
      parts_.lane->post([this, in_segment = flushed.ok()] { // a failed flush is tried again: wait for the next
        unlogged_ = !in_segment;
        go_on();
      });
    });
    return;
  }
  torn_ = false;
  settle();
  events_.reset(epoch_);
}

void ShardLog::fail_shard(const Error& why) {
  stop(fail(Errc::shard_failed, format("shard {} takes no stores since its log failed: {}", shard_, why.message),
            why.where));
}

void ShardLog::stop(Error why) {
  if (failed_)
    return;
  failed_ = std::move(why);
  events_.failed(*failed_);
}

void ShardLog::give_up(Error why) {
  parts_.lane->post([this, why = std::move(why)]() mutable {
    if (!failed_ && writer_->synced_record() < writer_->last_record())
      (void)sync(); // nobody will any more
    settle();
    stop(std::move(why));
  });
}

void ShardLog::freeze() {
  if (parts_.table.freeze())
    events_.frozen();
}

void ShardLog::freeze_if_full() {
  if (parts_.table.active_bytes() >= memtable_bytes_max_)
    freeze();
}

void ShardLog::check_space() {
  bytes_since_check_ = 0;
  checked_at_ = parts_.clock.steady_now();
  if (!parts_.guard.check() || std::exchange(space_timer_, true))
    return;
  // Nobody else asks while stores are refused, and the first one after space has returned should be taken.
  parts_.lane->post_after(space_watch_interval, [this] {
    space_timer_ = false;
    check_space();
  });
}

void ShardLog::after_work() {
  if (failed_)
    return;
  if (parts_.guard.low() || bytes_since_check_ >= space_check_bytes_ ||
      parts_.clock.steady_now() - checked_at_ >= space_check_interval)
    check_space();
  if (writer_->synced_record() < writer_->last_record() && !sync_timer_ && !sabotaged(Sabotage::skip_interval_sync)) {
    sync_timer_ = true;
    parts_.lane->post_after(sync_interval_, [this] {
      sync_timer_ = false;
      if (!failed_ && writer_->synced_record() < writer_->last_record())
        (void)sync(); // a failure has failed the shard
      settle();
    });
  }
  settle();
  const bool space = parts_.guard.free_bytes() >= parts_.guard.reserve_bytes() + wal_file_bytes_;
  if (space && writer_->wants_spare() && !preparing_spare_.exchange(true))
    parts_.files_lane->post([this] {
      if (const Status prepared = writer_->prepare_spare(); !prepared)
        events_.warn(format("shard {}: no spare log file: {}", shard_, to_string(prepared.error())));
      preparing_spare_.store(false);
    });
}

void ShardLog::flush(FlushQueue::Waiter waiter) {
  parts_.lane->post([this, done = std::move(waiter)]() mutable {
    freeze();
    parts_.table.flush_queue().wait_for_all(std::move(done));
  });
}

void ShardLog::freeze_soon(std::uint64_t bytes_min) {
  parts_.lane->post([this, bytes_min] {
    if (parts_.table.active_bytes() >= bytes_min)
      freeze();
  });
}

void ShardLog::recheck_space() {
  parts_.lane->post([this] {
    check_space();
    events_.progress();
  });
}

void ShardLog::close(UniqueFunction<void(Status)> done) {
  parts_.lane->post([this, done = std::move(done)]() mutable {
    if (failed_) {
      done(*failed_);
      return;
    }
    Status closed = sync();
    settle();
    if (closed)
      closed = writer_->seal();
    if (closed && unlogged_)
      closed = lost_; // events acknowledged as `buffered` could neither be logged nor flushed
    done(std::move(closed));
  });
}

void ShardLog::drop_queued() {
  std::vector<Submission> dropped; // their completions answer as they go
  std::lock_guard lock(mutex_);
  dropped.swap(queue_);
}

} // namespace weir
