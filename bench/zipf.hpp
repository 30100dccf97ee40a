// Which context the next event belongs to: Zipf's law, or uniform.
//
// Purpose: rank k of n is drawn with a probability proportional to 1 / (k + 1)^exponent. Threading: immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::bench {

class Zipf {
public:
  /// Precondition: 0 < ranks. Exponent 0 is uniform.
  Zipf(std::size_t ranks, double exponent);
  /// The rank that a random number stands for; 0 is the most frequent.
  [[nodiscard]] std::size_t rank(std::uint64_t random) const noexcept;

private:
  /// Upper bounds of the ranks' shares of 2^32: whole numbers, so that the last bit of a pow() changes no draw.
  std::vector<std::uint64_t> bounds_;
};

} // namespace weir::bench
