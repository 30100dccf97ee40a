// A gate that holds threads until a test opens it, and tells the test who stands before it.
#pragma once

#include "engine/io/memory_file_system.hpp"

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace weir::test {

/// Starts open. Thread-safe; must outlive those it holds.
class Gate {
public:
  void close() {
    const std::lock_guard guard(mutex_);
    open_ = false;
  }
  /// Lets everybody through, now and until it is closed again.
  void open() {
    const std::lock_guard guard(mutex_);
    open_ = true;
    // Under the lock: a test may destroy the gate as soon as the last one it held is through.
    changed_.notify_all();
  }
  /// Waits while the gate is closed.
  void pass() {
    std::unique_lock guard(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(guard, [this] { return open_; });
    --waiting_;
  }
  /// Waits until at least `count` threads are held.
  void wait_until_n_waiting(std::size_t count) {
    std::unique_lock guard(mutex_);
    changed_.wait(guard, [this, count] { return !open_ && waiting_ >= count; });
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t waiting_ = 0;
  bool open_ = true;
};

/// Opens a gate at the end of a scope, so that a test that fails in between ends, too. Declared after what passes the
/// gate when it is destroyed.
class OpenAtEnd {
public:
  explicit OpenAtEnd(Gate& gate) : gate_(gate) {}
  ~OpenAtEnd() { gate_.open(); }
  OpenAtEnd(const OpenAtEnd&) = delete;
  OpenAtEnd& operator=(const OpenAtEnd&) = delete;

private:
  Gate& gate_;
};

/// A hook that leads every `operation` on paths starting with `prefix` ("wal/000/") through `gate`.
[[nodiscard]] inline io::CallHook hold(Gate& gate, io::Operation operation, std::string prefix) {
  return [&gate, operation, prefix = std::move(prefix)](const io::Call& call) -> std::optional<Error> {
    if (call.operation == operation && call.path.starts_with(prefix))
      gate.pass();
    return std::nullopt;
  };
}

} // namespace weir::test
