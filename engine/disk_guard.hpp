// Watches free disk space, so that stores stop while logs and segments can still be finished.
//
// Purpose: promise P9. Below the reserve stores are refused with `disk_full`; they are taken again as soon as a check
// finds space, without a restart. Owner: the engine. Threading: low() from any thread; check() does I/O and belongs on
// a lane.
#pragma once

#include "engine/io/file_system.hpp"
#include "engine/sabotage.hpp"

#include <atomic>
#include <cstdint>

namespace weir {

class DiskGuard {
public:
  DiskGuard(io::FileSystem& fs, std::uint64_t reserve_bytes) noexcept : fs_(fs), reserve_bytes_(reserve_bytes) {}

  [[nodiscard]] bool low() const noexcept { return low_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t reserve_bytes() const noexcept { return reserve_bytes_; }
  /// Asks the file system; a failing question changes nothing. Returns low().
  bool check() noexcept {
    if (const auto free = fs_.free_bytes()) {
      free_.store(*free, std::memory_order_relaxed);
      low_.store(*free < reserve_bytes_ && !sabotaged(Sabotage::ignore_disk_reserve), std::memory_order_relaxed);
    }
    return low();
  }
  /// A write has failed for lack of space, whatever the file system says is free.
  void hit_full() noexcept { low_.store(true, std::memory_order_relaxed); }
  /// Whether the last attempt to write a segment found no space, so that memory that is used up stays so.
  void set_flush_blocked(bool blocked) noexcept { flush_blocked_.store(blocked, std::memory_order_relaxed); }
  [[nodiscard]] bool flush_blocked() const noexcept { return flush_blocked_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t free_bytes() const noexcept { return free_.load(std::memory_order_relaxed); }

private:
  io::FileSystem& fs_;
  const std::uint64_t reserve_bytes_;
  std::atomic<bool> low_{false};
  std::atomic<bool> flush_blocked_{false};
  std::atomic<std::uint64_t> free_{0};
};

} // namespace weir
