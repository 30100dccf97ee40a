// The event queue's face: one list of events with versions.
#include "tests/api/models/model_rig.hpp"

#include <weir/event_queue.hpp>

#include <atomic>
#include <future>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

TEST_CASE("event_queue: an added event comes back as it was, under a version that grows") {
  ModelRig rig;
  EventQueue queue(rig.engine());
  const Timestamp ts{std::chrono::milliseconds(1'700'000'000'000)};
  const auto first = must(queue.add("placed", Json::object({{"total", 12}}), ts));
  const auto second = must(queue.add("paid"));
  CHECK(first.v < second.v);
  CHECK(first.type == "placed");
  CHECK(first.data == Json::object({{"total", 12}}));
  CHECK(first.ts == ts);
  CHECK(second.data == Json::object());
  const auto read = must(queue.get(first.v));
  REQUIRE(read);
  CHECK(read->v == first.v);
  CHECK(read->type == "placed");
  CHECK(read->data == first.data);
  CHECK(read->ts == ts);
  CHECK(read->context_id == "queue");
  CHECK(read->size == std::string(R"({"total":12})").size());
  CHECK_FALSE(must(queue.get(second.v + 1)));
}

TEST_CASE("event_queue: a type that is none and data that is no object are refused, and nothing is stored") {
  ModelRig rig;
  EventQueue queue(rig.engine());
  CHECK(queue.add("").code() == Errc::invalid_argument);
  CHECK(queue.add("a\nb").code() == Errc::invalid_argument);
  CHECK(queue.add(std::string(129, 'x')).code() == Errc::too_large);
  CHECK(queue.add("t", Json(5)).code() == Errc::invalid_argument);
  CHECK(queue.add("t", Json::array({1})).code() == Errc::invalid_argument);
  CHECK(must(queue.latest_version()) == 0);
}

TEST_CASE("event_queue: the latest version is 0 at first, and then that of the last event, whoever stored it") {
  ModelRig rig;
  EventQueue queue(rig.engine());
  CHECK(must(queue.latest_version()) == 0);
  const auto added = must(queue.add("a"));
  CHECK(must(queue.latest_version()) == added.v);
  const auto receipt = must(rig.engine().store({.context_id = "order-1", .event_type = "b", .payload = "{}"}));
  CHECK(must(queue.latest_version()) == receipt.position);
  CHECK(must(EventQueue(rig.engine()).latest_version()) == receipt.position);
}

TEST_CASE("event_queue: after set_known the next version lies above, after a restart too, and 64 bits are kept") {
  ModelRig rig;
  {
    EventQueue queue(rig.engine());
    must(queue.set_known(100));
    CHECK(must(queue.add("a")).v == 101);
    const Position beyond_32_bits = Position{1} << 33;
    must(queue.set_known(beyond_32_bits));
    CHECK(must(queue.add("b")).v == beyond_32_bits + 1);
    must(queue.set_known(7)); // is below: nothing to do
    CHECK(must(queue.add("c")).v == beyond_32_bits + 2);
    must(queue.set_known(Position{1} << 40));
    CHECK(queue.set_known((Position{1} << 62) + 1).code() == Errc::too_large);
  }
  rig.reopen();
  EventQueue queue(rig.engine());
  CHECK(must(queue.latest_version()) == (Position{1} << 33) + 2);
  CHECK(must(queue.add("d")).v > (Position{1} << 40));
  CHECK(must(queue.search({.types = {"c"}})).size() == 1);
}

TEST_CASE("event_queue: versions of removed events do not come again") {
  ModelRig rig;
  EventQueue queue(rig.engine());
  const auto last = must(queue.add("a", {}, {}, "ctx"));
  must(rig.engine().truncate_context("ctx", sequence_max));
  CHECK(must(queue.add("b")).v > last.v);
}

TEST_CASE("event_queue: 200 events added at once all get versions of their own, and one thread's keep its order") {
  ModelRig rig;
  EventQueue queue(rig.engine());
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 20; ++writer)
    threads.emplace_back([&queue, writer] {
      for (int n = 0; n < 10; ++n)
        (void)queue.add("w" + std::to_string(writer), Json::object({{"n", n}})).ok();
    });
  for (std::thread& thread : threads)
    thread.join();
  std::set<Position> versions;
  for (int writer = 0; writer < 20; ++writer) {
    const auto events = must(queue.search({.types = {"w" + std::to_string(writer)}}));
    REQUIRE(events.size() == 10);
    for (int n = 0; n < 10; ++n) {
      CHECK(events[static_cast<std::size_t>(n)].data["n"].integer() == n);
      versions.insert(events[static_cast<std::size_t>(n)].v);
    }
  }
  CHECK(versions.size() == 200);
}

TEST_CASE("event_queue: get_next gives the first event behind a version, over gaps, and once does not wait") {
  ModelRig rig;
  EventQueue queue(rig.engine());
  CHECK_FALSE(must(queue.get_next(0, true)));
  const auto a = must(queue.add("a"));
  must(queue.set_known(a.v + 1'000));
  const auto b = must(queue.add("b"));
  CHECK(must(queue.get_next())->v == a.v);
  CHECK(must(queue.get_next(a.v))->v == b.v);
  CHECK(must(queue.get_next(a.v + 500))->v == b.v);
  CHECK_FALSE(must(queue.get_next(b.v, true)));
  CHECK_FALSE(must(queue.get_next(UINT64_MAX, true)));
  CHECK_FALSE(must(queue.get_next(b.v, false, 1ms)));
}

TEST_CASE("event_queue: get_next wakes up for an event that is stored later, without polling") {
  ModelRig rig;
  EventQueue queue(rig.engine());
  Position known = 0;
  for (int round = 0; round < 200; ++round) { // who looked only now and then would take minutes
    std::promise<void> begun;
    auto waiting = std::async(std::launch::async, [&] {
      begun.set_value();
      return must(queue.get_next(known));
    });
    begun.get_future().wait();
    for (int i = 0; i < round; ++i) // it waits already, or is just about to
      std::this_thread::yield();
    must(rig.engine().store({.context_id = "elsewhere", .event_type = "late", .payload = "{}"}));
    const auto found = waiting.get();
    REQUIRE(found);
    CHECK(found->type == "late");
    CHECK(found->context_id == "elsewhere");
    CHECK(found->v > known);
    known = found->v;
  }
}

TEST_CASE("event_queue: cancel_next ends a get_next that waits, with nothing") {
  ModelRig rig;
  EventQueue queue(rig.engine());
  std::atomic<bool> done{false};
  auto waiting = std::async(std::launch::async, [&] {
    auto next = must(queue.get_next());
    done = true;
    return next;
  });
  while (!done) { // whether it waits already cannot be seen from outside; one that comes too early does nothing
    queue.cancel_next();
    std::this_thread::yield();
  }
  CHECK_FALSE(waiting.get());
  CHECK_FALSE(must(queue.get_next(0, true))); // later ones are not cancelled
}

TEST_CASE("event_queue: events are found by type, context and time, in both directions, page by page") {
  ModelRig rig;
  EventQueue queue(rig.engine());
  const Timestamp start{std::chrono::seconds(1'000)};
  for (int i = 0; i < 10; ++i)
    must(queue.add(i % 2 == 0 ? "even" : "odd", Json::object({{"i", i}}), start + std::chrono::seconds(i),
                   i < 5 ? "low" : "high"));
  const auto numbers = [](const std::vector<QueuedEvent>& events) {
    std::vector<std::int64_t> found;
    for (const QueuedEvent& event : events)
      found.push_back(event.data["i"].integer());
    return found;
  };
  using Numbers = std::vector<std::int64_t>;
  CHECK(numbers(must(queue.search())).size() == 10);
  CHECK(numbers(must(queue.search({.types = {"even"}}))) == Numbers{0, 2, 4, 6, 8});
  CHECK(numbers(must(queue.search({.types = {"odd"}, .context_id = "low"}))) == Numbers{1, 3});
  CHECK(numbers(must(queue.search({.since = start + 3s, .until = start + 6s}))) == Numbers{3, 4, 5});
  CHECK(numbers(must(queue.search({.types = {"even"}, .newest_first = true, .limit = 2}))) == Numbers{8, 6});
  CHECK(numbers(must(queue.search({.types = {"even"}, .limit = 2, .offset = 1}))) == Numbers{2, 4});
  CHECK(must(queue.search({.types = {"none"}})).empty());
  CHECK(must(queue.search({.types = {"even' OR 1=1 --"}})).empty());
}

TEST_CASE("event_queue: a query by type looks at no segment without it") {
  ModelRig rig;
  EventQueue queue(rig.engine());
  for (int i = 0; i < 4; ++i) {
    must(queue.add("type-" + std::to_string(i)));
    must(rig.engine().flush());
  }
  const auto found = must(rig.engine().query("QUERY \"type-2\""));
  CHECK(found.rows.size() == 1);
  CHECK(found.stats.zones_scanned <= 1);
  CHECK(found.stats.memtable_rows == 0);
  CHECK(found.stats.segments_pruned + 1 == found.stats.segments_total); // however they have been merged
  CHECK(must(queue.search({.types = {"type-2"}})).size() == 1);
}

TEST_CASE("event_queue: set stores a correction beside the event, which itself never changes") {
  ModelRig rig;
  EventQueue queue(rig.engine());
  auto event = must(queue.add("wrong", Json::object({{"n", 1}}), {}, "ctx"));
  event.type = "right";
  event.data = Json::object({{"n", 2}});
  const auto receipt = must(queue.set(event));
  CHECK(receipt.position > event.v);
  CHECK(must(queue.get(event.v))->type == "wrong");
  const auto correction = must(queue.get(receipt.position));
  CHECK(correction->context_id == "ctx");
  CHECK(correction->data["position"].unsigned_integer() == event.v);
  event.v = 999'999;
  CHECK(queue.set(event).code() == Errc::not_found);
  event.v = receipt.position;
  event.type = "";
  CHECK(queue.set(event).code() == Errc::invalid_argument);
}

TEST_CASE("event_queue: after the engine is closed every call says so") {
  ModelRig rig;
  EventQueue queue(rig.engine());
  must(queue.add("a"));
  must(rig.engine().close());
  CHECK(queue.add("b").code() == Errc::closing);
  CHECK(queue.get(1).code() == Errc::closing);
  CHECK(queue.get_next().code() == Errc::closing);
  CHECK(queue.latest_version().code() == Errc::closing);
  CHECK(queue.set_known(5).code() == Errc::closing);
  CHECK(queue.search().code() == Errc::closing);
}

TEST_CASE("event_queue: a migration may add events, which the models then have") {
  ModelRig rig;
  EventSourcingOptions options;
  options.models.push_back(adding_model());
  EventQueue queue(rig.engine());
  options.models[0].model.migrations = {{.key = "first sum", .up = [&](ModelDatabase&) -> Status {
                                           const auto added = queue.add("add", Json::object({{"n", 5}}), {}, "a");
                                           return added ? Status() : Status(added.error());
                                         }}};
  for (int life = 0; life < 2; ++life) {
    const auto db = rig.open(options);
    must(db->wait_for_queue());
    CHECK(sum_of(*db, "a") == 5);
  }
  CHECK(must(queue.search()).size() == 1);
}
