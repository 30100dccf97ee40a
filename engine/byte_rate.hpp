// How soon so many bytes may move, where only so many a second are allowed.
//
// Purpose: decides how long work that moves bytes waits; who waits, and how, is its owner's business. Threading: one
// thread at a time; time is handed in. Invariants: what moved is paid for before the next move, so in any stretch of
// time no more than rate * time and one move get through, and time in which nothing moved is not saved up. Debt is
// kept in bytes, so that another rate holds for what is owed already.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

namespace weir {

class ByteRate {
public:
  using Time = std::chrono::steady_clock::time_point;

  /// 0: no bound, and nothing is owed any more.
  void set(std::uint64_t bytes_per_second_max, Time now) noexcept {
    pay(now);
    per_second_ = bytes_per_second_max;
    if (per_second_ == 0)
      owed_bytes_ = 0;
  }
  [[nodiscard]] std::uint64_t bytes_per_second_max() const noexcept { return per_second_; }

  /// How long from `now` until the next move; 0: at once.
  [[nodiscard]] std::chrono::nanoseconds wait(Time now) noexcept {
    pay(now);
    if (owed_bytes_ <= 0)
      return std::chrono::nanoseconds{0};
    const double wait_ns = std::ceil(owed_bytes_ * 1e9 / static_cast<double>(per_second_));
    return std::chrono::nanoseconds{static_cast<std::int64_t>(std::min(wait_ns, 1e18))};
  }
  /// So many bytes move now.
  void moved(std::uint64_t bytes, Time now) noexcept {
    pay(now);
    if (per_second_ != 0)
      owed_bytes_ += static_cast<double>(bytes);
  }

private:
  void pay(Time now) noexcept {
    const std::chrono::duration<double> passed = now - paid_at_;
    paid_at_ = std::max(paid_at_, now);
    owed_bytes_ = std::max(0.0, owed_bytes_ - std::max(0.0, passed.count()) * static_cast<double>(per_second_));
  }

  std::uint64_t per_second_ = 0;
  double owed_bytes_ = 0;
  Time paid_at_{};
};

} // namespace weir
