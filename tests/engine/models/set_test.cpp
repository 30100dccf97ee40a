#include "tests/engine/models/model_support.hpp"
#include "tests/support/temp_directory.hpp"

#include <weir/limits.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace weir;
using namespace weir::test;

TEST_CASE("json_model: set replaces the whole object and keeps its row") {
  ModelFixture f(items({{.name = "n", .type = ColumnType::integer}}));
  CHECK(text(f->set(parsed(R"({"id":"a","n":1,"x":1})"))) == R"({"id":"a","x":1,"n":1})");
  CHECK(text(f->set(parsed(R"({"id":"a","y":2})"))) == R"({"id":"a","y":2})");
  CHECK(rows(*f.database, "SELECT rowId, n, json FROM items") == R"(1,NULL,'{"y":2}')");
}

TEST_CASE("json_model: set leaves the object it was given as it was, and gives what get gives") {
  ModelFixture f(items({{.name = "n", .type = ColumnType::text}, {.name = "v", .default_value = Json(1)}}));
  const Json given = parsed(R"({"id":7,"n":7,"x":{"y":[1]}})");
  const auto stored = f->set(given);
  CHECK(text(stored) == R"({"id":"7","x":{"y":[1]},"v":1,"n":"7"})");
  CHECK(*f->get(7) == *stored);
  CHECK(given.to_text() == R"({"id":7,"n":7,"x":{"y":[1]}})");
}

TEST_CASE("json_model: an object without members but its id has no JSON") {
  ModelFixture f(items());
  CHECK(text(f->set(parsed(R"({"id":"a"})"))) == R"({"id":"a"})");
  CHECK(rows(*f.database, "SELECT json FROM items") == "NULL");
  CHECK(text(f->get("a")) == R"({"id":"a"})");
}

TEST_CASE("json_model: what is no object is not stored") {
  ModelFixture f(items());
  for (const char* const value : {"null", "5", "\"x\"", "[]", "true"}) {
    CHECK(says(f->set(parsed(value)), Errc::invalid_argument, "items: an object is wanted"));
    CHECK(says(f->update(parsed(value)), Errc::invalid_argument, "items: an object is wanted"));
  }
}

TEST_CASE("json_model: put stores as set does") {
  ModelFixture f(items());
  must(f->put(parsed(R"({"id":"a","x":1})")));
  CHECK(text(f->get("a")) == R"({"id":"a","x":1})");
  CHECK(f->put(parsed(R"({"id":"a"})"), true).code() == Errc::condition_failed);
}

TEST_CASE("json_model: merge changes as update does") {
  ModelFixture f(items());
  CHECK(says(f->merge(parsed(R"({"id":"a","x":1})")), Errc::not_found, "items.id"));
  must(f->merge(parsed(R"({"id":"a","x":1,"y":2})"), true));
  must(f->merge(parsed(R"({"id":"a","x":null,"z":3})")));
  CHECK(text(f->get("a")) == R"({"id":"a","y":2,"z":3})");
}

TEST_CASE("json_model: insert_only refuses an id that is taken") {
  for (const ColumnType type : {ColumnType::text, ColumnType::integer})
    for (const bool keep : {true, false}) {
      ModelFixture f({.name = "items", .columns = {{.name = "id", .type = type}}, .keep_row_id = keep});
      CHECK(f->set(parsed(R"({"id":1,"x":1})"), true).ok());
      CHECK(says(f->set(parsed(R"({"id":1,"x":2})"), true), Errc::condition_failed, "items.id: the value is taken"));
      CHECK((**f->get(1))["x"].integer() == 1);
      CHECK(f->set(parsed(R"({"x":3})"), true).ok());
    }
}

TEST_CASE("json_model: what could not be read again is not stored") {
  ModelFixture f(items({{.name = "data", .type = ColumnType::json}}));
  Json deep;
  for (std::size_t i = 0; i < limits::json_depth_max; ++i)
    deep = Json::array({deep});
  CHECK(says(f->set(Json::object({{"id", "a"}, {"x", deep}})), Errc::too_large, "items: nested deeper"));
  CHECK(says(f->set(Json::object({{"id", "a"}, {"data", deep}})), Errc::too_large, "items: nested deeper"));
  CHECK(f->set(Json::object({{"id", "a"}, {"x", deep.items()[0]}})).ok());
  CHECK(f->get("a").ok());
  Json many = Json::array();
  for (std::size_t i = 0; i < limits::json_members_max; ++i)
    many.push(1);
  CHECK(says(f->set(Json::object({{"id", "b"}, {"x", many}})), Errc::too_large, "items: more than 10000"));
  CHECK(says(f->set(Json::object({{"id", "b"}, {"x", "\xff"}})), Errc::invalid_argument, "items: not valid UTF-8"));
  CHECK(says(f->set(Json::object({{"id", "b"}, {"\xff", 1}})), Errc::invalid_argument, "items: not valid UTF-8"));
  CHECK(says(f->set(Json::object({{"id", "b"}, {"data", "\xff"}})), Errc::invalid_argument, "not valid UTF-8"));
}

TEST_CASE("json_model: update merges members, null removes them, nested ones are replaced whole") {
  ModelFixture f(items({{.name = "n", .type = ColumnType::integer}}));
  must(f->put(parsed(R"({"id":"a","n":1,"x":{"y":1,"z":2},"w":1})")));
  CHECK(text(f->update(parsed(R"({"id":"a","x":{"y":3},"w":null,"v":5})"))) == R"({"id":"a","x":{"y":3},"v":5,"n":1})");
  CHECK(text(f->update(parsed(R"({"id":"a","n":null})"))) == R"({"id":"a","x":{"y":3},"v":5})");
  CHECK(text(f->update(parsed(R"({"id":"a"})"))) == R"({"id":"a","x":{"y":3},"v":5})");
  CHECK(text(f->get("a")) == R"({"id":"a","x":{"y":3},"v":5})");
}

TEST_CASE("json_model: update of a missing object fails, unless it may insert") {
  ModelFixture f(items());
  CHECK(says(f->update(parsed(R"({"id":"a","x":1})")), Errc::not_found, "items.id: there is no \"a\""));
  CHECK(says(f->update(parsed(R"({"x":1})")), Errc::invalid_argument, "items.id"));
  CHECK(says(f->update(parsed(R"({"id":null,"x":1})")), Errc::invalid_argument, "items.id"));
  CHECK(f->all()->empty());
  CHECK(text(f->update(parsed(R"({"id":"a","x":1,"y":null})"), true)) == R"({"id":"a","x":1})");
  CHECK(text(f->update(parsed(R"({"id":"a","y":2})"), true)) == R"({"id":"a","x":1,"y":2})");
  const auto made = f->update(parsed(R"({"x":1})"), true);
  REQUIRE(made.ok());
  CHECK((*made)["id"].string().size() == 36);
}

TEST_CASE("json_model: update joins the transaction of its thread and goes with it") {
  ModelFixture f(items());
  must(f->put(parsed(R"({"id":"a","x":1})")));
  const Status rolled_back = f.database->transaction([&]() -> Status {
    CHECK(f->update(parsed(R"({"id":"a","x":2})")).ok());
    CHECK(f->set(parsed(R"({"id":"b"})")).ok());
    CHECK((**f->get("a"))["x"].integer() == 2);
    return fail(Errc::cancelled, "no");
  });
  CHECK(rolled_back.code() == Errc::cancelled);
  CHECK(text(f->get("a")) == R"({"id":"a","x":1})");
  CHECK(text(f->get("b")) == "nothing");
  must(f.database->transaction([&]() -> Status {
    auto updated = f->update(parsed(R"({"id":"a","x":3})"));
    return updated ? Status() : Status(updated.error());
  }));
  CHECK((**f->get("a"))["x"].integer() == 3);
}

TEST_CASE("json_model: updates from many threads are never lost") {
  TempDirectory directory(fast_parent());
  ModelFixture f(items({{.name = "n",
                         .value = [](const Json& object, const JsonModel&) -> Result<Json> {
                           return Json(object["n"].integer() + 1);
                         }}}),
                 {.file = directory.path("m.db"), .synced = false});
  must(f->put(parsed(R"({"id":"a","n":-1})")));
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i)
        failures += f->update(parsed(R"({"id":"a"})")).ok() ? 0 : 1;
    });
  for (std::thread& thread : threads)
    thread.join();
  CHECK(failures == 0);
  CHECK((**f->get("a"))["n"].integer() == 200);
}

TEST_CASE("json_model: remove takes an id or an object, and a missing one is fine") {
  ModelFixture f(items());
  must(f->put(parsed(R"({"id":"a"})")));
  must(f->put(parsed(R"({"id":"b"})")));
  CHECK(*f->remove("a"));
  CHECK(!*f->remove("a"));
  CHECK(*f->remove(parsed(R"({"id":"b","x":1})")));
  CHECK(f->all()->empty());
  CHECK(says(f->remove(nullptr), Errc::invalid_argument, "items.id: null"));
  CHECK(says(f->remove(parsed("{}")), Errc::invalid_argument, "items.id: null"));
}

TEST_CASE("json_model: change_id moves an object, and says what is in the way") {
  ModelFixture f(items());
  must(f->put(parsed(R"({"id":"a","x":1})")));
  must(f->put(parsed(R"({"id":"b"})")));
  must(f->change_id("a", "c"));
  CHECK(text(f->get("c")) == R"({"id":"c","x":1})");
  CHECK(text(f->get("a")) == "nothing");
  must(f->change_id("c", "c"));
  CHECK(says(f->change_id("a", "d"), Errc::not_found, "items.id: there is no \"a\""));
  CHECK(says(f->change_id("c", "b"), Errc::condition_failed, "items.id: the value is taken"));
  CHECK(says(f->change_id(nullptr, "b"), Errc::invalid_argument, "items.id: null"));
  CHECK(says(f->change_id("c", nullptr), Errc::invalid_argument, "items.id: null"));
  CHECK(says(f->change_id("c", true), Errc::invalid_argument, "items.id"));
  CHECK(text(f->get("c")) == R"({"id":"c","x":1})");
}

TEST_CASE("json_model: of two that change the same id one finds it gone") {
  ModelFixture f(items());
  must(f->put(parsed(R"({"id":"a"})")));
  std::atomic<int> done = 0, gone = 0;
  std::vector<std::thread> threads;
  for (const char* const to : {"b", "c", "d"})
    threads.emplace_back([&, to] {
      const Status changed = f->change_id("a", to);
      done += changed.ok() ? 1 : 0;
      gone += changed.code() == Errc::not_found ? 1 : 0;
    });
  for (std::thread& thread : threads)
    thread.join();
  CHECK(done == 1);
  CHECK(gone == 2);
  CHECK(f->all()->size() == 1);
}

TEST_CASE("json_model: objects in a file are there when it is opened again") {
  TempDirectory directory;
  const Json object = parsed(R"({"id":"a","n":1,"x":"y"})");
  {
    ModelFixture f(items({{.name = "n", .type = ColumnType::integer}}), {.file = directory.path("m.db")});
    must(f->put(object));
  }
  ModelFixture f(items({{.name = "n", .type = ColumnType::integer}}), {.file = directory.path("m.db")});
  CHECK(*f->get("a") == JsonModel::Found(object));
  ModelFixture reader(items({{.name = "n", .type = ColumnType::integer}}),
                      {.file = directory.path("m.db"), .read_only = true});
  CHECK(*reader->get("a") == JsonModel::Found(object));
  CHECK(says(reader->set(object), Errc::unsupported, ""));
  CHECK(says(reader->remove("a"), Errc::unsupported, ""));
}
