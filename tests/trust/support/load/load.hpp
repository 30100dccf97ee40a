// Senders of every kind that do not ask whether the engine can take it.
//
// Purpose: asynchronous writers with a pace of their own, actors with many requests under way, threads that wait.
// Owner: a stage. Threading: one thread uses a Load; its threads are its own. Invariants: a context belongs to one
// sender.
#pragma once

#include "trust/support/load/book.hpp"

#include <weir/engine.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace weir::trust {

/// What a sender that does not wait makes of its time.
struct Pace {
  double calls_per_s = std::numeric_limits<double>::infinity(); ///< Whatever becomes of them.
  std::uint64_t calls_max = std::numeric_limits<std::uint64_t>::max();
};

class Load {
public:
  /// `offered` hears of every call before it is made: the bytes of its payloads. Any thread.
  Load(Engine& engine, Book& book, std::function<void(std::uint64_t)> offered = nullptr);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Each starts one sender for these contexts of the book, until stop() or until their room in the book is used up.

  /// Stores without waiting.
  void paced(std::vector<std::size_t> contexts, const Pace& pace);
  /// The same through try_store, whose tickets are looked at now and then.
  void trying(std::vector<std::size_t> contexts, const Pace& pace);
  /// Waits for each answer, every other time at most 50 ms.
  void waiting(std::vector<std::size_t> contexts);
  /// An actor in a system of its own, with `window` requests under way, that makes `calls_max` of them.
  void actor(std::vector<std::size_t> contexts, std::size_t window, std::uint64_t calls_max);

  /// Returns once the paced and the trying ones have made all their calls. Answers may still come.
  void await_all_made();
  /// The same, at the latest after `longest`: whether they have.
  [[nodiscard]] bool await_all_made(std::chrono::milliseconds longest);
  /// Returns once the paced and the trying ones have made `more` further calls; false: they make none any more.
  [[nodiscard]] bool await_calls(std::uint64_t more);
  /// No more calls; returns when all are answered.
  void stop();

private:
  struct Actors;
  void start(std::function<void()> run);
  std::vector<Event> make(std::size_t context, std::uint32_t& number);
  void at_pace(const std::vector<std::size_t>& contexts, const Pace& pace,
               const std::function<void(std::size_t context)>& call);

  /// False: stop() came before.
  [[nodiscard]] bool await_turn(std::chrono::steady_clock::time_point due);
  void add_one(std::uint64_t& what);

  Engine& engine_;
  Book& book_;
  const std::function<void(std::uint64_t)> offered_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable none_left_;
  std::condition_variable stopped_;
  std::condition_variable made_one_;
  std::uint64_t made_ = 0;        // under mutex_: calls by those with a pace
  std::uint64_t outstanding_ = 0; // under mutex_: calls with a callback, whose answers use what is ours
  std::uint64_t still_making_ = 0;
  std::vector<std::thread> threads_;
  std::unique_ptr<Actors> actors_;
};

} // namespace weir::trust
