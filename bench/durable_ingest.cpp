// Durable ingest: every acknowledged event is on the disk. The process is killed at the end, never closed.
#include "bench/crew.hpp"
#include "bench/meter.hpp"
#include "bench/process.hpp"
#include "bench/scenario.hpp"

#include <deque>

namespace weir::bench {

namespace {

struct Shape {
  std::string name;
  std::string says;
  unsigned writers = 1;
  std::size_t in_flight = 0; ///< 0: each writer waits for each of its events.
  unsigned shards = 1;
  double rate_max = 0; ///< Events per second that no store will exceed: how much log is laid out.
  double share = 1;    ///< Of the plan's time: what only stands beside another line gets less.
};

Settings settings_of(const Job& job, const Shape& shape) {
  constexpr double frame_bytes = 340;
  return {.directory = job.directory,
          .durable = true,
          .shards = shape.shards,
          .expected_bytes = static_cast<std::uint64_t>(shape.rate_max * shape.share * job.plan.seconds * frame_bytes),
          .unsealed_bytes = 0};
}

void append_blocking(Adapter& adapter, RowFeed& feed, Meter& meter) {
  for (Row row; feed.next(row);) {
    const auto before = Clock::now();
    adapter.append(row);
    meter.latency(static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - before).count()));
  }
}

/// Lets the writers of `shape` run until the deadline that `start` sets.
void write(const Shape& shape, Adapter& adapter, std::deque<RowFeed>& feeds, Meter& meter,
           const std::function<void()>& start) {
  if (shape.in_flight == 0) {
    run_crew(feeds.size(), start, [&](std::size_t i) { append_blocking(adapter, feeds[i], meter); });
    return;
  }
  start();
  if (shape.shards == 1)
    return adapter.append_stream(feeds[0].source(), shape.in_flight, meter.acknowledge());
  std::vector<RowSource> by_shard;
  for (auto& feed : feeds)
    by_shard.push_back(feed.source());
  adapter.append_streams(by_shard, shape.in_flight, meter.acknowledge());
}

Figures ingest(const Job& job, const Shape& shape) {
  Meter meter(job.workload);
  Adapter* const adapter = job.peer.make().release(); // stays open until the process is killed
  adapter->open(settings_of(job, shape));

  Clock::time_point deadline;
  std::deque<RowFeed> feeds;
  if (shape.in_flight > 0 && shape.shards > 1)
    for (auto& rows : rows_by_shard(job.workload, job.workload.size(), *adapter, shape.shards))
      feeds.emplace_back(job.workload, std::move(rows));
  else
    for (unsigned writer = 0; writer < shape.writers; ++writer)
      feeds.emplace_back(job.workload, writer, shape.writers);
  for (auto& feed : feeds)
    feed.until(&deadline, shape.in_flight == 0 ? 1 : 32);

  meter.watch_device(job.directory);
  write(shape, *adapter, feeds, meter, [&] {
    meter.start();
    deadline =
        Clock::now() + std::chrono::microseconds(static_cast<std::int64_t>(shape.share * job.plan.seconds * 1e6));
  });
  meter.stop();

  Tally tally;
  for (const auto& feed : feeds)
    tally.add(feed.tally());
  Figures figures = meter.figures(tally.events);
  figures.set("acknowledged", tally);
  return figures;
}

Scenario scenario_of(const Shape& shape) {
  const Line line = {"ingest", shape.name, "synced", "events/s", false, shape.says};
  return {
      {line},
      shape.shards > 1 ? weir_or_raw : any_peer,
      [line, shape](const Job& job) {
        const Figures stored = in_child([&] { return ingest(job, shape); }, Ending::killed);
        add_metered(job, line, stored);
        job.results.check(line, job.peer.name, {stored.tally("acknowledged"), found_after_reopen(job, shape.shards)});
      },
      &Plan::repetitions};
}

} // namespace

std::vector<Scenario> durable_ingest() {
  return {
      scenario_of({"1-writer", "one thread waits for each of its events", 1, 0, 1, 30'000}),
      scenario_of({"16-threads", "16 threads, each waits for each of its events", 16, 0, 1, 150'000}),
      scenario_of({"256-threads", "256 threads, each waits for each of its events", 256, 0, 1, 700'000}),
      scenario_of({"async-256", "one thread with 256 events in flight", 1, 256, 1, 2'000'000}),
      scenario_of({"4-shards-async-4x64", "four shards with 64 events in flight each", 4, 64, 4, 1'200'000, 0.4}),
      scenario_of({"4-shards-async-4x256", "four shards with 256 events in flight each", 4, 256, 4, 2'500'000}),
  };
}

} // namespace weir::bench
