#include "engine/io/buffers_ahead.hpp"

#include <cstdint>
#include <sys/mman.h>
#include <utility>

namespace weir::io {
namespace {

constexpr std::size_t ready_max = 2;
constexpr std::uintptr_t page_bytes = 4096;

/// Fresh memory, every page of it touched: with one call where the kernel knows it, since a fault for each costs more.
std::shared_ptr<char[]> touched(std::size_t bytes) {
  std::shared_ptr<char[]> buffer(new char[bytes]);
#ifdef MADV_POPULATE_WRITE
  const auto begin = (reinterpret_cast<std::uintptr_t>(buffer.get()) + page_bytes - 1) / page_bytes * page_bytes;
  const auto end = (reinterpret_cast<std::uintptr_t>(buffer.get()) + bytes) / page_bytes * page_bytes;
  if (begin < end && ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_WRITE) == 0)
    return buffer;
#endif
  for (std::size_t at = 0; at < bytes; at += page_bytes)
    static_cast<volatile char*>(buffer.get())[at] = 0;
  return buffer;
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
  if (!buffer)
    return touched(buffer_bytes_);
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
    std::shared_ptr<char[]> buffer = touched(buffer_bytes_);
    lock.lock();
    ready_.push_back(std::move(buffer));
  }
}

} // namespace weir::io
