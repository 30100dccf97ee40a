// Randomness as a seam: only the seed of a new data directory needs it.
#pragma once

#include <cstdint>
#include <memory>

namespace weir::io {

class Random {
public:
  virtual ~Random() = default;
  [[nodiscard]] virtual std::uint64_t next() = 0;
};

/// getrandom(2); one caller at a time.
[[nodiscard]] std::unique_ptr<Random> make_system_random();
/// SplitMix64 from `seed`: the same numbers on every machine.
[[nodiscard]] std::unique_ptr<Random> make_seeded_random(std::uint64_t seed);

} // namespace weir::io
