// Segments merged behind the back of stores, readers and crashes: nobody may notice but by speed.
#include "tests/api/one_shard.hpp"
#include "tests/api/opened.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/why.hpp"

#include "engine/io/manual_clock.hpp"
#include "engine/io/random.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <sys/resource.h>
#include <thread>

using namespace weir;
using namespace weir::test;

namespace {

Engine open_merging(SimulatedDisk& disk, const EngineOptions& options = one_shard(),
                    std::unique_ptr<io::Clock> clock = nullptr) {
  return opened(disk, options, std::move(clock));
}

/// A batch for every second context at random; the first one is in every flush.
void store_some(Engine& engine, io::Random& random) {
  for (int i = 0; i < 40; ++i) {
    const std::string context = name(i == 0 ? 0 : static_cast<int>(random.next() % contexts));
    std::vector<Event> events(1 + random.next() % 3);
    for (Event& event : events) {
      event.event_type = "type-" + std::to_string(random.next() % 5);
      event.payload =
          R"({"text":")" + std::string(random.next() % 300, 'x') + R"(","n":)" + std::to_string(random.next()) + "}";
      if (random.next() % 3 == 0)
        event.event_id = "id-" + std::to_string(random.next());
      if (random.next() % 4 == 0)
        event.metadata = R"({"trace":)" + std::to_string(random.next() % 1'000) + "}";
      if (random.next() % 2 == 0)
        event.timestamp = Timestamp(std::chrono::microseconds(1'600'000'000'000'000 + random.next() % 1'000'000));
    }
    StoreOptions options;
    options.durability = static_cast<Durability>(random.next() % 3);
    REQUIRE(engine.store(context, std::move(events), options).ok());
  }
}

void flush_some(Engine& engine, io::Random& random, int flushes) {
  for (int i = 0; i < flushes; ++i) {
    store_some(engine, random);
    REQUIRE(engine.flush().ok());
  }
}

bool merged(const Engine& engine, std::uint64_t times = 1) {
  return eventually([&] { return engine.stats().shards[0].compactions >= times; });
}

/// Names of the live segments' files, as the catalog has them.
Names live_files(SimulatedDisk& disk) {
  Names names;
  const std::lock_guard lock(disk.catalog().mutex);
  for (const SegmentMeta& meta : disk.catalog().state.segments) {
    const std::string digits = std::to_string(meta.number);
    names.insert(std::string(16 - digits.size(), '0') + digits + ".seg");
  }
  return names;
}

bool is_change(io::Operation operation) {
  using io::Operation;
  return operation != Operation::read && operation != Operation::stat && operation != Operation::size &&
         operation != Operation::list;
}

bool says(const std::vector<std::string>& warnings, const std::string& part) {
  return std::any_of(warnings.begin(), warnings.end(),
                     [&](const std::string& warning) { return warning.find(part) != std::string::npos; });
}

} // namespace

TEST_CASE("compaction: four flushes become one segment by themselves, and every answer stays as it was") {
  SimulatedDisk disk;
  const auto random = io::make_seeded_random(1);
  Content before;
  {
    Engine engine = open_merging(disk, without_merges());
    flush_some(engine, *random, 4);
    before = content_of(engine);
    CHECK(engine.stats().shards[0].segments == 4);
    CHECK(engine.stats().compactions_pending == 0); // none is wanted
  }
  const Names inputs = live_files(disk);
  Engine engine = open_merging(disk);
  REQUIRE(merged(engine));
  CHECK(engine.stats().shards[0].segments == 1);
  CHECK(engine.stats().shards[0].compacted_bytes == engine.stats().shards[0].segment_bytes);
  CHECK(eventually([&] { return engine.stats().compactions_pending == 0; }));
  CHECK(content_of(engine) == before);
  REQUIRE(eventually([&] { return files(disk) == live_files(disk); }));
  CHECK(live_files(disk).size() == 1);
  CHECK(inputs.count(*live_files(disk).begin()) == 0);
  CHECK(engine.health().ok);
  flush_some(engine, *random, 1);
  const Content after = content_of(engine);
  REQUIRE(engine.close().ok());
  CHECK(content_of(open_merging(disk)) == after);
  CHECK(files(disk, "quarantine").empty());
}

TEST_CASE("compaction: once flushes have paused, two are enough, and then nothing is pending") {
  SimulatedDisk disk;
  const auto random = io::make_seeded_random(2);
  auto owned_clock = std::make_unique<io::ManualClock>();
  io::ManualClock& clock = *owned_clock;
  Engine engine = open_merging(disk, one_shard(), std::move(owned_clock));
  flush_some(engine, *random, 2);
  CHECK(engine.stats().compactions_pending == 1);
  CHECK(engine.stats().shards[0].compactions == 0);
  const Content before = content_of(engine);
  REQUIRE(eventually([&] {
    clock.advance(std::chrono::seconds(1)); // again and again: the last flush is noticed a moment after its answer
    return engine.stats().compactions_pending == 0;
  }));
  CHECK(engine.stats().shards[0].segments == 1);
  CHECK(engine.stats().shards[0].compactions == 1);
  CHECK(content_of(engine) == before);
}

TEST_CASE("compaction: a crash at any call leaves exactly the events there were, and no litter") {
  std::size_t images = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    SimulatedDisk disk;
    const auto random = io::make_seeded_random(seed);
    Content content;
    {
      Engine engine = open_merging(disk, without_merges());
      flush_some(engine, *random, 4 + static_cast<int>(seed));
      store_some(engine, *random); // and something in the log
      content = content_of(engine);
    }
    struct Image {
      SimulatedDisk disk;
      std::string call;
    };
    std::mutex mutex;
    std::vector<Image> crashed;
    const auto take = [&](const std::string& call) {
      const std::lock_guard lock(mutex);
      crashed.push_back({disk.crash_image(io::CrashPolicy::lose_unsynced()), call});
      crashed.push_back({disk.crash_image(io::CrashPolicy::keep_everything()), call});
      for (int i = 0; i < 4; ++i)
        crashed.push_back({disk.crash_image(io::CrashPolicy::random_subset(random->next())), call});
    };
    {
      disk.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
        if (is_change(call.operation) && call.path.starts_with("segments/"))
          take(std::to_string(static_cast<int>(call.operation)) + " " + std::string(call.path));
        return std::nullopt;
      });
      disk.catalog().before_replace = [&]() -> Status { return take("before the catalog"), Status{}; };
      Engine engine = open_merging(disk);
      REQUIRE(merged(engine));
      REQUIRE(eventually([&] { return files(disk) == live_files(disk); }));
      disk.fs().set_hook({});
      disk.catalog().before_replace = nullptr;
      take("after all");
      REQUIRE(engine.close().ok());
    }
    CHECK(crashed.size() >= 6 * 12); // create, write, sync, rename, sync, catalog, the inputs' removal, the end
    for (Image& image : crashed) {
      CAPTURE(image.call);
      ++images;
      Engine engine = open_merging(image.disk, without_merges());
      CHECK(content_of(engine) == content);
      CHECK(files(image.disk, "segments/000") == live_files(image.disk));
      // Only a crash between the new file's name and the catalog leaves a file that nobody knows.
      CHECK(files(image.disk, "quarantine").size() <= 1);
      if (image.call == "after all")
        CHECK(files(image.disk, "quarantine").empty());
    }
  }
  MESSAGE(images << " crash images");
}

TEST_CASE("compaction: a failure at any call is a warning and nothing more: no event is lost, and stores go on") {
  SimulatedDisk filled;
  {
    const auto random = io::make_seeded_random(1);
    Engine engine = open_merging(filled, without_merges());
    flush_some(engine, *random, 16); // enough for a merge at once; fewer wait until flushes have paused
    REQUIRE(engine.close().ok());
  }
  bool failed = true;
  std::uint64_t failing = 1;
  for (; failed; ++failing) {
    CAPTURE(failing);
    SimulatedDisk disk = filled.crash_image({});
    const auto random = io::make_seeded_random(failing);
    // Opening stats and sweeps; the merge that follows begins with its first open of a segment.
    std::atomic<std::uint64_t> calls{0};
    std::atomic<bool> armed{false};
    disk.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
      if (!call.path.starts_with("segments/"))
        return std::nullopt;
      armed = armed || call.operation == io::Operation::open;
      return armed && ++calls == failing ? std::optional(fail(Errc::io_error, "the disk says no")) : std::nullopt;
    });
    Content content;
    {
      Engine engine = open_merging(disk);
      REQUIRE(eventually([&] { return engine.stats().shards[0].compactions == 1 || !engine.health().ok; }));
      const bool merged_at_once = engine.stats().shards[0].compactions == 1;
      if (!merged_at_once)
        CHECK(says(engine.health().warnings, "the disk says no"));
      REQUIRE(eventually([&] { return !merged_at_once || files(disk) == live_files(disk) || !engine.health().ok; }));
      failed = calls >= failing;
      disk.fs().set_hook({});
      store_some(engine, *random);
      content = content_of(engine);
    }
    Engine engine = open_merging(disk, without_merges());
    CHECK(content_of(engine) == content);
    CHECK(files(disk) == live_files(disk));
  }
  CHECK(failing > 15);
}

TEST_CASE("compaction: a merge that failed is tried again, also at the catalog, and its warning stays") {
  SimulatedDisk disk;
  const auto random = io::make_seeded_random(4);
  {
    Engine engine = open_merging(disk, without_merges());
    flush_some(engine, *random, 4);
  }
  std::atomic<bool> broken{true};
  std::string where;
  SUBCASE("at the sync") {
    where = "could not be merged";
    disk.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
      if (broken && call.operation == io::Operation::sync_data && call.path == "segments/000/0000000000000005.tmp")
        return fail(Errc::io_error, "the disk says no");
      return std::nullopt;
    });
  }
  SUBCASE("at the catalog") {
    where = "could not be published";
    disk.catalog().before_replace = [&]() -> Status {
      return broken ? Status{fail(Errc::io_error, "the catalog says no")} : Status{};
    };
  }
  Engine engine = open_merging(disk);
  REQUIRE(eventually([&] { return says(engine.health().warnings, where); }));
  CHECK(engine.stats().compactions_pending == 1);
  CHECK(engine.stats().shards[0].segments == 4);
  broken = false;
  const Content content = content_of(engine);
  REQUIRE(merged(engine));
  CHECK(content_of(engine) == content);
  REQUIRE(eventually([&] { return files(disk) == live_files(disk); }));
}

TEST_CASE("compaction: without room for the output nothing is written, and it goes on when there is") {
  SimulatedDisk disk;
  const auto random = io::make_seeded_random(5);
  {
    Engine engine = open_merging(disk, without_merges());
    flush_some(engine, *random, 4);
  }
  disk.fs().set_free_bytes(one_shard().disk_reserve_bytes + 1 * MiB);
  Engine engine = open_merging(disk);
  REQUIRE(eventually([&] { return says(engine.health().warnings, "could not be merged"); }));
  CHECK(files(disk) == live_files(disk));
  CHECK(live_files(disk).size() == 4);
  disk.fs().set_free_bytes(100 * MiB);
  REQUIRE(merged(engine));
}

TEST_CASE("compaction: while a merge stands still, stores, flushes and reads go on, and close does not wait for it") {
  SimulatedDisk disk;
  const auto random = io::make_seeded_random(6);
  {
    Engine engine = open_merging(disk, without_merges());
    flush_some(engine, *random, 4);
  }
  const std::string temp = "segments/000/0000000000000005.tmp";
  Gate gate;
  gate.close();
  disk.fs().set_hook(hold(gate, io::Operation::write, temp));
  Content content;
  {
    Engine engine = open_merging(disk);
    const OpenAtEnd opener(gate);
    gate.wait_until_n_waiting(1);
    CHECK(engine.stats().compactions_pending == 1);
    flush_some(engine, *random, 3); // their files are others
    content = content_of(engine);
    CHECK(engine.stats().shards[0].segments == 7);
    std::thread closer([&] { CHECK(engine.close().ok()); });
    CHECK(wait_until_closing(engine));
    CHECK(engine.replay("any", {}).code() == Errc::closing);
    gate.open();
    closer.join();
  }
  CHECK(files(disk) == live_files(disk)); // what the merge had written is gone
  CHECK(live_files(disk).size() == 7);
  CHECK(content_of(open_merging(disk)) == content);
}

TEST_CASE("compaction: the files of inputs stay as long as a view of before may read them") {
  SimulatedDisk disk;
  const auto random = io::make_seeded_random(7);
  Content content;
  {
    Engine engine = open_merging(disk, without_merges());
    flush_some(engine, *random, 3);
    content = content_of(engine);
  }
  EngineOptions options = one_shard();
  options.block_cache_bytes = 0;                          // what is read comes from the files
  auto owned_clock = std::make_unique<io::ManualClock>(); // nothing is merged before the query has begun
  io::ManualClock& clock = *owned_clock;
  Engine engine = open_merging(disk, options, std::move(owned_clock));
  const Names inputs = live_files(disk);
  REQUIRE(content_of(engine) == content); // footers are in memory: reading them is exclusive
  // A query is held at its first read of the second segment.
  Gate gate;
  std::atomic<std::thread::id> reader{};
  disk.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (std::this_thread::get_id() == reader.load() && call.operation == io::Operation::read &&
        call.path == "segments/000/0000000000000002.seg")
      gate.pass();
    return std::nullopt;
  });
  gate.close();
  std::uint64_t rows = 0;
  std::thread query([&] {
    reader = std::this_thread::get_id();
    QueryOptions unhurried;
    unhurried.timeout_ms = std::chrono::milliseconds::max();
    const auto answer = engine.query("QUERY * RETURN context_id, sequence, payload.n", unhurried);
    REQUIRE_MESSAGE(answer.ok(), why(answer));
    rows = answer->rows.size();
  });
  {
    const OpenAtEnd opener(gate);
    gate.wait_until_n_waiting(1);
    flush_some(engine, *random, 1);
    REQUIRE(eventually([&] {
      clock.advance(std::chrono::seconds(1));
      return engine.stats().shards[0].compactions == 1;
    }));
    CHECK(engine.stats().shards[0].segments == 1);
    const Names now = files(disk);
    for (const std::string& input : inputs)
      CHECK(now.count(input) == 1);
  }
  query.join();
  disk.fs().set_hook({}); // the engine outlives what it looks at
  std::uint64_t events = 0;
  for (const auto& [id, list] : content)
    events += list.size();
  CHECK(rows == events);
  REQUIRE(eventually([&] { return files(disk) == live_files(disk); }));
}

TEST_CASE("compaction: replays of any batch size cross a merge without a hole") {
  SimulatedDisk disk;
  const auto random = io::make_seeded_random(8);
  Engine engine = open_merging(disk);
  flush_some(engine, *random, 3);
  const auto expected = read_dense(engine, name(0));
  std::vector<ReplayStream> streams;
  std::vector<std::vector<StoredEvent>> seen(4);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    ReplayOptions options;
    options.batch_events_max = 1 + 3 * i;
    options.to = expected.size();
    auto stream = engine.replay(name(0), options);
    REQUIRE(stream.ok());
    streams.push_back(std::move(*stream));
  }
  const auto step = [&](std::size_t i) {
    const auto batch = streams[i].next();
    REQUIRE_MESSAGE(batch.ok(), why(batch));
    for (StoredEvent& event : copy(*batch))
      seen[i].push_back(std::move(event));
    return !batch->empty();
  };
  for (std::size_t i = 0; i < seen.size(); ++i)
    step(i);
  flush_some(engine, *random, 1);
  REQUIRE(merged(engine));
  for (std::size_t i = 0; i < seen.size(); ++i) {
    while (step(i)) {
    }
    CHECK(seen[i] == expected);
  }
}

TEST_CASE("compaction: merges have the lowest priority, and that of all others where a shard has fallen behind") {
  const auto priority_of = [](const std::string& thread) -> std::optional<int> {
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      std::ifstream comm(task.path() / "comm");
      std::string found;
      if (std::getline(comm, found) && found == thread)
        return ::getpriority(PRIO_PROCESS, static_cast<id_t>(std::stoul(task.path().filename())));
    }
    return std::nullopt;
  };
  const auto when_begun = [&](const std::string& thread) { // threads take their names themselves, their priority first
    std::optional<int> priority;
    while (!(priority = priority_of(thread)))
      std::this_thread::yield();
    return *priority;
  };
  const int own = ::getpriority(PRIO_PROCESS, 0);
  SimulatedDisk disk;
  const Engine engine = open_merging(disk);
  CHECK(when_begun("weir-compact") == 19);
  CHECK(when_begun("weir-catch-up") == own);
  CHECK(when_begun("weir-flush") == own);
  CHECK(when_begun("weir-log-0") == own);
}
