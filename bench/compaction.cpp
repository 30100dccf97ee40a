// What merges cost whoever works beside them, and what they give. weir alone: through its public interface.
#include "bench/crew.hpp"
#include "bench/histogram.hpp"
#include "bench/meter.hpp"
#include "bench/must.hpp"
#include "bench/process.hpp"
#include "bench/random.hpp"
#include "bench/scenario.hpp"

#include "actors/engine_core.hpp"

#include <weir/engine.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace weir::bench {

namespace {

constexpr std::size_t segments_to_merge = 48; // more than one merge takes
constexpr std::size_t in_flight = 1'024;
constexpr std::uint64_t bound_bytes_per_second = 32 * MiB;

const Line stores_without = {
    "compaction", "stores-without", "synced", "events/s", false, "16 threads store, nothing is merged"};
const Line stores_beside = {"compaction", "stores-beside", "synced",
                            "events/s",   false,           "the same while segments are merged"};
const Line stores_bounded = {
    "compaction", "stores-beside-bounded", "synced", "events/s", false, "the same while no more than 32 MiB/s move"};
const Line replays_without = {"compaction", "replays-without",
                              "flushed",    "contexts/s",
                              false,        "one thread replays contexts at random, nothing is merged"};
const Line replays_beside = {
    "compaction", "replays-beside", "flushed", "contexts/s", false, "the same while segments are merged"};
const Line replays_bounded = {"compaction", "replays-beside-bounded",
                              "flushed",    "contexts/s",
                              false,        "the same while no more than 32 MiB/s move"};
const Line merged_beside_stores = {"compaction", "merges-beside-stores",
                                   "synced",     "MiB/s",
                                   false,        "what merges read and write meanwhile, at their full speed"};
const Line merged_beside_replays = {"compaction", "merges-beside-replays",
                                    "flushed",    "MiB/s",
                                    false,        "what merges read and write meanwhile, at their full speed"};
const Line all_at_once = {"compaction", "compact-all", "flushed",
                          "events/s",   false,         "compact() of everything, in 48 segments at first"};
const Line context_before = {"compaction", "segments-per-context-before",
                             "flushed",    "segments",
                             true,         "segments that hold a context, on average, before compact()"};
const Line context_after = {"compaction", "segments-per-context-after", "flushed", "segments",
                            true,         "the same afterwards"};
const Line amplification_once = {"compaction", "write-amplification-of-compact",
                                 "flushed",    "x payload",
                                 true,         "bytes that compact() wrote for a byte of payload"};
const Line amplification = {
    "compaction", "write-amplification",
    "buffered",   "x payload",
    true,         "log, flushes and merges together, of buffered ingest until nothing runs any more"};

Event event_of(const Row& row) {
  return {.context_id = std::string(row.context_id),
          .event_type = std::string(row.event_type),
          .payload = std::string(row.payload),
          .timestamp = Timestamp{std::chrono::microseconds{row.timestamp_us}}};
}

Engine opened(const Job& job, const EngineOptions& more = {}) {
  EngineOptions options = more;
  options.shards = 1;
  return must(Engine::open(job.directory, options));
}

/// Buffered stores of the rows of `feed`.
void store_all(Engine& engine, RowFeed& feed) {
  std::deque<Ticket> tickets;
  const auto answer_oldest = [&] {
    must(tickets.front().wait());
    tickets.pop_front();
  };
  for (Row row; feed.next(row);) {
    if (tickets.size() == in_flight)
      answer_oldest();
    tickets.push_back(engine.store_async(event_of(row), {.durability = Durability::buffered}));
  }
  while (!tickets.empty())
    answer_oldest();
}

/// A store in many small segments.
Figures fill(const Job& job) {
  EngineOptions never_merged;
  never_merged.segment_bytes_max = 0;
  Engine engine = opened(job, never_merged);
  Tally tally;
  const std::size_t rows_each = job.plan.events / segments_to_merge;
  for (std::size_t i = 0; i < segments_to_merge; ++i) {
    RowFeed feed(job.workload, i * rows_each);
    feed.at_most(rows_each);
    store_all(engine, feed);
    must(engine.flush());
    tally.add(feed.tally());
  }
  must(engine.close());
  Figures figures;
  figures.set("acknowledged", tally);
  return figures;
}

/// Merges everything in a thread of its own, until it is done or nobody needs it any more.
class Merging {
public:
  explicit Merging(Engine& engine) : engine_(engine) {
    options_.all = true;
    options_.cancel = std::make_shared<std::atomic<bool>>(false);
    thread_ = std::thread([this] {
      const auto report = engine_.compact(options_);
      if (!report && report.code() != Errc::cancelled)
        failed_ = to_string(report.error());
      ended_.store(true);
    });
  }
  [[nodiscard]] const std::atomic<bool>& ended() const noexcept { return ended_; }
  ~Merging() { end(); } // what was measured beside it may have thrown
  Merging(const Merging&) = delete;
  Merging& operator=(const Merging&) = delete;
  void stop() {
    end();
    if (!failed_.empty())
      throw std::runtime_error("weir: " + failed_);
  }

private:
  void end() {
    options_.cancel->store(true);
    if (thread_.joinable())
      thread_.join();
  }

  Engine& engine_;
  CompactOptions options_;
  std::atomic<bool> ended_{false};
  std::string failed_;
  std::thread thread_; // Last: it uses the others.
};

/// What was done under one condition, in all its turns.
struct Side {
  LatencyRecorder latencies;
  std::atomic<std::size_t> done{0};
  double seconds = 0;

  void put(Figures& figures, const std::string& prefix) const {
    const auto total = latencies.total();
    const auto us = [&](double fraction) { return static_cast<double>(total->percentile(fraction)) / 1'000; };
    figures.set(prefix + "rate", static_cast<double>(done.load()) / seconds);
    figures.set(prefix + "p50", us(0.5));
    figures.set(prefix + "p99", us(0.99));
    figures.set(prefix + "p999", us(0.999));
  }
};

/// Runs `operation(thread)` in a loop until the time is up, or `ended` says that what runs beside it has ended.
void work(double seconds, std::size_t threads, const std::atomic<bool>* ended,
          const std::function<void(std::size_t)>& operation, Side& side) {
  Clock::time_point started, deadline;
  run_crew(
      threads,
      [&] {
        started = Clock::now();
        deadline = started + std::chrono::microseconds(static_cast<std::int64_t>(seconds * 1e6));
      },
      [&](std::size_t thread) {
        do {
          const auto before = Clock::now();
          operation(thread);
          side.latencies.record(static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - before).count()));
          ++side.done;
        } while (Clock::now() < deadline && (ended == nullptr || !ended->load()));
      });
  side.seconds += std::chrono::duration<double>(Clock::now() - started).count();
}

double moved_mib(const Engine& engine) {
  std::uint64_t bytes = 0;
  for (const auto& shard : engine.stats().shards)
    bytes += shard.merge_read_bytes + shard.merge_written_bytes;
  return static_cast<double>(bytes) / static_cast<double>(MiB);
}

/// The same work with nothing beside it ("without."), beside merges that are held back ("bounded.") and beside merges
/// at their full speed ("beside."), in short turns, so that a slow moment of the machine hits all. Each turn's merge is
/// given up at its end: the store stays the same for all of them, as long as the first merge outlasts a turn.
Figures measured(const Job& job, Engine& engine, std::size_t threads,
                 const std::function<void(std::size_t)>& operation) {
  constexpr int turns = 5;
  const double seconds = job.plan.mixed_seconds / 2;
  Side warming_up, without, bounded, beside;
  double merged_mib = 0;
  work(seconds, threads, nullptr, operation, warming_up);
  for (int turn = 0; turn < turns; ++turn) {
    work(seconds, threads, nullptr, operation, without);
    for (Side* const side : {&bounded, &beside}) {
      engine.set_compaction_rate(side == &bounded ? bound_bytes_per_second : 0);
      const double before = moved_mib(engine);
      Merging merging(engine);
      work(seconds, threads, &merging.ended(), operation, *side);
      merging.stop();
      if (side == &beside)
        merged_mib += moved_mib(engine) - before;
    }
  }
  Figures figures;
  without.put(figures, "without.");
  bounded.put(figures, "bounded.");
  beside.put(figures, "beside.");
  figures.set("merged", merged_mib / beside.seconds);
  return figures;
}

Figures replay_beside(const Job& job) {
  job.workload.touch();
  Engine engine = opened(job);
  engine.pause_compaction();
  Random random(job.workload.options().seed + 7);
  std::size_t touched = 0;
  Figures figures = measured(job, engine, 1, [&](std::size_t) {
    auto stream = must(engine.replay(job.workload.context_id(random.below(job.workload.contexts()))));
    for (auto batch = must(stream.next()); !batch.empty(); batch = must(stream.next()))
      for (const auto& event : batch)
        touched += static_cast<unsigned char>(event.payload.front());
  });
  if (touched % '{' != 0)
    throw std::runtime_error("a replay gave payloads that are no objects");
  must(engine.close());
  return figures;
}

Figures store_beside(const Job& job) {
  constexpr std::size_t threads = 16;
  job.workload.touch();
  Engine engine = opened(job);
  engine.pause_compaction();
  std::deque<RowFeed> feeds;
  for (std::size_t thread = 0; thread < threads; ++thread)
    feeds.emplace_back(job.workload, job.plan.events + thread, threads);
  Figures figures = measured(job, engine, threads, [&](std::size_t thread) {
    if (Row row; feeds[thread].next(row))
      must(engine.store(event_of(row)));
  });
  Tally tally;
  for (const RowFeed& feed : feeds)
    tally.add(feed.tally());
  figures.set("acknowledged", tally);
  must(engine.close());
  return figures;
}

double segments_per_context(const Job& job, const Engine& engine) {
  const auto views = must(engine.core()->queue_views());
  std::size_t places = 0, contexts = 0;
  for (std::size_t i = 0; i < job.workload.contexts(); ++i) {
    std::size_t holders = 0;
    for (const ShardView& view : views)
      for (const auto& segment : *view.segments)
        holders += must(segment->find_context(job.workload.context_id(i))).has_value() ? 1 : 0;
    places += holders;
    contexts += holders != 0 ? 1 : 0;
  }
  return static_cast<double>(places) / static_cast<double>(std::max<std::size_t>(contexts, 1));
}

Figures compact_all(const Job& job) {
  Engine engine = opened(job);
  engine.pause_compaction();
  Figures figures;
  figures.set("before", segments_per_context(job, engine));
  CompactOptions options;
  options.all = true;
  const auto started = Clock::now();
  const CompactReport report = must(engine.compact(options));
  const double seconds = std::chrono::duration<double>(Clock::now() - started).count();
  figures.set("after", segments_per_context(job, engine));
  figures.set("rate", static_cast<double>(job.plan.events) / seconds);
  figures.set("amplification", report.write_amplification);
  must(engine.close());
  return figures;
}

/// Buffered ingest with everything that follows from it.
Figures ingest(const Job& job) {
  Engine engine = opened(job);
  RowFeed feed(job.workload, 0);
  feed.at_most(job.plan.events);
  store_all(engine, feed);
  must(engine.flush());
  must(engine.compact()); // what the background is about to do, without its pause
  Figures figures;
  figures.set("amplification", engine.stats().write_amplification());
  figures.set("acknowledged", feed.tally());
  must(engine.close());
  return figures;
}

bool weir_alone(const Peer& peer) {
  return peer.name == "weir";
}

void check(const Job& job, const Line& line, const Tally& acknowledged) {
  job.results.check(line, job.peer.name, {acknowledged, found_after_reopen(job, 1)});
}

/// A line without merges and two beside them, measured by `measure` on a store in many segments.
Scenario beside_merges(const Line& without, const Line& bounded, const Line& beside, const Line& merged,
                       Figures (*measure)(const Job&)) {
  return {{without, bounded, beside, merged}, weir_alone, [=](const Job& job) {
            Tally acknowledged = in_child([&] { return fill(job); }).tally("acknowledged");
            const Figures figures = in_child([&] { return measure(job); });
            add_metered(job, without, with_prefix(figures, "without."));
            add_metered(job, bounded, with_prefix(figures, "bounded."));
            add_metered(job, beside, with_prefix(figures, "beside."));
            job.add(merged, figures.number("merged"));
            if (figures.has("acknowledged.events"))
              acknowledged.add(figures.tally("acknowledged"));
            check(job, beside, acknowledged);
          }};
}

Scenario everything() {
  return {{all_at_once, context_before, context_after, amplification_once}, weir_alone, [](const Job& job) {
            const Tally acknowledged = in_child([&] { return fill(job); }).tally("acknowledged");
            const Figures figures = in_child([&] { return compact_all(job); });
            job.add(all_at_once, figures.number("rate"));
            job.add(context_before, figures.number("before"));
            job.add(context_after, figures.number("after"));
            job.add(amplification_once, figures.number("amplification"));
            check(job, all_at_once, acknowledged);
          }};
}

Scenario life() {
  return {{amplification}, weir_alone, [](const Job& job) {
            const Figures figures = in_child([&] { return ingest(job); });
            job.add(amplification, figures.number("amplification"));
            check(job, amplification, figures.tally("acknowledged"));
          }};
}

} // namespace

std::vector<Scenario> compaction() {
  return {beside_merges(stores_without, stores_bounded, stores_beside, merged_beside_stores, store_beside),
          beside_merges(replays_without, replays_bounded, replays_beside, merged_beside_replays, replay_beside),
          everything(), life()};
}

} // namespace weir::bench
