#include "engine/flush_queue.hpp"

#include "engine/check.hpp"

namespace weir {

void FlushQueue::push(std::shared_ptr<const Memtable> memtable) {
  std::lock_guard lock(mutex_);
  queue_.push_back(std::move(memtable));
  ++pushed_;
}

std::shared_ptr<const Memtable> FlushQueue::front() const {
  std::lock_guard lock(mutex_);
  return queue_.empty() ? nullptr : queue_.front();
}

void FlushQueue::pop() {
  std::vector<Waiter> done;
  {
    std::lock_guard lock(mutex_);
    WEIR_CHECK(!queue_.empty());
    queue_.pop_front();
    ++popped_;
    while (!waiting_.empty() && waiting_.front().ticket <= popped_) {
      done.push_back(std::move(waiting_.front().waiter));
      waiting_.pop_front();
    }
  }
  for (Waiter& waiter : done)
    waiter(Status{});
}

std::size_t FlushQueue::size() const {
  std::lock_guard lock(mutex_);
  return queue_.size();
}

std::vector<std::shared_ptr<const Memtable>> FlushQueue::memtables() const {
  std::lock_guard lock(mutex_);
  return {queue_.begin(), queue_.end()};
}

void FlushQueue::wait_for_all(Waiter waiter) {
  Status answer;
  {
    std::lock_guard lock(mutex_);
    if (!queue_.empty()) {
      if (!ended_) {
        waiting_.push_back({pushed_, std::move(waiter)});
        return;
      }
      answer = *ended_;
    }
  }
  waiter(std::move(answer));
}

void FlushQueue::end(const Error& why) {
  {
    std::lock_guard lock(mutex_);
    ended_ = why;
  }
  fail_waiters(why);
}

void FlushQueue::fail_waiters(const Error& why) {
  std::deque<Waiting> waiting;
  {
    std::lock_guard lock(mutex_);
    waiting.swap(waiting_);
  }
  for (Waiting& each : waiting)
    each.waiter(Status{why});
}

} // namespace weir
