#include "bench/histogram.hpp"

#include <bit>
#include <cmath>

namespace weir::bench {

std::size_t Histogram::bucket_of(std::uint64_t value) noexcept {
  if (value < sub_buckets)
    return static_cast<std::size_t>(value);
  const auto doublings = static_cast<unsigned>(std::bit_width(value)) - 1 - sub_bits;
  return (doublings + 1) * sub_buckets + static_cast<std::size_t>((value >> doublings) - sub_buckets);
}

std::uint64_t Histogram::upper_bound_of(std::size_t bucket) noexcept {
  if (bucket < sub_buckets)
    return bucket;
  const auto doublings = static_cast<unsigned>(bucket / sub_buckets - 1);
  return ((sub_buckets + bucket % sub_buckets + 1) << doublings) - 1;
}

void Histogram::add(const Histogram& other) noexcept {
  for (std::size_t i = 0; i < buckets; ++i)
    counts_[i].fetch_add(other.counts_[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
}

std::uint64_t Histogram::count() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& count : counts_)
    sum += count.load(std::memory_order_relaxed);
  return sum;
}

std::uint64_t Histogram::percentile(double fraction) const noexcept {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count())));
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < buckets; ++i) {
    sum += counts_[i].load(std::memory_order_relaxed);
    if (sum > 0 && sum >= wanted)
      return upper_bound_of(i);
  }
  return 0;
}

std::size_t LatencyRecorder::lane() noexcept {
  static std::atomic<std::size_t> threads{0};
  thread_local const std::size_t mine = threads.fetch_add(1, std::memory_order_relaxed) % lanes_count;
  return mine;
}

std::unique_ptr<const Histogram> LatencyRecorder::total() const {
  auto total = std::make_unique<Histogram>();
  for (const auto& lane : lanes_)
    total->add(lane);
  return total;
}

} // namespace weir::bench
