// Retention: what goes by itself, as of a point that is recorded.
#include "engine/io/manual_clock.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <weir/salvage.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace weir;
using namespace weir::test;
using std::chrono::hours;

namespace {

/// Small logs: crash images are copies of the disk.
const EngineOptions two_shards{.shards = 2, .wal_file_bytes = 64u << 10};
const Timestamp beginning{std::chrono::seconds(1'700'000'000)};

/// An engine on a simulated disk whose clock a test turns.
struct Kept {
  SimulatedDisk disk{SimulatedDisk::CatalogKind::sqlite};
  io::ManualClock* clock = nullptr;
  Timestamp now = beginning;
  std::optional<Engine> engine{};

  Kept() { open(); }
  void open() {
    engine.reset();
    auto owned = std::make_unique<io::ManualClock>(now);
    clock = owned.get();
    auto opened = disk.open(two_shards, std::move(owned));
    REQUIRE_MESSAGE(opened.ok(), why(opened));
    engine = *std::move(opened);
  }
  void crash() {
    engine.reset();
    disk.crash(io::CrashPolicy::lose_unsynced());
    open();
  }
  void pass(hours time) {
    now += time;
    clock->advance(time);
  }
  void store(const std::string& context, const std::string& type = "counted") {
    const auto receipt = engine->store({.context_id = context, .event_type = type, .payload = "{}"});
    REQUIRE_MESSAGE(receipt.ok(), why(receipt));
  }
  /// Stores an event an hour to each of the contexts.
  void store_hourly(const std::vector<std::string>& contexts, int times) {
    for (; times != 0; --times) {
      pass(hours(1));
      for (const std::string& context : contexts)
        store(context);
    }
  }
  void set(std::vector<RetentionRule> rules) {
    const Status set = engine->set_retention(std::move(rules));
    REQUIRE_MESSAGE(set.ok(), why(set));
  }
  RetentionReport apply() {
    const auto report = engine->apply_retention();
    REQUIRE_MESSAGE(report.ok(), why(report));
    return *report;
  }
  /// Sequences that a replay gives, first and last; and what it says is removed before.
  struct Live {
    Sequence first = 0, last = 0, removed_to = 0;
    friend bool operator==(const Live&, const Live&) = default;
  };
  Live live(const std::string& context) {
    Live found;
    auto stream = engine->replay(context);
    REQUIRE_MESSAGE(stream.ok(), why(stream));
    for (;;) {
      const auto batch = stream->next();
      REQUIRE_MESSAGE(batch.ok(), why(batch));
      if (batch->removed())
        found.removed_to = batch->removed()->last;
      if (batch->empty())
        return found;
      for (const EventView& event : *batch) {
        found.first = found.first == 0 ? event.sequence : found.first;
        found.last = event.sequence;
      }
    }
  }
};

} // namespace

TEST_CASE("engine retention: by age and by count, for contexts that begin alike; and again changes nothing") {
  Kept kept;
  kept.store_hourly({"session-1", "session-2", "order-1", "other"}, 10);
  kept.set({{.context_prefix = "session-", .age = hours(3)}, {.context_prefix = "order-", .count = 4}});
  CHECK(kept.engine->retention() == std::vector<RetentionRule>{{.context_prefix = "order-", .count = 4},
                                                               {.context_prefix = "session-", .age = hours(3)}});
  RetentionReport report = kept.apply();
  CHECK_FALSE(report.resumed);
  CHECK(report.contexts == 3);
  CHECK(report.truncated == 3);
  CHECK(report.events == 6 + 6 + 6);
  CHECK(report.point.now == kept.now);
  const auto check = [&] {
    CHECK(kept.live("session-1") == Kept::Live{7, 10, 6});
    CHECK(kept.live("session-2") == Kept::Live{7, 10, 6});
    CHECK(kept.live("order-1") == Kept::Live{7, 10, 6});
    CHECK(kept.live("other") == Kept::Live{1, 10, 0});
  };
  check();
  report = kept.apply();
  CHECK(report.truncated == 0);
  kept.crash();
  check();
  CHECK(kept.apply().truncated == 0);
  REQUIRE(kept.engine->flush().ok());
  CHECK(kept.apply().truncated == 0);
  kept.pass(hours(2)); // what was five hours old is seven
  report = kept.apply();
  CHECK(report.truncated == 2);
  CHECK(report.events == 4);
  CHECK(kept.live("session-1") == Kept::Live{9, 10, 8});
  kept.pass(hours(24));
  kept.apply();
  CHECK(kept.live("session-1") == Kept::Live{0, 0, 10}); // all of it
  kept.store("session-1");
  CHECK(kept.live("session-1") == Kept::Live{11, 11, 10});
  CHECK(kept.live("order-1") == Kept::Live{7, 10, 6});
}

TEST_CASE("engine retention: a rule for a type takes events from the front, as far as all may go") {
  Kept kept;
  for (int i = 0; i < 5; ++i) {
    kept.pass(hours(1));
    kept.store("a", "measured");
    kept.store("b", "measured");
    if (i == 2)
      kept.store("b", "placed");
  }
  kept.set({{.event_type = "measured", .count = 1}});
  CHECK(kept.apply().truncated == 2);
  CHECK(kept.live("a") == Kept::Live{5, 5, 4});
  CHECK(kept.live("b") == Kept::Live{4, 6, 3}); // the fourth is placed, and keeps what is behind it
  kept.set({{.event_type = "measured", .count = 1}, {.event_type = "placed", .age = hours(1)}});
  kept.apply();
  CHECK(kept.live("b") == Kept::Live{6, 6, 5});
}

TEST_CASE("engine retention: a run that was cut short is finished as of the point it began with") {
  Kept kept;
  kept.store_hourly({"a", "b"}, 6);
  kept.set({{.age = hours(3)}});
  const RetentionOptions cancelled{.cancel = std::make_shared<std::atomic<bool>>(true)};
  CHECK(kept.engine->apply_retention(cancelled).code() == Errc::cancelled);
  const Timestamp then = kept.now;
  kept.store_hourly({"a"}, 2); // later than the point: not looked at
  SUBCASE("in the same life") {
  }
  SUBCASE("after a crash") {
    kept.crash();
  }
  const RetentionReport report = kept.apply();
  CHECK(report.resumed);
  CHECK(report.point.now == then);
  CHECK(kept.live("a") == Kept::Live{3, 8, 2});
  CHECK(kept.live("b") == Kept::Live{3, 6, 2});
  const RetentionReport next = kept.apply();
  CHECK_FALSE(next.resumed);
  CHECK(next.point.now == kept.now);
  CHECK(next.point.before > report.point.before);
  CHECK(kept.live("a") == Kept::Live{5, 8, 4});
  CHECK(kept.live("b") == Kept::Live{5, 6, 4});
}

TEST_CASE("engine retention: after a crash at any call of a run the next one finishes it, as of its point") {
  Kept kept;
  const std::vector<std::string> contexts = {"a", "b", "c", "d", "e", "f"};
  kept.store_hourly(contexts, 8);
  kept.set({{.age = hours(4)}});
  std::mutex mutex;
  std::vector<SimulatedDisk> crashed;
  std::uint64_t seed = 0;
  kept.disk.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::write || call.operation == io::Operation::sync_data) {
      const std::lock_guard lock(mutex);
      crashed.push_back(kept.disk.crash_image(io::CrashPolicy::lose_unsynced()));
      crashed.push_back(kept.disk.crash_image(io::CrashPolicy::keep_everything()));
      crashed.push_back(kept.disk.crash_image(io::CrashPolicy::random_subset(++seed)));
    }
    return std::nullopt;
  });
  const RetentionPoint point = kept.apply().point;
  kept.disk.fs().set_hook({});
  kept.engine.reset();
  std::uint64_t resumed = 0, anew = 0;
  for (SimulatedDisk& image : crashed) {
    auto engine = image.open(two_shards, std::make_unique<io::ManualClock>(kept.now + hours(2)));
    REQUIRE_MESSAGE(engine.ok(), why(engine));
    const auto report = engine->apply_retention();
    REQUIRE_MESSAGE(report.ok(), why(report));
    if (report->resumed)
      CHECK(report->point == point);
    else
      CHECK(report->point.now == kept.now + hours(2));
    ++(report->resumed ? resumed : anew);
    for (const std::string& context : contexts) {
      CHECK(read_all(*engine, context)->front().sequence == (report->resumed ? 4 : 6));
    }
  }
  CHECK(resumed > 0);
  CHECK(anew > 0);
}

TEST_CASE("engine retention: new rules are judged at a point of their own") {
  Kept kept;
  kept.store_hourly({"a"}, 6);
  kept.set({{.age = hours(1)}});
  CHECK(kept.engine->apply_retention({.cancel = std::make_shared<std::atomic<bool>>(true)}).code() == Errc::cancelled);
  kept.set({{.count = 5}});
  kept.store_hourly({"a"}, 1);
  CHECK_FALSE(kept.apply().resumed);
  CHECK(kept.live("a") == Kept::Live{3, 7, 2});
  kept.set({});
  CHECK(kept.apply().contexts == 0);
}

TEST_CASE("engine retention: thousands of contexts are truncated while others are stored to") {
  SimulatedDisk disk;
  auto opened = disk.open({.shards = 2});
  REQUIRE_MESSAGE(opened.ok(), why(opened));
  Engine engine = *std::move(opened);
  constexpr int contexts = 1'500;
  std::vector<Ticket> tickets;
  for (int i = 0; i < contexts; ++i)
    tickets.push_back(
        engine.store_async("old-" + std::to_string(i), std::vector<Event>(3, {.event_type = "t", .payload = "{}"})));
  for (Ticket& ticket : tickets)
    REQUIRE(ticket.wait().ok());
  REQUIRE(engine.set_retention({{.context_prefix = "old-", .count = 1}}).ok());
  std::atomic<bool> done{false};
  std::uint64_t stored = 0;
  std::thread other([&] {
    do {
      if (engine.store({.context_id = "new", .event_type = "t", .payload = "{}"}).ok())
        ++stored;
    } while (!done.load());
  });
  const auto report = engine.apply_retention();
  done.store(true);
  other.join();
  REQUIRE_MESSAGE(report.ok(), why(report));
  CHECK(report->truncated == contexts);
  CHECK(report->events == 2 * contexts);
  CHECK(count_of(engine.query("QUERY * COUNT")) == contexts + stored);
}

TEST_CASE("engine retention: refused where it makes no sense, and once the engine is closed") {
  Kept kept;
  CHECK(kept.engine->set_retention({{}}).code() == Errc::invalid_argument);
  CHECK(kept.engine->retention().empty());
  std::optional<Errc> inside_set, inside_apply;
  Ticket ticket = kept.engine->store_async("a", {{.event_type = "t", .payload = "{}"}});
  CHECK(ticket.wait().ok());
  std::latch told(1);
  kept.engine->store_async({.context_id = "a", .event_type = "t", .payload = "{}"}, [&](const Result<Receipt>&) {
    inside_set = kept.engine->set_retention({}).code();
    inside_apply = kept.engine->apply_retention().code();
    told.count_down();
  });
  told.wait();
  CHECK(inside_set == Errc::invalid_argument);
  CHECK(inside_apply == Errc::invalid_argument);
  REQUIRE(kept.engine->close().ok());
  CHECK(kept.engine->set_retention({}).code() == Errc::closing);
  CHECK(kept.engine->apply_retention().code() == Errc::closing);
}

TEST_CASE("engine retention: rules are in a backup of the catalog, and salvage takes them along") {
  TempDirectory temp;
  const std::string from = temp.path() + "/from", to = temp.path() + "/to";
  const std::vector<RetentionRule> rules = {{.context_prefix = "a", .age = hours(1), .count = 5}};
  {
    auto engine = Engine::open(from, {.shards = 1});
    REQUIRE_MESSAGE(engine.ok(), why(engine));
    REQUIRE(engine->store({.context_id = "a", .event_type = "t", .payload = "{}"}).ok());
    REQUIRE(engine->set_retention(rules).ok());
    REQUIRE(engine->close().ok());
  }
  CHECK(verify_directory(from).ok());
  const auto report = salvage_directory(from, to);
  REQUIRE_MESSAGE(report.ok(), why(report));
  auto engine = Engine::open(to);
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  CHECK(engine->retention() == rules);
}
