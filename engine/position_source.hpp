// Gives out positions, each at most once in the life of a directory.
//
// Purpose: one atomic counter for all shards. Positions are reserved in the catalog in blocks ahead of use and an open
// starts at the next block, so a crash can waste positions but never give one twice.
// Owner: the engine. Threading: any thread; no locks.
#pragma once

#include <weir/event.hpp>

#include <atomic>
#include <cstdint>
#include <optional>

namespace weir {

class PositionSource {
public:
  static constexpr std::uint64_t block = 1u << 20;

  /// Positions from `first` to below `reserved` may be given.
  PositionSource(Position first, Position reserved) noexcept : next_(first), reserved_(reserved) {}

  /// The first of `count` consecutive positions, or nothing while the reservation does not reach so far.
  [[nodiscard]] std::optional<Position> draw(std::uint64_t count) noexcept {
    Position at = next_.load(std::memory_order_relaxed);
    while (true) {
      if (count > reserved_.load(std::memory_order_acquire) - at)
        return std::nullopt;
      if (next_.compare_exchange_weak(at, at + count, std::memory_order_seq_cst))
        return at;
    }
  }
  /// Positions below `first` are given no more. Precondition: it is reserved.
  void skip_to(Position first) noexcept {
    Position at = next_.load(std::memory_order_relaxed);
    while (at < first && !next_.compare_exchange_weak(at, first, std::memory_order_seq_cst)) {
    }
  }
  /// True once less than a block is left: the time to reserve more, well before anybody has to wait, though the catalog
  /// may be busy with flushes.
  [[nodiscard]] bool runs_low() const noexcept {
    return reserved_.load(std::memory_order_relaxed) - next_.load(std::memory_order_relaxed) < block;
  }
  /// What a new reservation must be raised to.
  [[nodiscard]] Position next_reservation() const noexcept { return reserved_.load(std::memory_order_relaxed) + block; }
  /// The catalog has committed the reservation.
  void reserved(Position until) noexcept { reserved_.store(until, std::memory_order_release); }
  /// Whoever reads it sees all that happened before the positions below it were drawn.
  [[nodiscard]] Position next() const noexcept { return next_.load(std::memory_order_acquire); }

private:
  std::atomic<Position> next_;
  std::atomic<Position> reserved_;
};

} // namespace weir
