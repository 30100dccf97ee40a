// EventSourcingDB through the engine: dispatching, waiting, failing, repairing.
#include "engine/io/manual_clock.hpp"
#include "tests/api/models/model_rig.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/happenings.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

EventSourcingOptions sums(OnFailure on_failure = OnFailure::halt) {
  EventSourcingOptions options;
  options.models.push_back(adding_model());
  options.on_failure = on_failure;
  options.retry_first_ms = std::chrono::hours(1); // tests try again themselves
  options.retry_longest_ms = std::chrono::hours(1);
  return options;
}

/// As sums(), on a machine so busy that an event may take any time.
EventSourcingOptions patient_sums(OnFailure on_failure = OnFailure::halt) {
  EventSourcingOptions options = sums(on_failure);
  options.event_time_max_ms = std::chrono::hours(1);
  return options;
}

/// Events that say {"held":true} wait at `gate` inside the reducer.
void hold_in_reducer(EventSourcingOptions& options, Gate& gate) {
  options.models[0].reduce = [&gate, add = options.models[0].reduce](const ModelEvent& event, ReduceContext& context) {
    if (event.data["held"].boolean())
      gate.pass();
    return add(event, context);
  };
}

/// Only stored: who waits for the models does that himself.
Receipt stored_in(Engine& engine, const std::string& context, const std::string& data = "{}") {
  return must(engine.store({.context_id = context, .event_type = "add", .payload = data}));
}

DispatchOptions in(const std::string& context) {
  DispatchOptions options;
  options.context_id = context;
  return options;
}

const Receipt& receipt_of(const Error& error) {
  REQUIRE(error.conflicts.size() == 1);
  REQUIRE(error.conflicts[0].receipt.has_value());
  return *error.conflicts[0].receipt;
}

} // namespace

TEST_CASE("event_sourcing_db: a dispatch returns the event as it was applied, and what it changed") {
  ModelRig rig;
  const auto db = rig.open(sums());
  const auto done = must(db->dispatch("add", Json::object({{"n", 3}}), in("a")));
  CHECK(done.applied.event.type == "add");
  CHECK(done.applied.event.context_id == "a");
  CHECK(done.applied.event.position == done.receipt.position);
  CHECK(done.applied.event.sequence == 1);
  CHECK(done.applied.result ==
        Json::object({{"sums", Json::object({{"set", Json::array({Json::object({{"id", "a"}, {"sum", 3}})})}})}}));
  CHECK(sum_of(*db, "a") == 3);
  CHECK(must(db->dispatch("other")).applied.result == Json::object());
}

TEST_CASE("event_sourcing_db: data that is no object, an empty type and unknown options are refused at once") {
  ModelRig rig;
  const auto db = rig.open(sums());
  CHECK(db->dispatch("add", Json(5)).code() == Errc::invalid_argument);
  CHECK_FALSE(db->dispatch("", Json::object()).ok());
  CHECK(must(db->queue().latest_version()) == 0);
  auto wrong = sums();
  wrong.name = "../x";
  CHECK(EventSourcingDB::open(rig.engine(), wrong).code() == Errc::invalid_argument);
  wrong.name = "x";
  wrong.batch_events_max = 0;
  CHECK(EventSourcingDB::open(rig.engine(), wrong).code() == Errc::invalid_argument);
  EventSourcingOptions none;
  CHECK(EventSourcingDB::open(rig.engine(), none).code() == Errc::invalid_argument);
}

TEST_CASE("event_sourcing_db: a model without any function is refused by its name") {
  ModelRig rig;
  EventSourcingOptions options;
  ModelDefinition model;
  model.model.name = "idle";
  model.event_sourced = false;
  options.models.push_back(std::move(model));
  const auto db = EventSourcingDB::open(rig.engine(), options);
  REQUIRE_FALSE(db.ok());
  CHECK(db.error().message.find("idle") != std::string::npos);
}

TEST_CASE("event_sourcing_db: a second one of the same name is refused while the first is open") {
  ModelRig rig;
  {
    const auto db = rig.open(sums());
    CHECK(EventSourcingDB::open(rig.engine(), sums()).code() == Errc::locked);
    auto other = sums();
    other.name = "other";
    const auto beside = rig.open(std::move(other));
    must(db->dispatch("add", {}, in("a")));
    must(beside->wait_for_queue());
    CHECK(sum_of(*db, "a") == 1);
    CHECK(sum_of(*beside, "a") == 1);
  }
  const auto again = rig.open(sums());
  CHECK(sum_of(*again, "a") == 1);
}

TEST_CASE("event_sourcing_db: what was stored before it was opened is applied, and nothing twice over restarts") {
  ModelRig rig;
  for (int life = 0; life < 3; ++life) {
    for (int i = 0; i < 10; ++i)
      must(rig.engine().store({.context_id = "c", .event_type = "add", .payload = "{}"}));
    const auto db = rig.open(sums());
    must(db->wait_for_queue());
    CHECK(sum_of(*db, "c") == 10 * (life + 1));
    CHECK(must(db->health()).events_applied == 10u * static_cast<unsigned>(life + 1));
    rig.reopen();
  }
}

TEST_CASE("event_sourcing_db: handled(0) waits for nothing, a later position until it is applied or time is up") {
  ModelRig rig;
  const auto db = rig.open(sums());
  must(db->handled(0));
  CHECK(must(db->wait_for_queue()) == 0);
  const auto receipt = must(rig.engine().store({.context_id = "c", .event_type = "add", .payload = "{}"}));
  must(db->wait_for(receipt));
  CHECK(sum_of(*db, "c") == 1);
  CHECK(db->handled(receipt.position + 1'000, 1ms).code() == Errc::deadline_exceeded);
  CHECK(must(db->wait_for_queue()) == receipt.position);
}

TEST_CASE("event_sourcing_db: a position without an event counts as handled once a later one is") {
  ModelRig rig;
  const auto receipt = must(rig.engine().store({.context_id = "c", .event_type = "add", .payload = "{}"}));
  const auto db = rig.open(sums());
  must(db->queue().set_known(receipt.position + 1'000));
  must(rig.engine().store({.context_id = "d", .event_type = "add", .payload = "{}"}));
  must(db->handled(receipt.position + 500));
  CHECK(sum_of(*db, "c") == 1);
}

TEST_CASE("event_sourcing_db: what was stored before it was opened is applied without any call") {
  ModelRig rig;
  for (int i = 0; i < 10; ++i)
    stored_in(rig.engine(), "c");
  const auto db = rig.open(patient_sums());
  CHECK(eventually([&] { return sum_of(*db, "c") == 10; }));
  CHECK(eventually([&] { return must(db->health()).events_applied == 10; })); // counted after the commit
}

TEST_CASE("event_sourcing_db: threads that wait for the queue while others store see all that was stored before") {
  ModelRig rig;
  const auto db = rig.open(patient_sums());
  constexpr int writers = 4, each = 50;
  std::atomic<int> stored{0}, failures{0}, too_early{0}, behind{0};
  std::atomic<Position> newest{0};
  std::atomic<bool> all_stored{false};
  const auto note = [&](Position position) {
    Position seen = newest;
    while (seen < position && !newest.compare_exchange_weak(seen, position)) {
    }
    ++stored;
  };
  std::vector<std::thread> writing, waiting;
  for (int t = 0; t < writers; ++t)
    writing.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        if (t % 2 == 0) { // the models are told and not waited for
          const auto done = rig.engine().store({.context_id = "one", .event_type = "add", .payload = "{}"});
          done ? note(done->position) : void(++failures);
        } else {
          const auto done = db->dispatch("add", {}, in("one"));
          done ? note(done->receipt.position) : void(++failures);
        }
      }
    });
  for (int t = 0; t < 4; ++t)
    waiting.emplace_back([&] {
      for (bool last = false; !last;) {
        last = all_stored; // one round more when everything is there
        const int events = stored;
        const Position position = newest;
        const auto handled = db->wait_for_queue();
        const auto row = db->rows("sums")->get("one");
        if (!handled || !row) {
          ++failures;
          return;
        }
        behind += *handled < position ? 1 : 0;
        too_early += (*row ? (**row)["sum"].integer() : 0) < events ? 1 : 0;
        if (last && *handled != position)
          ++behind;
      }
    });
  for (std::thread& thread : writing)
    thread.join();
  all_stored = true;
  for (std::thread& thread : waiting)
    thread.join();
  CHECK(failures == 0);
  CHECK(behind == 0);
  CHECK(too_early == 0);
  CHECK(stored == writers * each);
  CHECK(sum_of(*db, "one") == writers * each);
}

TEST_CASE("event_sourcing_db: who waits for the queue waits for what is stored then, and for nothing later") {
  ModelRig rig;
  auto options = patient_sums();
  std::atomic<bool> stop{false};
  options.models[0].derive = [&](const ModelEvent&, DeriveContext&) -> Status {
    if (stop)
      return {};
    // Each event ends only when the next one is stored: the models never come to the end of the queue. By another
    // thread, since a function of a model may not wait for a store.
    const auto next = std::async(std::launch::async, [&] {
                        return rig.engine().store({.context_id = "c", .event_type = "add", .payload = "{}"});
                      }).get();
    return next ? Status() : Status(next.error());
  };
  const auto db = rig.open(std::move(options));
  stored_in(rig.engine(), "c");
  Position before = 0;
  for (int round = 0; round < 10; ++round) {
    const Position position = must(db->wait_for_queue(2min));
    CHECK(position > before);
    CHECK(must(db->queue().latest_version()) > position);
    // All events are of one context.
    CHECK(sum_of(*db, "c") >= static_cast<std::int64_t>(must(db->queue().get(position))->sequence));
    before = position;
  }
  stop = true;
}

TEST_CASE("event_sourcing_db: a wait ends with its event, though a later one is stuck") {
  ModelRig rig;
  auto options = patient_sums();
  options.batch_events_max = 1; // each event is committed by itself
  options.models.push_back(std::move(one_model().models[0]));
  Gate first, second;
  first.close();
  second.close();
  hold_in_reducer(options, first);
  options.models[0].derive = [&](const ModelEvent& event, DeriveContext&) -> Status {
    if (event.data["stuck"].boolean())
      second.pass();
    return {};
  };
  std::promise<Result<Json>> made;
  const auto db = rig.open(std::move(options));
  const OpenAtEnd second_opens(second);
  const OpenAtEnd first_opens(first);
  const Receipt a = stored_in(rig.engine(), "c", R"({"held":true})");
  first.wait_until_n_waiting(1);
  // Before its first id is chosen it waits for the queue, in which there is only the first event.
  db->model("test")->set_async(Json::object({{"count", 1}}), [&](Result<Json> id) { made.set_value(std::move(id)); });
  const Receipt b = stored_in(rig.engine(), "c", R"({"stuck":true})");
  first.open();
  second.wait_until_n_waiting(1);
  must(db->wait_for(a));
  CHECK(sum_of(*db, "c") == 1);
  CHECK(eventually([&] { return must(db->queue().latest_version()) > b.position; })); // its wait has ended: it writes
  CHECK(sum_of(*db, "c") == 1);
  second.open();
  CHECK(must(made.get_future().get()).integer() == 1);
  CHECK(sum_of(*db, "c") == 2);
}

TEST_CASE("event_sourcing_db: who waits already when the models halt is told so") {
  ModelRig rig;
  auto options = patient_sums();
  options.models.push_back(std::move(one_model().models[0]));
  Gate gate;
  gate.close();
  hold_in_reducer(options, gate);
  std::promise<Result<Json>> made;
  std::promise<Result<Dispatched>> dispatched;
  const auto db = rig.open(std::move(options));
  const Receipt bad = stored_in(rig.engine(), "a", R"({"held":true,"bad":true})");
  gate.wait_until_n_waiting(1);
  // This one waits for the queue as soon as the call is back: it cannot choose its first id before.
  db->model("test")->set_async(Json::object({{"count", 1}}), [&](Result<Json> id) { made.set_value(std::move(id)); });
  const Receipt behind = stored_in(rig.engine(), "b");
  auto position = std::async(std::launch::async, [&] { return db->handled(behind.position); });
  auto queue = std::async(std::launch::async, [&] { return db->wait_for_queue(); });
  const OpenAtEnd opens(gate);
  ModelEvent event;
  event.type = "add";
  event.context_id = "b";
  db->dispatch_async(event, [&](Result<Dispatched> done) { dispatched.set_value(std::move(done)); });
  CHECK(db->handled(behind.position, 1ms).code() == Errc::deadline_exceeded); // so far nobody is answered
  gate.open();
  CHECK(made.get_future().get().code() == Errc::projection_failed);
  const Status handled = position.get();
  CHECK(handled.code() == Errc::projection_failed);
  CHECK(handled.error().message.find("this one is bad") != std::string::npos);
  CHECK(queue.get().code() == Errc::projection_failed);
  const auto failed = dispatched.get_future().get();
  CHECK(failed.code() == Errc::projection_failed);
  CHECK(receipt_of(failed.error()).sequence == 2);
  CHECK(must(db->health()).failed_position == bad.position);
  must(db->repair(bad.position, "add", Json::object({{"n", 4}})));
  must(db->wait_for_queue());
  CHECK(sum_of(*db, "a") == 4);
  CHECK(sum_of(*db, "b") == 2);
}

TEST_CASE("event_sourcing_db: once a repair or a retry has worked, a wait for the queue covers all of it") {
  for (const bool repaired : {false, true}) {
    CAPTURE(repaired);
    ModelRig rig;
    auto options = patient_sums();
    std::atomic<bool> broken{true};
    options.models[0].derive = [&](const ModelEvent& event, DeriveContext&) -> Status {
      return event.data["odd"].boolean() && broken ? Status(fail(Errc::invalid_argument, "still broken")) : Status();
    };
    const auto db = rig.open(std::move(options));
    stored_in(rig.engine(), "c");
    const Receipt odd = stored_in(rig.engine(), "c", R"({"odd":true,"n":10})");
    stored_in(rig.engine(), "d");
    const Receipt last = stored_in(rig.engine(), "c");
    CHECK(db->wait_for_queue().code() == Errc::projection_failed);
    if (repaired) {
      must(db->repair(odd.position, "add", Json::object({{"n", 20}})));
      CHECK(must(db->wait_for_queue()) > last.position); // the correction is an event, too
    } else {
      broken = false;
      must(db->retry());
      CHECK(must(db->wait_for_queue()) == last.position);
    }
    CHECK(sum_of(*db, "c") == (repaired ? 22 : 12));
    CHECK(sum_of(*db, "d") == 1);
    const Receipt after = stored_in(rig.engine(), "d");
    CHECK(must(db->wait_for_queue()) == after.position);
    CHECK(sum_of(*db, "d") == 2);
  }
}

TEST_CASE("event_sourcing_db: many threads dispatch to one row, and every increment counts once") {
  ModelRig rig;
  const auto db = rig.open(sums());
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i)
        failures += db->dispatch("add", {}, in("one")).ok() ? 0 : 1;
    });
  for (std::thread& thread : threads)
    thread.join();
  CHECK(failures == 0);
  CHECK(sum_of(*db, "one") == 200);
}

TEST_CASE("event_sourcing_db: a preprocessor decides what is stored, one call at a time") {
  ModelRig rig;
  auto options = sums();
  std::atomic<int> inside{0}, most{0};
  options.models[0].preprocess = [&](ModelEvent& event, ReduceContext&) -> Status {
    if (event.position == 0) { // before the store
      const int now = ++inside;
      if (now > most)
        most = now;
      if (event.data["forbidden"].boolean())
        return --inside, fail(Errc::invalid_argument, "not this one");
      --inside;
    }
    if (event.type == "add one") {
      event.type = "add";
      event.data.set("n", 1);
    }
    return {};
  };
  const auto db = rig.open(std::move(options));
  const auto done = must(db->dispatch("add one", {}, in("a")));
  CHECK(done.applied.event.type == "add");
  CHECK(must(db->queue().get(done.receipt.position))->type == "add");
  const auto refused = db->dispatch("add", Json::object({{"forbidden", true}}), in("a"));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.code() == Errc::projection_failed);
  CHECK(refused.error().message.find("_preprocess_sums") != std::string::npos);
  CHECK(must(db->queue().latest_version()) == done.receipt.position); // nothing was stored
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i)
        (void)db->dispatch("add one", {}, in("b")).ok();
    });
  for (std::thread& thread : threads)
    thread.join();
  CHECK(most == 1);
  CHECK(sum_of(*db, "b") == 40);
}

TEST_CASE("event_sourcing_db: a blocking call from inside a model's function is refused, not a deadlock") {
  ModelRig rig;
  auto options = sums();
  EventSourcingDB* self = nullptr;
  Errc store = Errc::ok, dispatch = Errc::ok, wait = Errc::ok, rebuild = Errc::ok;
  options.models[0].derive = [&](const ModelEvent& event, DeriveContext&) -> Status {
    if (event.type != "add")
      return {};
    store = rig.engine().store({.context_id = "x", .event_type = "add", .payload = "{}"}).code();
    dispatch = self->dispatch("add").code();
    wait = self->handled(event.position).code();
    rebuild = self->rebuild().code();
    return {};
  };
  const auto db = rig.open(std::move(options));
  self = db.get();
  must(db->dispatch("add", {}, in("a")));
  CHECK(store == Errc::invalid_argument);
  CHECK(dispatch == Errc::invalid_argument);
  CHECK(wait == Errc::invalid_argument);
  CHECK(rebuild == Errc::invalid_argument);
  CHECK(sum_of(*db, "a") == 1);
}

TEST_CASE("event_sourcing_db: readers see nothing of an event until it is applied as a whole") {
  ModelRig rig;
  auto options = sums();
  Gate gate;
  options.models[0].derive = [&](const ModelEvent& event, DeriveContext& context) -> Status {
    if (event.type != "add")
      return {};
    CHECK((**context.model("sums").get("a"))["sum"].integer() == 1); // inside it is there
    gate.pass();
    return {};
  };
  gate.close();
  const auto db = rig.open(std::move(options));
  auto dispatched = std::async(std::launch::async, [&] { return db->dispatch("add", {}, in("a")); });
  gate.wait_until_n_waiting(1);
  CHECK_FALSE(must(db->rows("sums")->get("a"))); // outside it is not
  gate.open();
  must(dispatched.get());
  CHECK(sum_of(*db, "a") == 1);
}

TEST_CASE("event_sourcing_db: sub-events run with their parent and are never stored") {
  ModelRig rig;
  auto options = sums();
  options.models[0].preprocess = [](ModelEvent& event, ReduceContext& context) -> Status {
    if (event.type == "twice") {
      context.add_event("add", Json::object({{"n", 1}}));
      context.add_event("add", Json::object({{"n", 1}}));
    }
    return {};
  };
  const auto db = rig.open(std::move(options));
  const auto done = must(db->dispatch("twice", {}, in("a")));
  CHECK(done.applied.events.size() == 2);
  CHECK(sum_of(*db, "a") == 2);
  CHECK(must(db->queue().search()).size() == 1);
  must(db->rebuild());
  CHECK(sum_of(*db, "a") == 2);
}

TEST_CASE("event_sourcing_db: answers that come later, and a listener that hears of every event") {
  ModelRig rig;
  const auto db = rig.open(sums());
  std::atomic<int> heard{0};
  db->on_result([&](const Dispatched& done) { heard += done.applied.event.type == "add" ? 1 : 0; });
  std::vector<std::promise<Result<Dispatched>>> promises(500);
  for (auto& promise : promises) {
    ModelEvent event;
    event.type = "add";
    event.context_id = "a";
    db->dispatch_async(std::move(event), [&promise](Result<Dispatched> done) { promise.set_value(std::move(done)); });
  }
  for (auto& promise : promises)
    must(promise.get_future().get());
  must(db->wait_for(must(rig.engine().store({.context_id = "b", .event_type = "add", .payload = "{}"}))));
  CHECK(sum_of(*db, "a") == 500);
  db->on_result({});
  CHECK(heard == 501);
}

TEST_CASE("event_sourcing_db: halted at an event, it says so to everybody, and a repair lets it go on") {
  ModelRig rig;
  const auto db = rig.open(sums());
  must(db->dispatch("add", {}, in("a")));
  const auto bad = db->dispatch("add", Json::object({{"bad", true}}), in("a"));
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.code() == Errc::projection_failed);
  CHECK(bad.error().message.find("this one is bad") != std::string::npos);
  const Position position = receipt_of(bad.error()).position;
  const ProjectionHealth health = health_once_halted(*db);
  CHECK(health.failed_position == position);
  CHECK(health.position == position);
  CHECK(health.lag_events == 1);
  const auto behind = db->dispatch("add", {}, in("b")); // stored, but held up
  CHECK(behind.code() == Errc::projection_failed);
  CHECK(db->wait_for_queue().code() == Errc::projection_failed);
  CHECK(db->retry().code() == Errc::projection_failed);
  CHECK(must(db->health()).attempts >= 2);
  must(db->repair(position, "add", Json::object({{"n", 10}})));
  must(db->wait_for_queue());
  CHECK(sum_of(*db, "a") == 11);
  CHECK(sum_of(*db, "b") == 1);
  CHECK(must(db->health()).state == ProjectionState::running);
  must(db->rebuild()); // the correction counts for all time
  CHECK(sum_of(*db, "a") == 11);
}

TEST_CASE("event_sourcing_db: a halted one is halted after a restart, and keeps what came before") {
  ModelRig rig;
  Position position = 0;
  {
    const auto db = rig.open(sums());
    must(db->dispatch("add", {}, in("a")));
    position = receipt_of(db->dispatch("add", Json::object({{"bad", true}}), in("a")).error()).position;
  }
  rig.reopen();
  const auto db = rig.open(sums());
  CHECK(db->wait_for_queue().code() == Errc::projection_failed);
  CHECK(sum_of(*db, "a") == 1);
  must(db->repair(position, "nothing", {}));
  CHECK(sum_of(*db, "a") == 1);
}

TEST_CASE("event_sourcing_db: quarantine stops one context, counts its events, and lets them in again in order") {
  ModelRig rig;
  const auto db = rig.open(sums(OnFailure::quarantine));
  must(db->dispatch("add", {}, in("a")));
  const auto bad = db->dispatch("add", Json::object({{"bad", true}}), in("a"));
  CHECK(bad.code() == Errc::projection_failed);
  const Position position = receipt_of(bad.error()).position;
  CHECK(db->dispatch("add", Json::object({{"n", 5}}), in("a")).code() == Errc::projection_failed);
  must(db->dispatch("add", Json::object({{"n", 7}}), in("b"))); // others go on
  CHECK(sum_of(*db, "a") == 1);
  CHECK(sum_of(*db, "b") == 7);
  const auto health = must(db->health());
  CHECK(health.state == ProjectionState::running);
  CHECK(health.quarantined == std::vector<std::string>{"a"});
  const auto letters = must(db->dead_letters());
  REQUIRE(letters.size() == 2);
  CHECK(letters[0].position == position);
  CHECK(letters[0].context_id == "a");
  CHECK(letters[0].error.find("this one is bad") != std::string::npos);
  CHECK(letters[1].error.empty());
  CHECK(must(db->dead_letters("b")).empty());
  CHECK_FALSE(db->retry_context("a").ok()); // it is as bad as it was
  CHECK(must(db->dead_letters())[0].attempts == 2);
  must(db->repair(position, "add", Json::object({{"n", 2}})));
  CHECK(sum_of(*db, "a") == 8);
  CHECK(must(db->dead_letters()).empty());
  CHECK(must(db->health()).quarantined.empty());
  must(db->dispatch("add", {}, in("a")));
  CHECK(sum_of(*db, "a") == 9);
}

TEST_CASE("event_sourcing_db: functions that throw, return garbage or never end fail with a clear error") {
  struct Case {
    const char* name;
    std::function<Result<Change>(const ModelEvent&, ReduceContext&)> reduce;
    const char* says;
  };
  const std::vector<Case> cases = {
      {"throws", [](const ModelEvent&, ReduceContext&) -> Result<Change> { throw std::runtime_error("boom"); }, "boom"},
      {"throws no exception", [](const ModelEvent&, ReduceContext&) -> Result<Change> { throw 5; }, "_reduce_bad"},
      {"objects without an id",
       [](const ModelEvent&, ReduceContext&) -> Result<Change> {
         Change change;
         change.ins.push_back(Json(5));
         return change;
       },
       "_apply"},
      {"updates what is not there",
       [](const ModelEvent&, ReduceContext&) -> Result<Change> {
         Change change;
         change.upd.push_back(Json::object({{"id", "nobody"}, {"n", 1}}));
         return change;
       },
       "_apply"},
      {"calls itself for ever",
       [](const ModelEvent& event, ReduceContext& context) -> Result<Change> {
         context.add_event(event.type, event.data);
         return Change{};
       },
       "100"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.name);
    for (const OnFailure on_failure : {OnFailure::halt, OnFailure::quarantine}) {
      ModelRig rig;
      auto options = sums(on_failure);
      ModelDefinition bad;
      bad.model.name = "bad";
      bad.event_sourced = false;
      bad.reduce = [&each](const ModelEvent& event, ReduceContext& context) -> Result<Change> {
        return event.type == "go" ? each.reduce(event, context) : Result<Change>(Change{});
      };
      options.models.push_back(std::move(bad));
      const auto db = rig.open(std::move(options));
      const auto failed = db->dispatch("go", {}, in("a"));
      REQUIRE_FALSE(failed.ok());
      CHECK(failed.code() == Errc::projection_failed);
      CHECK_MESSAGE(failed.error().message.find(each.says) != std::string::npos, failed.error().message);
      const auto other = db->dispatch("add", {}, in("b"));
      CHECK(other.ok() == (on_failure == OnFailure::quarantine));
      must(db->repair(receipt_of(failed.error()).position, "harmless", {}));
      must(db->wait_for_queue());
      CHECK(sum_of(*db, "b") == 1);
    }
  }
}

TEST_CASE("event_sourcing_db: sub-events without end fail their event, whichever function adds them") {
  for (const std::string function : {"preprocess", "derive", "transact"})
    for (const OnFailure on_failure : {OnFailure::halt, OnFailure::quarantine}) {
      CAPTURE(function);
      CAPTURE(static_cast<int>(on_failure));
      ModelRig rig;
      auto options = patient_sums(on_failure);
      std::size_t deepest = 0; // only the models' thread writes it
      ModelDefinition& model = options.models[0];
      // Two types in turn: it is not the type that ends it.
      const auto next = [](const ModelEvent& event) { return event.type == "ping" ? "pong" : "ping"; };
      const auto endless = [](const ModelEvent& event) { return event.type == "ping" || event.type == "pong"; };
      if (function == "preprocess")
        model.preprocess = [&](ModelEvent& event, ReduceContext& context) -> Status {
          if (event.position != 0 && endless(event)) {
            deepest = std::max(deepest, context.depth());
            context.add_event(next(event), {});
          }
          return {};
        };
      if (function == "derive")
        model.derive = [&](const ModelEvent& event, DeriveContext& context) -> Status {
          if (endless(event)) {
            deepest = std::max(deepest, context.depth());
            context.add_event(next(event), {});
          }
          return {};
        };
      if (function == "transact")
        model.transact = [&](const ModelEvent& event, TransactContext& context) -> Status {
          if (!endless(event))
            return {};
          deepest = std::max(deepest, context.depth());
          const auto done = context.dispatch(next(event), {});
          return done ? Status() : Status(done.error());
        };
      const auto db = rig.open(std::move(options));
      must(db->dispatch("add", {}, in("a")));
      const auto failed = db->dispatch("ping", {}, in("a"));
      REQUIRE_FALSE(failed.ok());
      CHECK(failed.code() == Errc::projection_failed);
      CHECK_MESSAGE(failed.error().message.find("deeper than 100") != std::string::npos, failed.error().message);
      CHECK(deepest == sub_event_depth_max);
      CHECK(db->dispatch("add", {}, in("b")).ok() == (on_failure == OnFailure::quarantine));
      must(db->repair(receipt_of(failed.error()).position, "harmless", {}));
      must(db->wait_for_queue());
      CHECK(sum_of(*db, "a") == 1);
      CHECK(sum_of(*db, "b") == 1);
    }
}

TEST_CASE("event_sourcing_db: a function that takes too long fails its event; who waits hears of it while it runs") {
  ModelRig rig;
  auto options = sums();
  options.event_time_max_ms = 100ms;
  Gate gate;
  gate.close();
  std::atomic<bool> slow{true};
  options.models[0].derive = [&](const ModelEvent& event, DeriveContext&) -> Status {
    if (event.type != "slow" || !slow)
      return {};
    const auto began = std::chrono::steady_clock::now();
    gate.pass();
    while (std::chrono::steady_clock::now() - began < 200ms) // the test may have opened it too early
      std::this_thread::yield();
    return {};
  };
  const auto db = rig.open(std::move(options));
  const auto late = db->dispatch("slow", {}, in("a")); // the gate is closed: only the watch can answer
  REQUIRE_FALSE(late.ok());
  CHECK(late.code() == Errc::projection_failed);
  CHECK(must(db->health()).state == ProjectionState::late);
  gate.open();
  const Position position = receipt_of(late.error()).position;
  REQUIRE(eventually([&] { return must(db->health()).state != ProjectionState::late; })); // the function has come back
  slow = false;
  CHECK(must(db->health()).position <= position);
  REQUIRE(eventually([&] { return db->retry().ok(); })); // a busy machine may be late once more
  must(db->handled(position));
}

TEST_CASE("event_sourcing_db: while a function is late, all who wait behind it are told; then it goes on") {
  for (const OnFailure on_failure : {OnFailure::halt, OnFailure::quarantine}) {
    CAPTURE(static_cast<int>(on_failure));
    SimulatedDisk disk;
    auto owned = std::make_unique<io::ManualClock>();
    io::ManualClock& clock = *owned;
    Engine engine = must(disk.open({}, std::move(owned)));
    auto options = sums(on_failure);
    options.event_time_max_ms = 100ms;
    Gate gate;
    gate.close();
    std::atomic<bool> slow{true};
    // Only this function takes any time by the engine's clock: no other event can fail, however busy the machine is.
    options.models[0].derive = [&](const ModelEvent& event, DeriveContext&) -> Status {
      if (event.data["slow"].boolean() && slow) {
        gate.pass();
        clock.advance(1s);
      }
      return {};
    };
    std::promise<Result<Dispatched>> told;
    const auto db = must(EventSourcingDB::open(engine, std::move(options)));
    const Receipt first = stored_in(engine, "a", R"({"slow":true})");
    const Receipt behind = stored_in(engine, "b");
    gate.wait_until_n_waiting(1);
    auto position = std::async(std::launch::async, [&] { return db->handled(behind.position); });
    auto queue = std::async(std::launch::async, [&] { return db->wait_for_queue(); });
    auto dispatched = std::async(std::launch::async, [&] { return db->dispatch("add", {}, in("b")); });
    const OpenAtEnd opens(gate);
    ModelEvent event;
    event.type = "add";
    event.context_id = "b";
    db->dispatch_async(event, [&](Result<Dispatched> done) { told.set_value(std::move(done)); });

    // The gate is closed: only the watch can answer. (No rows are read so far: models on a simulated disk have one
    // connection, and the function has it.)
    const Status handled = position.get();
    CHECK(handled.code() == Errc::projection_failed);
    CHECK(handled.error().message.find("more than 100 ms") != std::string::npos);
    CHECK(queue.get().code() == Errc::projection_failed);
    const auto waited = dispatched.get();
    const auto later = told.get_future().get();
    CHECK(waited.code() == Errc::projection_failed);
    CHECK(later.code() == Errc::projection_failed);
    // Both are stored: the second and third of their context, in whichever order.
    CHECK(receipt_of(waited.error()).sequence + receipt_of(later.error()).sequence == 5);
    CHECK(must(db->health()).state == ProjectionState::late);
    CHECK(db->handled(first.position).code() == Errc::projection_failed); // who comes now is told at once

    gate.open();
    if (on_failure == OnFailure::halt) {
      REQUIRE(eventually([&] { return must(db->health()).state == ProjectionState::halted; }));
      slow = false;
      REQUIRE(eventually([&] { return db->retry().ok(); })); // a busy machine may be late once more
    } else {
      REQUIRE(eventually([&] { return sum_of(*db, "b") == 3; })); // another context is not held up by it
      CHECK(sum_of(*db, "a") == 0);
      REQUIRE(eventually([&] { return must(db->health()).quarantined == std::vector<std::string>{"a"}; }));
      const auto letters = must(db->dead_letters());
      REQUIRE(letters.size() == 1);
      CHECK(letters[0].position == first.position);
      CHECK(letters[0].error.find("more than 100 ms") != std::string::npos);
      gate.close();
      auto again = std::async(std::launch::async, [&] { return db->retry_context("a"); });
      REQUIRE(eventually([&] { return must(db->health()).state == ProjectionState::late; }));
      gate.open();
      CHECK(again.get().code() == Errc::projection_failed); // as slow as it was
      CHECK(must(db->health()).state == ProjectionState::running);
      slow = false;
      CHECK(must(db->retry_context("a")) == 1);
    }
    REQUIRE(eventually([&] { return db->wait_for_queue().ok(); }));
    CHECK(sum_of(*db, "a") == 1);
    CHECK(sum_of(*db, "b") == 3);
  }
}

TEST_CASE("event_sourcing_db: a function that takes too long quarantines its own context only") {
  SimulatedDisk disk;
  auto owned = std::make_unique<io::ManualClock>();
  io::ManualClock& clock = *owned;
  Engine engine = must(disk.open({}, std::move(owned)));
  auto options = patient_sums(OnFailure::quarantine);
  std::atomic<bool> slow{true};
  options.models[0].derive = [&](const ModelEvent& event, DeriveContext&) -> Status {
    if (event.data["slow"].boolean() && slow)
      clock.advance(std::chrono::hours(2));
    return {};
  };
  const auto db = must(EventSourcingDB::open(engine, std::move(options)));
  must(db->dispatch("add", {}, in("b")));
  const auto late = db->dispatch("add", Json::object({{"slow", true}}), in("a"));
  CHECK(late.code() == Errc::projection_failed);
  CHECK(late.error().message.find("more than 3600000 ms") != std::string::npos);
  const Position position = receipt_of(late.error()).position;
  must(db->dispatch("add", {}, in("b")));
  CHECK(db->dispatch("add", {}, in("a")).code() == Errc::projection_failed);
  must(db->wait_for_queue());
  CHECK(sum_of(*db, "a") == 0);
  CHECK(sum_of(*db, "b") == 2);
  const auto health = must(db->health());
  CHECK(health.state == ProjectionState::running);
  CHECK(health.quarantined == std::vector<std::string>{"a"});
  const auto letters = must(db->dead_letters());
  REQUIRE(letters.size() == 2);
  CHECK(letters[0].position == position);
  CHECK(db->retry_context("a").code() == Errc::projection_failed); // as slow as it was
  CHECK(sum_of(*db, "a") == 0);
  slow = false;
  CHECK(must(db->retry_context("a")) == 2);
  CHECK(sum_of(*db, "a") == 2);
}

TEST_CASE("event_sourcing_db: store withholds the receipt until the models have the event") {
  ModelRig rig;
  const auto db = rig.open(sums());
  must(db->store({.context_id = "a", .event_type = "add", .payload = R"({"n":4})"}));
  CHECK(sum_of(*db, "a") == 4);
  const auto bad = db->store({.context_id = "a", .event_type = "add", .payload = R"({"bad":true})"});
  CHECK(bad.code() == Errc::projection_failed);
  const Receipt durable = receipt_of(bad.error());
  CHECK(durable.sequence == 2);
  CHECK(durable.durability == Durability::synced);
  CHECK(must(db->queue().get(durable.position))->data == Json::object({{"bad", true}}));
}

TEST_CASE("event_sourcing_db: a deadline that passes carries the durable receipt") {
  ModelRig rig;
  auto options = patient_sums();
  Gate gate;
  gate.close();
  options.models[0].derive = [&](const ModelEvent&, DeriveContext&) -> Status {
    gate.pass();
    return {};
  };
  const auto db = rig.open(std::move(options));
  const OpenAtEnd opens(gate);
  std::vector<std::string> durable;
  for (const bool dispatches : {false, true}) {
    CAPTURE(dispatches);
    // The models cannot answer. If the disk was not in time either, it is given longer.
    bool in_time = false;
    for (auto timeout = 200ms; !in_time && timeout < 1min; timeout *= 2) {
      const std::string context = (dispatches ? "dispatched " : "stored ") + std::to_string(timeout.count());
      auto limited = in(context);
      limited.timeout_ms = timeout;
      const auto status = [](const auto& result) { return result ? Status() : Status(result.error()); };
      const Status late =
          dispatches ? status(db->dispatch("add", {}, limited))
                     : status(db->store({.context_id = context, .event_type = "add", .payload = "{}"}, timeout));
      REQUIRE_FALSE(late.ok());
      CHECK(late.code() == Errc::deadline_exceeded);
      in_time = !late.error().conflicts.empty();
      if (!in_time)
        continue;
      const Receipt receipt = receipt_of(late.error());
      CHECK(late.error().conflicts[0].context_id == context);
      CHECK(receipt.sequence == 1);
      CHECK(receipt.durability == Durability::synced);
      CHECK(must(db->queue().get(receipt.position))->context_id == context);
      CHECK_FALSE(must(db->rows("sums")->get(context))); // stored, and not applied
      durable.push_back(context);
    }
    REQUIRE(in_time);
  }
  gate.open();
  must(db->wait_for_queue());
  for (const std::string& context : durable)
    CHECK(sum_of(*db, context) == 1);
}

TEST_CASE("event_sourcing_db: an event has the time and the metadata that its dispatch gave it") {
  ModelRig rig;
  auto options = patient_sums();
  std::vector<ModelEvent> seen; // only the thread that applies writes it, and everything is waited for
  options.models[0].derive = [&](const ModelEvent& event, DeriveContext&) -> Status {
    seen.push_back(event);
    return {};
  };
  const auto db = rig.open(std::move(options));
  auto given = in("a");
  given.timestamp = Timestamp{std::chrono::microseconds(1'234'567'890'123'456)};
  given.metadata = Json::object({{"who", "me"}, {"why", Json::array({1, 2})}});
  const auto done = must(db->dispatch("add", {}, given));
  CHECK(done.applied.event.timestamp == *given.timestamp);
  CHECK(done.applied.event.metadata == given.metadata);
  CHECK(must(db->queue().get(done.receipt.position))->ts == *given.timestamp);

  // What the event says itself counts where the options say nothing.
  ModelEvent event;
  event.type = "add";
  event.context_id = "a";
  event.timestamp = Timestamp{std::chrono::seconds(5)};
  event.metadata = Json::object({{"from", "the event"}});
  const auto own = must(db->dispatch(event));
  CHECK(own.applied.event.timestamp == event.timestamp);
  CHECK(own.applied.event.metadata == event.metadata);
  const auto both = must(db->dispatch(event, given));
  CHECK(both.applied.event.timestamp == *given.timestamp);
  CHECK(both.applied.event.metadata == given.metadata);

  // Nobody says anything: the engine's time, and no metadata.
  const auto bare = must(db->dispatch("add", {}, in("a")));
  CHECK(bare.applied.event.timestamp > *given.timestamp);
  CHECK(must(db->queue().get(bare.receipt.position))->ts == bare.applied.event.timestamp);
  CHECK(bare.applied.event.metadata.is_null());

  // It is stored so: a rebuild sees the same.
  REQUIRE(seen.size() == 4);
  must(db->rebuild());
  REQUIRE(seen.size() == 8);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(seen[i + 4].timestamp == seen[i].timestamp);
    CHECK(seen[i + 4].metadata == seen[i].metadata);
  }
}

TEST_CASE("event_sourcing_db: an expectation and an event id hold for dispatched events as for all others") {
  ModelRig rig;
  const auto db = rig.open(sums());
  auto options = in("a");
  options.expect = Expectation::no_context();
  must(db->dispatch("add", {}, options));
  CHECK(db->dispatch("add", {}, options).code() == Errc::sequence_conflict);
  CHECK(sum_of(*db, "a") == 1);
  auto once = in("b");
  once.event_id = "only-once";
  once.timestamp = Timestamp{std::chrono::seconds(1)};
  const auto first = must(db->dispatch("add", {}, once));
  CHECK(must(db->queue().get(first.receipt.position))->ts == *once.timestamp);
  const auto again = must(db->dispatch("add", {}, once));
  CHECK(again.receipt.duplicate);
  CHECK(again.receipt.position == first.receipt.position);
  CHECK(sum_of(*db, "b") == 1);
}

TEST_CASE("event_sourcing_db: closed, it answers whoever waits and whoever comes") {
  ModelRig rig;
  auto options = sums();
  const auto db = rig.open(std::move(options));
  must(db->dispatch("add", {}, in("a")));
  auto waiting = std::async(std::launch::async, [&] { return db->handled(1'000'000); });
  db->close();
  CHECK(waiting.get().code() == Errc::closing);
  CHECK(db->dispatch("add", {}, in("a")).code() == Errc::closing);
  CHECK(must(db->health()).state == ProjectionState::closed);
  db->close();
}

TEST_CASE("event_sourcing_db: when the engine closes first, everybody is answered") {
  ModelRig rig;
  const auto db = rig.open(sums());
  must(db->dispatch("add", {}, in("a")));
  auto waiting = std::async(std::launch::async, [&] { return db->handled(1'000'000); });
  must(rig.engine().close());
  CHECK(waiting.get().code() == Errc::closing);
  CHECK(db->dispatch("add", {}, in("a")).code() == Errc::closing);
}
