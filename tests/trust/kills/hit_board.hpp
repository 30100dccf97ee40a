// How often each kill point was reached, and at which one the host died: in memory that outlives the host.
//
// Purpose: the driver aims by it, and learns what a killed process can no longer say. Owner: driver and host each have
// one on the same file, which lies outside of the data directory. Threading: any thread.
#pragma once

#include "engine/kill_point.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

namespace weir::trust {

class HitBoard {
public:
  /// Makes the file if need be. Throws std::runtime_error if it cannot.
  explicit HitBoard(const std::string& path);
  ~HitBoard();
  HitBoard(const HitBoard&) = delete;
  HitBoard& operator=(const HitBoard&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  void clear() noexcept;
  /// Returns which hit of this point it was, from 1.
  std::uint32_t count(std::size_t point) noexcept { return shared_->hits[point].fetch_add(1) + 1; }
  void died_at(std::size_t point) noexcept { shared_->died_at.store(static_cast<std::uint32_t>(point) + 1); }

  [[nodiscard]] std::uint32_t hits(std::size_t point) const noexcept { return shared_->hits[point].load(); }
  [[nodiscard]] std::optional<std::size_t> died_at() const noexcept {
    const std::uint32_t point = shared_->died_at.load();
    return point == 0 ? std::nullopt : std::optional<std::size_t>(point - 1);
  }

private:
  struct Shared {
    std::atomic<std::uint32_t> hits[kill_point_count];
    std::atomic<std::uint32_t> died_at; ///< Point + 1; 0: at none.
  };
  static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

  const std::string path_;
  Shared* shared_ = nullptr;
};

} // namespace weir::trust
