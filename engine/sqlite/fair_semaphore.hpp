// A bounded number of permits, given to waiting threads in the order they came.
//
// Purpose: turns on the connection that writes, and the few that read. Owner: the ConnectionPool. Threading:
// thread-safe. Invariants: a permit given back goes to the thread that waits longest; nobody overtakes.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>

namespace weir::sqlite {

class FairSemaphore {
public:
  explicit FairSemaphore(std::size_t permits) : free_(permits) {}

  void acquire() {
    std::unique_lock lock(mutex_);
    if (free_ > 0) { // then nobody waits
      --free_;
      return;
    }
    Waiter self;
    waiting_.push_back(&self);
    self.woken.wait(lock, [&] { return self.given; });
  }

  /// False: somebody has it, or waits for it.
  [[nodiscard]] bool try_acquire() {
    const std::lock_guard lock(mutex_);
    if (free_ == 0)
      return false;
    --free_;
    return true;
  }

  void release() {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      ++free_;
      return;
    }
    Waiter& next = *waiting_.front();
    waiting_.pop_front();
    next.given = true;
    next.woken.notify_one(); // under the lock: its condition goes with the thread that waits
  }

  /// Threads that wait now.
  [[nodiscard]] std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }

private:
  struct Waiter {
    std::condition_variable woken;
    bool given = false;
  };
  mutable std::mutex mutex_;
  std::deque<Waiter*> waiting_;
  std::size_t free_;
};

} // namespace weir::sqlite
