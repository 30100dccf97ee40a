#include "tests/api/opened.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/why.hpp"

#include <weir/engine.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

Event plain() {
  return {.event_type = "moved", .payload = "{}"};
}

void raise(std::atomic<Sequence>& to, Sequence at_least) {
  for (Sequence now = to.load(); now < at_least && !to.compare_exchange_weak(now, at_least);) {
  }
}

Conflict conflict(const Result<Receipt>& answer) {
  REQUIRE(answer.code() == Errc::sequence_conflict);
  REQUIRE(answer.error().conflicts.size() == 1);
  return answer.error().conflicts.front();
}

} // namespace

TEST_CASE("engine: every kind of expectation holds or fails as it says, before and after a context's first event") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  const auto store = [&](Expectation expect) { return engine.store("a", {plain()}, {.expect = expect}); };
  const auto check = [&](Expectation expect) { return engine.store("a", {}, {.expect = expect}); };
  for (const auto expect : {Expectation::exists(), Expectation::exactly(1)}) {
    CHECK(conflict(store(expect)) == Conflict{"a", "", 0, std::nullopt});
    CHECK(conflict(check(expect)) == Conflict{"a", "", 0, std::nullopt});
  }
  CHECK(check(Expectation::no_context()).ok());
  CHECK(check(Expectation::exactly(0)).ok());
  REQUIRE(store(Expectation::no_context()).ok());
  const auto second = store(Expectation::exactly(1));
  REQUIRE(second.ok());
  CHECK(second->sequence == 2);
  REQUIRE(store(Expectation::exists()).ok());
  const auto fourth = store(Expectation::any());
  REQUIRE(fourth.ok());
  for (const auto expect : {Expectation::no_context(), Expectation::exactly(0), Expectation::exactly(3),
                            Expectation::exactly(5), Expectation::exactly(sequence_max)}) {
    const Receipt last{4, fourth->position, 1, Durability::synced, false};
    CHECK(conflict(store(expect)) == Conflict{"a", "", 4, last});
    CHECK(conflict(check(expect)) == Conflict{"a", "", 4, last});
  }
  const auto checked = check(Expectation::exactly(4));
  REQUIRE(checked.ok());
  CHECK(checked->events == 0);
  CHECK(checked->last_sequence() == 4);
  CHECK(read_dense(engine, "a").size() == 4);
  // A call without events and without an expectation asks for nothing.
  CHECK(check(Expectation::any()).code() == Errc::invalid_argument);
  CHECK(engine.store("", {}, {.expect = Expectation::exists()}).code() == Errc::invalid_argument);
}

TEST_CASE("engine: an expectation on a context in segments is judged, and its last event's receipt is read there") {
  SimulatedDisk disk;
  std::optional<Engine> engine = opened(disk, {.context_cache_entries = 1});
  std::vector<Receipt> last;
  for (int i = 0; i < 20; ++i) {
    const auto receipt = engine->store("context-" + std::to_string(i), {plain(), plain()});
    REQUIRE(receipt.ok());
    last.push_back(*receipt);
  }
  REQUIRE(engine->flush().ok());
  REQUIRE(engine->close().ok());
  engine = opened(disk, {.context_cache_entries = 1});
  for (int i = 0; i < 20; ++i) {
    const std::string context = "context-" + std::to_string(i);
    const auto answer = engine->store(context, {plain()}, {.expect = Expectation::exactly(1)});
    CHECK(conflict(answer) ==
          Conflict{context, "", 2,
                   Receipt{2, last[static_cast<std::size_t>(i)].last_position(), 1, Durability::synced, false}});
    CHECK(engine->store(context, {plain()}, {.expect = Expectation::exactly(2)}).ok());
  }
}

TEST_CASE("engine: 32 threads race with exactly(n): one winner for each n, every loser is told the true sequence") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  constexpr Sequence rounds = 60;
  constexpr unsigned threads = 32;
  std::vector<std::atomic<unsigned>> winners(rounds + 1);
  std::atomic<Sequence> reached{0}; // somebody was told so
  std::atomic<unsigned> untrue{0}, others{0}, losers{0};
  std::vector<std::thread> racers;
  for (unsigned thread = 0; thread < threads; ++thread)
    racers.emplace_back([&] {
      for (Sequence expected = 0; expected < rounds;) {
        const Sequence at_least = std::max(expected + 1, reached.load());
        const auto answer = engine.store("a", {plain()}, {.expect = Expectation::exactly(expected)});
        if (answer) {
          winners[answer->sequence].fetch_add(1);
          untrue += answer->sequence == expected + 1 && answer->sequence >= at_least ? 0 : 1;
          expected = answer->sequence;
          if (expected % 8 == 0 && !engine.flush().ok())
            ++others;
        } else if (answer.code() == Errc::sequence_conflict) {
          const Conflict& told = answer.error().conflicts.front();
          // Neither more than is stored by now, nor less than was before the call.
          if (told.current < at_least || !event_told(engine, told)) {
            ++untrue;
            return; // it could go on for ever
          }
          expected = told.current;
          ++losers;
        } else {
          ++others;
          return;
        }
        raise(reached, expected);
      }
    });
  for (std::thread& racer : racers)
    racer.join();
  CHECK(untrue == 0);
  CHECK(others == 0);
  CHECK(losers > 0);
  const auto events = read_dense(engine, "a");
  REQUIRE(events.size() >= rounds);
  for (Sequence sequence = 1; sequence <= rounds; ++sequence)
    CHECK(winners[sequence] == 1);
}

TEST_CASE("engine: what a conflict tells of has been stored: it waits for the group it rests on") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  REQUIRE(engine.store("a", {plain()}).ok());
  disk.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::write && call.path.ends_with(".wal") && call.offset != 0)
      return fail(Errc::disk_full, "made to fail", std::string(call.path)); // which heals
    return std::nullopt;
  });
  // Whichever groups they end up in: the second store is lost, and nobody was told that it was there.
  const Ticket lost = engine.store_async("a", {plain()});
  const Ticket check = engine.store_async("a", {}, {.expect = Expectation::exactly(2)});
  CHECK_FALSE(lost.wait().ok());
  CHECK_FALSE(check.wait().ok());
  disk.fs().set_hook([](const io::Call&) { return std::nullopt; });
  CHECK(eventually([&] { return engine.store("a", {}, {.expect = Expectation::exactly(1)}).ok(); }));
}
