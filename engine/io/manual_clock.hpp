// A clock that stands still until a test moves it.
//
// Purpose: deterministic time for the core; ManualExecutor moves one along with its delays. Threading: thread-safe.
// Invariants: steady time never goes back; wall time may, as real wall time does.
#pragma once

#include "engine/io/clock.hpp"

#include <weir/event.hpp>

#include <chrono>
#include <mutex>

namespace weir::io {

class ManualClock final : public Clock {
public:
  explicit ManualClock(Timestamp now = Timestamp{}) : now_(now) {}

  [[nodiscard]] Timestamp now() const override {
    const std::lock_guard guard(mutex_);
    return now_;
  }
  [[nodiscard]] std::chrono::steady_clock::time_point steady_now() const override {
    const std::lock_guard guard(mutex_);
    return steady_now_;
  }

  /// Moves both times forward; `by` >= 0.
  void advance(std::chrono::nanoseconds by) {
    const std::lock_guard guard(mutex_);
    // From one running total, so that many advances below a microsecond are not lost to rounding.
    const auto before = std::chrono::floor<std::chrono::microseconds>(steady_now_.time_since_epoch());
    steady_now_ += by;
    now_ += std::chrono::floor<std::chrono::microseconds>(steady_now_.time_since_epoch()) - before;
  }
  /// Sets the wall time alone, as an administrator would, backwards too.
  void set_now(Timestamp now) {
    const std::lock_guard guard(mutex_);
    now_ = now;
  }

private:
  mutable std::mutex mutex_;
  Timestamp now_;
  std::chrono::steady_clock::time_point steady_now_{};
};

} // namespace weir::io
