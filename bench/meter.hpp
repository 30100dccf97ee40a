// What one measurement costs, from start to stop.
//
// Purpose: time, processor time, device bytes, memory and latencies, taken the same way everywhere. Threading:
// latencies from many threads at once, everything else from one.
#pragma once

#include "bench/figures.hpp"
#include "bench/histogram.hpp"
#include "bench/row_feed.hpp"
#include "bench/scenario.hpp"
#include "bench/usage.hpp"

#include <optional>
#include <string>

namespace weir::bench {

class Meter {
public:
  /// Made before the store is opened: what it takes from then on is its memory.
  explicit Meter(const Workload& workload);

  void watch_device(const std::string& directory) { device_.emplace(directory); }
  void start();
  /// Time and processor time end here; what follows is not the store's.
  void stop();
  void latency(std::uint64_t ns) noexcept { latencies_.record(ns); }
  [[nodiscard]] Acknowledge acknowledge() {
    return [this](std::uint64_t ns) { latency(ns); };
  }
  [[nodiscard]] double seconds() const noexcept { return seconds_; }

  /// "rate", "cpu", "memory", "device", "p50" ... for this many operations; what was not measured is left out.
  [[nodiscard]] Figures figures(std::size_t operations) const;

private:
  double row_cost_us_;
  MemoryPeak memory_;
  std::optional<DeviceCounter> device_;
  LatencyRecorder latencies_;
  Clock::time_point started_;
  double cpu_before_us_ = 0;
  double seconds_ = 0;
  double cpu_us_ = 0;
};

/// Rate and latencies out of `all`, where their names begin with `prefix`; what was not measured is left out.
[[nodiscard]] Figures with_prefix(const Figures& all, const std::string& prefix);
/// Adds what a meter measured to a line: its rate as the line's own figure, and the aspects beside it.
void add_metered(const Job& job, const Line& line, const Figures& figures);

} // namespace weir::bench
