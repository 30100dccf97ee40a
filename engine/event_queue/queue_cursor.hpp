// Reads the event queue, a batch at a time, and never waits.
//
// Purpose: what every subscriber, pulled, pushed or a consumer's delivery loop, runs on. Every batch takes a fresh view
// of every shard and merges them by position up to the watermark; from segments a stretch of rows is decoded in advance
// (see SegmentReader::read_positions). Who has caught up waits with SharedQueue::wait() and reads again.
// Owner: one reader. Threading: one thread at a time. Invariants: each event once, in position order, none at or above
// the watermark; after an error the cursor stands where it stood.
#pragma once

#include <weir/subscribe_options.hpp>

#include "engine/event_queue/queue_filter.hpp"
#include "engine/event_queue/shard_ahead.hpp"
#include "engine/event_queue/shared_queue.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace weir {

class QueueCursor {
public:
  /// A read ends after so many events at the latest, though the filter may have dropped them all.
  static constexpr std::uint64_t scan_events_max = 65'536;

  /// Finds out where to begin, which may read segments for a time. Precondition: options.validate() is ok. Errors: as
  /// read().
  static Result<QueueCursor> open(std::shared_ptr<SharedQueue> queue, SubscribeOptions options);

  /// What is there. Without events and caught up: nothing; wait for SharedQueue::wait(next()) and read again. Without
  /// events, neither caught up nor at the end: the filter has dropped many. Errors: `closing`; what
  /// SharedQueue::ended() says, once nothing else is left; `corruption`, `io_error`; those of upcasting, which come
  /// again with every read.
  Result<QueueBatch> read();
  /// The checkpoint: where the next read goes on.
  [[nodiscard]] Position next() const noexcept { return next_; }
  [[nodiscard]] SharedQueue& queue() const noexcept { return *queue_; }

private:
  struct Reading;

  QueueCursor(std::shared_ptr<SharedQueue> queue, SubscribeOptions options, QueueFilter filter);
  Status begin();
  Status renew(std::size_t events_max);
  [[nodiscard]] bool is_exhausted(const Reading& reading) const;
  Status merge(Reading& reading);
  /// The events of a shard that are next, up to `limit`.
  Status find_next(std::size_t shard, Reading& reading);
  void lend_from(ShardAhead& shard, Position limit, Reading& reading);
  Status take_from(std::size_t shard, Position limit, Reading& reading);
  Status find_head(std::size_t shard, Position from);
  /// Adds an event of `shard` to the batch, with another payload if one is given; false if the batch is too full for
  /// it.
  bool add(const EventView& event, std::string* payload, ShardAhead& shard, Reading& reading);

  std::shared_ptr<SharedQueue> queue_;
  SubscribeOptions options_;
  QueueFilter filter_;
  const schema::Registry* upcasts_; ///< Null: payloads are as they were stored.
  std::vector<ShardAhead> shards_;
  std::vector<const EventView*> heads_; // by shard; null: it has none
  Position next_ = 0;
  Position end_ = UINT64_MAX; ///< Forward: the subscription ends below it.
  std::uint64_t left_;        ///< Of the limit.
  bool caught_up_ = false;
  bool ended_ = false;
};

} // namespace weir
