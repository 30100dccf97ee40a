// Threads that store until the disk is full.
//
// Purpose: the load of both kinds of full disk, the real one and the simulated. Owner: a stage. Threading: one thread
// uses a Senders; its threads are its own.
#pragma once

#include "trust/support/load/book.hpp"

#include <weir/engine.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace weir::trust {

/// Longest the engine may take for what it does by itself; far more than it needs on any machine.
inline constexpr std::chrono::seconds patience{60};
/// What the senders store.
inline constexpr BookSize book_size{24, 100'000, 4, 700};

/// True as soon as `condition` holds, false if it does not in time. For what `engine` does with a call, or with memory:
/// it tells nobody that it takes calls again, so who wants to know must ask. Between two questions, each of which may
/// be a store that is refused, the caller waits for the next event that anybody stores, a millisecond at most.
template <class Condition> [[nodiscard]] bool comes_true(const Engine& engine, Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  SubscribeOptions options;
  options.from = QueueStart::now();
  auto stored = engine.subscribe(options);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline)
      return false;
    if (!stored || !stored->next(std::chrono::milliseconds(1)))
      std::this_thread::yield(); // a full disk may be in a reader's way, too
  }
  return true;
}

class Senders {
public:
  /// Each thread has its share of the book's contexts: thread n those with context % threads == n.
  Senders(Engine& engine, Book& book, std::size_t threads, std::uint64_t seed);
  /// Joins.
  ~Senders();
  Senders(const Senders&) = delete;
  Senders& operator=(const Senders&) = delete;

  /// Every thread stores, waiting, with tickets or without waiting, until it has been refused a few times.
  void until_refused();
  /// They end after the call they are in.
  void stop() noexcept { stop_ = true; }
  /// True once all threads have ended.
  [[nodiscard]] bool done() const noexcept { return running_.load() == 0; }
  /// True as soon as `condition` holds, false if it does not in time. Asked whenever a call of theirs was answered, and
  /// when a thread has ended.
  template <class Condition> [[nodiscard]] bool await(Condition condition) {
    std::unique_lock lock(mutex_);
    return moved_.wait_for(lock, patience, condition);
  }
  void join();

private:
  void run(std::size_t thread, std::uint64_t seed);
  void moved();

  Engine& engine_;
  Book& book_;
  const std::size_t count_;
  const std::uint64_t seed_;
  std::uint64_t round_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<std::size_t> running_{0};
  std::mutex mutex_; ///< Guards nothing but the moment between a question of await() and its waiting.
  std::condition_variable moved_;
  std::vector<std::thread> threads_;
};

/// Stores one call into `context` and waits for its answer.
Result<Receipt> store_one(Engine& engine, Book& book, std::size_t context, const StoreOptions& options = {});

} // namespace weir::trust
