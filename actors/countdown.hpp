// Waits for what jobs in lanes and actors have been told to do.
//
// Purpose: counts down to zero, with a deadline. Shared, because who counts may come after who waits has left. Under a
// test's hand (Stepped) waiting means letting things happen. Threading: down() from any thread; one thread waits.
#pragma once

#include "actors/engine_open.hpp"
#include "engine/check.hpp"
#include "engine/io/clock.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>

namespace weir {

struct Countdown {
  using Time = std::chrono::steady_clock::time_point;
  Countdown(std::size_t count, const std::optional<Stepped>& by, const io::Clock& simulated)
      : stepped(by), clock(simulated), left(count) {}
  void down() {
    std::lock_guard lock(mutex);
    if (--left == 0)
      zero.notify_all();
  }
  bool wait_until(Time deadline) {
    if (stepped)
      return step_until(deadline);
    std::unique_lock lock(mutex);
    return zero.wait_until(lock, deadline, [this] { return left == 0; });
  }
  void wait() {
    if (stepped) {
      WEIR_CHECK(step_until(Time::max())); // or it would be for ever
      return;
    }
    std::unique_lock lock(mutex);
    zero.wait(lock, [this] { return left == 0; });
  }
  bool step_until(Time deadline) {
    while (left != 0 && clock.steady_now() < deadline && stepped->go_on()) {
    }
    return left == 0;
  }
  const std::optional<Stepped>& stepped;
  const io::Clock& clock;
  std::mutex mutex;
  std::condition_variable zero;
  std::size_t left;
};

} // namespace weir
