// A subscription whose reader comes for each batch, and waits in its own thread where there is none.
//
// Purpose: what Subscription is made of. Threading: next() for one thread at a time, cancel() from any.
#pragma once

#include "engine/event_queue/queue_cursor.hpp"
#include "engine/event_queue/queue_news.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

namespace weir {

class PulledQueue {
public:
  explicit PulledQueue(QueueCursor cursor) : cursor_(std::move(cursor)), news_(cursor_.next()) {}

  /// See Subscription::next(); `timeout_ms` is at most ten years.
  Result<QueueBatch> next(std::optional<std::chrono::milliseconds> timeout_ms);
  [[nodiscard]] Position position() const noexcept { return news_.told(); }
  void cancel();

private:
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;
  /// False: time ran out.
  bool wait(const Deadline& deadline);
  bool cancelled();

  QueueCursor cursor_;
  QueueNews news_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  bool cancelled_ = false;
};

} // namespace weir
