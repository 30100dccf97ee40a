#include "tests/api/opened.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

Event event(const std::string& type, const std::string& tag = "", const std::string& id = "") {
  return {.event_type = type,
          .payload = "{}",
          .event_id = id,
          .metadata = tag.empty() ? "" : "{\"tags\":[\"" + tag + "\"]}"};
}

Conflict failed(const Result<Receipt>& answer) {
  REQUIRE(answer.code() == Errc::condition_failed);
  REQUIRE(answer.error().conflicts.size() == 1);
  return answer.error().conflicts.front();
}

} // namespace

TEST_CASE("engine: a condition fails if the group has such an event, in memory, in segments, after a restart") {
  SimulatedDisk disk;
  std::optional<Engine> engine = opened(disk, {.context_cache_entries = 1});
  const auto first = engine->store("seat-{1}-a", {event("booked", "row-7"), event("paid", "", "p-1")});
  REQUIRE(first.ok());
  REQUIRE(engine->store("seat-{2}-a", {event("booked", "row-7")}).ok());
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    const auto store = [&](const FailIf& fail_if) {
      return engine->store("seat-{1}-b", {event("tried")}, {.fail_if = fail_if});
    };
    CHECK(failed(store({.group = "1", .types = {"booked"}})) ==
          Conflict{"seat-{1}-a", "", 1, Receipt{1, first->position, 1, Durability::synced, false}});
    CHECK(failed(store({.group = "1", .tags = {"row-7"}})).current == 1);
    CHECK(failed(store({.group = "1", .types = {"paid", "tried"}})) ==
          Conflict{"seat-{1}-a", "p-1", 2, Receipt{2, first->position + 1, 1, Durability::synced, false}});
    CHECK(store({.group = "1", .types = {"booked"}, .after = first->position}).ok());
    CHECK(store({.group = "1", .types = {"booked"}, .tags = {"row-8"}}).ok());
    // A check alone.
    CHECK(engine->store("seat-{1}-b", {}, {.fail_if = FailIf{.group = "1", .types = {"closed"}}}).ok());
    CHECK(engine->store("seat-{1}-b", {}, {.fail_if = FailIf{.group = "1", .types = {"paid"}}}).code() ==
          Errc::condition_failed);
    if (round == 0) {
      REQUIRE(engine->flush().ok());
    } else if (round == 1) {
      REQUIRE(engine->close().ok());
      engine = opened(disk, {.context_cache_entries = 1});
    }
  }
  CHECK(read_dense(*engine, "seat-{1}-b").size() == 6);
  CHECK(engine->store("seat-7", {event("x")}, {.fail_if = FailIf{.group = "1"}}).code() == Errc::unsupported);
  CHECK(engine->store("seat-{1}-b", {event("x")}, {.fail_if = FailIf{}}).code() == Errc::invalid_argument);
  // Ids are looked at first: a retry gets its receipt although the condition has failed since, through itself.
  const StoreOptions once{.fail_if = FailIf{.group = "3", .types = {"booked"}}};
  REQUIRE(engine->store("seat-{3}", {event("booked", "", "b-1")}, once).ok());
  const auto again = engine->store("seat-{3}", {event("booked", "", "b-1")}, once);
  REQUIRE_MESSAGE(again.ok(), why(again));
  CHECK(again->duplicate);
}

TEST_CASE("engine: tags are checked before they are stored") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  const auto store = [&](const std::string& metadata) {
    return engine.store("a", {{.event_type = "x", .payload = "{}", .metadata = metadata}}).code();
  };
  const auto tags = [](int count, std::size_t bytes) {
    std::string text = "{\"tags\":[";
    for (int i = 0; i < count; ++i)
      text += std::string(i == 0 ? "" : ",") + "\"" + std::string(bytes, 't') + "\"";
    return text + "]}";
  };
  CHECK(store(tags(16, 64)) == Errc::ok);
  CHECK(store(tags(0, 0)) == Errc::ok);
  CHECK(store(tags(17, 1)) == Errc::too_large);
  CHECK(store(tags(1, 65)) == Errc::too_large);
  CHECK(store(tags(1, 0)) == Errc::invalid_argument);
  CHECK(store(R"({"tags":"t"})") == Errc::invalid_argument);
}

TEST_CASE("engine: 32 threads race with fail_if: of each round one wins, and every loser is told who") {
  SimulatedDisk disk;
  EngineOptions options;
  options.unsealed_bytes_max = 64 * KiB; // flushes in between
  Engine engine = opened(disk, options);
  constexpr int rounds = 20;
  constexpr unsigned threads = 32;
  std::vector<std::atomic<unsigned>> winners(rounds);
  std::atomic<unsigned> untrue{0}, others{0};
  std::vector<std::thread> racers;
  for (unsigned thread = 0; thread < threads; ++thread)
    racers.emplace_back([&, thread] {
      const std::string mine = "room-{1}-" + std::to_string(thread);
      for (int round = 0; round < rounds; ++round) {
        const std::string tag = "day-" + std::to_string(round);
        const auto answer = engine.store(mine, {event("booked", tag)},
                                         {.fail_if = FailIf{.group = "1", .types = {"booked"}, .tags = {tag}}});
        if (answer) {
          winners[static_cast<std::size_t>(round)].fetch_add(1);
        } else if (answer.code() == Errc::condition_failed) {
          const Conflict& told = answer.error().conflicts.front();
          untrue += told.context_id != mine && told.receipt && told.receipt->sequence == told.current ? 0 : 1;
        } else {
          ++others;
          return;
        }
      }
    });
  for (std::thread& racer : racers)
    racer.join();
  CHECK(untrue == 0);
  CHECK(others == 0);
  for (const auto& each : winners)
    CHECK(each == 1);
  std::size_t stored = 0;
  for (unsigned thread = 0; thread < threads; ++thread)
    stored += read_dense(engine, "room-{1}-" + std::to_string(thread)).size();
  CHECK(stored == rounds);
}
