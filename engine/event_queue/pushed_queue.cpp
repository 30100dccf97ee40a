#include "engine/event_queue/pushed_queue.hpp"

#include "engine/callback_scope.hpp"

#include <utility>

namespace weir {

std::shared_ptr<PushedQueue> PushedQueue::start(std::shared_ptr<io::Lane> lane, QueueCursor cursor, OnBatch on_batch,
                                                OnEnd on_end, std::uint64_t credit, WhenPinned when_pinned) {
  std::shared_ptr<PushedQueue> queue(
      new PushedQueue(std::move(lane), std::move(cursor), std::move(on_batch), std::move(on_end), when_pinned));
  queue->request(credit);
  return queue;
}

PushedQueue::PushedQueue(std::shared_ptr<io::Lane> lane, QueueCursor cursor, OnBatch on_batch, OnEnd on_end,
                         WhenPinned when_pinned)
    : lane_(std::move(lane)), when_pinned_(when_pinned), cursor_(std::move(cursor)), news_(cursor_.next()),
      on_batch_(std::move(on_batch)), on_end_(std::move(on_end)) {
}

PushedQueue::~PushedQueue() {
  finish(fail(Errc::closing, "the subscription was dropped before its end"));
}

void PushedQueue::request(std::uint64_t batches) {
  std::unique_lock lock(mutex_);
  credit_ = batches > UINT64_MAX - credit_ ? UINT64_MAX : credit_ + batches;
  const bool post = needs_job();
  lock.unlock();
  if (post)
    post_job();
}

void PushedQueue::cancel() {
  std::unique_lock lock(mutex_);
  cancelled_ = true;
  const bool post = needs_job();
  lock.unlock();
  if (post)
    post_job();
}

void PushedQueue::woken() {
  std::unique_lock lock(mutex_);
  waiting_ = false;
  const bool run = needs_job();
  lock.unlock();
  if (run)
    step(); // this is the lane
}

bool PushedQueue::needs_job() {
  if (scheduled_ || ended_ || ((credit_ == 0 || waiting_) && !cancelled_))
    return false;
  scheduled_ = true;
  return true;
}

void PushedQueue::post_job() {
  // A job that is destroyed unrun (the executor has stopped) still owes the subscriber its end.
  struct Step {
    std::shared_ptr<PushedQueue> queue;
    explicit Step(std::shared_ptr<PushedQueue> q) : queue(std::move(q)) {}
    Step(Step&&) noexcept = default;
    ~Step() {
      if (queue)
        queue->finish(fail(Errc::closing, "the engine is closing"));
    }
    void operator()() { std::exchange(queue, nullptr)->step(); }
  };
  lane_->post(Step(shared_from_this()));
}

void PushedQueue::step() {
  {
    std::unique_lock lock(mutex_);
    if (cancelled_) {
      lock.unlock();
      finish(fail(Errc::cancelled, "the subscription was cancelled"));
      return;
    }
  }
  if (must_wait_for_memory()) {
    wait(For::memory);
    return;
  }
  auto batch = cursor_.read();
  if (!batch) {
    finish(std::move(batch).error());
    return;
  }
  const bool ended = batch->ended, caught_up = batch->caught_up;
  if (!news_.is_news(*batch)) {
    wait(For::news);
    return;
  }
  bool cancelled = false;
  {
    std::lock_guard lock(mutex_);
    --credit_;
    cancelled = cancelled_; // while we were reading
  }
  if (!cancelled) {
    const CallbackScope inside;
    on_batch_(*std::move(batch));
  }
  if (ended && !cancelled) {
    finish({});
    return;
  }
  std::unique_lock lock(mutex_);
  if (caught_up && credit_ != 0 && !cancelled_) { // a read would find nothing: wait for news at once
    lock.unlock();
    wait(For::news);
    return;
  }
  scheduled_ = false;            // not before: a job posted during on_batch might end the subscription inside it
  const bool post = needs_job(); // one batch a job, so that subscribers take turns
  lock.unlock();
  if (post)
    post_job();
}

bool PushedQueue::must_wait_for_memory() const {
  const PinnedBudget& pinned = *cursor_.queue().pinned();
  return when_pinned_ == WhenPinned::wait && pinned.exhausted() && !pinned.ended();
}

void PushedQueue::wait(For what) {
  std::unique_lock lock(mutex_);
  waiting_ = true;
  scheduled_ = false;
  const bool post = needs_job(); // cancelled meanwhile
  lock.unlock();
  if (post) {
    post_job();
    return;
  }
  // Not here and now in the thread that wakes: it holds a mutex, and must not be the one that drops the last reference.
  const auto woken_in_lane = [weak = weak_from_this()] {
    if (const auto queue = weak.lock())
      queue->woken();
  };
  if (what == For::memory) {
    cursor_.queue().pinned()->wait(memory_waiter_, [lane = lane_, woken_in_lane] { lane->post(woken_in_lane); });
    return;
  }
  // A caller who only waits for what this leads to may do the lane's work meanwhile.
  cursor_.queue().wait(news_waiter_, cursor_.next(),
                       [lane = lane_, woken_in_lane] { lane->post_urgent(woken_in_lane); });
}

void PushedQueue::finish(Status status) {
  {
    std::lock_guard lock(mutex_);
    if (ended_)
      return;
    ended_ = true;
  }
  const CallbackScope inside;
  on_end_(std::move(status));
  on_batch_ = nullptr; // callbacks often hold their owner: let go of it now
  on_end_ = nullptr;
}

} // namespace weir
