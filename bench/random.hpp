// Seeded random numbers that are the same on every machine.
//
// Purpose: the standard's distributions differ between libraries; these do not. Threading: one thread at a time.
#pragma once

#include <cstdint>

namespace weir::bench {

/// A bijection of 64-bit numbers that looks random (splitmix64's finisher).
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t x) noexcept {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

class Random {
public:
  explicit Random(std::uint64_t seed) noexcept : state_(mixed(seed)) {}
  [[nodiscard]] std::uint64_t next() noexcept { return mixed(state_++); }
  /// 0 .. bound - 1. The bias of a modulus does not matter at the bounds used here.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) noexcept { return next() % bound; }

private:
  std::uint64_t state_;
};

} // namespace weir::bench
