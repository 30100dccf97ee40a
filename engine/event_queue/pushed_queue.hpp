// A subscription that calls its subscriber, one batch for each credit.
//
// Purpose: callbacks and messages. Between batches it holds no thread: where there is nothing to push, the watermark
// wakes it; and where live batches pin too much, whoever drops some. Owner: PushSubscription, or an actor; the job in
// flight shares it. Threading: request and cancel from any thread; the callbacks run in `lane`, one at a time; only
// where no job is left to do it, on_end runs in the thread that drops the queue (its answer is `closing`). Invariants:
// on_end is called exactly once, after the last on_batch; at most one batch is in memory.
#pragma once

#include "engine/event_queue/queue_cursor.hpp"
#include "engine/event_queue/queue_news.hpp"
#include "engine/io/executor.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

namespace weir {

class PushedQueue : public std::enable_shared_from_this<PushedQueue> {
public:
  using OnBatch = std::function<void(QueueBatch&&)>;
  using OnEnd = std::function<void(Status)>;

  /// While the engine's PinnedBudget is exhausted.
  enum class WhenPinned {
    wait,   ///< Nothing is pushed: subscribers may keep their batches.
    push_on ///< For the engine's own readers, who keep none. They must not wait for those who do.
  };

  static std::shared_ptr<PushedQueue> start(std::shared_ptr<io::Lane> lane, QueueCursor cursor, OnBatch on_batch,
                                            OnEnd on_end, std::uint64_t credit,
                                            WhenPinned when_pinned = WhenPinned::push_on);
  ~PushedQueue();
  void request(std::uint64_t batches);
  void cancel();

private:
  PushedQueue(std::shared_ptr<io::Lane> lane, QueueCursor cursor, OnBatch on_batch, OnEnd on_end,
              WhenPinned when_pinned);
  void woken();
  bool needs_job(); // with the lock held; true: the caller posts one, without the lock
  void post_job();
  void step();
  [[nodiscard]] bool must_wait_for_memory() const;
  enum class For { news, memory };
  void wait(For what);
  void finish(Status status);

  const std::shared_ptr<io::Lane> lane_;
  const WhenPinned when_pinned_;
  QueueCursor cursor_;
  QueueNews news_;
  OnBatch on_batch_;
  OnEnd on_end_;
  std::mutex mutex_;
  std::uint64_t credit_ = 0;
  bool scheduled_ = false;
  bool waiting_ = false; // for the watermark or for memory; then credit alone is no reason for a job
  bool cancelled_ = false;
  bool ended_ = false;
  // In the lane only; the last members: their wake-ups use the others.
  SharedQueue::Waiter news_waiter_;
  PinnedBudget::Waiter memory_waiter_;
};

} // namespace weir
