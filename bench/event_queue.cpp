// Everything there is in the order it was stored, and how soon a subscriber hears of what is stored now.
#include "bench/histogram.hpp"
#include "bench/meter.hpp"
#include "bench/process.hpp"
#include "bench/row_feed.hpp"
#include "bench/scenario.hpp"
#include "bench/usage.hpp"

#include <stdexcept>

namespace weir::bench {

namespace {

constexpr std::size_t in_flight = 1'024;
constexpr double frame_bytes = 340;

const Line& warm_line() {
  static const Line line = {"queue",   "catch-up-warm",
                            "flushed", "events/s",
                            false,     "everything in the order of storing, one reader, page cache warm"};
  return line;
}
const Line& cold_line() {
  static const Line line = {"queue",   "catch-up-cold",
                            "flushed", "events/s",
                            false,     "everything in the order of storing, one reader, page cache dropped"};
  return line;
}
const Line& live_line() {
  static const Line line = {
      "queue",    "live-10k", "synced",
      "events/s", false,      "10,000 events/s; latency from the answer to a store to the subscriber's handler"};
  return line;
}

Settings settings_of(const Job& job) {
  return {.directory = job.directory,
          .durable = false,
          .shards = 1,
          .expected_bytes = static_cast<std::uint64_t>(static_cast<double>(job.plan.events) * frame_bytes),
          .unsealed_bytes = 0};
}

Figures fill(const Job& job) {
  const auto adapter = job.peer.make();
  adapter->open(settings_of(job));
  RowFeed feed(job.workload, 0);
  feed.at_most(job.plan.events);
  adapter->append_stream(feed.source(), in_flight, [](std::uint64_t) {});
  adapter->flush();
  adapter->settle();
  Figures figures;
  figures.set("acknowledged", feed.tally());
  adapter->close();
  return figures;
}

/// One pass over everything, some bytes of each event touched; "rate" and processor time.
void timed_scan(Adapter& adapter, Figures& figures) {
  std::size_t events = 0, touched = 0;
  const double cpu_before = cpu_us();
  const auto started = Clock::now();
  adapter.scan([&](const Row& row) {
    ++events;
    touched += static_cast<unsigned char>(row.payload.front()) + static_cast<unsigned char>(row.payload.back());
  });
  const double seconds = std::chrono::duration<double>(Clock::now() - started).count();
  if (touched != events * ('{' + '}'))
    throw std::runtime_error("a scan gave payloads that are no objects");
  figures.set("rate", static_cast<double>(events) / seconds);
  figures.set("cpu", (cpu_us() - cpu_before) / static_cast<double>(events));
}

Figures scan_all(const Job& job, bool cold) {
  const auto adapter = job.peer.make();
  adapter->open(settings_of(job));
  adapter->settle();
  Figures figures;
  if (cold) {
    drop_page_cache(job.directory);
    timed_scan(*adapter, figures);
  } else {
    Tally tally;
    std::size_t misplaced = 0;
    adapter->scan([&](const Row& row) {
      const Row expected = job.workload.row(tally.events);
      misplaced += row.payload == expected.payload && row.context_id == expected.context_id ? 0 : 1;
      tally.add(row);
    });
    if (misplaced != 0)
      throw std::runtime_error("a scan gave " + std::to_string(misplaced) + " events out of order");
    figures.set("found", tally);
    timed_scan(*adapter, figures);
  }
  adapter->close();
  return figures;
}

Scenario catch_up() {
  return {{warm_line(), cold_line()},
          [](const Peer& peer) { return peer.make()->scans(); },
          [](const Job& job) {
            const Figures filled = in_child([&] { return fill(job); });
            const Figures warm = in_child([&] { return scan_all(job, false); });
            add_metered(job, warm_line(), warm);
            job.results.check(warm_line(), job.peer.name, {filled.tally("acknowledged"), warm.tally("found")});
            add_metered(job, cold_line(), in_child([&] { return scan_all(job, true); }));
          }};
}

Scenario live() {
  return {{live_line()},
          [](const Peer& peer) { return peer.make()->scans() && peer.name == "weir"; },
          [](const Job& job) {
            const Figures figures = in_child([&] {
              job.workload.touch();
              const auto adapter = job.peer.make();
              Settings settings = settings_of(job);
              settings.durable = true;
              adapter->open(settings);
              RowFeed feed(job.workload, 0);
              feed.at_most(static_cast<std::size_t>(10'000 * job.plan.mixed_seconds));
              Histogram latencies;
              const auto started = Clock::now();
              const std::size_t events = adapter->follow(
                  feed.source(), 10'000, [&](std::uint64_t latency_ns) { latencies.record(latency_ns); });
              Figures measured;
              measured.set("rate",
                           static_cast<double>(events) / std::chrono::duration<double>(Clock::now() - started).count());
              measured.set("p50", static_cast<double>(latencies.percentile(0.5)) / 1'000);
              measured.set("p99", static_cast<double>(latencies.percentile(0.99)) / 1'000);
              measured.set("p999", static_cast<double>(latencies.percentile(0.999)) / 1'000);
              adapter->close();
              return measured;
            });
            add_metered(job, live_line(), figures);
          }};
}

} // namespace

std::vector<Scenario> event_queues() {
  return {catch_up(), live()};
}

} // namespace weir::bench
