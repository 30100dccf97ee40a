// Time as a seam: nothing in the core asks the operating system for the time.
//
// Threading: implementations are thread-safe.
#pragma once

#include <weir/event.hpp>

#include <chrono>
#include <memory>

namespace weir::io {

class Clock {
public:
  virtual ~Clock() = default;
  /// Wall time, UTC.
  [[nodiscard]] virtual Timestamp now() const = 0;
  /// Never goes back; for durations and deadlines.
  [[nodiscard]] virtual std::chrono::steady_clock::time_point steady_now() const = 0;
};

/// The operating system's clock.
[[nodiscard]] std::unique_ptr<Clock> make_system_clock();

} // namespace weir::io
