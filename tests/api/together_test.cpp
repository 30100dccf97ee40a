#include "tests/api/opened.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

Event event(const std::string& type, const std::string& id = "") {
  return {.event_type = type, .payload = "{}", .event_id = id};
}

using Contexts = std::vector<ContextEvents>;

} // namespace

TEST_CASE("engine: a call for several contexts stores to all of them, and answers a receipt for each") {
  SimulatedDisk disk;
  std::optional<Engine> engine = opened(disk);
  REQUIRE(engine->store("invoice-{7}", {event("draft")}).ok());
  const auto receipts =
      engine->store(Contexts{{"order-{7}", {event("placed"), event("paid")}, Expectation::no_context()},
                             {"customer-{7}", {}, Expectation::no_context()},
                             {"invoice-{7}", {event("sent")}, Expectation::exactly(1)}});
  REQUIRE_MESSAGE(receipts.ok(), why(receipts));
  REQUIRE(receipts->size() == 3);
  const Position first = (*receipts)[0].position;
  CHECK((*receipts)[0] == Receipt{1, first, 2, Durability::synced, false});
  CHECK((*receipts)[1] == Receipt{1, 0, 0, Durability::synced, false});
  CHECK((*receipts)[1].last_sequence() == 0);
  CHECK((*receipts)[2] == Receipt{2, first + 2, 1, Durability::synced, false});
  for (int life = 0; life < 3; ++life) {
    CHECK(read_dense(*engine, "order-{7}").size() == 2);
    CHECK(read_dense(*engine, "invoice-{7}").size() == 2);
    CHECK(read_dense(*engine, "customer-{7}").empty());
    if (life == 0) {
      engine.reset();
      disk.crash(io::CrashPolicy::lose_unsynced()); // from the log
      engine = opened(disk);
    } else {
      REQUIRE(engine->flush().ok()); // from a segment
    }
  }
  const auto one = engine->store(Contexts{{"order-{7}", {event("shipped")}}});
  REQUIRE(one.ok());
  CHECK(one->size() == 1);
  CHECK(one->front().sequence == 3);
}

TEST_CASE("engine: of a call for several contexts all expectations that fail are told, and nothing is stored") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  const auto first = engine.store("a{1}", {event("x"), event("x")});
  REQUIRE(first.ok());
  const auto second_fails = engine.store(
      Contexts{{"a{1}", {event("y")}, Expectation::exactly(2)}, {"b{1}", {event("y")}, Expectation::exists()}});
  CHECK(second_fails.code() == Errc::sequence_conflict);
  const auto refused = engine.store(Contexts{{"a{1}", {event("y")}, Expectation::exactly(1)},
                                             {"b{1}", {event("y")}, Expectation::no_context()},
                                             {"c{1}", {}, Expectation::exists()}});
  REQUIRE(refused.code() == Errc::sequence_conflict);
  const auto& conflicts = refused.error().conflicts;
  REQUIRE(conflicts.size() == 2);
  CHECK(conflicts[0] == Conflict{"a{1}", "", 2, Receipt{2, first->position + 1, 1, Durability::synced, false}});
  CHECK(conflicts[1] == Conflict{"c{1}", "", 0, std::nullopt});
  CHECK(refused.error().message ==
        "2 of 3 contexts are not as expected; the context has come to sequence 2, expected was: exactly 1");
  CHECK(read_dense(engine, "a{1}").size() == 2);
  CHECK(read_dense(engine, "b{1}").empty());
  const auto check =
      engine.store(Contexts{{"a{1}", {}, Expectation::exactly(2)}, {"b{1}", {}, Expectation::no_context()}});
  REQUIRE(check.ok());
  CHECK((*check)[0].last_sequence() == 2);
  CHECK((*check)[1].last_sequence() == 0);
}

TEST_CASE("engine: a retry of a call for several contexts is a duplicate as a whole, or a conflict") {
  SimulatedDisk disk;
  std::optional<Engine> engine = opened(disk, {.context_cache_entries = 1});
  const Contexts call{{"a{1}", {event("x", "1"), event("x")}, Expectation::no_context()}, {"b{1}", {event("x", "2")}}};
  const auto first = engine->store(call);
  REQUIRE_MESSAGE(first.ok(), why(first));
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    const auto again = engine->store(call);
    REQUIRE_MESSAGE(again.ok(), why(again));
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK((*again)[i].duplicate);
      CHECK((*again)[i].sequence == (*first)[i].sequence);
      CHECK((*again)[i].position == (*first)[i].position);
      CHECK((*again)[i].durability == Durability::synced);
    }
    const auto mixed = engine->store(Contexts{{"b{1}", {event("x", "2")}}, {"c{1}", {event("x", "2")}}});
    REQUIRE(mixed.code() == Errc::event_id_conflict);
    REQUIRE(mixed.error().conflicts.size() == 1);
    CHECK(mixed.error().conflicts[0].context_id == "b{1}");
    if (round == 0) {
      REQUIRE(engine->flush().ok());
    } else if (round == 1) {
      REQUIRE(engine->close().ok());
      engine = opened(disk, {.context_cache_entries = 1});
    }
  }
  CHECK(read_dense(*engine, "a{1}").size() == 2);
  CHECK(read_dense(*engine, "b{1}").size() == 1);
  CHECK(read_dense(*engine, "c{1}").empty());
}

TEST_CASE("engine: what is wrong with a call for several contexts is said before anything is stored") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  const auto apart = engine.store(Contexts{{"order-42", {event("x")}}, {"invoice-42", {event("x")}}});
  CHECK(apart.code() == Errc::unsupported);
  CHECK(apart.error().message.find("order-{42}") != std::string::npos);
  CHECK(engine.store(Contexts{}).code() == Errc::invalid_argument);
  CHECK(engine.store(Contexts(65, ContextEvents{"a{1}", {event("x")}, {}})).code() == Errc::too_large);
  CHECK(engine.store(Contexts{{"a{1}", {event("x")}}, {"a{1}", {event("x")}}}).code() == Errc::invalid_argument);
  CHECK(engine.store(Contexts{{"a{1}", {event("x", "id")}}, {"b{1}", {event("x")}}}).code() == Errc::invalid_argument);
  CHECK(engine.store(Contexts{{"a{1}", {event("x")}}, {"b{1}", {}}}).code() == Errc::invalid_argument);
  const auto bad = engine.store(Contexts{{"a{1}", {event("x")}}, {"b{1}", {event("")}}});
  CHECK(bad.code() == Errc::invalid_argument);
  CHECK(bad.error().where.starts_with("b{1}"));
  CHECK(engine.store(Contexts{{"a{1}", {event("x")}}}, {.expect = Expectation::exists()}).code() ==
        Errc::invalid_argument);
  const std::vector<Event> many(600, event("x"));
  CHECK(engine.store(Contexts{{"a{1}", many}, {"b{1}", many}}).code() == Errc::too_large);
  CHECK(read_dense(engine, "a{1}").empty());
  std::promise<Errc> answered;
  engine.store_async(
      Contexts{{"a{1}", {event("x")}}, {"b{1}", {event("x")}}}, [&](const Result<std::vector<Receipt>>& receipts) {
        answered.set_value(engine.store(Contexts{{"a{1}", {event("x")}}}).code() == Errc::invalid_argument
                               ? receipts.code()
                               : Errc::unsupported);
      });
  CHECK(answered.get_future().get() == Errc::ok);
}

TEST_CASE("engine: threads that move what one context has into another never lose or double it") {
  SimulatedDisk disk;
  EngineOptions options;
  options.unsealed_bytes_max = 64 * KiB; // flushes in between
  options.context_cache_entries = 2;
  Engine engine = opened(disk, options);
  constexpr unsigned threads = 8;
  constexpr unsigned moves = 15;
  std::atomic<unsigned> others{0};
  std::vector<std::thread> movers;
  for (unsigned thread = 0; thread < threads; ++thread)
    movers.emplace_back([&, thread] {
      const std::string from = thread % 2 == 0 ? "left-{1}" : "right-{1}";
      const std::string to = thread % 2 == 0 ? "right-{1}" : "left-{1}";
      Sequence known_from = 0, known_to = 0;
      for (unsigned done = 0; done < moves;) {
        const auto answer = engine.store(Contexts{{from, {event("taken")}, Expectation::exactly(known_from)},
                                                  {to, {event("given")}, Expectation::exactly(known_to)}});
        if (answer) {
          ++done;
          known_from = (*answer)[0].sequence;
          known_to = (*answer)[1].sequence;
        } else if (answer.code() == Errc::sequence_conflict) {
          for (const Conflict& conflict : answer.error().conflicts)
            (conflict.context_id == from ? known_from : known_to) = conflict.current;
        } else {
          ++others;
          return;
        }
      }
    });
  for (std::thread& mover : movers)
    mover.join();
  CHECK(others == 0);
  // Every call was the next of both contexts, so each position pair alternates: both have come equally far.
  CHECK(read_dense(engine, "left-{1}").size() == threads * moves);
  CHECK(read_dense(engine, "right-{1}").size() == threads * moves);
}
