// Reads the event queue, a batch at a time, and never waits.
//
// Purpose: what every subscriber, pulled, pushed or a consumer's delivery loop, runs on. Every batch takes a fresh view
// of every shard and merges them by position up to the watermark; from segments a stretch of rows is decoded in advance
// (see SegmentReader::read_positions). Who has caught up waits with EventQueue::wait() and reads again.
// Owner: one reader. Threading: one thread at a time. Invariants: each event once, in position order, none at or above
// the watermark; after an error the cursor stands where it stood.
#pragma once

#include <weir/subscribe_options.hpp>

#include "engine/event_queue/event_queue.hpp"
#include "engine/ports.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace weir {

class QueueCursor {
public:
  /// Finds out where to begin, which may read segments for a time. Precondition: options.validate() is ok. Errors: as
  /// read().
  static Result<QueueCursor> open(std::shared_ptr<EventQueue> queue, SubscribeOptions options);
  QueueCursor(QueueCursor&&) noexcept;
  QueueCursor& operator=(QueueCursor&&) noexcept;
  ~QueueCursor();

  /// What is there. Without events and caught up: nothing, wait for EventQueue::wait(next()). Without events and not
  /// caught up: the filter has dropped many events, or this is the end. Errors: `closing`, `shard_failed` (caught up,
  /// and a shard has failed), `overloaded`, `corruption`, `io_error`.
  Result<QueueBatch> read();
  /// The checkpoint: where the next read goes on.
  [[nodiscard]] Position next() const noexcept;
  [[nodiscard]] const std::shared_ptr<EventQueue>& queue() const noexcept;

private:
  class State;
  explicit QueueCursor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

} // namespace weir
