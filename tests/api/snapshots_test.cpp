// Snapshots through the engine's door: what load() gives is always the context's state.
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

constexpr std::string_view tag = "sum-1";

void store_up_to(Engine& engine, const std::string& context, std::uint64_t last, Durability durability) {
  const auto before = read_all(engine, context);
  REQUIRE(before.ok());
  for (std::uint64_t i = before->size() + 1; i <= last; ++i) {
    const auto receipt = engine.store(numbered_event(context, 1, i), {.durability = durability, .timeout_ms = {}});
    REQUIRE_MESSAGE(receipt.ok(), why(receipt));
  }
}

struct Loaded {
  Sequence snapshot = 0; ///< 0: none.
  std::string state;
  std::vector<Sequence> events;
};

Loaded load(const Engine& engine, std::string_view context, std::string_view wanted = tag, ReplayOptions options = {}) {
  auto loaded = engine.load(context, wanted, std::move(options));
  REQUIRE_MESSAGE(loaded.ok(), why(loaded));
  Loaded result;
  if (loaded->snapshot) {
    result.snapshot = loaded->snapshot->sequence;
    result.state = loaded->snapshot->state;
  }
  for (;;) {
    const auto batch = loaded->events.next();
    REQUIRE_MESSAGE(batch.ok(), why(batch));
    if (batch->empty())
      return result;
    for (const EventView& event : *batch)
      result.events.push_back(event.sequence);
  }
}

} // namespace

TEST_CASE("snapshots: load gives the newest one and the events after it, after a flush and a restart too") {
  TempDirectory directory;
  const std::string data = directory.path("data");
  {
    auto engine = Engine::open(data);
    REQUIRE(engine.ok());
    store_up_to(*engine, "a", 10, Durability::synced);
    CHECK(!std::filesystem::exists(data + "/snapshots.db")); // who saves none pays nothing
    CHECK(load(*engine, "a").events.size() == 10);
    CHECK(!std::filesystem::exists(data + "/snapshots.db"));
    REQUIRE(engine->save_snapshot("a", 4, "four", tag).ok());
    REQUIRE(engine->save_snapshot("a", 8, "eight", tag).ok());
    REQUIRE(engine->save_snapshot("a", 6, "six", tag).ok()); // late: the newer one stays
    const Loaded loaded = load(*engine, "a");
    CHECK(loaded.snapshot == 8);
    CHECK(loaded.state == "eight");
    CHECK(loaded.events == std::vector<Sequence>{9, 10});
    REQUIRE(engine->flush().ok());
    CHECK(load(*engine, "a").events == std::vector<Sequence>{9, 10});
    REQUIRE(engine->close().ok());
    CHECK(engine->save_snapshot("a", 9, "nine", tag).code() == Errc::closing);
    CHECK(engine->load("a", tag).code() == Errc::closing);
    CHECK(engine->drop_snapshot("a").code() == Errc::closing);
  }
  auto engine = Engine::open(data);
  REQUIRE(engine.ok());
  CHECK(load(*engine, "a").state == "eight");
  CHECK(load(*engine, "a", "sum-2").snapshot == 0);
  CHECK(load(*engine, "a", "sum-2").events.size() == 10);
  const Loaded as_of_seven = load(*engine, "a", tag, {.to = 7}); // the snapshot is of a later event
  CHECK(as_of_seven.snapshot == 0);
  CHECK(as_of_seven.events.size() == 7);
  CHECK(load(*engine, "a", tag, {.to = 8}).events.empty());
  REQUIRE(engine->drop_snapshot("a").ok());
  CHECK(load(*engine, "a").snapshot == 0);
  CHECK(engine->health().warnings.empty());
  REQUIRE(engine->close().ok());
  std::vector<std::string> findings;
  CHECK(verify_directory(data, &findings).ok());
}

TEST_CASE("snapshots: what cannot be saved is refused with its reason") {
  TempDirectory directory;
  EngineOptions options;
  options.snapshot_bytes_max = 100;
  auto engine = Engine::open(directory.path("data"), options);
  REQUIRE(engine.ok());
  store_up_to(*engine, "a", 3, Durability::synced);
  CHECK(engine->save_snapshot("a", 0, "", tag).code() == Errc::invalid_argument);
  CHECK(engine->save_snapshot("a", 4, "", tag).code() == Errc::not_found);
  CHECK(engine->save_snapshot("b", 1, "", tag).code() == Errc::not_found);
  CHECK(engine->save_snapshot("", 1, "", tag).code() == Errc::invalid_argument);
  CHECK(engine->save_snapshot("a", 1, "", "").code() == Errc::invalid_argument);
  CHECK(engine->save_snapshot("a", 1, "", std::string(129, 't')).code() == Errc::too_large);
  CHECK(engine->save_snapshot("a", 3, std::string(101, 's'), tag).code() == Errc::too_large);
  CHECK(engine->save_snapshot("a", 3, std::string(100, 's'), tag).ok());
  CHECK(engine->load("a", tag, {.from = 2}).code() == Errc::invalid_argument);
  CHECK(engine->load("a", tag, {.backward = true}).code() == Errc::invalid_argument);
  std::promise<Status> from_callback;
  engine->store_async(numbered_event("a", 1, 4),
                      [&](Result<Receipt>) { from_callback.set_value(engine->save_snapshot("a", 3, "", tag)); });
  CHECK(from_callback.get_future().get().code() == Errc::invalid_argument);
}

TEST_CASE("snapshots: one of events that a crash took away is not believed, though the sequences were given again") {
  SimulatedDisk disk;
  EngineOptions options;
  options.shards = 1;
  options.sync_interval_ms = std::chrono::minutes(1);
  SimulatedDisk image;
  {
    auto engine = disk.open(options);
    REQUIRE(engine.ok());
    store_up_to(*engine, "a", 3, Durability::synced);
    store_up_to(*engine, "a", 8, Durability::written);
    const std::uint64_t stores = disk.fs().unsynced().back().number;
    REQUIRE(engine->save_snapshot("a", 6, "six of the lost", tag).ok());
    CHECK(load(*engine, "a").state == "six of the lost");
    // The power cut takes the unsynced stores, and nothing of what came after them.
    image = disk.crash_image(io::CrashPolicy::chosen([stores](const io::UnsyncedOperation& operation) {
      return operation.number <= stores ? io::Fate::lost() : io::Fate::kept();
    }));
  }
  auto engine = image.open(options);
  REQUIRE(engine.ok());
  CHECK(image.fs().stat("snapshots.db").ok());
  REQUIRE(read_dense(*engine, "a").size() == 3);
  CHECK(load(*engine, "a").snapshot == 0); // ahead of the events
  store_up_to(*engine, "a", 9, Durability::synced);
  const Loaded loaded = load(*engine, "a"); // the same sequence, another event
  CHECK(loaded.snapshot == 0);
  CHECK(loaded.events.size() == 9);
  REQUIRE(engine->save_snapshot("a", 5, "five of today", tag).ok());
  CHECK(load(*engine, "a").state == "five of today");
  CHECK(engine->health().warnings.empty());
}

TEST_CASE("snapshots: a damaged file is no error of anything, and a fresh one takes its place") {
  TempDirectory directory;
  const std::string data = directory.path("data");
  {
    auto engine = Engine::open(data);
    REQUIRE(engine.ok());
    store_up_to(*engine, "a", 3, Durability::synced);
    REQUIRE(engine->save_snapshot("a", 2, "two", tag).ok());
  }
  std::ofstream(data + "/snapshots.db", std::ios::trunc) << "no database";
  auto engine = Engine::open(data);
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  const Loaded loaded = load(*engine, "a");
  CHECK(loaded.snapshot == 0);
  CHECK(loaded.events.size() == 3);
  CHECK(engine->health().warnings.size() == 1);
  CHECK(std::filesystem::exists(data + "/quarantine/snapshots.db"));
  REQUIRE(engine->save_snapshot("a", 3, "three", tag).ok());
  CHECK(load(*engine, "a").state == "three");
}

TEST_CASE("snapshots: of many saved at once the newest stays, and every load is the state of its sequence") {
  TempDirectory directory;
  auto engine = Engine::open(directory.path("data"));
  REQUIRE(engine.ok());
  constexpr Sequence last = 64;
  store_up_to(*engine, "a", last, Durability::written);
  constexpr std::size_t threads = 4;
  std::vector<std::size_t> wrong(threads, 0);
  std::vector<std::thread> savers;
  for (std::size_t t = 0; t < threads; ++t)
    savers.emplace_back([&, t] {
      Sequence seen = 0;
      for (Sequence i = 0; i < last; ++i) {
        const Sequence sequence = (i * 37 + t * 16) % last + 1; // each once, in another order for each thread
        wrong[t] += engine->save_snapshot("a", sequence, "state " + std::to_string(sequence), tag).ok() ? 0 : 1;
        const auto loaded = engine->load("a", tag);
        if (!loaded || !loaded->snapshot || loaded->snapshot->sequence < std::max(seen, sequence) ||
            loaded->snapshot->state != "state " + std::to_string(loaded->snapshot->sequence))
          ++wrong[t];
        else
          seen = loaded->snapshot->sequence;
      }
    });
  for (std::thread& saver : savers)
    saver.join();
  for (const std::size_t count : wrong)
    CHECK(count == 0);
  CHECK(load(*engine, "a").snapshot == last);
}
