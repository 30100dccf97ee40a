// Models whose writes are events, through the engine.
#include "tests/api/models/model_rig.hpp"

#include <atomic>
#include <future>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

EventSourcingOptions text_model() {
  EventSourcingOptions options;
  ModelDefinition model;
  model.model.name = "test";
  options.models.push_back(std::move(model));
  return options;
}

/// The log of one context as texts: "type data".
std::vector<std::string> log_of(ModelRig& rig, const std::string& context) {
  std::vector<std::string> lines;
  EventQueue queue(rig.engine());
  for (const QueuedEvent& event : must(queue.search({.context_id = context})))
    lines.push_back(event.type + " " + event.data.to_text());
  return lines;
}

} // namespace

TEST_CASE("es_model: set stores an event and returns the object as a get gives it") {
  ModelRig rig;
  const auto db = rig.open(one_model());
  ESModel& model = *db->model("test");
  const Json object = Json::object({{"id", 5}, {"name", "hi"}, {"count", 3}});
  CHECK(must(model.set(object)) == object);
  CHECK(*must(model.get(5)) == object);
  CHECK(must(model.search(Json::object({{"count", 3}}))).items == std::vector<Json>{object});
  CHECK(must(model.search(Json::object({{"count", 4}}))).items.empty());
  const auto events = must(db->queue().search());
  REQUIRE(events.size() == 1);
  CHECK(events[0].type == "es/test");
  CHECK(events[0].context_id == "test:5");
  CHECK(events[0].data["action"].string() == "set");
  CHECK(events[0].data["id"].integer() == 5);
}

TEST_CASE("es_model: a set replaces the whole object, an update merges, null removes a member") {
  ModelRig rig;
  const auto db = rig.open(text_model());
  ESModel& model = *db->model("test");
  must(model.set(Json::object({{"id", "a"}, {"x", 1}, {"y", Json::object({{"z", 1}, {"w", 2}})}})));
  CHECK(must(model.update(Json::object({{"id", "a"}, {"x", 2}}))) ==
        Json::object({{"id", "a"}, {"x", 2}, {"y", Json::object({{"z", 1}, {"w", 2}})}}));
  CHECK(must(model.update(Json::object({{"id", "a"}, {"y", Json::object({{"z", 3}})}}))) ==
        Json::object({{"id", "a"}, {"x", 2}, {"y", Json::object({{"z", 3}})}}));
  CHECK(must(model.update(Json::object({{"id", "a"}, {"x", nullptr}}))) ==
        Json::object({{"id", "a"}, {"y", Json::object({{"z", 3}})}}));
  CHECK(must(model.set(Json::object({{"id", "a"}, {"new", true}}))) == Json::object({{"id", "a"}, {"new", true}}));
}

TEST_CASE("es_model: insert-only and an update of nothing fail exactly, and their events stay in the log") {
  ModelRig rig;
  const auto db = rig.open(text_model());
  ESModel& model = *db->model("test");
  must(model.set(Json::object({{"id", "a"}, {"n", 1}}), true));
  const auto taken = model.set(Json::object({{"id", "a"}, {"n", 2}}), true);
  REQUIRE_FALSE(taken.ok());
  CHECK(taken.code() == Errc::condition_failed);
  CHECK(taken.error().message.find("test.set a: EEXIST") != std::string::npos);
  const auto missing = model.update(Json::object({{"id", "b"}, {"n", 2}}));
  CHECK(missing.code() == Errc::not_found);
  CHECK(missing.error().message.find("test.update b: ENOENT") != std::string::npos);
  CHECK((*must(model.get("a")))["n"].integer() == 1);
  CHECK_FALSE(must(model.get("b")));
  CHECK(log_of(rig, "test:a") == std::vector<std::string>{R"(es/test {"action":"insert","id":"a","data":{"n":1}})",
                                                          R"(es/test {"action":"insert","id":"a","data":{"n":2}})"});
  CHECK(log_of(rig, "test:b") == std::vector<std::string>{R"(es/test {"action":"update","id":"b","data":{"n":2}})"});
  must(model.set(Json::object({{"id", "b"}, {"n", 3}}), true)); // the failed one did not take the id
  CHECK(must(db->health()).events_applied == 4);
}

TEST_CASE("es_model: an upsert makes what is missing") {
  ModelRig rig;
  const auto db = rig.open(text_model());
  ESModel& model = *db->model("test");
  CHECK(must(model.update(Json::object({{"id", "a"}, {"n", 1}}), true)) == Json::object({{"id", "a"}, {"n", 1}}));
  CHECK(must(model.update(Json::object({{"id", "a"}, {"m", 2}}), true)) ==
        Json::object({{"id", "a"}, {"n", 1}, {"m", 2}}));
}

TEST_CASE("es_model: remove takes an id or an object, and of nothing it is fine") {
  ModelRig rig;
  const auto db = rig.open(text_model());
  ESModel& model = *db->model("test");
  must(model.set(Json::object({{"id", "a"}})));
  must(model.set(Json::object({{"id", "b"}})));
  must(model.remove("a"));
  must(model.remove(Json::object({{"id", "b"}, {"more", 1}})));
  must(model.remove("never"));
  CHECK(must(model.count()) == 0);
  CHECK(log_of(rig, "test:never") == std::vector<std::string>{R"(es/test {"action":"remove","id":"never"})"});
  WriteOptions why;
  why.metadata = Json::object({{"by", "me"}});
  must(model.set(Json::object({{"id", "c"}, {"n", 1}}), false, why));
  must(model.update(Json::object({{"id", "c"}, {"n", 2}, {"m", nullptr}}), true, why));
  must(model.update(Json::object({{"id", "c"}, {"n", 3}})));
  must(model.remove("c", why));
  CHECK(log_of(rig, "test:c") == std::vector<std::string>{
                                     R"(es/test {"action":"set","id":"c","data":{"n":1},"meta":{"by":"me"}})",
                                     R"(es/test {"action":"save","id":"c","data":{"n":2,"m":null},"meta":{"by":"me"}})",
                                     R"(es/test {"action":"update","id":"c","data":{"n":3}})",
                                     R"(es/test {"action":"remove","id":"c","meta":{"by":"me"}})",
                                 });
}

TEST_CASE("es_model: a write without an id gets the next integer, also from many threads at once") {
  ModelRig rig;
  const auto db = rig.open(one_model());
  ESModel& model = *db->model("test");
  CHECK(must(model.set(Json::object({{"n", "a"}})))["id"].integer() == 1);
  must(model.set(Json::object({{"id", 10}})));
  std::set<std::int64_t> ids;
  std::mutex mutex;
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) {
        const auto made = model.set(Json::object({{"n", i}}));
        if (!made) {
          ++failures;
          continue;
        }
        const std::lock_guard lock(mutex);
        ids.insert((*made)["id"].integer());
      }
    });
  for (std::thread& thread : threads)
    thread.join();
  CHECK(failures == 0);
  CHECK(ids.size() == 40);
  CHECK(must(model.count()) == 42);
}

TEST_CASE("es_model: an integer once used does not come again, though its object is removed, after a restart either") {
  ModelRig rig;
  {
    const auto db = rig.open(one_model());
    ESModel& model = *db->model("test");
    const Json made = must(model.set(Json::object({{"n", 1}})));
    CHECK(made["id"].integer() == 1);
    must(model.remove(1));
    CHECK(must(model.set(Json::object({{"n", 2}})))["id"].integer() == 2);
    must(model.remove(2));
  }
  rig.reopen();
  const auto db = rig.open(one_model());
  CHECK(must(db->model("test")->set(Json::object({{"n", 3}})))["id"].integer() == 3); // 1 and 2 have had events
}

TEST_CASE("es_model: get_next_id gives every caller another one, above what is stored") {
  ModelRig rig;
  const auto db = rig.open(one_model());
  ESModel& model = *db->model("test");
  must(model.set(Json::object({{"id", 41}})));
  CHECK(must(model.get_next_id()) == 42);
  CHECK(must(model.get_next_id()) == 43);
  CHECK(must(model.set(Json::object({{"n", 1}})))["id"].integer() == 44);
  const auto texts = rig.open([] {
    auto options = text_model();
    options.name = "texts";
    return options;
  }());
  CHECK(texts->model("test")->get_next_id().code() == Errc::unsupported);
}

TEST_CASE("es_model: an id that somebody else stored first is passed over") {
  ModelRig rig;
  const auto db = rig.open(one_model());
  ESModel& model = *db->model("test");
  CHECK(must(model.get_next_id()) == 1);
  // An event of the context that the next id would have, stored past the model.
  must(rig.engine().store({.context_id = "test:2", .event_type = "note", .payload = "{}"}));
  CHECK(must(model.set(Json::object({{"n", 1}})))["id"].integer() == 3);
}

TEST_CASE("es_model: an id whose object another event brought about is passed over, and the object stays") {
  ModelRig rig;
  auto options = one_model();
  options.models[0].transact = [](const ModelEvent& event, TransactContext& context) -> Status {
    if (event.type != "spawn")
      return {};
    const auto made = context.set("test", Json::object({{"id", 2}, {"n", "spawned"}}));
    return made ? Status() : Status(made.error());
  };
  const auto db = rig.open(std::move(options));
  ESModel& model = *db->model("test");
  CHECK(must(model.set(Json::object({{"n", "a"}})))["id"].integer() == 1);
  must(db->dispatch("spawn"));
  CHECK(must(model.set(Json::object({{"n", "b"}})))["id"].integer() == 3);
  CHECK((*must(model.get(2)))["n"].string() == "spawned");
}

TEST_CASE("es_model: text ids are made where there is none, and computed where the model says how") {
  ModelRig rig;
  auto options = text_model();
  ModelDefinition named;
  named.model.name = "named";
  named.model.columns = {{.name = "id", .value = [](const Json& object, const JsonModel&) -> Result<Json> {
                            return Json("id-" + std::string(object["name"].string()));
                          }}};
  options.models.push_back(std::move(named));
  const auto db = rig.open(std::move(options));
  const Json made = must(db->model("test")->set(Json::object({{"n", 1}})));
  CHECK(made["id"].string().size() == 36);
  const Json computed = must(db->model("named")->set(Json::object({{"name", "x"}})));
  CHECK(computed["id"].string() == "id-x");
  CHECK(log_of(rig, "named:id-x").size() == 1);
}

TEST_CASE("es_model: writers that want the same slug at once each get one of their own") {
  ModelRig rig;
  EventSourcingOptions options;
  ModelDefinition model;
  model.model.name = "pages";
  model.model.columns = {{.name = "id", .slug_value = [](const Json& object, const JsonModel&) -> Result<Json> {
                            return object["title"];
                          }}};
  options.models.push_back(std::move(model));
  const auto db = rig.open(std::move(options));
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 3; ++i)
        failures += db->model("pages")->set(Json::object({{"title", "The Same"}})).ok() ? 0 : 1;
    });
  for (std::thread& thread : threads)
    thread.join();
  CHECK(failures == 0);
  CHECK(must(db->model("pages")->count()) == 24);
  CHECK(must(db->model("pages")->exists("the-same")));
  CHECK(must(db->model("pages")->exists("the-same-24")));
}

TEST_CASE("es_model: metadata is kept in the event and not in the object") {
  ModelRig rig;
  const auto db = rig.open(text_model());
  ESModel& model = *db->model("test");
  WriteOptions who;
  who.metadata = Json::object({{"user", "me"}});
  CHECK(must(model.set(Json::object({{"id", "a"}}), false, who)) == Json::object({{"id", "a"}}));
  must(model.update(Json::object({{"id", "a"}, {"n", 1}}), false, who));
  must(model.remove("a", who));
  const auto events = must(db->queue().search());
  REQUIRE(events.size() == 3);
  for (const QueuedEvent& event : events)
    CHECK(event.data["meta"] == who.metadata);
}

TEST_CASE("es_model: init stores one event for the model, once for ever") {
  ModelRig rig;
  auto with_init = [] {
    auto options = text_model();
    options.models[0].init = true;
    return options;
  };
  for (int life = 0; life < 2; ++life) {
    const auto db = rig.open(with_init());
    must(db->wait_for_queue());
    must(db->rebuild());
  }
  EventQueue queue(rig.engine());
  CHECK(must(queue.search({.types = {"es/INIT:test"}})).size() == 1);
}

TEST_CASE("es_model: the event creators make events that dispatch takes") {
  ModelRig rig;
  const auto db = rig.open(text_model());
  ESModel& model = *db->model("test");
  must(db->dispatch(model.event_set(Json::object({{"id", "a"}, {"n", 1}}))));
  must(db->dispatch(model.event_update(Json::object({{"id", "a"}, {"m", 2}}))));
  CHECK(*must(model.get("a")) == Json::object({{"id", "a"}, {"n", 1}, {"m", 2}}));
  const auto again = must(db->dispatch(model.event_set(Json::object({{"id", "a"}}), true)));
  CHECK(again.es_fail.at("test") == "EEXIST"); // data, not an error: nobody needs to act
  must(db->dispatch(model.event_remove("a")));
  CHECK_FALSE(must(model.get("a")));
}

TEST_CASE("es_model: answers that come later carry the id, or the exact failure") {
  ModelRig rig;
  const auto db = rig.open(one_model());
  ESModel& model = *db->model("test");
  std::vector<std::promise<Result<Json>>> promises(300);
  std::vector<std::future<Result<Json>>> answers;
  for (auto& promise : promises)
    answers.push_back(promise.get_future());
  for (std::size_t i = 0; i < promises.size(); ++i)
    model.set_async(
        Json::object({{"id", static_cast<std::int64_t>(i % 200)}, {"n", 1}}),
        [&promise = promises[i]](Result<Json> id) { promise.set_value(std::move(id)); }, true);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto id = answers[i].get();
    if (i < 200)
      CHECK(must(id).integer() == static_cast<std::int64_t>(i));
    else
      CHECK(id.code() == Errc::condition_failed);
  }
  CHECK(must(model.count()) == 200);
  std::promise<Result<Json>> updated, removed;
  model.update_async(Json::object({{"id", 777}, {"n", 1}}), [&](Result<Json> id) { updated.set_value(std::move(id)); });
  model.remove_async(1, [&](Result<Json> id) { removed.set_value(std::move(id)); });
  CHECK(updated.get_future().get().code() == Errc::not_found);
  must(removed.get_future().get());
  CHECK_FALSE(must(model.get(1)));
}

TEST_CASE("es_model: new objects whose answers come later get integers that nobody else gets") {
  ModelRig rig;
  must(rig.engine().store({.context_id = "elsewhere", .event_type = "noted", .payload = "{}"}));
  for (int opened = 1; opened <= 2; ++opened) {
    const auto db = rig.open(one_model());
    ESModel& model = *db->model("test");
    constexpr std::size_t writes = 150;
    std::vector<std::promise<Result<Json>>> promises(2 * writes);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 2; ++t)
      threads.emplace_back([&, t] {
        for (std::size_t i = 0; i < writes; ++i) {
          auto& promise = promises[t * writes + i];
          const auto done = [&promise](Result<Json> id) { promise.set_value(std::move(id)); };
          if (i % 2 == 0)
            model.set_async(Json::object({{"n", 1}}), done, i % 4 == 0);
          else
            model.update_async(Json::object({{"n", 1}}), done, true);
        }
      });
    std::set<std::int64_t> ids;
    for (int i = 0; i < 20; ++i)
      ids.insert(must(model.set(Json::object({{"n", 2}})))["id"].integer());
    for (std::thread& thread : threads)
      thread.join();
    for (auto& promise : promises)
      ids.insert(must(promise.get_future().get()).integer());
    CHECK(ids.size() == 2 * writes + 20);
    CHECK(must(model.count()) == opened * (2 * writes + 20));
    // One that another service has taken meanwhile is passed over.
    const std::int64_t next = must(model.get_next_id()) + 1;
    must(rig.engine().store({.context_id = "test:" + std::to_string(next),
                             .event_type = "es/test",
                             .payload = R"({"action":"remove","id":)" + std::to_string(next) + "}"}));
    std::promise<Result<Json>> behind;
    model.set_async(Json::object({{"n", 3}}), [&](Result<Json> id) { behind.set_value(std::move(id)); });
    CHECK(must(behind.get_future().get()).integer() == next + 1);
    must(model.remove(next + 1));
    std::promise<Result<Json>> from_inside; // where nothing may wait
    model.set_async(Json::object({{"n", 4}}), [&](Result<Json> id) {
      must(std::move(id));
      model.set_async(Json::object({{"n", 5}}), [&](Result<Json> second) { from_inside.set_value(std::move(second)); });
    });
    const auto inside = from_inside.get_future().get();
    CHECK(must(inside).integer() == next + 3);
    must(model.remove(next + 2));
    must(model.remove(next + 3));
  }
  {
    const auto db = rig.open(one_model());
    db->model("test")->set_async(Json::object({{"n", 6}}),
                                 [](Result<Json>) { throw std::runtime_error("at the first"); });
    must(db->wait_for_queue());
  }
  std::promise<Result<Json>> failed, no_object;
  const auto db = rig.open(one_model());
  db->model("test")->update_async(Json::object({{"n", 1}}), [&](Result<Json> id) { failed.set_value(std::move(id)); });
  CHECK_FALSE(failed.get_future().get().ok());
  db->model("test")->set_async(Json(7), [&](Result<Json> id) { no_object.set_value(std::move(id)); });
  CHECK_FALSE(no_object.get_future().get().ok());
}

TEST_CASE("es_model: slugs of new objects whose answers come later are chosen again where they are taken") {
  ModelRig rig;
  EventSourcingOptions options;
  ModelDefinition model;
  model.model.name = "test";
  model.model.columns = {{.name = "id", .slug_value = [](const Json& object, const JsonModel&) -> Result<Json> {
                            return object["title"];
                          }}};
  options.models.push_back(std::move(model));
  const auto db = rig.open(std::move(options));
  std::vector<std::promise<Result<Json>>> promises(8);
  for (auto& promise : promises)
    db->model("test")->set_async(Json::object({{"title", "Hello"}}),
                                 [&promise](Result<Json> id) { promise.set_value(std::move(id)); });
  std::set<std::string> slugs;
  for (auto& promise : promises)
    slugs.insert(std::string(must(promise.get_future().get()).string()));
  CHECK(slugs.size() == promises.size());
  CHECK(slugs.contains("hello"));
}

TEST_CASE("es_model: wrong objects and ids are refused before anything is stored") {
  ModelRig rig;
  const auto db = rig.open(text_model());
  ESModel& model = *db->model("test");
  CHECK(model.set(Json(5)).code() == Errc::invalid_argument);
  CHECK(model.update(Json::array({1})).code() == Errc::invalid_argument);
  CHECK_FALSE(model.set(Json::object({{"id", true}})).ok());
  CHECK_FALSE(model.set(Json::object({{"id", Json::array({1})}})).ok());
  CHECK_FALSE(model.remove(nullptr).ok());
  CHECK_FALSE(model.set(Json::object({{"id", "a\nb"}})).ok()); // would not be a context
  CHECK_FALSE(model.set(Json::object({{"id", std::string(600, 'x')}})).ok());
  CHECK(must(db->queue().latest_version()) == 0);
}

TEST_CASE("es_model: hostile ids are ids and nothing else") {
  ModelRig rig;
  const auto db = rig.open(text_model());
  ESModel& model = *db->model("test");
  const std::vector<std::string> ids = {
      "'; DROP TABLE test; --", "\" OR 1=1 --", "x') OR ('1'='1", "%", "_", "$.a", "\\"};
  for (const std::string& id : ids)
    must(model.set(Json::object({{"id", id}, {"n", 1}})));
  CHECK(must(model.count()) == ids.size());
  for (const std::string& id : ids) {
    CHECK((*must(model.get(id)))["id"].string() == id);
    must(model.remove(id));
  }
  CHECK(must(model.count()) == 0);
}

TEST_CASE("es_model: objects in contexts the service chooses keep exact inserts and ids") {
  ModelRig rig;
  auto options = one_model();
  options.models[0].context_of = [](const Json& id) { return "bucket-" + std::to_string(id.integer() % 3); };
  const auto db = rig.open(std::move(options));
  ESModel& model = *db->model("test");
  for (int i = 0; i < 9; ++i)
    CHECK(must(model.set(Json::object({{"n", i}})))["id"].integer() == i + 1);
  CHECK(log_of(rig, "bucket-0").size() == 3);
  CHECK(model.set(Json::object({{"id", 4}}), true).code() == Errc::condition_failed);
}

TEST_CASE("es_model: no difference changes nothing, yet takes its place in the log") {
  ModelRig rig;
  const auto db = rig.open(text_model());
  ESModel& model = *db->model("test");
  must(model.set(Json::object({{"id", "a"}, {"n", 1}})));
  const auto same = must(db->dispatch(model.event_set(Json::object({{"n", 1}, {"id", "a"}}))));
  CHECK(same.applied.result == Json::object());
  const auto more = must(db->dispatch(model.event_update(Json::object({{"id", "a"}, {"m", nullptr}}))));
  CHECK(more.receipt.sequence == 3);
  CHECK(*must(model.get("a")) == Json::object({{"id", "a"}, {"n", 1}}));
}

TEST_CASE("es_model: reads have all that a JsonModel has") {
  ModelRig rig;
  const auto db = rig.open(one_model());
  ESModel& model = *db->model("test");
  for (int i = 1; i <= 10; ++i)
    must(model.set(Json::object({{"id", i}, {"count", i * i}})));
  CHECK(must(model.all()).size() == 10);
  const std::vector<Json> wanted = {3, 99, 3};
  const auto several = must(model.get_all(wanted));
  CHECK((*several[0])["count"].integer() == 9);
  CHECK_FALSE(several[1]);
  CHECK((*several[2])["count"].integer() == 9);
  CHECK(must(model.exists(3)));
  CHECK_FALSE(must(model.exists(Json::object({{"count", 5}}))));
  CHECK(*must(model.min("count")) == 1);
  CHECK(*must(model.max("count")) == 100);
  CHECK(*must(model.sum("id")) == 55);
  CHECK(*must(model.average("id")) == 5.5);
  CHECK((*must(model.search_one(Json::object({{"count", 16}}))))["id"].integer() == 4);
  SearchOptions page;
  page.sort = {{"count", true}};
  page.limit = 3;
  const auto first = must(model.search({}, page));
  CHECK(*first.total == 10);
  CHECK(first.items[0]["id"].integer() == 10);
  page.cursor = first.cursor;
  CHECK(must(model.search({}, page)).items[0]["id"].integer() == 7);
  std::uint64_t seen = 0;
  must(model.each([&](const Json&, std::uint64_t) -> Status {
    ++seen;
    return {};
  }));
  CHECK(seen == 10);
  ModelCache cache;
  CHECK((*must(model.get_cached(cache, 3)))["count"].integer() == 9);
}
