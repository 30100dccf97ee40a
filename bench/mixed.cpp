// Stores and replays at once, and a shard that gets far more than it can take.
#include "bench/crew.hpp"
#include "bench/meter.hpp"
#include "bench/process.hpp"
#include "bench/random.hpp"
#include "bench/scenario.hpp"

#include <atomic>
#include <deque>
#include <memory>
#include <string>

namespace weir::bench {

namespace {

constexpr std::size_t preload_in_flight = 1'024;

Settings settings_of(const Job& job, unsigned shards, double rate_max) {
  constexpr double frame_bytes = 340;
  const double events = rate_max * job.plan.mixed_seconds + static_cast<double>(job.plan.mixed_events);
  return {.directory = job.directory,
          .durable = true,
          .shards = shards,
          .expected_bytes = static_cast<std::uint64_t>(events * frame_bytes),
          .unsealed_bytes = 0};
}

/// A store that holds the first rows, in its lasting form; the caller's process goes on with it.
Tally preload(Adapter& adapter, const Job& job) {
  RowFeed feed(job.workload, 0);
  feed.at_most(job.plan.mixed_events);
  adapter.append_stream(feed.source(), preload_in_flight, [](std::uint64_t) {});
  adapter.flush();
  adapter.settle();
  return feed.tally();
}

Tally tally_of(const std::deque<RowFeed>& feeds) {
  Tally tally;
  for (const auto& feed : feeds)
    tally.add(feed.tally());
  return tally;
}

std::uint64_t ns_since(Clock::time_point before) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - before).count());
}

void set_all(Figures& into, const std::string& prefix, const Figures& from) {
  for (const auto& name : {"rate", "p50", "p99", "p999"})
    if (from.has(name))
      into.set(prefix + name, from.number(name));
}

Clock::time_point in_seconds(double seconds) {
  return Clock::now() + std::chrono::microseconds(static_cast<std::int64_t>(seconds * 1e6));
}

/// Stores, and calls of another kind beside them, on one shard that holds the first rows. Each writer has rows of its
/// own.
struct MixedLoad {
  MixedLoad(const Job& of, std::size_t writers)
      : job(of), stores(of.workload), others(of.workload), adapter(of.peer.make()) {
    adapter->open(settings_of(job, 1, 80'000));
    acknowledged = preload(*adapter, job);
    for (std::size_t writer = 0; writer < writers; ++writer)
      feeds.emplace_back(job.workload, job.plan.mixed_events + writer, writers);
  }
  void start() {
    deadline = in_seconds(job.plan.mixed_seconds);
    stores.start();
    others.start();
  }
  /// The figures of both, those of the others under `prefix`. Closes the store.
  Figures stop(const std::string& prefix) {
    stores.stop();
    others.stop();
    Figures figures;
    set_all(figures, "store.", stores.figures(stored));
    set_all(figures, prefix, others.figures(others_done));
    acknowledged.add(tally_of(feeds));
    figures.set("acknowledged", acknowledged);
    adapter->close();
    return figures;
  }

  const Job& job;
  Meter stores, others;
  std::atomic<std::size_t> stored{0}, others_done{0};
  std::unique_ptr<Adapter> adapter;
  Tally acknowledged;
  std::deque<RowFeed> feeds;
  Clock::time_point deadline;
};

/// 16 threads, each 7 stores to 3 replays of contexts chosen at random.
Figures store_and_replay(const Job& job) {
  constexpr std::size_t threads = 16;
  MixedLoad load(job, threads);
  run_crew(
      threads, [&] { load.start(); },
      [&](std::size_t thread) {
        Random random(job.workload.options().seed + 100 + thread);
        std::size_t visited = 0;
        while (Clock::now() < load.deadline) {
          const bool store = random.below(10) < 7;
          const auto before = Clock::now();
          if (Row row; store && load.feeds[thread].next(row))
            load.adapter->append(row);
          else
            load.adapter->replay(job.workload.context_id(random.below(job.workload.contexts())),
                                 [&visited](const Row&) { ++visited; });
          (store ? load.stores : load.others).latency(ns_since(before));
          ++(store ? load.stored : load.others_done);
        }
      });
  return load.stop("replay.");
}

/// Two threads on each of three shards wait for each of their events; the fourth has either two as well or a flood.
Figures cold_shards(const Job& job, bool overload) {
  constexpr unsigned shards = 4;
  constexpr unsigned writers_each = 2;
  constexpr std::size_t flood = 4'096; // as many as a shard's inbox holds
  Meter meter(job.workload);
  const auto adapter = job.peer.make();
  adapter->open(settings_of(job, shards, 1'200'000));
  auto rows = rows_by_shard(job.workload, std::min<std::size_t>(job.workload.size(), 1'000'000), *adapter, shards);
  Clock::time_point deadline;
  std::atomic<std::size_t> stored{0};
  std::deque<RowFeed> feeds;
  for (std::size_t writer = 0; writer < shards * writers_each; ++writer)
    feeds.emplace_back(job.workload, rows[writer % shards]);
  run_crew(
      feeds.size(),
      [&] {
        deadline = in_seconds(job.plan.mixed_seconds);
        meter.start();
      },
      [&](std::size_t thread) {
        const std::size_t shard = thread % shards;
        RowFeed& feed = feeds[thread];
        if (shard == 0 && overload) {
          if (thread == 0)
            adapter->append_stream(feed.until(&deadline, 32).source(), flood, [](std::uint64_t) {});
          return;
        }
        for (Row row; Clock::now() < deadline && feed.next(row);) {
          const auto before = Clock::now();
          adapter->append(row);
          if (shard != 0) {
            meter.latency(ns_since(before));
            ++stored;
          }
        }
      });
  meter.stop();
  Figures figures;
  set_all(figures, "", meter.figures(stored));
  figures.set("acknowledged", tally_of(feeds));
  adapter->close();
  return figures;
}

/// Four threads store, each waiting for each of its events; `asked`: while one more asks a question over all there is,
/// again and again.
Figures stores_and_queries(const Job& job, bool asked) {
  constexpr std::size_t writers = 4;
  MixedLoad load(job, writers);
  run_crew(
      writers + (asked ? 1 : 0), [&] { load.start(); },
      [&](std::size_t thread) {
        if (thread == writers) {
          for (; Clock::now() < load.deadline; ++load.others_done) {
            const auto before = Clock::now();
            static_cast<void>(load.adapter->ask({.topic = Topic::top_sums, .event_type = "payment_captured"}));
            load.others.latency(ns_since(before));
          }
          return;
        }
        for (Row row; Clock::now() < load.deadline && load.feeds[thread].next(row);) {
          const auto before = Clock::now();
          load.adapter->append(row);
          load.stores.latency(ns_since(before));
          ++load.stored;
        }
      });
  return load.stop("query.");
}

Scenario mixed() {
  const Line stores = {"mixed",    "70-30-store", "synced",
                       "events/s", false,         "16 threads, 70 % stores and 30 % replays: the stores"};
  const Line replays = {"mixed", "70-30-replay", "synced", "contexts/s", false, "the replays among them"};
  return {{stores, replays}, any_peer, [=](const Job& job) {
            const Figures figures = in_child([&] { return store_and_replay(job); });
            add_metered(job, stores, with_prefix(figures, "store."));
            add_metered(job, replays, with_prefix(figures, "replay."));
            job.results.check(stores, job.peer.name, {figures.tally("acknowledged"), found_after_reopen(job, 1)});
          }};
}

bool weir_alone(const Peer& peer) {
  return family_of(peer.name) == "weir";
}

Scenario without_queries() {
  const Line stores = {"mixed", "stores-alone", "synced", "events/s", false, "four threads store, nobody asks"};
  return {{stores}, weir_alone, [=](const Job& job) {
            const Figures figures = in_child([&] { return stores_and_queries(job, false); });
            add_metered(job, stores, with_prefix(figures, "store."));
            job.results.check(stores, job.peer.name, {figures.tally("acknowledged"), found_after_reopen(job, 1)});
          }};
}

Scenario beside_queries() {
  const Line stores = {"mixed",  "stores-beside-queries",
                       "synced", "events/s",
                       false,    "the same while a fifth asks for top sums, one after another"};
  const Line queries = {"mixed", "queries-beside-stores", "synced", "queries/s", false, "what the fifth gets answered"};
  return {{stores, queries}, weir_alone, [=](const Job& job) {
            const Figures figures = in_child([&] { return stores_and_queries(job, true); });
            add_metered(job, stores, with_prefix(figures, "store."));
            add_metered(job, queries, with_prefix(figures, "query."));
            job.results.check(stores, job.peer.name, {figures.tally("acknowledged"), found_after_reopen(job, 1)});
          }};
}

Scenario cold_shards(const std::string& shape, const std::string& says, bool overload) {
  const Line line = {"mixed", shape, "synced", "events/s", false, says};
  return {{line}, weir_or_raw, [=](const Job& job) {
            const Figures figures = in_child([&] { return cold_shards(job, overload); });
            add_metered(job, line, figures);
            job.results.check(line, job.peer.name, {figures.tally("acknowledged"), found_after_reopen(job, 4)});
          }};
}

} // namespace

std::vector<Scenario> mixed_loads() {
  return {mixed(), without_queries(), beside_queries(),
          cold_shards("cold-shards", "six threads on three shards, two more on the fourth: stores of the three", false),
          cold_shards("overload", "the same three shards while the fourth gets all it can queue", true)};
}

} // namespace weir::bench
