#include "engine/io/work_queue.hpp"

#include <algorithm>
#include <thread>

namespace weir::io {

namespace {

/// A look before sleeping takes at most this long: what waking a sleeping thread costs, several times over.
constexpr std::chrono::microseconds look_max{50};

/// Later than anything: what a delay too long to add up means.
std::chrono::steady_clock::time_point time_after(std::chrono::nanoseconds delay) {
  const auto now = std::chrono::steady_clock::now();
  const auto longest = std::chrono::steady_clock::time_point::max() - now;
  return now + std::clamp<std::chrono::nanoseconds>(delay, std::chrono::nanoseconds::zero(), longest);
}

} // namespace

void WorkQueue::post(Job job, std::shared_ptr<SerialJobs> serial, Urgent urgent) {
  const std::lock_guard guard(mutex_);
  if (!closed_)
    enqueue(std::move(job), std::move(serial), urgent);
}

void WorkQueue::post_after(std::chrono::nanoseconds delay, Job job, std::shared_ptr<SerialJobs> serial) {
  const std::lock_guard guard(mutex_);
  if (closed_)
    return;
  delayed_.emplace(time_after(delay), Ready{std::move(job), std::move(serial), Urgent::no});
  // Everybody waits for the earliest job, which may now be this one.
  notify(true);
}

void WorkQueue::enqueue(Job job, std::shared_ptr<SerialJobs> serial, Urgent urgent) {
  if (!serial) {
    ready_.push_back({std::move(job), nullptr, urgent});
    notify(false);
    return;
  }
  serial->jobs_.push_back(std::move(job));
  if (std::exchange(serial->scheduled_, true))
    return;
  ready_.push_back({{}, std::move(serial), Urgent::no});
  notify(false);
}

void WorkQueue::notify(bool all) {
  changes_.fetch_add(1, std::memory_order_relaxed);
  if (sleeping_ == 0 || lent_)
    return;
  if (all)
    changed_.notify_all();
  else
    changed_.notify_one();
}

/// True if there is news. Yields, so that it takes the processor from nobody.
bool WorkQueue::look(std::unique_lock<std::mutex>& guard) {
  if (last_wait_ > look_max)
    return false;
  const std::uint64_t known = changes_.load(std::memory_order_relaxed);
  guard.unlock();
  const auto until = std::chrono::steady_clock::now() + look_max;
  do
    std::this_thread::yield();
  while (changes_.load(std::memory_order_relaxed) == known && std::chrono::steady_clock::now() < until);
  guard.lock();
  return changes_.load(std::memory_order_relaxed) != known; // also what came after the last look
}

bool WorkQueue::lend() {
  const std::lock_guard guard(mutex_);
  if (closed_ || working_ || lent_ || !ready_.empty())
    return false;
  lent_ = true;
  return true;
}

void WorkQueue::give_back() {
  const std::lock_guard guard(mutex_);
  lent_ = false;
  if (!ready_.empty() || closed_ || retired_ || (!delayed_.empty() && delayed_.begin()->first < sleeping_until_))
    notify(true);
}

Job WorkQueue::take_urgent() {
  const std::lock_guard guard(mutex_);
  if (ready_.empty() || ready_.front().urgent == Urgent::no)
    return {};
  Job job = std::move(ready_.front().job);
  ready_.pop_front();
  return job;
}

void WorkQueue::sleep(std::unique_lock<std::mutex>& guard) {
  Time until = delayed_.empty() ? Time::max() : delayed_.begin()->first;
  if (lent_ && until <= std::chrono::steady_clock::now())
    until = Time::max(); // give_back() will say so
  ++sleeping_;
  sleeping_until_ = until;
  if (until == Time::max())
    changed_.wait(guard);
  else
    changed_.wait_until(guard, until);
  --sleeping_;
}

void WorkQueue::promote_due() {
  if (delayed_.empty())
    return;
  const auto now = std::chrono::steady_clock::now();
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    auto due = std::move(delayed_.extract(delayed_.begin()).mapped());
    enqueue(std::move(due.job), std::move(due.serial));
  }
}

/// False if the thread may go.
bool WorkQueue::wait_for_work(std::unique_lock<std::mutex>& guard) {
  for (;;) {
    if (lent_) {
      sleep(guard);
      continue;
    }
    promote_due();
    if (!ready_.empty())
      return true;
    if (retired_ && delayed_.empty())
      closed_ = true;
    if (closed_)
      return false;
    if (!looks_) {
      sleep(guard);
      continue;
    }
    const auto began = std::chrono::steady_clock::now();
    if (!look(guard))
      sleep(guard);
    last_wait_ = std::chrono::steady_clock::now() - began;
  }
}

void WorkQueue::run() {
  std::unique_lock guard(mutex_);
  while (wait_for_work(guard)) {
    auto [job, serial, urgent] = std::move(ready_.front());
    ready_.pop_front();
    if (serial) {
      job = std::move(serial->jobs_.front());
      serial->jobs_.pop_front();
    }
    working_ = true;
    guard.unlock();
    job();
    job = {}; // Before the lane's next job may start: what it holds is part of it.
    guard.lock();
    working_ = false;
    if (!serial)
      continue;
    // To the back, so that a busy lane does not keep the threads from the others.
    if (serial->jobs_.empty()) {
      serial->scheduled_ = false;
    } else {
      ready_.push_back({{}, std::move(serial), Urgent::no});
      notify(false);
    }
  }
}

void WorkQueue::close() {
  std::multimap<Time, Ready> unrun; // Destroyed after the mutex is free.
  const std::lock_guard guard(mutex_);
  closed_ = true;
  unrun.swap(delayed_);
  notify(true);
}

void WorkQueue::retire() {
  const std::lock_guard guard(mutex_);
  retired_ = true;
  notify(true);
}

} // namespace weir::io
