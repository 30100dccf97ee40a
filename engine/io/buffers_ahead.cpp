#include "engine/io/buffers_ahead.hpp"

#include <utility>

namespace weir::io {
namespace {

constexpr std::size_t ready_max = 2;
constexpr std::size_t page_bytes = 4096;

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
  if (!buffer)
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
    for (std::size_t at = 0; at < buffer_bytes_; at += page_bytes)
      static_cast<volatile char*>(buffer.get())[at] = 0;
    lock.lock();
    ready_.push_back(std::move(buffer));
  }
}

} // namespace weir::io
