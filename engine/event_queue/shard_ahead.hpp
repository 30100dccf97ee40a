// One shard's next events in position order, read ahead of the merge.
//
// Purpose: gives a cursor the shard's events one after the other, wherever they are: a stretch decoded from a segment,
// which may serve many batches, or some rows of a memtable, which serve one. Owner: a QueueCursor; one thread.
// Invariants: positions of a view's sources ascend from source to source, so one of them at a time is enough; what is
// held of segments is counted in the queue's catch-up budget.
#pragma once

#include <weir/limits.hpp>

#include "engine/event_queue/shared_queue.hpp"
#include "engine/ports.hpp"
#include "engine/shard_view.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace weir {

class ShardAhead {
public:
  ShardAhead(const SharedQueue& queue, std::size_t shards, bool backward)
      : queue_(&queue), shards_(shards), backward_(backward) {}

  /// Goes on with a fresh view, of which no more than `events_max` events will be wanted.
  void renew(ShardView view, std::size_t events_max);
  /// The next event at `from` or above it (backward: below it), or null. Precondition: `from` never turns back, but for
  /// a forget(). Errors: `corruption`, `io_error`.
  Result<const EventView*> peek(Position from);
  /// As peek(), of what needs no looking for: null if there is nothing of that.
  [[nodiscard]] const EventView* at_hand() const noexcept { return left_ == 0 ? nullptr : next(); }
  /// How many events need no looking for.
  [[nodiscard]] std::size_t count_at_hand() const noexcept { return left_; }
  /// Those at hand that the owner keeps side by side, from the next one on. Maybe none, and none going backward.
  [[nodiscard]] std::span<const EventView> side_by_side() const noexcept {
    return run_ == nullptr || backward_ || left_ == 0 ? std::span<const EventView>()
                                                      : run_->side_by_side(run_->size() - left_);
  }
  /// Nothing is at hand, and what was takes much memory: whoever keeps it alive leaves little for what comes next.
  [[nodiscard]] bool spent_much() const noexcept {
    return left_ == 0 && run_ != nullptr && run_->bytes() >= much_bytes;
  }
  /// Behind `events` of those at hand.
  void pop(std::size_t events = 1) noexcept {
    left_ -= events;
    if (run_ != nullptr && !backward_ && left_ > payloads_ahead)
      PositionRun::prefetch_payload((*run_)[run_->size() - left_ + payloads_ahead]);
  }
  /// Keeps the event peeked at alive.
  [[nodiscard]] const std::shared_ptr<const void>& owner() const noexcept { return owner_; }
  /// The view is used no longer. What was read from a segment and not popped is kept.
  void let_go();
  /// Drops everything read ahead.
  void forget();
  /// Not much more will be wanted soon.
  void rest() noexcept { warmth_.reset(); }

private:
  static constexpr std::uint64_t much_bytes = 16 * MiB;
  static constexpr std::size_t payloads_ahead = 8;

  Status read_segment(const SegmentReader& segment, Position from);
  void read_memtable(const MemtableView& memtable, std::uint64_t first, std::uint64_t count);
  Status find(Position from);
  [[nodiscard]] std::uint64_t grant() const;
  [[nodiscard]] const EventView* next() const noexcept {
    const std::size_t size = run_ != nullptr ? run_->size() : rows_.size();
    const std::size_t i = backward_ ? left_ - 1 : size - left_;
    return run_ != nullptr ? &(*run_)[i] : &rows_[i];
  }

  const SharedQueue* queue_;
  std::size_t shards_;
  bool backward_;
  ShardView view_;
  std::size_t events_max_ = 0;
  const PositionRun* run_ = nullptr; ///< Of a segment; null: the rows are a memtable's.
  std::vector<EventView> rows_;
  std::shared_ptr<const void> owner_;
  std::size_t left_ = 0;               ///< Of run or rows; going backward the first ones.
  std::shared_ptr<const void> warmth_; ///< Of the last run's memory: more runs like it are likely.
};

} // namespace weir
