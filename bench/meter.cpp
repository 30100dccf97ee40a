#include "bench/meter.hpp"

#include <algorithm>

namespace weir::bench {

namespace {
double prepared_row_cost_us(const Workload& workload) {
  workload.touch();
  return bench::row_cost_us(workload);
}
} // namespace

Meter::Meter(const Workload& workload) : row_cost_us_(prepared_row_cost_us(workload)) {
}

void Meter::start() {
  cpu_before_us_ = bench::cpu_us();
  started_ = Clock::now();
}

void Meter::stop() {
  seconds_ = std::chrono::duration<double>(Clock::now() - started_).count();
  cpu_us_ = bench::cpu_us() - cpu_before_us_;
}

Figures Meter::figures(std::size_t operations) const {
  const auto count = static_cast<double>(std::max<std::size_t>(operations, 1));
  Figures figures;
  figures.set("rate", static_cast<double>(operations) / seconds_);
  figures.set("cpu", std::max(0.0, cpu_us_ / count - row_cost_us_));
  figures.set("memory", memory_.mib());
  if (device_)
    if (const auto bytes = device_->written_bytes())
      figures.set("device", *bytes / count);
  if (const auto latencies = latencies_.total(); latencies->count() > 0) {
    const auto us = [&](double fraction) { return static_cast<double>(latencies->percentile(fraction)) / 1000; };
    figures.set("p50", us(0.5));
    figures.set("p99", us(0.99));
    figures.set("p999", us(0.999));
  }
  return figures;
}

Figures with_prefix(const Figures& all, const std::string& prefix) {
  Figures figures;
  for (const auto& name : {"rate", "p50", "p99", "p999"})
    if (all.has(prefix + name))
      figures.set(name, all.number(prefix + name));
  return figures;
}

void add_metered(const Job& job, const Line& line, const Figures& figures) {
  job.add(line, figures.number("rate"));
  for (const auto& figure : further_figures())
    if (figures.has(figure.aspect))
      job.add(line, figures.number(figure.aspect), figure.aspect);
}

} // namespace weir::bench
