// How long things took: counts in buckets that grow with what they hold.
//
// Purpose: percentiles of millions of latencies in a few kilobytes, exact to 1/64 of the value. Threading: record()
// from many threads at once; reading once they are done. Invariants: every value has one bucket, in order.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace weir::bench {

class Histogram {
public:
  void record(std::uint64_t value) noexcept { counts_[bucket_of(value)].fetch_add(1, std::memory_order_relaxed); }
  void add(const Histogram& other) noexcept;
  [[nodiscard]] std::uint64_t count() const noexcept;
  /// The smallest recorded value (to the bucket's upper bound) that `fraction` of all are not above; 0 if there is
  /// none.
  [[nodiscard]] std::uint64_t percentile(double fraction) const noexcept;

private:
  /// Values below 2^sub_bits have a bucket each; above, every doubling is cut into 2^sub_bits.
  static constexpr unsigned sub_bits = 6;
  static constexpr std::size_t sub_buckets = 1U << sub_bits;
  static constexpr std::size_t buckets = (64 - sub_bits + 1) * sub_buckets;
  static std::size_t bucket_of(std::uint64_t value) noexcept;
  static std::uint64_t upper_bound_of(std::size_t bucket) noexcept;

  std::array<std::atomic<std::uint64_t>, buckets> counts_{};
};

/// A histogram that many threads write to at once without meeting each other much.
class LatencyRecorder {
public:
  LatencyRecorder() : lanes_(lanes_count) {}
  void record(std::uint64_t latency_ns) noexcept { lanes_[lane()].record(latency_ns); }
  /// All lanes, once all threads are done.
  [[nodiscard]] std::unique_ptr<const Histogram> total() const;

private:
  static constexpr std::size_t lanes_count = 8;
  static std::size_t lane() noexcept;
  std::vector<Histogram> lanes_;
};

} // namespace weir::bench
