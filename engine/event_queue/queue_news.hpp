// Which batches a subscriber is told of, and which only say that there is still nothing.
//
// Purpose: the one rule for pulling, callbacks and messages. Owner: whoever reads a cursor; one thread.
#pragma once

#include <weir/subscribe_options.hpp>

#include "engine/event_queue/queue_cursor.hpp"

namespace weir {

class QueueNews {
public:
  /// `first`: where the subscription begins.
  explicit QueueNews(Position first) noexcept : told_(first) {}

  /// True for a batch with events, the end, a checkpoint far from the last one told of, and the first batch to have
  /// caught up. What is news is taken as told.
  [[nodiscard]] bool is_news(const QueueBatch& batch) noexcept {
    const Position way = batch.next > told_ ? batch.next - told_ : told_ - batch.next;
    if (batch.events.empty() && !batch.ended && batch.caught_up && told_caught_up_ &&
        way < QueueCursor::scan_events_max)
      return false;
    tell(batch);
    return true;
  }
  /// Told all the same (time has run out).
  void tell(const QueueBatch& batch) noexcept {
    told_ = batch.next;
    told_caught_up_ = batch.caught_up;
  }
  /// The checkpoint of the last batch told of.
  [[nodiscard]] Position told() const noexcept { return told_; }

private:
  Position told_;
  bool told_caught_up_ = false;
};

} // namespace weir
