#include "trust/overload/overload.hpp"

#include "actors/engine_core.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/temp_directory.hpp"
#include "trust/overload/metered_disk.hpp"
#include "trust/overload/subscribers.hpp"
#include "trust/support/load/load.hpp"
#include "trust/support/process.hpp"
#include "trust/support/stage.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <stdexcept>

namespace weir::trust {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t times_too_much = 10;
constexpr std::uint64_t beside_the_budget = 64 * MiB; // groups under way, the program, SQLite, what the allocator keeps
constexpr std::size_t events_max = 4, payload_bytes_max = 800;
constexpr std::size_t senders = 6, contexts_of_a_sender = 8;
constexpr std::size_t open_senders = 4; // of them, who never wait for an answer; the others are actors
constexpr std::size_t waiting_threads = 8;
constexpr std::size_t contexts_beside = 128; // enough for every shard to have some, whatever the seed
constexpr std::size_t actor_window = 512;

EngineOptions bounded_options(std::uint32_t shards) {
  EngineOptions options;
  options.shards = shards;
  options.unsealed_bytes_max = 8 * MiB;
  options.block_cache_bytes = 4 * MiB;
  options.pinned_bytes_max = Subscribers::pinned_bytes_max;
  options.catch_up_bytes = 1 * MiB;
  options.read_threads = Subscribers::held_read_threads + 2;
  options.wal_file_bytes = 256 * KiB;
  options.inbox_commands_max = 256;
  options.inbox_bytes_max = 256 * KiB;
  options.inbox_parked_max = 64;
  return options;
}

// Calls that a shard takes at the most while its log stands still: those in its inbox and parked before it, those
// taken from there, a group that is formed, and those under way.
std::uint64_t held_calls_max(const EngineOptions& options) {
  return options.inbox_commands_max + options.inbox_parked_max +
         (3 + ShardLog::depth) * std::uint64_t{limits::group_commands_max};
}

std::uint64_t us_since(Clock::time_point then) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - then).count());
}

std::vector<std::size_t> numbers(std::size_t first, std::size_t count) {
  std::vector<std::size_t> all(count);
  std::iota(all.begin(), all.end(), first);
  return all;
}

class Stage {
public:
  Stage(const OverloadPlan& plan, std::uint64_t seed)
      : plan_(plan), options_(bounded_options(plan.shards)),
        book_(seed, {senders * contexts_of_a_sender + waiting_threads + contexts_beside,
                     std::max({plan.calls / (open_senders * contexts_of_a_sender) + 1, 2 * held_calls_max(options_),
                               2 * plan.calls_to_others + 1}),
                     events_max, payload_bytes_max}) {}

  OverloadCounts run() {
    book_.touch(); // what is ours is used before anything is measured
    counts_.baseline_bytes = memory_bytes();
    counts_.budget_bytes = memory_budget(options_);
    {
      Engine engine = open(true);
      Subscribers subscribers(engine);
      flood(engine);
      subscribers.await_stopped(); // with the first events, long ago
      stand_still(engine);
      go_on(engine, subscribers);
      judge(engine, "under way");
      judge_memory();
      const Status closed = engine.close();
      expect("close: " + to_string(closed), closed.ok());
    }
    const Engine again = open(false);
    judge(again, "opened again");
    const Book::Totals totals = book_.totals();
    counts_.calls = totals.made;
    counts_.acknowledged = totals.acknowledged;
    counts_.overloaded = totals.refused;
    counts_.timed_out = totals.unknown;
    expect(std::to_string(totals.unanswered) + " calls were never answered", totals.unanswered == 0);
    expect(std::to_string(totals.mistaken) + " answers nobody should get, such as " + book_.first_mistake(),
           totals.mistaken == 0);
    expect("a loss would not be seen", book_.sees_a_loss(again));
    return counts_;
  }

private:
  void expect(const std::string& otherwise, bool holds) {
    if (holds)
      return;
    ++counts_.wrong;
    std::fprintf(stderr, "overload: %s\n", otherwise.c_str());
  }
  static std::string to_string(const Status& status) { return status.ok() ? "good" : weir::to_string(status.error()); }

  Engine open(bool metered) {
    EngineSeams seams = unwrapped(system_seams(directory_.path("data"), options_));
    if (metered)
      seams.fs = make_metered_disk(std::move(seams.fs), meter_);
    return Engine::adopt(unwrapped(EngineCore::open(std::move(seams), options_)));
  }
  template <class T> static T unwrapped(Result<T> result) {
    if (!result)
      throw std::runtime_error("open: " + weir::to_string(result.error()));
    return std::move(*result);
  }

  // Senders of every kind offer ten bytes for each that the disk writes.
  void flood(Engine& engine) {
    meter_->limit(times_too_much);
    std::atomic<std::uint64_t> offered{0};
    Load load(engine, book_, [&](std::uint64_t bytes) {
      offered += bytes;
      meter_->offered(bytes);
    });
    const auto began = Clock::now();
    const std::uint64_t calls = plan_.calls / open_senders;
    const auto contexts = [](std::size_t sender) {
      return numbers(sender * contexts_of_a_sender, contexts_of_a_sender);
    };
    load.paced(contexts(0), {.calls_max = calls});
    load.paced(contexts(1), {.calls_max = calls});
    load.trying(contexts(2), {.calls_max = calls});
    load.trying(contexts(3), {.calls_max = calls});
    load.actor(contexts(4), actor_window, calls);
    load.actor(contexts(5), actor_window, calls);
    for (std::size_t i = 0; i < waiting_threads; ++i)
      load.waiting(numbers(senders * contexts_of_a_sender + i, 1));
    while (!load.await_all_made(std::chrono::milliseconds(10))) { // statistics are judged at any moment
      judge_statistics(engine);
      progress("overload: " + std::to_string(book_.acknowledged()) + " calls acknowledged, " +
               std::to_string(book_.refused()) + " refused");
    }
    counts_.flood_ms = us_since(began) / 1'000;
    counts_.logged_bytes = meter_->limited_log_bytes();
    counts_.offered_bytes = offered;
    expect("the disk has written more than it was paid for",
           counts_.logged_bytes <= counts_.offered_bytes / times_too_much + 2 * limits::group_bytes_max);
    const auto stopped = Clock::now();
    meter_->let_go();
    load.stop();
    counts_.drain_ms = us_since(stopped) / 1'000;
    // Whatever the machine: a tenth was paid for, so much more the shards may hold, and all others were refused.
    const std::uint64_t made = open_senders * calls, room = plan_.shards * held_calls_max(options_);
    expect("the plan is too small to overload the engine", made / 2 > made / times_too_much * 2 + room);
    expect("only " + std::to_string(book_.refused()) + " of " + std::to_string(made) + " calls were refused",
           book_.refused() > made / 2);
  }

  // One shard's log stands still. Who asks more of it than it holds is told so; all others go on.
  void stand_still(Engine& engine) {
    const ShardId standing = 0;
    std::vector<std::size_t> there, elsewhere;
    for (const std::size_t context : numbers(senders * contexts_of_a_sender + waiting_threads, contexts_beside - 1))
      (engine.shard_of(book_.context_id(context)) == standing ? there : elsewhere).push_back(context);
    if (there.empty() || elsewhere.empty())
      throw std::runtime_error("the contexts are all in one shard, or all in others");
    const Status flushed = engine.flush();
    expect("flush: " + to_string(flushed), flushed.ok());
    counts_.quiet_p99_us = p99_us(engine, elsewhere);

    meter_->stand("wal/000/");
    const std::uint64_t before = book_.acknowledged(), refused = book_.refused();
    Load load(engine, book_);
    load.paced(there, {.calls_max = held_calls_max(options_) + 1});
    load.await_all_made();
    expect("nobody was refused by a shard that stands still and is full", book_.refused() > refused);
    expect("a shard that stands still has acknowledged", book_.acknowledged() == before);
    meter_->await_standing();
    StoreOptions briefly;
    briefly.timeout_ms = std::chrono::milliseconds(20);
    const auto late = store(engine, there.front(), briefly);
    expect("who waits for so long is told something else than that it is over", late.code() == Errc::deadline_exceeded);
    judge_statistics(engine);
    counts_.beside_standing_p99_us = p99_us(engine, elsewhere);
    const Book::Verdict verdict = book_.judge(engine, false, there);
    expect("what a shard holds cannot be read while its log stands still: " + verdict.what, verdict.good());
    meter_->let_go();
    load.stop();
  }

  // Subscribers that stood still all the time see what they missed.
  void go_on(Engine& engine, Subscribers& subscribers) {
    Position last = 0;
    // Behind what is under way in any shard.
    for (const std::size_t context : numbers(senders * contexts_of_a_sender + waiting_threads, contexts_beside - 1)) {
      const auto receipt = store(engine, context);
      expect("a store at the end: " + (receipt.ok() ? "" : weir::to_string(receipt.error())), receipt.ok());
      last = receipt.ok() ? receipt->last_position() : last;
    }
    subscribers.await_kept_up(last);
    judge_statistics(engine);
    const auto woken = Clock::now();
    subscribers.wake();
    counts_.go_on_ms = us_since(woken) / 1'000;
    counts_.subscribed_events = subscribers.events();
    for (const std::string& mistake : subscribers.mistakes())
      expect("subscriber " + mistake, false);
    const auto counted = engine.query("QUERY * COUNT");
    expect("subscribers saw " + std::to_string(counts_.subscribed_events) + " events, and a query counts others",
           counted.ok() && counted->rows.front().front().as_uint64() == counts_.subscribed_events);
  }

  Result<Receipt> store(Engine& engine, std::size_t context, const StoreOptions& options = {}) {
    const std::uint32_t number = book_.begin(context);
    auto receipt = engine.store(book_.context_id(context), book_.events(context, number), options);
    book_.answered(context, number, receipt);
    return receipt;
  }

  std::uint64_t p99_us(Engine& engine, const std::vector<std::size_t>& contexts) {
    std::vector<std::uint64_t> times;
    for (std::uint64_t i = 0; i < plan_.calls_to_others; ++i) {
      const auto sent = Clock::now();
      const auto receipt = store(engine, contexts[i % contexts.size()]);
      times.push_back(us_since(sent));
      expect("a store to another shard: " + (receipt.ok() ? "" : weir::to_string(receipt.error())), receipt.ok());
    }
    std::sort(times.begin(), times.end());
    return times[times.size() * 99 / 100];
  }

  // The engine's own bounds, which hold in every build.
  void judge_statistics(const Engine& engine) {
    const EngineStats stats = engine.stats();
    const auto within = [&](const std::string& what, std::uint64_t is, std::uint64_t most) {
      expect(what + ": " + std::to_string(is) + ", at the most " + std::to_string(most), is <= most);
    };
    for (const ShardStats& shard : stats.shards) {
      within("calls in an inbox", shard.inbox_commands, options_.inbox_commands_max);
      within("bytes in an inbox", shard.inbox_bytes, options_.inbox_bytes_max);
      within("calls before an inbox", shard.inbox_waiting, options_.inbox_parked_max + waiting_threads + 1);
      within("calls held back", shard.held_back, 2 * limits::group_commands_max);
      counts_.inbox_bytes_most = std::max(counts_.inbox_bytes_most, shard.inbox_bytes);
    }
    // Memory that is used up stops the next group, and each shard may have some under way.
    within("bytes in memtables", stats.unsealed_bytes,
           options_.unsealed_bytes_max + plan_.shards * ShardLog::depth * std::uint64_t{limits::group_bytes_max});
    within("bytes in the block cache", stats.block_cache_bytes, options_.block_cache_bytes);
    within("bytes pinned by replays", stats.pinned_bytes, options_.pinned_bytes_max);
    counts_.unsealed_bytes_most = std::max(counts_.unsealed_bytes_most, stats.unsealed_bytes);
  }

  void judge_memory() {
    if (test::sanitized) // says nothing about what the engine holds
      return;
    counts_.peak_bytes = peak_memory_bytes() - counts_.baseline_bytes;
    expect("too little was offered to show that memory is bounded",
           counts_.offered_bytes > counts_.budget_bytes + beside_the_budget);
    expect("at its peak the engine used " + std::to_string(counts_.peak_bytes / MiB) + " MiB",
           counts_.peak_bytes <= counts_.budget_bytes + beside_the_budget);
  }

  void judge(const Engine& engine, const std::string& when) {
    const Book::Verdict verdict = book_.judge(engine, false);
    counts_.lost += verdict.lost;
    expect(when + ": " + verdict.what, verdict.good());
  }

  const OverloadPlan plan_;
  const test::TempDirectory directory_;
  const EngineOptions options_;
  Book book_;
  const std::shared_ptr<DiskMeter> meter_ = std::make_shared<DiskMeter>();
  OverloadCounts counts_;
};

} // namespace

std::uint64_t memory_budget(const EngineOptions& options) {
  const std::uint64_t catch_up_bytes = options.catch_up_bytes + Subscribers::count * options.shards * MiB; // see there
  return options.unsealed_bytes_max + options.block_cache_bytes + options.pinned_bytes_max + catch_up_bytes +
         Subscribers::group_bytes_max + options.shards * options.inbox_bytes_max;
}

OverloadCounts overload(const OverloadPlan& plan, std::uint64_t seed) {
  return Stage(plan, seed).run();
}

} // namespace weir::trust
