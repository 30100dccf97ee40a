// Readers that never pause while memtables are frozen, flushed and cut under them.
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

using namespace weir;
using namespace weir::test;

namespace {

constexpr std::size_t contexts = 6;
constexpr std::size_t writers = 2;
constexpr std::uint64_t batch = 3; // every other call of a writer stores that many

std::string name(std::size_t context) {
  return "c" + std::to_string(context);
}

// How far each writer is in each context: a read that begins after an acknowledgement must show it, and no read can
// show what has not been submitted before its end.
class Progress {
public:
  using Counts = std::array<std::array<std::uint64_t, writers>, contexts>;

  void submit(std::size_t context, std::size_t writer, std::uint64_t events) {
    add(submitted_, context, writer, events);
  }
  void acknowledge(std::size_t context, std::size_t writer, std::uint64_t events) {
    add(acknowledged_, context, writer, events);
  }
  /// Writers do not run ahead of the flushes: the readers' answers would grow out of all proportion.
  void allow_calls(std::uint64_t more) {
    calls_allowed_.fetch_add(more);
    tell_waiting();
  }
  [[nodiscard]] std::uint64_t calls_allowed() const { return calls_allowed_.load(); }
  [[nodiscard]] Counts submitted() const { return copy(submitted_); }
  [[nodiscard]] Counts acknowledged() const { return copy(acknowledged_); }

private:
  using Live = std::array<std::array<std::atomic<std::uint64_t>, writers>, contexts>;
  static void add(Live& live, std::size_t context, std::size_t writer, std::uint64_t events) {
    live[context][writer].fetch_add(events);
  }
  static Counts copy(const Live& live) {
    Counts counts{};
    for (std::size_t c = 0; c < contexts; ++c)
      for (std::size_t w = 0; w < writers; ++w)
        counts[c][w] = live[c][w].load();
    return counts;
  }
  Live submitted_{}, acknowledged_{};
  std::atomic<std::uint64_t> calls_allowed_{0}; // of each writer
};

std::uint64_t sum(const Progress::Counts& counts) {
  std::uint64_t all = 0;
  for (const auto& context : counts)
    for (const std::uint64_t events : context)
      all += events;
  return all;
}

// The first thing that was wrong, from any thread.
class Verdict {
public:
  void check(bool good, const std::function<std::string()>& what) {
    if (good)
      return;
    const std::lock_guard lock(mutex_);
    if (text_.empty())
      text_ = what();
    bad_ = true;
    tell_waiting();
  }
  [[nodiscard]] bool bad() const { return bad_; }
  [[nodiscard]] std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

private:
  mutable std::mutex mutex_;
  std::string text_;
  std::atomic<bool> bad_{false};
};

// A writer's numbers in a context are 1, 2, 3 ...: of single events and of batches in turn.
bool ends_a_call(std::uint64_t number) {
  return number % (1 + batch) <= 1;
}

// The seen numbers of one writer in one context, in order: 1 ... n, batches whole, at least what was acknowledged and
// at most what was submitted.
void check_prefix(Verdict& verdict, const std::vector<std::uint64_t>& numbers, std::uint64_t at_least,
                  std::uint64_t at_most, const std::string& reader) {
  const std::uint64_t n = numbers.size();
  for (std::uint64_t i = 0; i < n; ++i)
    verdict.check(numbers[i] == i + 1, [&] {
      return reader + ": number " + std::to_string(numbers[i]) + " where " + std::to_string(i + 1) + " is due";
    });
  verdict.check(n >= at_least && n <= at_most, [&] {
    return reader + ": " + std::to_string(n) + " events, acknowledged before " + std::to_string(at_least) +
           ", submitted after " + std::to_string(at_most);
  });
  verdict.check(ends_a_call(n), [&] { return reader + ": a batch in part, " + std::to_string(n) + " events"; });
}

void write(Engine& engine, Progress& progress, Verdict& verdict, std::size_t writer, const std::atomic<bool>& stop) {
  std::array<std::uint64_t, contexts> next{};
  next.fill(1);
  for (std::uint64_t call = 0; !stop; ++call) {
    verdict.check(eventually([&] { return call < progress.calls_allowed() || stop; }),
                  [] { return std::string("no more calls are allowed"); });
    const std::size_t context = call % contexts;
    const std::uint64_t count = (call / contexts) % 2 == 0 ? 1 : batch;
    std::vector<Event> events;
    for (std::uint64_t i = 0; i < count; ++i)
      events.push_back(numbered_event(name(context), writer, next[context]++));
    StoreOptions options;
    options.durability = static_cast<Durability>(call % 3);
    progress.submit(context, writer, count);
    const auto receipt = engine.store(name(context), std::move(events), options);
    verdict.check(receipt.ok(), [&] { return "store: " + why(receipt); });
    if (!receipt)
      return;
    progress.acknowledge(context, writer, count);
    tell_waiting();
  }
}

void add_round(std::atomic<std::uint64_t>& rounds) {
  ++rounds;
  tell_waiting();
}

void replay(const Engine& engine, const Progress& progress, Verdict& verdict, const std::atomic<bool>& stop,
            std::atomic<std::uint64_t>& rounds) {
  std::array<std::size_t, contexts> seen_before{};
  for (std::uint64_t round = 0; !stop && !verdict.bad(); ++round, add_round(rounds)) {
    const std::size_t context = round % contexts;
    const auto before = progress.acknowledged();
    ReplayOptions options;
    options.batch_events_max = round % 2 == 0 ? 1'024 : 7; // in small batches, a fresh view for each
    options.backward = round % 5 == 4;
    auto events = read_all(engine, name(context), options);
    const auto after = progress.submitted();
    verdict.check(events.ok(), [&] { return "replay: " + why(events); });
    if (!events)
      return;
    if (options.backward)
      std::reverse(events->begin(), events->end());
    std::array<std::vector<std::uint64_t>, writers> numbers;
    for (std::size_t i = 0; i < events->size(); ++i) {
      verdict.check((*events)[i].sequence == i + 1, [&] {
        return "replay: sequence " + std::to_string((*events)[i].sequence) + " where " + std::to_string(i + 1) +
               " is due";
      });
      const SenderNumber from = sender_number((*events)[i].payload);
      numbers.at(from.sender).push_back(from.number);
    }
    for (std::size_t w = 0; w < writers; ++w)
      check_prefix(verdict, numbers[w], before[context][w], after[context][w], "replay");
    verdict.check(events->size() >= seen_before[context], [] { return std::string("replay: less than before"); });
    seen_before[context] = events->size();
  }
}

void ask(const Engine& engine, const Progress& progress, Verdict& verdict, const std::atomic<bool>& stop,
         std::atomic<std::uint64_t>& rounds) {
  std::uint64_t counted_before = 0;
  for (std::uint64_t round = 0; !stop && !verdict.bad(); ++round, add_round(rounds)) {
    auto before = progress.acknowledged();
    const auto counted = engine.query("QUERY sent COUNT");
    auto after = progress.submitted();
    verdict.check(counted.ok(), [&] { return "count: " + why(counted); });
    if (!counted)
      return;
    const std::uint64_t count = counted->rows.at(0).at(0).as_uint64().value();
    verdict.check(count >= sum(before) && count <= sum(after) && count >= counted_before, [&] {
      return "count: " + std::to_string(count) + ", acknowledged before " + std::to_string(sum(before)) +
             ", submitted after " + std::to_string(sum(after)) + ", last time " + std::to_string(counted_before);
    });
    counted_before = count;

    before = progress.acknowledged();
    const auto rows = engine.query("QUERY * RETURN context_id, sequence, payload.sender, payload.number");
    after = progress.submitted();
    verdict.check(rows.ok(), [&] { return "rows: " + why(rows); });
    if (!rows)
      return;
    std::array<std::array<std::vector<std::uint64_t>, writers>, contexts> numbers;
    std::array<std::uint64_t, contexts> sequence{};
    for (const auto& row : rows->rows) { // by position, so every context in its order
      const std::size_t context = static_cast<std::size_t>(row.at(0).as_string().value().at(1) - '0');
      const std::uint64_t due = ++sequence.at(context);
      verdict.check(row.at(1).as_uint64() == due, [&] { return "rows: sequence " + std::to_string(due) + " missing"; });
      numbers.at(context).at(row.at(2).as_uint64().value()).push_back(row.at(3).as_uint64().value());
    }
    for (std::size_t c = 0; c < contexts; ++c)
      for (std::size_t w = 0; w < writers; ++w)
        check_prefix(verdict, numbers[c][w], before[c][w], after[c][w], "rows");
  }
}

} // namespace

TEST_CASE("readers during flush: 100 flushes under two readers that never pause, and every answer is a whole prefix") {
  SimulatedDisk disk;
  EngineOptions options;
  options.shards = 2;
  options.zone_rows = 64;
  options.wal_file_bytes = 64 * KiB; // so that logs are cut and recycled, too
  Engine engine = [&] {
    auto opened = disk.open(options);
    REQUIRE_MESSAGE(opened.ok(), why(opened));
    return std::move(*opened);
  }();
  Progress progress;
  Verdict verdict;
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> replays{0}, queries{0};
  std::vector<std::thread> threads;
  for (std::size_t w = 0; w < writers; ++w)
    threads.emplace_back([&, w] { write(engine, progress, verdict, w, stop); });
  threads.emplace_back([&] { replay(engine, progress, verdict, stop, replays); });
  threads.emplace_back([&] { ask(engine, progress, verdict, stop, queries); });

  constexpr std::uint64_t flushes = 100;
  std::uint64_t before = 0;
  for (std::uint64_t i = 0; i < flushes && !verdict.bad(); ++i) {
    progress.allow_calls(100);
    // Something new for each flush, and at least one answer of each reader every few flushes.
    verdict.check(eventually([&] { return sum(progress.acknowledged()) > before || verdict.bad(); }),
                  [] { return std::string("the writers have stopped"); });
    verdict.check(eventually([&] { return (replays > i / 4 && queries > i / 4) || verdict.bad(); }),
                  [] { return std::string("the readers have stopped"); });
    before = sum(progress.acknowledged());
    const Status flushed = engine.flush();
    verdict.check(flushed.ok(), [&] { return "flush: " + why(flushed); });
    std::uint64_t in_segments = 0;
    for (const ShardStats& shard : engine.stats().shards)
      in_segments += shard.segment_events;
    verdict.check(in_segments >= before, [&] { return std::string("a flush left something behind"); });
  }
  // Views change under the readers in this way, too; there are more than enough segments for a merge.
  const auto merged = [&] {
    const auto shards = engine.stats().shards;
    return std::any_of(shards.begin(), shards.end(), [](const ShardStats& shard) { return shard.compactions != 0; });
  };
  verdict.check(eventually([&] { return merged() || verdict.bad(); }), [] { return std::string("nothing is merged"); });
  stop = true;
  tell_waiting();
  for (std::thread& thread : threads)
    thread.join();
  CHECK_MESSAGE(!verdict.bad(), verdict.text());
  std::uint64_t segments = 0, flushed = 0, merges = 0;
  const auto add_up = [&] {
    segments = flushed = merges = 0;
    for (const ShardStats& shard : engine.stats().shards) {
      segments += shard.segments;
      flushed += shard.flushes;
      merges += shard.compactions;
    }
    return true;
  };
  // A merge replaces two segments at least. It may still be at work: what is published is counted a moment later.
  CHECK(eventually([&] { return add_up() && segments + merges <= flushed; }));
  CHECK(flushed >= flushes);
  CHECK(merges > 0);
  CHECK(replays >= flushes / 4);
  CHECK(queries >= flushes / 4);
  std::uint64_t stored = 0;
  for (std::size_t c = 0; c < contexts; ++c)
    stored += read_dense(engine, name(c)).size();
  CHECK(stored == sum(progress.acknowledged()));
  CHECK(count_of(engine.query("QUERY * COUNT")) == stored);
  MESSAGE(stored << " events, " << replays.load() << " replays, " << queries.load() << " pairs of queries");
}
