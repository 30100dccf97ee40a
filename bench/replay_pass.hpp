// Replays of all contexts, one after another in a random order that is the same for every peer.
#pragma once

#include "bench/adapter.hpp"
#include "bench/figures.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::bench {

class ReplayPass {
public:
  explicit ReplayPass(const Workload& workload);

  /// What a replay of every context gives. Errors: std::runtime_error if a context gives another's events.
  [[nodiscard]] Tally checked(Adapter& adapter) const;
  /// Whole passes until `seconds_min` have passed, and no longer than `seconds_max`: "rate" in contexts per second,
  /// with percentiles and processor time ("cpu", for an event). Bytes of every event are touched.
  void timed(Adapter& adapter, Figures& figures, double seconds_min, double seconds_max) const;

private:
  const Workload& workload_;
  std::vector<std::uint32_t> order_;
};

} // namespace weir::bench
