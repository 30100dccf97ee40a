// Subscribers that want only some events: what they see, where they stand, and where a time leads to.
#include "engine/io/manual_clock.hpp"
#include "tests/api/opened.hpp"
#include "tests/api/queue_readers.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

struct Filter {
  const char* name;
  SubscribeOptions options;
};

/// Each lets what wanted() makes pass and drops what dropped() makes.
std::vector<Filter> filters() {
  std::vector<Filter> all{{"types", {.types = {"wanted", "never seen"}}},
                          {"context prefix", {.context_prefix = "wanted-"}},
                          {"where", {.where = field("payload.sender") == 1}},
                          {"all of them", {.types = {"wanted"}, .context_prefix = "wanted-"}}};
  all.back().options.where = field("payload.number") >= 0;
  return all;
}

Position store(Engine& engine, const std::string& context, const std::string& type, std::uint64_t sender,
               std::uint64_t number) {
  Event event = numbered_event(context + std::to_string(number % 7), sender, number);
  event.event_type = type;
  const auto receipt = engine.store(std::move(event));
  REQUIRE_MESSAGE(receipt.ok(), why(receipt));
  return receipt->position;
}

Position store_wanted(Engine& engine, std::uint64_t number) {
  return store(engine, "wanted-", "wanted", 1, number);
}

Position store_dropped(Engine& engine, std::uint64_t number) {
  return store(engine, "other-", "other", 2, number);
}

/// Many events in few calls.
void store_many_dropped(Engine& engine, std::size_t count) {
  for (std::size_t done = 0; done < count;) {
    std::vector<Event> events;
    for (; events.size() < limits::call_events_max && done < count; ++done) {
      events.push_back(numbered_event("other-many", 2, done));
      events.back().event_type = "other";
    }
    const auto receipt = engine.store("other-many", std::move(events));
    REQUIRE_MESSAGE(receipt.ok(), why(receipt));
  }
}

} // namespace

TEST_CASE("event queue filters: live, the checkpoint moves on over what is dropped, and goes on from there") {
  for (const Filter& filter : filters()) {
    CAPTURE(filter.name);
    SimulatedDisk disk;
    Engine engine = opened(disk, of_shards(2));
    std::vector<Position> wanted;
    for (std::uint64_t i = 0; i < 60; ++i) {
      if (i % 10 == 3)
        wanted.push_back(store_wanted(engine, i));
      else
        store_dropped(engine, i);
      if (i == 40)
        REQUIRE(engine.flush().ok());
    }
    Subscription subscription = subscribed(engine, filter.options);
    const auto before = subscription.next();
    REQUIRE_MESSAGE(before.ok(), why(before));
    CHECK(positions(copy(before->events)) == wanted);
    CHECK(before->caught_up);
    CHECK(before->next > wanted.back()); // six were dropped behind it

    // Live: it waits, is woken by what it wants only, and its checkpoint is behind what was dropped before.
    auto waiting = std::async(std::launch::async, [&] { return subscription.next(); });
    Position dropped = 0;
    for (std::uint64_t i = 0; i < 20; ++i)
      dropped = store_dropped(engine, i);
    const Position live = store_wanted(engine, 3);
    const auto batch = waiting.get();
    REQUIRE_MESSAGE(batch.ok(), why(batch));
    CHECK(positions(copy(batch->events)) == std::vector{live});
    CHECK(batch->next > live);
    CHECK(dropped < live);

    // Nothing but what is dropped: a reader whose time has run out is told how far it has come.
    for (std::uint64_t i = 0; i < 20; ++i)
      dropped = store_dropped(engine, i);
    const auto nothing = subscription.next(0ms);
    REQUIRE_MESSAGE(nothing.ok(), why(nothing));
    CHECK(nothing->events.empty());
    CHECK(nothing->caught_up);
    CHECK(nothing->next == dropped + 1);
    CHECK(subscription.position() == nothing->next);

    // From there without a filter: nothing of what was dealt with comes again, and nothing is lost.
    const Position after = store_dropped(engine, 99);
    SubscribeOptions all = no_follow();
    all.from = QueueStart::at(nothing->next);
    CHECK(positions(all_of(subscribed(engine, all))) == std::vector{after});
  }
}

TEST_CASE("event queue filters: who waits is given a checkpoint once 65,536 events were dropped, pulled and pushed") {
  SimulatedDisk disk;
  Engine engine = opened(disk, of_shards(2));
  const SubscribeOptions options = filters().front().options;
  Subscription pulled = subscribed(engine, options);
  const auto start = pulled.next();
  REQUIRE(start.ok());
  CHECK(start->caught_up);
  PushListener listener;
  auto pushed = engine.subscribe(options, listener.on_batch(), listener.on_end(), UINT64_MAX);
  REQUIRE_MESSAGE(pushed.ok(), why(pushed));
  listener.wait_until([&](const PushListener& it) { return it.checkpoint_there() >= start->next; });

  constexpr std::size_t some = 65'536;
  auto waiting = std::async(std::launch::async, [&] { return pulled.next(); });
  store_many_dropped(engine, some + 5'000);
  const auto moved = waiting.get();
  REQUIRE_MESSAGE(moved.ok(), why(moved));
  CHECK(moved->events.empty());
  CHECK(moved->next >= start->next + some);
  listener.wait_until([&](const PushListener& it) { return it.checkpoint_there() >= start->next + some; });
  CHECK(listener.seen().empty());
  const auto rest = pulled.next(0ms);
  REQUIRE(rest.ok());
  CHECK(rest->caught_up);
  const Position wanted = store_wanted(engine, 1);
  CHECK(rest->next <= wanted);
  listener.wait_for_events(1);
  CHECK(positions(listener.seen()) == std::vector{wanted});
  pushed->cancel();
  CHECK(listener.wait_for_end().code() == Errc::cancelled);
}

TEST_CASE(
    "event queue: since(time) begins with what was recorded then, in segments, memory and what is still to come") {
  SimulatedDisk disk;
  const Timestamp beginning{std::chrono::seconds(1'700'000'000)};
  auto owned = std::make_unique<io::ManualClock>(beginning);
  io::ManualClock& clock = *owned;
  Engine engine = opened(disk, of_shards(2), std::move(owned));
  constexpr std::uint64_t hours = 6, each = 8;
  for (std::uint64_t hour = 0; hour < hours; ++hour) { // two hours in each segment, the last two in memory
    for (std::uint64_t i = 0; i < each; ++i)
      store_wanted(engine, i);
    if (hour == 1 || hour == 3)
      REQUIRE(engine.flush().ok());
    clock.advance(1h);
  }
  const auto all = all_of(subscribed(engine, no_follow()));
  REQUIRE(all.size() == hours * each);
  for (std::uint64_t hour = 0; hour <= hours; ++hour)
    for (const auto off : {-1us, 0us, 1us}) {
      CAPTURE(hour);
      CAPTURE(off.count());
      const Timestamp time = beginning + std::chrono::hours(hour) + off;
      const auto first =
          std::find_if(all.begin(), all.end(), [&](const StoredEvent& event) { return event.recorded_at >= time; });
      const std::vector<StoredEvent> after(first, all.end());
      std::vector<StoredEvent> before(all.begin(), first);
      CHECK(after.size() == (hours - hour) * each - (off > 0us && hour < hours ? each : 0));
      SubscribeOptions options = no_follow();
      options.from = QueueStart::since(time);
      CHECK(all_of(subscribed(engine, options)) == after);
      std::reverse(before.begin(), before.end());
      CHECK(all_of(subscribed(engine, {.from = QueueStart::since(time), .backward = true})) == before);
    }
  // A time that nothing was recorded at yet: all that comes from now on.
  Subscription live = subscribed(engine, {.from = QueueStart::since(clock.now())});
  const auto nothing = live.next(0ms);
  REQUIRE(nothing.ok());
  CHECK(nothing->events.empty());
  const Position next = store_wanted(engine, 1);
  const auto batch = live.next();
  REQUIRE(batch.ok());
  CHECK(positions(copy(batch->events)) == std::vector{next});
}

TEST_CASE("event queue: callbacks that throw are shown in health and the pushes go on") {
  SimulatedDisk disk;
  Engine engine = opened(disk, of_shards(2));
  for (std::uint64_t i = 0; i < 30; ++i)
    store_wanted(engine, i);
  PushListener listener;
  const auto end = listener.on_end();
  SubscribeOptions options = no_follow();
  options.batch_events_max = 10;
  const auto pushed = engine.subscribe(
      options,
      [&](const QueueBatch& batch) {
        listener.note(batch);
        throw std::runtime_error("no, thanks");
      },
      [&](Status status) {
        end(std::move(status));
        throw std::runtime_error("not even the end");
      },
      UINT64_MAX);
  REQUIRE_MESSAGE(pushed.ok(), why(pushed));
  CHECK(listener.wait_for_end().ok());
  CHECK(listener.seen() == all_of(subscribed(engine, no_follow())));
  CHECK(engine.close().ok()); // the end's callback has returned
  const auto warnings = engine.health().warnings;
  const auto count = [&](const std::string& text) {
    return static_cast<std::size_t>(std::count_if(warnings.begin(), warnings.end(), [&](const std::string& warning) {
      return warning.find(text) != std::string::npos;
    }));
  };
  CHECK(count("a callback threw: no, thanks") == listener.batches());
  CHECK(listener.batches() >= 3);
  CHECK(count("a callback threw: not even the end") == 1);
}
