// One shard's data as readers see it: segments, passive memtables, the active memtable.
//
// Purpose: the place where what is stored becomes visible and where a flushed memtable turns into a segment, in one
// step for every reader. Owner: the shard. Threading: apply and freeze on the log lane, publish_segment and
// replace_segments on the flush lane, view on any thread. The mutex is held for pointer copies and looks into hash
// tables, never for I/O. Invariants: every event is in exactly one source of a view; sources are ordered oldest first;
// a view is a prefix.
#pragma once

#include "engine/condition.hpp"
#include "engine/flush_queue.hpp"
#include "engine/shard_view.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>

namespace weir {

/// Bytes in memtables over all shards. Any thread.
class UnsealedBudget {
public:
  explicit UnsealedBudget(std::uint64_t bytes_max) noexcept : bytes_max_(bytes_max) {}
  void add(std::uint64_t bytes) noexcept { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void remove(std::uint64_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  [[nodiscard]] bool exhausted() const noexcept { return used() >= bytes_max_; }
  [[nodiscard]] std::uint64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t bytes_max() const noexcept { return bytes_max_; }

private:
  const std::uint64_t bytes_max_;
  std::atomic<std::uint64_t> used_{0};
};

class ShardTable {
public:
  /// `budget` outlives the table. `hash_seed` places contexts in memtables.
  ShardTable(ShardId shard, std::uint64_t hash_seed, UnsealedBudget& budget, SegmentList segments);
  ~ShardTable();

  /// Adds the records of one logged group and shows them to readers.
  void apply(std::shared_ptr<const void> owner, std::span<const std::string_view> records, std::uint64_t first_record,
             std::uint64_t owner_bytes);
  /// As apply, for records a log was found to hold. `corruption` names the record that is malformed or does not go on
  /// where its context ends in the memtables; against segments that is checked when the context is read, so that
  /// opening reads none. After an error the table is good for nothing.
  Status recover(std::shared_ptr<const void> owner, std::span<const std::string_view> records,
                 std::uint64_t first_record, std::uint64_t owner_bytes);
  /// Events of all records recovered. For the thread that recovers.
  [[nodiscard]] std::uint64_t recovered_events() const noexcept { return recovered_events_; }
  /// See Memtable::set_last_record; for the active one.
  void set_last_record(std::uint64_t record) noexcept { active_->set_last_record(record); }
  /// Bytes of the active memtable. Any thread.
  [[nodiscard]] std::uint64_t active_bytes() const noexcept { return active_bytes_.load(std::memory_order_relaxed); }
  /// Makes the active memtable passive and queues it for its flush. False if it is empty.
  bool freeze();

  [[nodiscard]] FlushQueue& flush_queue() noexcept { return flush_queue_; }
  /// The oldest passive memtable is in `segment`, and the catalog says so: readers see the segment instead.
  void publish_segment(std::shared_ptr<const SegmentReader> segment);
  /// The events of `replaced`, which are neighbours, are in `merged`, and the catalog says so: readers see `merged` in
  /// their place. Views taken before keep what they have.
  void replace_segments(std::span<const std::shared_ptr<const SegmentReader>> replaced,
                        std::shared_ptr<const SegmentReader> merged);

  [[nodiscard]] ShardView view() const;
  /// The last sequence of the context in the memtables, if it is in one.
  [[nodiscard]] std::optional<Sequence> last_sequence_in_memtables(std::string_view context_id) const;
  /// How far the context has come if memory alone can tell: it is in a memtable, or there are no segments.
  [[nodiscard]] std::optional<ContextHead> head_in_memory(std::string_view context_id) const;
  /// Whether certainly no event with a position above `checked_to` has an id with one of these hashes: none in the
  /// memtables, and no segment reaches so far.
  [[nodiscard]] bool rules_out_event_ids(std::span<const std::uint64_t> hashes, Position checked_to) const;
  /// Whether the memtables have all events behind `after`, and at most `rows_max` of them. A flush may end that at any
  /// moment.
  [[nodiscard]] bool holds_in_memory(Position after, std::uint64_t rows_max) const;
  /// The first event behind `after` that the condition speaks of, out of memtables that have all of them. Does not tell
  /// where holds_in_memory() would be false at the same moment.
  [[nodiscard]] MemoryVerdict match_in_memory(const FailIf& condition, Position after, std::uint64_t rows_max) const;
  [[nodiscard]] std::shared_ptr<const SegmentList> segments() const;
  /// Largest `recorded_at` among the segments and the records recovered. For the thread that recovers.
  [[nodiscard]] Timestamp recorded_at_max() const;

private:
  void show_applied();
  [[nodiscard]] std::optional<ContextHead> head_in_memtables(std::string_view context_id) const;

  const ShardId shard_;
  const std::uint64_t hash_seed_;
  UnsealedBudget& budget_;
  FlushQueue flush_queue_;
  mutable std::mutex mutex_;
  std::shared_ptr<Memtable> active_;
  std::vector<std::shared_ptr<const Memtable>> passive_; // oldest first
  std::shared_ptr<const SegmentList> segments_;
  std::uint64_t removals_ = 0; // in memtables that were frozen
  std::atomic<std::uint64_t> active_bytes_{0};
  std::uint64_t recovered_events_ = 0;
  Timestamp recovered_at_max_{};
};

} // namespace weir
