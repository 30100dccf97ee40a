// The log side of a shard: writes groups, syncs, shows them to readers, answers, in that order.
//
// Purpose: everything that happens to a group once its order is decided. Runs as jobs of the shard's log lane, so the
// shard actor never waits for a disk; one fdatasync covers every group that queued up during the last one. Owner: the
// shard. Threading: submit, flush, cut and the counters from any thread; all else inside the lane. Invariants: groups
// are applied and answered in the order submitted; a synced group is answered only after its sync; after a failed sync
// nothing is written any more; after a failed write every group numbered on top of it is refused until the log can go
// on behind it, and then the shard is told to number anew (epoch).
#pragma once

#include "engine/disk_guard.hpp"
#include "engine/event_queue/watermark.hpp"
#include "engine/io/clock.hpp"
#include "engine/io/executor.hpp"
#include "engine/shard_table.hpp"
#include "engine/store_command.hpp"
#include "wal/group.hpp"
#include "wal/writer.hpp"

#include <weir/options.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace weir {

/// One numbered commit group and the answers it owes.
struct Submission {
  struct Answer {
    StorePtr command; ///< Its `done` is owed the answer.
    Receipt receipt;  ///< Of a command without a verdict.
  };
  std::uint64_t group = 0; ///< Number, counting up from 1.
  std::uint64_t epoch = 0; ///< Of the numbering; see ShardLog::Events::reset.
  std::shared_ptr<wal::Group> records;
  std::vector<Answer> answers;
  Durability strongest = Durability::synced; ///< The most any of its calls asks for.
  std::uint64_t first_record = 0;            ///< The log's: record number of its first call once written.
};

class ShardLog {
public:
  static constexpr unsigned depth = 2; ///< Groups in flight: one is synced while the next forms.

  /// What the log tells the shard. Called inside the lane; must not block.
  struct Events {
    std::function<void()> progress;           ///< Groups left the log, and want_progress() had asked to be told.
    std::function<void(std::uint64_t)> reset; ///< Groups were lost: number anew, as this epoch.
    std::function<void(const Error&)> failed; ///< The shard takes no more stores.
    std::function<void()> frozen;             ///< A memtable waits for its flush.
    std::function<void(const std::string&)> warn;
  };
  struct Parts {
    std::shared_ptr<io::Lane> lane;       ///< The log's own.
    std::shared_ptr<io::Lane> files_lane; ///< Where spare files are prepared.
    ShardTable& table;
    DiskGuard& guard;
    Watermark& watermark;
    const io::Clock& clock;
    std::function<void(std::chrono::nanoseconds)> pause{}; ///< Lets answered writers come back together.
    std::function<void(Job)> post_read{};                  ///< Has a look-up thread do what reads segments.
  };

  ShardLog(ShardId shard, const EngineOptions& options, std::uint64_t memtable_bytes_max, Parts parts,
           std::unique_ptr<wal::Writer> writer);

  /// Sets who is told. Before the first submission, and again once nothing runs any more.
  void listen(Events events) { events_ = std::move(events); }

  /// Queues a group. Precondition: in_flight() < depth.
  void submit(Submission submission);
  [[nodiscard]] unsigned in_flight() const noexcept { return in_flight_.load(); }
  /// Asks for one `progress` when the next group leaves the log. Look at in_flight() again afterwards: it may have left
  /// just before. Nobody is woken unasked, because on an idle machine a wake-up costs as much as all else together.
  void want_progress() noexcept { wanted_.store(true); }
  /// Groups up to this number are visible to readers, or were refused.
  [[nodiscard]] std::uint64_t applied_group() const noexcept { return applied_group_.load(std::memory_order_acquire); }

  /// Freezes the active memtable and answers once everything frozen so far is in segments.
  void flush(FlushQueue::Waiter waiter);
  /// Freezes the active memtable if it holds at least `bytes_min`, to give memory back.
  void freeze_soon(std::uint64_t bytes_min);
  /// The catalog says that records below those of WAL file `first_file` are not needed.
  void cut(std::uint64_t first_file);
  /// For a backup: syncs and finishes the current log file and keeps every file from then on, whatever is cut, until
  /// release_files(). `held` is called in the lane, with the number of the first file that is not finished; behind it
  /// stores go on in a new file. After an error nothing is kept.
  void hold_files(UniqueFunction<void(Result<std::uint64_t>)> held);
  /// Ends one hold_files() that succeeded. What was cut meanwhile is released once nobody holds files.
  void release_files();
  /// Asks the disk for free space again.
  void recheck_space();
  /// First WAL file that is still needed once records up to `record` are in segments. Any thread.
  [[nodiscard]] std::uint64_t first_file_after(std::uint64_t record) const {
    return writer_->first_file_holding(record + 1);
  }
  /// Takes no more stores: what is not written yet is refused with `why`.
  void give_up(Error why);
  /// Syncs and seals; `done` is called in the lane. Nothing may be submitted any more.
  void close(UniqueFunction<void(Status)> done);
  /// Answers `closing` to what never got into the lane. Once the lane has ended.
  void drop_queued();

  [[nodiscard]] std::uint64_t events_stored() const noexcept { return events_stored_.load(); }
  [[nodiscard]] std::uint64_t payload_bytes_stored() const noexcept { return payload_bytes_stored_.load(); }
  /// By groups, in files of the log.
  [[nodiscard]] std::uint64_t bytes_written() const noexcept { return bytes_written_.load(); }
  [[nodiscard]] std::uint64_t groups() const noexcept { return groups_.load(); }
  [[nodiscard]] std::uint64_t syncs() const noexcept { return syncs_.load(); }

private:
  void process();
  /// One group into the log. It is answered if it goes `at_once`; else it joins those that are `waiting` for the sync.
  void write(Submission& submission, bool at_once, wal::Compression compression, std::vector<Submission>& waiting);
  void write_failed(Error why, Submission& submission, bool applied);
  void go_on();
  // shard_log_sync.cpp:
  void commit(std::vector<Submission>& waiting);
  Status sync();
  [[nodiscard]] StoreCommand::WhenSynced use_the_wait(const std::vector<Submission>& waiting);

  void apply(Submission& submission, std::uint64_t first_record);
  void answer(std::vector<Submission>& done, bool synced, StoreCommand::WhenSynced when_synced = {});
  void answer_verdict(StorePtr command, Durability reached, std::vector<StorePtr>& conflicts);
  void answer_conflicts(std::vector<StorePtr> conflicts, Durability reached);
  void refuse(Submission& submission, const Error& why);
  void fail_shard(const Error& why);
  void stop(Error why);
  void make_room(const Submission& submission);
  void settle();
  void tell_progress();
  void freeze();
  void freeze_if_full();
  void check_space();
  void after_work();
  void release_cut();

  const ShardId shard_;
  const std::chrono::nanoseconds sync_interval_;
  const std::uint64_t memtable_bytes_max_;
  const std::uint64_t wal_file_bytes_;
  const std::uint64_t space_check_bytes_;
  Parts parts_;
  std::unique_ptr<wal::Writer> writer_;
  Events events_;

  std::mutex mutex_;
  std::vector<Submission> queue_;
  bool scheduled_ = false;

  // in_flight_ and wanted_ are sequentially consistent: one of the two sides sees what the other has just written.
  std::atomic<unsigned> in_flight_{0};
  std::atomic<bool> wanted_{false};
  std::atomic<std::uint64_t> applied_group_{0};
  std::atomic<std::uint64_t> events_stored_{0}, payload_bytes_stored_{0}, bytes_written_{0}, groups_{0}, syncs_{0};
  std::atomic<bool> preparing_spare_{false};
  std::atomic<std::size_t> conflicts_reading_{0};

  // Inside the lane only:
  std::uint64_t epoch_ = 1;
  Error lost_;            // why the last epoch ended
  bool unlogged_ = false; // acknowledged events are in no log, and not in a segment yet
  bool torn_ = false;     // a failed write may have left a whole record behind what counts
  std::optional<Error> failed_;
  bool sync_timer_ = false;
  bool space_timer_ = false;
  std::chrono::nanoseconds sync_cost_{0};
  std::uint64_t bytes_since_check_ = 0;
  std::chrono::steady_clock::time_point checked_at_{};
  std::uint64_t holds_ = 0;
  std::uint64_t cut_file_ = 0; // files below are not needed, as the catalog says
};

} // namespace weir
