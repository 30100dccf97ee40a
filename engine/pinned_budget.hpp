// How many bytes are kept in memory by what readers hold, and who waits for some to be given back.
//
// Purpose: one bound over the whole engine. Those who come for a batch are refused while it is reached; those to whom
// batches are pushed wait here. Owner: the engine and everything that is pinned. Threading: any thread. Invariants:
// whoever waits is woken once and by notification; giving back costs a look at a counter while nobody waits.
#pragma once

#include "engine/unique_function.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace weir {

class PinnedBudget {
public:
  explicit PinnedBudget(std::uint64_t bytes_max) noexcept : bytes_max_(bytes_max) {}
  ~PinnedBudget();
  PinnedBudget(const PinnedBudget&) = delete;
  PinnedBudget& operator=(const PinnedBudget&) = delete;

  [[nodiscard]] std::uint64_t used() const noexcept { return used_.load(std::memory_order_seq_cst); }
  [[nodiscard]] bool exhausted() const noexcept { return used() >= bytes_max_; }
  [[nodiscard]] std::uint64_t bytes_max() const noexcept { return bytes_max_; }
  /// Counts `bytes` until the returned owner is gone.
  static std::shared_ptr<const void> pin(std::shared_ptr<PinnedBudget> budget, std::uint64_t bytes);

  /// Somebody who waits. Removed when it is destroyed, which the budget outlives; then `wake` is not running and will
  /// not be called.
  class Waiter {
  public:
    Waiter() = default;
    ~Waiter() { stop(); }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    /// No longer waits.
    void stop();

  private:
    friend class PinnedBudget;
    PinnedBudget* budget_ = nullptr; // of the owner only
    UniqueFunction<void()> wake_;
  };
  /// Calls `wake` once, as soon as the budget is not exhausted or end() was called; at once if that is so already. In
  /// the thread that gave something back, with a mutex held: it must be short, and give nothing back itself.
  void wait(Waiter& waiter, UniqueFunction<void()> wake);
  /// Wakes everybody who waits, and whoever waits later at once: there is nothing more to read.
  void end();
  [[nodiscard]] bool ended() const noexcept { return ended_.load(std::memory_order_relaxed); }

private:
  void give_back(std::uint64_t bytes);
  void wake_waiting();

  const std::uint64_t bytes_max_;
  std::atomic<std::uint64_t> used_{0};
  std::atomic<bool> ended_{false};
  std::atomic<std::size_t> waiting_{0};
  std::mutex waiters_mutex_;
  std::vector<Waiter*> waiters_;
};

} // namespace weir
