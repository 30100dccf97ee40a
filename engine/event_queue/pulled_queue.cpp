#include "engine/event_queue/pulled_queue.hpp"

#include "engine/callback_scope.hpp"
#include "engine/text.hpp"

namespace weir {

Result<QueueBatch> PulledQueue::next(std::optional<std::chrono::milliseconds> timeout_ms) {
  const Deadline deadline = timeout_ms ? Deadline(std::chrono::steady_clock::now() + *timeout_ms) : std::nullopt;
  if (const PinnedBudget& pinned = *cursor_.queue().pinned(); pinned.exhausted())
    return fail(Errc::overloaded,
                format("live batches keep {} bytes in memory, allowed are {} (pinned_bytes_max); drop some first",
                       pinned.used(), pinned.bytes_max()));
  while (true) {
    if (cancelled())
      return fail(Errc::cancelled, "the subscription was cancelled");
    auto batch = cursor_.read();
    if (!batch || news_.is_news(*batch))
      return batch;
    if (timeout_ms && timeout_ms->count() == 0) {
      news_.tell(*batch);
      return batch;
    }
    if (CallbackScope::active())
      return fail(Errc::invalid_argument, "waiting for events inside a callback of an engine would hold it up");
    if (!wait(deadline)) {
      news_.tell(*batch);
      return batch;
    }
  }
}

bool PulledQueue::wait(const Deadline& deadline) {
  {
    const std::lock_guard lock(mutex_);
    woken_ = false;
  }
  SharedQueue::Waiter waiter;
  cursor_.queue().wait(waiter, cursor_.next(), [this] {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_one();
  });
  std::unique_lock lock(mutex_);
  const auto go_on = [this] { return woken_ || cancelled_; };
  bool in_time = true;
  if (deadline)
    in_time = changed_.wait_until(lock, *deadline, go_on);
  else
    changed_.wait(lock, go_on);
  lock.unlock(); // the waiter goes next, and may have to wait for one who is waking it
  return in_time;
}

void PulledQueue::cancel() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  changed_.notify_one();
}

bool PulledQueue::cancelled() {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

} // namespace weir
