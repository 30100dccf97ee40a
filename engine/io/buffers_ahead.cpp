#include "engine/io/buffers_ahead.hpp"

#include <utility>

namespace weir::io {
namespace {

constexpr std::size_t ready_max = 2;
constexpr std::size_t page_bytes = 4096;

/// Touches every page of `buffer` until told to stop. Page by page: a fault locks no more than the mapping it is in,
/// while one call for all of them (MADV_POPULATE_WRITE) is cheaper, but keeps everybody else from mapping memory
/// meanwhile.
void touch(char* buffer, std::size_t bytes, const std::atomic<bool>& stop) {
  for (std::size_t at = 0; at < bytes && !stop.load(std::memory_order_relaxed); at += page_bytes)
    static_cast<volatile char*>(buffer)[at] = 0;
}

} // namespace

BuffersAhead::~BuffersAhead() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable())
    thread_.join();
}

std::shared_ptr<char[]> BuffersAhead::take() {
  if (++taken_ == 3)
    thread_ = std::thread([this] { run(); });
  std::shared_ptr<char[]> buffer;
  {
    const std::lock_guard lock(mutex_);
    if (!ready_.empty()) {
      buffer = std::move(ready_.back());
      ready_.pop_back();
    }
  }
  if (!buffer) // whoever fills it touches it
    return std::shared_ptr<char[]>(new char[buffer_bytes_]);
  changed_.notify_one();
  return buffer;
}

void BuffersAhead::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || ready_.size() < ready_max; });
    if (stop_)
      return;
    lock.unlock();
    std::shared_ptr<char[]> buffer(new char[buffer_bytes_]);
    touch(buffer.get(), buffer_bytes_, stop_);
    lock.lock();
    ready_.push_back(std::move(buffer));
  }
}

} // namespace weir::io
