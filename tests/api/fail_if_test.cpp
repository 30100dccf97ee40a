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
          Conflict{"seat-{1}-a", "", 1, Receipt{1, first->position, 1, Durability::synced, false}, true});
    CHECK(failed(store({.group = "1", .tags = {"row-7"}})).current == 1);
    CHECK(failed(store({.group = "1", .types = {"paid", "tried"}})) ==
          Conflict{"seat-{1}-a", "p-1", 2, Receipt{2, first->position + 1, 1, Durability::synced, false}, true});
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
  Engine engine = opened(disk);
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
          if (round % 4 == 3 && !engine.flush().ok())
            ++others;
        } else if (answer.code() == Errc::condition_failed) {
          const Conflict& told = answer.error().conflicts.front();
          const auto in_the_way = event_told(engine, told);
          untrue += told.context_id != mine && told.in_the_way && in_the_way && in_the_way->event_type == "booked" &&
                            in_the_way->metadata == event("", tag).metadata
                        ? 0
                        : 1;
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

TEST_CASE(
    "engine: 32 threads race with fail_if behind a position: one wins behind each, and all are told of the same") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  constexpr std::size_t links = 40;
  constexpr unsigned threads = 32;
  std::vector<std::atomic<unsigned>> winners(links);
  std::vector<std::atomic<Position>> chain(links); // what was stored behind the one before
  std::atomic<unsigned> untrue{0}, others{0}, losers{0};
  const auto fits = [&](std::size_t link, Position position) {
    Position none = 0;
    return chain[link].compare_exchange_strong(none, position) || none == position;
  };
  std::vector<std::thread> racers;
  for (unsigned thread = 0; thread < threads; ++thread)
    racers.emplace_back([&, thread] {
      const std::string mine = "room-{1}-" + std::to_string(thread % 4);
      Position after = 0;
      for (std::size_t link = 0; link < links; ++link) {
        const auto answer =
            engine.store(mine, {event("opened", "day"), event("booked", "day"), event("booked", "night")},
                         {.fail_if = FailIf{.group = "1", .types = {"booked"}, .tags = {"day"}, .after = after}});
        if (answer) {
          winners[link].fetch_add(1);
          after = answer->position + 1;
          if (link % 8 == 7 && !engine.flush().ok())
            ++others;
        } else if (answer.code() == Errc::condition_failed) {
          ++losers;
          const Conflict& told = answer.error().conflicts.front();
          const auto in_the_way = event_told(engine, told);
          untrue += in_the_way && in_the_way->position > after && in_the_way->event_type == "booked" &&
                            in_the_way->metadata == event("", "day").metadata
                        ? 0
                        : 1;
          after = in_the_way ? in_the_way->position : after;
        } else {
          ++others;
          return;
        }
        untrue += fits(link, after) ? 0 : 1; // the first one behind, whoever asks and when
      }
    });
  for (std::thread& racer : racers)
    racer.join();
  CHECK(untrue == 0);
  CHECK(others == 0);
  CHECK(losers > 0);
  for (const auto& each : winners)
    CHECK(each == 1);
  std::size_t stored = 0;
  for (unsigned room = 0; room < 4; ++room)
    stored += read_dense(engine, "room-{1}-" + std::to_string(room)).size();
  CHECK(stored == 3 * links);
}

TEST_CASE("engine: expectations and a condition that fail in one call are all told, each with its receipt") {
  SimulatedDisk disk;
  std::optional<Engine> engine = opened(disk, {.context_cache_entries = 1});
  const auto first = engine->store("seat-{1}-a", {event("booked", "row-7", "b-1"), event("paid")});
  REQUIRE(first.ok());
  REQUIRE(engine->store("seat-{1}-c", {event("opened")}).ok());
  const Receipt booked{1, first->position, 1, Durability::synced, false};
  const Receipt paid{2, first->position + 1, 1, Durability::synced, false};
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    const auto one = engine->store("seat-{1}-a", {event("tried")},
                                   {.expect = Expectation::exactly(1), .fail_if = FailIf{"1", {"booked"}, {}, 0}});
    REQUIRE(one.code() == Errc::sequence_conflict);
    CHECK(one.error().conflicts ==
          std::vector<Conflict>{{"seat-{1}-a", "", 2, paid}, {"seat-{1}-a", "b-1", 1, booked, true}});
    const auto several = engine->store({{"seat-{1}-a", {event("tried")}, Expectation::no_context()},
                                        {"seat-{1}-c", {}, Expectation::exists()},
                                        {"seat-{1}-b", {event("tried")}, Expectation::exists()}},
                                       {.fail_if = FailIf{"1", {}, {"row-7"}, 0}});
    REQUIRE(several.code() == Errc::sequence_conflict);
    CHECK(several.error().conflicts == std::vector<Conflict>{{"seat-{1}-a", "", 2, paid},
                                                             {"seat-{1}-b", "", 0, std::nullopt},
                                                             {"seat-{1}-a", "b-1", 1, booked, true}});
    // Ids come first: another event under a taken id is told alone, whatever else fails.
    const auto taken = engine->store("seat-{1}-a", {event("paid", "", "b-1")},
                                     {.expect = Expectation::exactly(7), .fail_if = FailIf{"1", {"booked"}, {}, 0}});
    REQUIRE(taken.code() == Errc::event_id_conflict);
    REQUIRE(taken.error().conflicts.size() == 1);
    CHECK(taken.error().conflicts.front().event_id == "b-1");
    CHECK(taken.error().conflicts.front().receipt->position == booked.position);
    if (round == 0) {
      REQUIRE(engine->flush().ok());
    } else if (round == 1) {
      REQUIRE(engine->close().ok());
      engine = opened(disk, {.context_cache_entries = 1});
    }
  }
}
