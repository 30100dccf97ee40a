// The life of one store: filled, closed, opened, replayed warm and cold, filled further, killed and opened again. Each
// step is a process of its own; all work on the same directory.
#include "bench/crew.hpp"
#include "bench/meter.hpp"
#include "bench/process.hpp"
#include "bench/queries.hpp"
#include "bench/replay_pass.hpp"
#include "bench/scenario.hpp"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace weir::bench {

namespace {

constexpr std::size_t in_flight = 1'024;
constexpr double frame_bytes = 340;

/// The lines of a history; the long one says its size in their shapes.
struct Lines {
  explicit Lines(const std::string& suffix)
      : at_rest{"size",    "at-rest" + suffix,
                "flushed", "bytes/event",
                true,      "bytes that hold an event, after flush, compaction and close"},
        clean{"reopen", "clean" + suffix, "flushed", "ms", true, "open() after an orderly close, page cache warm"},
        killed{"reopen", "after-kill" + suffix,
               "synced", "ms",
               true,     "open() after kill -9 with some 60 MiB in the log alone, page cache warm"},
        warm{"replay",  "warm-segments" + suffix,
             "flushed", "contexts/s",
             false,     "every context in random order, one thread, page cache and block cache warm"},
        cold{"replay",  "cold" + suffix,
             "flushed", "contexts/s",
             false,     "every context in random order, one thread, page cache dropped, compaction idle"} {}
  Line at_rest, clean, killed, warm, cold;
};

const Line& ingest_line() {
  static const Line line = {"ingest",   "1-thread",
                            "buffered", "events/s",
                            false,      "one thread, flush included; device bytes are those of the second million"};
  return line;
}

const Line& second_million_line() {
  static const Line line = {
      "ingest", "second-million", "buffered", "events/s", false, "the same into a store that has as many already"};
  return line;
}

Settings settings_of(const Job& job, bool durable, std::size_t events, unsigned shards = 1) {
  return {.directory = job.directory,
          .durable = durable,
          .shards = shards,
          .expected_bytes = static_cast<std::uint64_t>(static_cast<double>(events) * frame_bytes),
          .unsealed_bytes = 0};
}

/// A new store with the first `events` rows; for each million the rate, too ("million.0" ...).
Figures fill(const Job& job, std::size_t events) {
  constexpr std::size_t million = 1'000'000;
  Meter meter(job.workload);
  const auto adapter = job.peer.make();
  adapter->open(settings_of(job, false, events));
  Figures figures;
  Tally tally;
  meter.start();
  for (std::size_t first = 0; first < events; first += million) {
    const auto started = Clock::now();
    const std::size_t rows = std::min(million, events - first);
    RowFeed feed(job.workload, first);
    feed.at_most(rows);
    adapter->append_stream(feed.source(), in_flight, meter.acknowledge());
    const double seconds = std::chrono::duration<double>(Clock::now() - started).count();
    figures.set("million." + std::to_string(first / million), static_cast<double>(rows) / seconds);
  }
  adapter->flush();
  meter.stop();
  adapter->settle();
  const Figures metered = meter.figures(events);
  adapter->close();
  RowFeed all(job.workload, 0);
  all.at_most(events);
  for (Row row; all.next(row);)
    tally.add(row);
  for (const auto* name : {"rate", "cpu", "memory", "p50", "p99", "p999"})
    if (metered.has(name))
      figures.set(name, metered.number(name));
  figures.set("acknowledged", tally);
  const auto per_event = [&](std::uint64_t bytes) { return static_cast<double>(bytes) / static_cast<double>(events); };
  figures.set("at_rest", per_event(adapter->bytes_at_rest(job.directory)));
  figures.set("all_files", per_event(adapter->Adapter::bytes_at_rest(job.directory)));
  return figures;
}

/// Opens ("open_ms") and replays everything, checked ("found"), then again with the clock running.
Figures open_and_replay(const Job& job) {
  job.workload.touch();
  const auto adapter = job.peer.make();
  Figures figures;
  const auto before = Clock::now();
  adapter->open(settings_of(job, false, 0));
  figures.set("open_ms", std::chrono::duration<double, std::milli>(Clock::now() - before).count());
  figures.set("found", adapter->tally());
  const ReplayPass pass(job.workload);
  figures.set("replayed", pass.checked(*adapter));
  pass.timed(*adapter, figures, std::min(1.0, job.plan.seconds), job.plan.seconds);
  adapter->close();
  return figures;
}

Figures replay_cold(const Job& job) {
  job.workload.touch();
  const auto adapter = job.peer.make();
  adapter->open(settings_of(job, false, 0));
  adapter->settle();
  drop_page_cache(job.directory); // now, because some read everything when they open
  Figures figures;
  ReplayPass(job.workload).timed(*adapter, figures, 0, 2 * job.plan.seconds);
  adapter->close();
  return figures;
}

/// As many rows again; "device" is what they cost until nothing is left to do.
Figures fill_further(const Job& job, std::size_t events) {
  Meter meter(job.workload);
  const auto adapter = job.peer.make();
  adapter->open(settings_of(job, false, events));
  adapter->settle();
  RowFeed feed(job.workload, events);
  feed.at_most(events);
  meter.watch_device(job.directory);
  meter.start();
  adapter->append_stream(feed.source(), in_flight, meter.acknowledge());
  adapter->flush();
  meter.stop();
  adapter->settle();
  Figures figures = meter.figures(events);
  figures.set("acknowledged", feed.tally());
  adapter->close();
  return figures;
}

/// Fills the log with events that are nowhere else; the process is killed afterwards.
Figures fill_log(const Job& job) {
  job.workload.touch();
  Adapter* const adapter = job.peer.make().release(); // stays open until the process is killed
  Settings settings = settings_of(job, true, job.plan.log_events);
  settings.unsealed_bytes = 256U << 20U; // nothing is flushed: all of it has to be read back
  adapter->open(settings);
  RowFeed feed(job.workload, 0);
  feed.at_most(job.plan.log_events);
  adapter->append_stream(feed.source(), in_flight, [](std::uint64_t) {});
  Figures figures;
  figures.set("acknowledged", feed.tally());
  return figures;
}

Figures reopen_after_kill(const Job& job) {
  const auto adapter = job.peer.make();
  Figures figures;
  const auto before = Clock::now();
  adapter->open(settings_of(job, true, 0));
  figures.set("open_ms", std::chrono::duration<double, std::milli>(Clock::now() - before).count());
  figures.set("found", adapter->tally());
  adapter->close();
  return figures;
}

void measure_kill(const Job& job, const Line& line, Tally expected) {
  expected.add(in_child([&] { return fill_log(job); }, Ending::killed).tally("acknowledged"));
  const Figures reopened = in_child([&] { return reopen_after_kill(job); });
  job.add(line, reopened.number("open_ms"));
  job.results.check(line, job.peer.name, {expected, reopened.tally("found")});
}

void measure_reads(const Job& job, const Lines& lines, const Line& ingest, const Tally& acknowledged) {
  const Figures opened = in_child([&] { return open_and_replay(job); });
  job.results.check(ingest, job.peer.name, {acknowledged, opened.tally("found")});
  job.results.check(lines.warm, job.peer.name, {acknowledged, opened.tally("replayed")});
  job.add(lines.clean, opened.number("open_ms"));
  add_metered(job, lines.warm, opened);
  add_metered(job, lines.cold, in_child([&] { return replay_cold(job); }));
}

Scenario history() {
  const Lines lines("");
  std::vector<Line> all = {ingest_line(), lines.at_rest, lines.clean, lines.warm, lines.cold};
  for (const auto& asked : query_lines())
    all.push_back(asked);
  all.insert(all.end(), {second_million_line(), lines.killed});
  return {all, any_peer, [lines](const Job& job) {
            const Figures filled = in_child([&] { return fill(job, job.plan.events); });
            Tally stored = filled.tally("acknowledged");
            add_metered(job, ingest_line(), filled);
            job.add(lines.at_rest, filled.number("at_rest"));
            job.add(lines.at_rest, filled.number("all_files"), "files");
            measure_reads(job, lines, ingest_line(), stored);
            measure_queries(job, job.plan.events, "");
            const Figures further = in_child([&] { return fill_further(job, job.plan.events); });
            stored.add(further.tally("acknowledged"));
            add_metered(job, second_million_line(), further);
            if (further.has("device"))
              job.add(ingest_line(), further.number("device"), "device");
            measure_kill(job, lines.killed, stored);
          }};
}

/// The same with ten times as many, and without the second part.
Scenario long_history(std::size_t events) {
  const std::string name = std::to_string(events / 1'000'000) + "M";
  const Lines lines("-" + name);
  const Line ingest = {"ingest", name, "buffered", "events/s", false, "one thread, flush included"};
  const Line steadiness = {"ingest",   name + "-last-to-first-million",
                           "buffered", "ratio",
                           false,      "rate of the last million by that of the first, compaction running"};
  std::vector<Line> all = {ingest, steadiness, lines.at_rest, lines.clean, lines.warm, lines.cold};
  for (const auto& asked : query_lines("-" + name))
    all.push_back(asked);
  all.push_back(lines.killed);
  return {all, [](const Peer& peer) { return weir_or_raw(peer) || family_of(peer.name) == "rocksdb"; },
          [=](const Job& job) {
            const Figures filled = in_child([&] { return fill(job, events); });
            const Tally stored = filled.tally("acknowledged");
            add_metered(job, ingest, filled);
            job.add(lines.at_rest, filled.number("at_rest"));
            job.add(lines.at_rest, filled.number("all_files"), "files");
            const std::string last = "million." + std::to_string((events - 1) / 1'000'000);
            job.add(steadiness, filled.number(last) / filled.number("million.0"));
            measure_reads(job, lines, ingest, stored);
            measure_queries(job, events, "-" + name);
            measure_kill(job, lines.killed, stored);
          }};
}

/// Two threads on four shards, against one thread on one shard.
Scenario two_writers() {
  const Line line = {"ingest", "2-threads-4-shards", "buffered", "events/s", false, "two threads, flush included"};
  const auto fill_by_two = [](const Job& job) {
    Meter meter(job.workload);
    const auto adapter = job.peer.make();
    adapter->open(settings_of(job, false, job.plan.events, 4));
    std::vector<RowFeed> feeds;
    for (std::size_t writer = 0; writer < 2; ++writer)
      feeds.push_back(RowFeed(job.workload, writer, 2).at_most(job.plan.events / 2));
    run_crew(
        2, [&] { meter.start(); },
        [&](std::size_t i) { adapter->append_stream(feeds[i].source(), in_flight, meter.acknowledge()); });
    adapter->flush();
    meter.stop();
    Tally tally = feeds[0].tally();
    tally.add(feeds[1].tally());
    Figures figures = meter.figures(tally.events);
    figures.set("acknowledged", tally);
    adapter->close();
    return figures;
  };
  return {{line}, weir_or_raw, [=](const Job& job) {
            const Figures filled = in_child([&] { return fill_by_two(job); });
            add_metered(job, line, filled);
            job.results.check(line, job.peer.name, {filled.tally("acknowledged"), found_after_reopen(job, 4)});
          }};
}

/// Replay of what no segment holds yet.
Scenario memtables() {
  const Line line = {"replay",   "warm-memtables",
                     "buffered", "contexts/s",
                     false,      "every context in random order, one thread, all events in memtables"};
  return {{line},
          [](const Peer& peer) { return family_of(peer.name) == "weir"; },
          [line](const Job& job) {
            const Figures figures = in_child([&] {
              job.workload.touch();
              const auto adapter = job.peer.make();
              Settings settings = settings_of(job, false, job.plan.events);
              // Half of it is for the memtable that takes writes, and an event takes more room there than on the disk.
              settings.unsealed_bytes = 4 * settings.expected_bytes + (64U << 20U);
              adapter->open(settings);
              RowFeed feed(job.workload, 0);
              feed.at_most(job.plan.events);
              adapter->append_stream(feed.source(), in_flight, [](std::uint64_t) {});
              Figures replayed;
              replayed.set("acknowledged", feed.tally());
              const ReplayPass pass(job.workload);
              replayed.set("found", pass.checked(*adapter));
              pass.timed(*adapter, replayed, std::min(1.0, job.plan.seconds), job.plan.seconds);
              adapter->close();
              return replayed;
            });
            add_metered(job, line, figures);
            job.results.check(line, job.peer.name, {figures.tally("acknowledged"), figures.tally("found")});
          }};
}

} // namespace

std::vector<Scenario> histories(const Plan& plan) {
  std::vector<Scenario> scenarios = {history(), two_writers(), memtables()};
  if (plan.long_events > 0)
    scenarios.push_back(long_history(plan.long_events));
  return scenarios;
}

} // namespace weir::bench
