#include "bench/replay_pass.hpp"

#include "bench/histogram.hpp"
#include "bench/random.hpp"
#include "bench/usage.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace weir::bench {

using Clock = std::chrono::steady_clock;

ReplayPass::ReplayPass(const Workload& workload) : workload_(workload), order_(workload.contexts()) {
  std::iota(order_.begin(), order_.end(), 0U);
  Random random(workload.options().seed + 2);
  for (std::size_t i = order_.size() - 1; i > 0; --i)
    std::swap(order_[i], order_[random.below(i + 1)]);
}

Tally ReplayPass::checked(Adapter& adapter) const {
  Tally tally;
  for (const std::uint32_t context : order_) {
    const auto id = workload_.context_id(context);
    adapter.replay(id, [&](const Row& row) {
      if (row.context_id != id)
        throw std::runtime_error("a replay of " + std::string(id) + " gave an event of " + std::string(row.context_id));
      tally.add(row);
    });
  }
  return tally;
}

void ReplayPass::timed(Adapter& adapter, Figures& figures, double seconds_min, double seconds_max) const {
  Histogram latencies;
  std::size_t contexts = 0;
  std::size_t events = 0;
  std::size_t touched = 0;
  const Visit visit = [&](const Row& row) {
    ++events;
    touched += static_cast<unsigned char>(row.payload.front()) + static_cast<unsigned char>(row.payload.back());
  };
  const double cpu_before = cpu_us();
  const auto started = Clock::now();
  auto now = started;
  const auto seconds = [&] { return std::chrono::duration<double>(now - started).count(); };
  do {
    for (std::size_t i = 0; i < order_.size() && seconds() < seconds_max; ++i) {
      adapter.replay(workload_.context_id(order_[i]), visit);
      const auto before = std::exchange(now, Clock::now());
      latencies.record(static_cast<std::uint64_t>(std::chrono::nanoseconds(now - before).count()));
      ++contexts;
    }
  } while (seconds() < seconds_min);
  if (touched != events * ('{' + '}'))
    throw std::runtime_error("a replay gave payloads that are no objects");
  const auto us = [&](double fraction) { return static_cast<double>(latencies.percentile(fraction)) / 1000; };
  figures.set("rate", static_cast<double>(contexts) / seconds());
  figures.set("cpu", (cpu_us() - cpu_before) / static_cast<double>(std::max<std::size_t>(events, 1)));
  figures.set("p50", us(0.5));
  figures.set("p99", us(0.99));
  figures.set("p999", us(0.999));
}

} // namespace weir::bench
