// Up to where the event queue is complete, and who waits for it to grow.
//
// Purpose: positions are drawn before their groups are written, by several shards at once, so the largest synced
// position says nothing about the smaller ones. A shard publishes a floor before it draws: no position that it draws
// from then on, and has not settled yet, is below. Below the least floor everything that was ever drawn is synced and
// shown to readers, or will never be.
// Owner: the engine. Threading: any thread; publish, abandon and settle of one shard may race. Reading takes no lock.
// Invariants: what lies below a value that now() had is complete for ever, though a later value may be lower for a
// moment (a shard that looked at the counter, and was slow to say so). Whoever waits is woken once and by notification.
// Writers pay a short mutex of their own shard and, while nobody waits, one look at a counter.
#pragma once

#include <weir/event.hpp>

#include "engine/position_source.hpp"
#include "engine/unique_function.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace weir {

class Watermark {
public:
  /// `positions` outlives the watermark.
  Watermark(const PositionSource& positions, std::size_t shards);
  ~Watermark();
  Watermark(const Watermark&) = delete;
  Watermark& operator=(const Watermark&) = delete;

  /// The shard is about to draw positions for `group`. Groups count up.
  void publish(ShardId shard, std::uint64_t group);
  /// The shard did not draw after all. Precondition: `group` is the last one published.
  void abandon(ShardId shard, std::uint64_t group);
  /// The shard's groups up to `group` are synced and shown to readers, or will never be seen by anybody, not even after
  /// a crash.
  void settle(ShardId shard, std::uint64_t group);

  /// Every event below it that will ever be there is: a view taken after this call holds it, and it is synced.
  [[nodiscard]] Position now() const noexcept;

  /// Somebody who waits. Removed when it is destroyed; then `wake` is not running and will not be called.
  class Waiter {
  public:
    Waiter() = default;
    ~Waiter() { stop(); }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    /// No longer waits.
    void stop();

  private:
    friend class Watermark;
    Watermark* watermark_ = nullptr; // under its waiters_mutex_, but for the owner's look at it
    Position beyond_ = 0;
    UniqueFunction<void()> wake_;
  };
  /// Calls `wake` once, as soon as now() is above `beyond` or end() was called; at once if that is so already. In the
  /// thread that brought it about, with a mutex held: it must be short and use no watermark.
  void wait(Waiter& waiter, Position beyond, UniqueFunction<void()> wake);
  /// Wakes everybody who waits, and whoever waits later at once: there may be nothing more to wait for.
  void end();

private:
  static constexpr Position none = UINT64_MAX;
  struct Floor {
    std::uint64_t group;
    Position at;
  };
  struct alignas(64) Shard {
    std::mutex mutex;
    std::deque<Floor> unsettled;
    std::atomic<Position> floor{none};
  };

  static void store_floor(Shard& shard);
  void wake_waiting();

  const PositionSource& positions_;
  std::unique_ptr<Shard[]> shards_;
  const std::size_t shard_count_;
  std::atomic<std::size_t> waiting_{0};
  std::mutex waiters_mutex_;
  std::vector<Waiter*> waiters_;
  bool ended_ = false;
};

} // namespace weir
