// Compaction that somebody asks for, pauses or holds back; what it says of itself.
#include "tests/api/one_shard.hpp"
#include "tests/api/opened.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/why.hpp"

#include "engine/io/manual_clock.hpp"
#include "engine/io/random.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

using namespace weir;
using namespace weir::test;

namespace {

/// Its clock stands still, so flushes never pause: the background leaves fewer than sixteen segments alone.
Engine opened_still(SimulatedDisk& disk, const EngineOptions& options = one_shard(),
                    std::unique_ptr<io::Clock> clock = std::make_unique<io::ManualClock>()) {
  return opened(disk, options, std::move(clock));
}

/// The background merges nothing, whatever there is to merge when it opens, and has moved next to nothing.
Engine opened_paused(SimulatedDisk& disk) {
  EngineOptions options = one_shard();
  options.compaction_bytes_per_second_max = 1; // by a clock that stands still: what has begun does not get far
  Engine engine = opened_still(disk, options);
  engine.pause_compaction();
  REQUIRE(eventually([&] { return engine.stats().compactions_running == 0; }));
  engine.set_compaction_rate(0);
  return engine;
}

/// Several events of each context; `size` of their payloads.
void store_some(Engine& engine, io::Random& random, std::size_t size = 200) {
  for (int context = 0; context < contexts; ++context) {
    std::vector<Event> events(2 + random.next() % 3);
    for (Event& event : events) {
      event.event_type = "type-" + std::to_string(random.next() % 5);
      event.payload = R"({"text":")";
      while (event.payload.size() < size)
        event.payload += std::to_string(random.next());
      event.payload += "\"}";
    }
    REQUIRE(engine.store(name(context), std::move(events)).ok());
  }
}

/// A segment for each.
void flush_some(Engine& engine, io::Random& random, int flushes, std::size_t size = 200) {
  for (int i = 0; i < flushes; ++i) {
    store_some(engine, random, size);
    REQUIRE(engine.flush().ok());
  }
}

void fill(SimulatedDisk& disk, int flushes, std::uint64_t seed, std::size_t size = 200) {
  const auto random = io::make_seeded_random(seed);
  Engine engine = opened_still(disk, without_merges());
  flush_some(engine, *random, flushes, size);
  REQUIRE(engine.close().ok());
}

CompactReport compacted(Engine& engine, const CompactOptions& options = {}) {
  const auto report = engine.compact(options);
  REQUIRE_MESSAGE(report.ok(), why(report));
  return *report;
}

ShardStats shard_of(const Engine& engine) {
  return engine.stats().shards[0];
}

} // namespace

TEST_CASE("compact: it merges until nothing is left to do, and reports what it took and gave") {
  SimulatedDisk disk;
  fill(disk, 9, 1);
  Engine engine = opened_still(disk);
  const Content before = content_of(engine);
  const ShardStats at_first = shard_of(engine);
  REQUIRE(at_first.segments == 9);
  const CompactReport report = compacted(engine);
  const ShardStats now = shard_of(engine);
  CHECK(now.segments == 1);
  CHECK(report.merges == now.compactions);
  CHECK(report.segments_before == 9);
  CHECK(report.segments_after == 1);
  CHECK(report.bytes_before == at_first.segment_bytes);
  CHECK(report.bytes_after == now.segment_bytes);
  CHECK(report.bytes_given_back == report.bytes_before - report.bytes_after);
  CHECK(report.bytes_read == now.merge_read_bytes);
  CHECK(report.bytes_written == now.merge_written_bytes);
  CHECK(report.bytes_written >= now.segment_bytes);
  CHECK(report.events_removed == 0);
  CHECK(report.write_amplification ==
        doctest::Approx(static_cast<double>(report.bytes_written) / static_cast<double>(now.payload_bytes)));
  CHECK(engine.stats().compactions_running == 0);
  CHECK(engine.stats().compactions_pending == 0);
  CHECK(content_of(engine) == before);
  REQUIRE(eventually([&] { return files(disk).size() == 1; }));
  const CompactReport again = compacted(engine);
  CHECK(again.merges == 0);
  CHECK(again.bytes_written == 0);
  CHECK(again.segments_after == 1);
  REQUIRE(engine.close().ok());
  CHECK(content_of(opened_still(disk)) == before);
}

TEST_CASE("compact: what was acknowledged before the call is in segments, and one for each shard is left") {
  SimulatedDisk disk;
  EngineOptions options;
  options.shards = 4;
  Engine engine = opened_still(disk, options);
  const auto random = io::make_seeded_random(2);
  flush_some(engine, *random, 3);
  store_some(engine, *random);
  const CompactReport report = compacted(engine);
  std::uint64_t shards_in_use = 0;
  for (const ShardStats& shard : engine.stats().shards) {
    CHECK(shard.segments <= 1);
    CHECK(shard.memtable_events == 0);
    shards_in_use += shard.segments;
  }
  CHECK(report.segments_after == shards_in_use);
  CHECK(report.merges >= shards_in_use);
}

TEST_CASE("compact: one shard alone, where asked for, and none that is not there") {
  SimulatedDisk disk;
  EngineOptions options;
  options.shards = 2;
  Engine engine = opened_still(disk, options);
  for (int flush = 0; flush < 3; ++flush) {
    for (const ShardId shard : {ShardId{0}, ShardId{1}})
      REQUIRE(engine.store(numbered_event(context_in_shard(engine, shard), 1, 1)).ok());
    REQUIRE(engine.flush().ok());
  }
  CompactOptions second;
  second.shard = 1;
  CHECK(compacted(engine, second).segments_before == 3);
  CHECK(engine.stats().shards[0].segments == 3);
  CHECK(engine.stats().shards[1].segments == 1);
  second.shard = 2;
  CHECK(engine.compact(second).code() == Errc::invalid_argument);
}

TEST_CASE("compact: all brings together what the policy leaves alone") {
  SimulatedDisk disk;
  fill(disk, 1, 3, 5'000);
  {
    const auto random = io::make_seeded_random(4);
    Engine engine = opened_still(disk, without_merges());
    flush_some(engine, *random, 1, 50); // too small beside the other
  }
  Engine engine = opened_still(disk);
  const Content before = content_of(engine);
  CHECK(compacted(engine).merges == 0);
  CHECK(shard_of(engine).segments == 2);
  CompactOptions all;
  all.all = true;
  CHECK(compacted(engine, all).merges == 1);
  CHECK(shard_of(engine).segments == 1);
  CHECK(compacted(engine, all).merges == 0);
  CHECK(content_of(engine) == before);
}

TEST_CASE("compact: all leaves as few segments as their size allows, and a context is in no more than these") {
  SimulatedDisk disk;
  fill(disk, 40, 5, 2'000); // more than one merge takes
  EngineOptions options = one_shard();
  CompactOptions all;
  all.all = true;
  {
    options.segment_bytes_max = 512 * KiB;
    Engine engine = opened_still(disk, options);
    const Content before = content_of(engine);
    const CompactReport report = compacted(engine, all);
    const ShardStats shard = shard_of(engine);
    const std::uint64_t fewest = (shard.payload_bytes + options.segment_bytes_max - 1) / options.segment_bytes_max;
    CHECK(report.segments_after >= fewest);
    CHECK(report.segments_after <= 2 * fewest);
    CHECK(content_of(engine) == before);
  }
  options.segment_bytes_max = 512 * MiB;
  Engine engine = opened_still(disk, options);
  CHECK(compacted(engine, all).segments_after == 1);
}

TEST_CASE("compact: of two calls at the same time each reports its own merges and bytes") {
  SimulatedDisk disk;
  fill(disk, 40, 11);
  Engine engine = opened_paused(disk);
  const ShardStats at_first = shard_of(engine);
  engine.set_compaction_rate(64 * KiB);
  std::optional<CompactReport> second;
  CompactOptions options;
  options.progress = [&](const CompactProgress& progress) {
    if (second || progress.bytes == 0)
      return;
    CHECK(progress.merges == 0); // the first merge is under way
    engine.set_compaction_rate(0);
    second = compacted(engine);
  };
  const CompactReport first = compacted(engine, options);
  REQUIRE(second.has_value());
  const ShardStats now = shard_of(engine);
  CHECK(first.merges >= 1);
  CHECK(second->merges >= 1);
  CHECK(first.merges + second->merges == now.compactions);
  CHECK(first.bytes_read + second->bytes_read == now.merge_read_bytes - at_first.merge_read_bytes);
  CHECK(first.bytes_written + second->bytes_written == now.merge_written_bytes - at_first.merge_written_bytes);
  CHECK(first.segments_after == second->segments_after);
}

TEST_CASE("compact: where nothing is ever merged it changes nothing") {
  SimulatedDisk disk;
  fill(disk, 3, 6);
  Engine engine = opened_still(disk, without_merges());
  CompactOptions all;
  all.all = true;
  const CompactReport report = compacted(engine, all);
  CHECK(report.merges == 0);
  CHECK(report.segments_after == 3);
}

TEST_CASE("compact: removed events go, by truncation and by retention, and ids of what stays are as they were") {
  SimulatedDisk disk;
  const auto random = io::make_seeded_random(7);
  Engine engine = opened_still(disk);
  flush_some(engine, *random, 4);
  const std::uint64_t events = shard_of(engine).segment_events;
  RetentionRule newest_only;
  newest_only.count = 1;
  REQUIRE(engine.set_retention({newest_only}).ok());
  const auto applied = engine.apply_retention();
  REQUIRE(applied.ok());
  REQUIRE(applied->events == events - contexts);
  REQUIRE(engine.truncate_context(name(0), 1'000).ok());
  CHECK(shard_of(engine).segment_events == events);
  const CompactReport report = compacted(engine);
  CHECK(shard_of(engine).segments == 1);
  CHECK(shard_of(engine).segment_events == contexts - 1);
  CHECK(report.events_removed == events - (contexts - 1));
  CHECK(report.bytes_given_back > 0);
  CHECK(count_of(engine.query("QUERY * COUNT")) == contexts - 1);
}

TEST_CASE("compact: a single segment gives back what is removed of it: most by policy, anything with all") {
  SimulatedDisk disk;
  const auto random = io::make_seeded_random(8);
  Engine engine = opened_still(disk);
  flush_some(engine, *random, 3);
  compacted(engine);
  const std::uint64_t events = shard_of(engine).segment_events;
  const auto kept = read_dense(engine, name(0));
  REQUIRE(engine.truncate_context(name(0), 3).ok()); // little
  compacted(engine);
  CHECK(shard_of(engine).segment_events == events);
  CompactOptions all;
  all.all = true;
  CHECK(compacted(engine, all).events_removed == 2);
  CHECK(shard_of(engine).segment_events == events - 2);
  CHECK(compacted(engine, all).merges == 0); // nothing is left to give
}

TEST_CASE("compact: cursors and queries that began before it end as if nothing had happened") {
  SimulatedDisk disk;
  fill(disk, 6, 9);
  EngineOptions options = one_shard();
  options.block_cache_bytes = 0;
  Engine engine = opened_still(disk, options);
  const auto expected = read_dense(engine, name(0));
  ReplayOptions small;
  small.batch_events_max = 2;
  auto stream = engine.replay(name(0), small);
  REQUIRE(stream.ok());
  std::vector<StoredEvent> seen;
  const auto held = stream->next(); // points into blocks of the inputs
  REQUIRE(held.ok());
  const auto held_before = copy(*held);
  auto queue = engine.subscribe({.follow = false});
  REQUIRE(queue.ok());
  CHECK(compacted(engine).merges >= 1);
  REQUIRE(shard_of(engine).segments == 1);
  CHECK(copy(*held) == held_before);
  seen = held_before;
  for (;;) {
    const auto batch = stream->next();
    REQUIRE_MESSAGE(batch.ok(), why(batch));
    if (batch->empty())
      break;
    for (StoredEvent& event : copy(*batch))
      seen.push_back(std::move(event));
  }
  CHECK(seen == expected);
  std::uint64_t in_queue = 0;
  for (bool ended = false; !ended;) {
    const auto batch = queue->next();
    REQUIRE_MESSAGE(batch.ok(), why(batch));
    in_queue += batch->events.size();
    ended = batch->ended;
  }
  CHECK(in_queue == shard_of(engine).segment_events);
}

TEST_CASE("compact: cancelled in the middle of a merge nothing is lost, nothing lies about, and the next one ends it") {
  SimulatedDisk disk;
  fill(disk, 40, 10);                  // at least two merges
  Engine engine = opened_paused(disk); // sixteen would do for the background
  const Content before = content_of(engine);
  CompactOptions options;
  options.all = true;
  options.cancel = std::make_shared<std::atomic<bool>>(false);
  std::atomic<int> renamed{0};
  disk.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.path.ends_with(".tmp") && call.operation == io::Operation::rename)
      ++renamed;
    else if (call.path.ends_with(".tmp") && call.operation == io::Operation::sync_data && renamed == 1)
      options.cancel->store(true); // while the second one is written
    return std::nullopt;
  });
  CHECK(engine.compact(options).code() == Errc::cancelled);
  disk.fs().set_hook({});
  CHECK(shard_of(engine).compactions == 1);
  CHECK(shard_of(engine).segments < 40);
  CHECK(shard_of(engine).segments > 1);
  CHECK(shard_of(engine).merge_written_bytes > shard_of(engine).compacted_bytes); // what was given up counts
  REQUIRE(eventually([&] { return files(disk).size() == shard_of(engine).segments; }));
  CHECK(content_of(engine) == before);
  CHECK(engine.health().warnings.empty());
  options.cancel->store(false);
  CHECK(compacted(engine, options).segments_after == 1);
  CHECK(content_of(engine) == before);
}

TEST_CASE("compact: cancelled before it begins, it does nothing") {
  SimulatedDisk disk;
  fill(disk, 3, 11);
  Engine engine = opened_still(disk);
  CompactOptions options;
  options.cancel = std::make_shared<std::atomic<bool>>(true);
  CHECK(engine.compact(options).code() == Errc::cancelled);
  CHECK(shard_of(engine).segments == 3);
}

TEST_CASE("compact: progress grows to what there was to do, and is told in the calling thread") {
  SimulatedDisk disk;
  fill(disk, 40, 12, 2'000);
  Engine engine = opened_paused(disk);
  std::vector<CompactProgress> told;
  CompactOptions options;
  options.all = true;
  options.progress = [&, thread = std::this_thread::get_id()](const CompactProgress& progress) {
    CHECK(std::this_thread::get_id() == thread);
    CHECK(engine.stats().shards.size() == 1); // it may look
    told.push_back(progress);
  };
  const CompactReport report = compacted(engine, options);
  REQUIRE(told.size() >= 2);
  for (std::size_t i = 0; i < told.size(); ++i) {
    CHECK(told[i].bytes <= told[i].bytes_total);
    if (i != 0) {
      CHECK(told[i].bytes >= told[i - 1].bytes);
      CHECK(told[i].merges >= told[i - 1].merges);
    }
  }
  CHECK(told.back().merges == report.merges);
  CHECK(told.back().bytes == report.bytes_read + report.bytes_written);
}

TEST_CASE("compact: an error of the disk is the caller's, no warning; the engine goes on, and the next call too") {
  SimulatedDisk disk;
  fill(disk, 4, 13);
  Engine engine = opened_still(disk);
  const Content before = content_of(engine);
  disk.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::sync_data && call.path.ends_with(".tmp"))
      return fail(Errc::io_error, "the disk says no");
    return std::nullopt;
  });
  CHECK(engine.compact().code() == Errc::io_error);
  disk.fs().set_hook({});
  CHECK(engine.health().warnings.empty());
  CHECK(files(disk).size() == 4);
  disk.fs().set_free_bytes(one_shard().disk_reserve_bytes + 1 * MiB);
  CHECK(engine.compact().code() == Errc::disk_full);
  disk.fs().set_free_bytes(100 * MiB);
  CHECK(compacted(engine).segments_after == 1);
  CHECK(content_of(engine) == before);
}

TEST_CASE("compact: two at once, and beside the background, all come to their end") {
  SimulatedDisk disk;
  fill(disk, 30, 14);
  EngineOptions options = one_shard();
  Engine engine = opened_still(disk, options, io::make_system_clock());
  const Content before = content_of(engine);
  std::thread other([&] {
    CompactOptions all;
    all.all = true;
    CHECK(engine.compact(all).ok());
  });
  CHECK(engine.compact().ok());
  other.join();
  CHECK(shard_of(engine).segments == 1);
  CHECK(content_of(engine) == before);
}

TEST_CASE("compact: stores and flushes go on beside it, and what comes later is left to the next one") {
  SimulatedDisk disk;
  fill(disk, 5, 15);
  const auto random = io::make_seeded_random(16);
  Engine engine = opened_still(disk);
  Gate gate;
  gate.close();
  disk.fs().set_hook(hold(gate, io::Operation::write, "segments/000/0000000000000006.tmp"));
  std::thread call([&] { CHECK(compacted(engine).segments_after == 1); });
  {
    const OpenAtEnd opener(gate);
    gate.wait_until_n_waiting(1);
    CHECK(engine.stats().compactions_running == 1);
    flush_some(engine, *random, 2);
    CHECK(shard_of(engine).segments == 7);
  }
  call.join();
  disk.fs().set_hook({});
  CHECK(shard_of(engine).segments == 3);
  CHECK(compacted(engine).segments_after <= 2);
}

TEST_CASE("compact: close ends it, however slow it is, and nothing is lost") {
  SimulatedDisk disk;
  fill(disk, 4, 17);
  Content before;
  {
    EngineOptions options = one_shard();
    options.compaction_bytes_per_second_max = 1; // by a clock that stands still, for ever
    Engine engine = opened_still(disk, options);
    before = content_of(engine);
    std::atomic<Errc> code{Errc::ok};
    std::thread call([&] { code = engine.compact().code(); });
    CHECK(eventually([&] { return engine.stats().compactions_running == 1; }));
    CHECK(engine.close().ok());
    call.join();
    CHECK((code == Errc::closing || code == Errc::cancelled));
    CHECK(engine.compact().code() == Errc::closing);
  }
  CHECK(files(disk).size() == 4);
  CHECK(content_of(opened_still(disk)) == before);
}

TEST_CASE("compact: from inside a callback it is refused") {
  SimulatedDisk disk;
  Engine engine = opened_still(disk);
  std::promise<Errc> code;
  engine.store_async(numbered_event("a", 1, 1),
                     [&](const Result<Receipt>&) { code.set_value(engine.compact().code()); });
  CHECK(code.get_future().get() == Errc::invalid_argument);
}

TEST_CASE("compact: a crash at any call leaves exactly the events there were, and no litter") {
  SimulatedDisk disk;
  fill(disk, 6, 18);
  Content content;
  struct Image {
    SimulatedDisk disk;
    std::string call;
  };
  std::mutex mutex;
  std::vector<Image> crashed;
  const auto random = io::make_seeded_random(19);
  const auto take = [&](const std::string& call) {
    const std::lock_guard lock(mutex);
    crashed.push_back({disk.crash_image(io::CrashPolicy::lose_unsynced()), call});
    crashed.push_back({disk.crash_image(io::CrashPolicy::keep_everything()), call});
    for (int i = 0; i < 3; ++i)
      crashed.push_back({disk.crash_image(io::CrashPolicy::random_subset(random->next())), call});
  };
  {
    Engine engine = opened_still(disk);
    REQUIRE(engine.truncate_context(name(1), 4).ok());
    content = content_of(engine, {{name(1), 4}});
    disk.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
      using io::Operation;
      if (call.path.starts_with("segments/") && call.operation != Operation::read &&
          call.operation != Operation::stat && call.operation != Operation::size && call.operation != Operation::list)
        take(std::to_string(static_cast<int>(call.operation)) + " " + std::string(call.path));
      return std::nullopt;
    });
    disk.catalog().before_replace = [&]() -> Status { return take("before the catalog"), Status{}; };
    CompactOptions all;
    all.all = true;
    REQUIRE(engine.compact(all).ok());
    REQUIRE(eventually([&] { return files(disk).size() == 1; }));
    disk.fs().set_hook({});
    disk.catalog().before_replace = nullptr;
  }
  CHECK(crashed.size() >= 5 * 12);
  for (Image& image : crashed) {
    CAPTURE(image.call);
    Engine engine = opened_still(image.disk, without_merges());
    CHECK(content_of(engine, {{name(1), 4}}) == content);
    CHECK(files(image.disk).size() == shard_of(engine).segments);
  }
}

TEST_CASE("pause: the background merges nothing until it is resumed, and what runs is given up") {
  SimulatedDisk disk;
  fill(disk, 20, 20); // the background begins at once
  Gate gate;
  gate.close();
  disk.fs().set_hook(hold(gate, io::Operation::write, "segments/000/0000000000000021.tmp"));
  const auto random = io::make_seeded_random(21);
  Engine engine = opened_still(disk);
  {
    const OpenAtEnd opener(gate);
    gate.wait_until_n_waiting(1);
    CHECK_FALSE(engine.stats().compaction_paused);
    CHECK_FALSE(engine.health().compaction_paused);
    engine.pause_compaction();
    CHECK(engine.stats().compaction_paused);
    CHECK(engine.health().compaction_paused);
    CHECK(engine.health().ok);
  }
  REQUIRE(eventually([&] { return engine.stats().compactions_running == 0; }));
  disk.fs().set_hook({});
  CHECK(files(disk).size() == 20);
  flush_some(engine, *random, 20); // stores and flushes go on
  CHECK(shard_of(engine).segments == 40);
  CHECK(shard_of(engine).compactions == 0);
  CHECK(engine.stats().compactions_pending == 1);
  const Content before = content_of(engine);
  engine.resume_compaction();
  CHECK_FALSE(engine.stats().compaction_paused);
  REQUIRE(eventually([&] { return shard_of(engine).segments < 16 && engine.stats().compactions_running == 0; }));
  CHECK(content_of(engine) == before);
  CHECK(engine.health().warnings.empty());
}

TEST_CASE("pause: a call of compact works nonetheless, and the pause stays") {
  SimulatedDisk disk;
  fill(disk, 20, 22);
  Engine engine = opened_paused(disk);
  CompactOptions all;
  all.all = true; // else how many are left depends on their sizes
  CHECK(compacted(engine, all).segments_after == 1);
  CHECK(engine.stats().compaction_paused);
  REQUIRE(engine.close().ok());
  CHECK_FALSE(opened_still(disk).stats().compaction_paused); // it is not for the next life
}

TEST_CASE("compaction rate: a bound from the options holds, another one holds at once, and none lets it run") {
  SimulatedDisk disk;
  fill(disk, 4, 23);
  EngineOptions options = one_shard();
  options.compaction_bytes_per_second_max = 1'000;
  auto owned_clock = std::make_unique<io::ManualClock>();
  io::ManualClock& clock = *owned_clock;
  Engine engine = opened_still(disk, options, std::move(owned_clock));
  CHECK(engine.stats().compaction_bytes_per_second_max == 1'000);
  std::atomic<bool> ended{false};
  std::thread call([&] {
    CHECK(engine.compact().ok());
    ended = true;
  });
  std::chrono::nanoseconds passed{0};
  SUBCASE("as long as it takes") {
    while (!ended) {
      clock.advance(std::chrono::milliseconds(100));
      passed += std::chrono::milliseconds(100);
      std::this_thread::yield();
    }
    const ShardStats shard = shard_of(engine);
    const double bytes = static_cast<double>(shard.merge_read_bytes + shard.merge_written_bytes);
    const double unpaid = static_cast<double>(shard.segment_bytes); // the last piece, at most
    CHECK(std::chrono::duration<double>(passed).count() >= (bytes - unpaid) / 1'000);
  }
  SUBCASE("none any more") {
    REQUIRE(eventually([&] { return engine.stats().compactions_running == 1; }));
    engine.set_compaction_rate(0);
    CHECK(engine.stats().compaction_bytes_per_second_max == 0);
  }
  call.join();
  CHECK(shard_of(engine).segments == 1);
}

TEST_CASE("compaction rate: a merge that is held back holds back neither stores nor flushes nor close") {
  SimulatedDisk disk;
  fill(disk, 20, 24);
  EngineOptions options = one_shard();
  options.compaction_bytes_per_second_max = 1; // by a clock that stands still, for ever
  const auto random = io::make_seeded_random(25);
  Engine engine = opened_still(disk, options);
  REQUIRE(eventually([&] { return engine.stats().compactions_running == 1; }));
  flush_some(engine, *random, 3);
  CHECK(shard_of(engine).segments == 23);
  CHECK(engine.close().ok());
}

TEST_CASE("stats: write amplification is what log, flushes and merges wrote for each byte of payload") {
  SimulatedDisk disk;
  const auto random = io::make_seeded_random(26);
  Engine engine = opened_still(disk);
  CHECK(engine.stats().write_amplification() == 0);
  std::uint64_t payload_bytes = 0;
  flush_some(engine, *random, 4);
  for (const auto& [context, events] : content_of(engine))
    for (const StoredEvent& event : events)
      payload_bytes += event.payload.size();
  const EngineStats flushed = engine.stats();
  CHECK(flushed.shards[0].stored_payload_bytes == payload_bytes);
  CHECK(flushed.shards[0].payload_bytes == payload_bytes);
  CHECK(flushed.shards[0].flushed_bytes == flushed.shards[0].segment_bytes);
  CHECK(flushed.shards[0].log_bytes > payload_bytes); // whoever waits for a sync waits for no compression
  CHECK(flushed.shards[0].merge_written_bytes == 0);
  const auto amplification = [&](std::uint64_t merged) {
    return doctest::Approx(static_cast<double>(flushed.shards[0].log_bytes + flushed.shards[0].flushed_bytes + merged) /
                           static_cast<double>(payload_bytes));
  };
  CHECK(flushed.write_amplification() == amplification(0));
  const CompactReport report = compacted(engine);
  CHECK(engine.stats().write_amplification() == amplification(report.bytes_written));
  // Nothing of what is refused, or stored already, counts.
  Event once = numbered_event("once", 1, 1);
  once.event_id = "id";
  REQUIRE(engine.store(once).ok());
  const std::uint64_t with_it = engine.stats().shards[0].stored_payload_bytes;
  CHECK(with_it == payload_bytes + once.payload.size());
  REQUIRE(engine.store(once)->duplicate);
  CHECK(engine.stats().shards[0].stored_payload_bytes == with_it);
}
