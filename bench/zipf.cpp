#include "bench/zipf.hpp"

#include <algorithm>
#include <cmath>

namespace weir::bench {

Zipf::Zipf(std::size_t ranks, double exponent) {
  double total = 0;
  for (std::size_t k = 0; k < ranks; ++k)
    total += std::pow(static_cast<double>(k + 1), -exponent);
  bounds_.reserve(ranks);
  double sum = 0;
  for (std::size_t k = 0; k < ranks; ++k) {
    sum += std::pow(static_cast<double>(k + 1), -exponent);
    bounds_.push_back(static_cast<std::uint64_t>(std::llround(sum / total * 0x1p32)));
  }
  bounds_.back() = 1ULL << 32U;
}

std::size_t Zipf::rank(std::uint64_t random) const noexcept {
  const std::uint64_t draw = random >> 32U;
  return static_cast<std::size_t>(std::upper_bound(bounds_.begin(), bounds_.end(), draw) - bounds_.begin());
}

} // namespace weir::bench
