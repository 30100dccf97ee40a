#include "tests/api/opened.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

Event payment(const std::string& context, const std::string& id, int amount = 1) {
  return {.context_id = context,
          .event_type = "paid",
          .payload = "{\"amount\":" + std::to_string(amount) + "}",
          .event_id = id};
}

Receipt stored(Engine& engine, Event event, const StoreOptions& options = {}) {
  const auto receipt = engine.store(std::move(event), options);
  REQUIRE_MESSAGE(receipt.ok(), why(receipt));
  return *receipt;
}

void is_retry_of(const Receipt& retry, const Receipt& first) {
  CHECK(retry.duplicate);
  CHECK_FALSE(first.duplicate);
  CHECK(retry.sequence == first.sequence);
  CHECK(retry.position == first.position);
  CHECK(retry.events == first.events);
}

} // namespace

TEST_CASE("engine: a retry answers the first receipt: in memory, in a segment, after merges, restarts and crashes") {
  SimulatedDisk disk(SimulatedDisk::CatalogKind::sqlite);
  std::map<std::string, Receipt> first;
  const auto retry_all = [&](Engine& engine) {
    for (const auto& each : first) {
      const std::string& id = each.first;
      CAPTURE(id);
      is_retry_of(stored(engine, payment("a", id)), each.second);
      CHECK(engine.store(payment("a", id, 2)).code() == Errc::event_id_conflict);
    }
  };
  for (int life = 0; life < 4; ++life) {
    CAPTURE(life);
    std::optional<Engine> engine = opened(disk, {.shards = 1});
    retry_all(*engine);
    for (int round = 0; round < 3; ++round) {
      const std::string id = std::to_string(life) + "-" + std::to_string(round);
      first.emplace(id, stored(*engine, payment("a", id)));
      retry_all(*engine);
      if (round == 1) {
        REQUIRE(engine->flush().ok());
        retry_all(*engine);
      }
    }
    CHECK(read_dense(*engine, "a").size() == first.size());
    if (life % 2 == 0) {
      REQUIRE(engine->close().ok());
      engine.reset();
    } else {
      engine.reset();
      disk.crash(io::CrashPolicy::lose_unsynced());
    }
  }
  // Once they are merged into one segment as well.
  Engine engine = opened(disk);
  REQUIRE(engine.flush().ok());
  CHECK(eventually([&] { return engine.stats().compactions_pending == 0; }));
  retry_all(engine);
}

TEST_CASE("engine: retries of calls under way answer with their first receipts, in whatever order they come") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  std::vector<Ticket> tickets;
  constexpr int copies = 50, ids = 20;
  for (int copy = 0; copy < copies; ++copy)
    for (int id = 0; id < ids; ++id)
      tickets.push_back(engine.store_async(payment("a", std::to_string(id))));
  for (int copy = 0; copy < copies; ++copy)
    for (int id = 0; id < ids; ++id) {
      const auto receipt = tickets[static_cast<std::size_t>(copy * ids + id)].wait();
      REQUIRE_MESSAGE(receipt.ok(), why(receipt));
      CHECK(receipt->sequence == static_cast<Sequence>(id + 1));
      CHECK(receipt->duplicate == (copy != 0));
    }
  CHECK(read_dense(engine, "a").size() == ids);
}

TEST_CASE("engine: a retry reaches the durability it asks for, whatever the first one asked for") {
  SimulatedDisk disk;
  std::optional<Engine> engine = opened(disk, {.sync_interval_ms = std::chrono::minutes(1)});
  const Receipt first = stored(*engine, payment("a", "x"), {.durability = Durability::written});
  CHECK(first.durability == Durability::written);
  CHECK(stored(*engine, payment("a", "x"), {.durability = Durability::written}).durability == Durability::written);
  const Receipt retry = stored(*engine, payment("a", "x"));
  is_retry_of(retry, first);
  CHECK(retry.durability == Durability::synced);
  const SimulatedDisk image = disk.crash_image(io::CrashPolicy::lose_unsynced());
  // Nothing is unsynced any more, so that is what is said.
  CHECK(stored(*engine, payment("a", "x"), {.durability = Durability::buffered}).durability == Durability::synced);
  SimulatedDisk after = image;
  Engine reopened = opened(after);
  CHECK(read_dense(reopened, "a").size() == 1);
}

TEST_CASE("engine: a conflict of ids names every one of them, with its receipt, and stores nothing") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  const auto batch = engine.store("a", {payment("", "x"), payment("", "y")});
  REQUIRE(batch.ok());
  const auto mixed = engine.store("a", {payment("", "x"), payment("", "new"), payment("", "y")});
  REQUIRE(mixed.code() == Errc::event_id_conflict);
  REQUIRE(mixed.error().conflicts.size() == 2);
  CHECK(mixed.error().conflicts[1].event_id == "y");
  CHECK(mixed.error().conflicts[1].receipt == Receipt{2, batch->position + 1, 1, Durability::synced, true});
  const auto again = engine.store("a", {payment("", "x"), payment("", "y")});
  REQUIRE(again.ok());
  is_retry_of(*again, *batch);
  CHECK(engine.store("a", {payment("", "z"), payment("", "z")}).code() == Errc::invalid_argument);
  CHECK(read_dense(engine, "a").size() == 2);
  // The same id in another context is another event.
  CHECK(stored(engine, payment("b", "x", 5)).sequence == 1);
}

TEST_CASE("engine: ids are looked at before expectations") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  const StoreOptions first_time{.expect = Expectation::no_context()};
  const Receipt first = stored(engine, payment("a", "x"), first_time);
  is_retry_of(stored(engine, payment("a", "x"), first_time), first);
  CHECK(engine.store(payment("a", "y"), first_time).code() == Errc::sequence_conflict);
  CHECK(engine.store(payment("a", "x", 2), first_time).code() == Errc::event_id_conflict);
}

TEST_CASE("engine: a retry of what a failed write refused is stored") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  stored(engine, payment("a", "w"));
  bool failing = true;
  disk.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (failing && call.operation == io::Operation::write && call.path.ends_with(".wal") && call.offset != 0)
      return fail(Errc::disk_full, "made to fail", std::string(call.path));
    return std::nullopt;
  });
  const auto refused = engine.store(payment("a", "x"));
  CHECK(refused.code() == Errc::disk_full);
  disk.fs().set_hook([](const io::Call&) { return std::nullopt; });
  std::optional<Receipt> receipt;
  CHECK(eventually([&] {
    const auto answer = engine.store(payment("a", "x"));
    if (answer)
      receipt = *answer;
    return answer.ok();
  }));
  REQUIRE(receipt.has_value());
  CHECK_FALSE(receipt->duplicate);
  CHECK(receipt->sequence == 2);
}

TEST_CASE("engine: a second import of 20,000 events stores nothing, with a small cache, after flush and restart") {
  TempDirectory directory;
  const EngineOptions options{
      .unsealed_bytes_max = 2 * MiB, .block_cache_bytes = 1 * MiB, .context_cache_entries = 100};
  constexpr int events = 20'000;
  std::vector<Receipt> first;
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    auto engine = Engine::open(directory.path("data"), options);
    REQUIRE_MESSAGE(engine.ok(), why(engine));
    std::deque<Ticket> tickets;
    std::size_t answered = 0, wrong = 0;
    const auto settle = [&](std::size_t left) {
      for (; tickets.size() > left; tickets.pop_front(), ++answered) {
        const auto receipt = tickets.front().wait();
        REQUIRE_MESSAGE(receipt.ok(), why(receipt));
        if (round == 0)
          first.push_back(*receipt);
        else
          wrong += receipt->duplicate && receipt->position == first[answered].position &&
                           receipt->sequence == first[answered].sequence
                       ? 0
                       : 1;
      }
    };
    std::mt19937_64 random(7);
    for (int i = 0; i < events; ++i) {
      const std::string context = "order-" + std::to_string(random() % 500);
      tickets.push_back(engine->store_async(payment(context, "event-" + std::to_string(i), i)));
      settle(1'000);
    }
    settle(0);
    CHECK(wrong == 0);
    if (round == 0)
      REQUIRE(engine->flush().ok());
    CHECK(count_of(engine->query("QUERY * COUNT")) == events);
    REQUIRE(engine->close().ok());
  }
}
