#include "api/cli/store_window.hpp"

namespace weir::cli {

StoreWindow::StoreWindow(Handlers handlers) : handlers_(std::move(handlers)), taker_([this] { take_answers(); }) {
}

StoreWindow::~StoreWindow() {
  finish();
}

void StoreWindow::wait_for_room(std::uint64_t bytes) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return calls_.empty() || (calls_.size() < calls_max && bytes_ + bytes <= bytes_max); });
}

void StoreWindow::add(Call call) {
  const std::lock_guard lock(mutex_);
  bytes_ += call.bytes;
  calls_.push_back(std::move(call));
  changed_.notify_all();
}

void StoreWindow::finish() {
  if (!taker_.joinable())
    return;
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
    changed_.notify_all();
  }
  taker_.join();
}

void StoreWindow::take_answers() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (calls_.empty() || !calls_.front().ticket.ready()) {
      lock.unlock();
      handlers_.idle();
      lock.lock();
    }
    changed_.wait(lock, [this] { return finishing_ || !calls_.empty(); });
    if (calls_.empty())
      return;
    const Call& call =
        calls_.front(); // Only this thread takes from the front, and a deque moves nothing when it grows.
    lock.unlock();
    handlers_.answered(call, call.ticket.wait());
    lock.lock();
    bytes_ -= call.bytes;
    calls_.pop_front();
    changed_.notify_all();
  }
}

} // namespace weir::cli
