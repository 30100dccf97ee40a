// Threads that start together, once all of them are there.
#pragma once

#include "bench/row_feed.hpp"

#include <cstddef>
#include <exception>
#include <functional>
#include <latch>
#include <thread>
#include <vector>

namespace weir::bench {

/// Runs `work(0) ... work(threads - 1)` at once; `start` is called when all are ready, before any begins. Returns when
/// all are done; throws what the first of them threw.
inline void run_crew(std::size_t threads, const std::function<void()>& start,
                     const std::function<void(std::size_t)>& work) {
  std::latch ready(static_cast<std::ptrdiff_t>(threads));
  std::latch go(1);
  std::vector<std::exception_ptr> failures(threads);
  std::vector<std::thread> crew;
  crew.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i)
    crew.emplace_back([&, i] {
      ready.count_down();
      go.wait();
      try {
        work(i);
      } catch (...) {
        failures[i] = std::current_exception();
      }
    });
  ready.wait();
  start();
  go.count_down();
  for (auto& thread : crew)
    thread.join();
  for (const auto& failure : failures)
    if (failure)
      std::rethrow_exception(failure);
}

} // namespace weir::bench
