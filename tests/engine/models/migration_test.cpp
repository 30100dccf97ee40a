#include "tests/engine/models/model_support.hpp"
#include "tests/support/temp_directory.hpp"

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace weir;
using namespace weir::test;

TEST_CASE("json_model: a column added later alters the table and leaves values in the JSON until the next write") {
  TempDirectory directory;
  const std::string file = directory.path("m.db");
  {
    ModelFixture f(items(), {.file = file});
    must(f->put(parsed(R"({"id":"a","n":1,"x":1})")));
    must(f->put(parsed(R"({"id":"b","n":2})")));
  }
  ModelFixture f(items({{.name = "n", .type = ColumnType::integer, .index = ColumnIndex::all}}), {.file = file});
  CHECK(text(f->get("a")) == R"({"id":"a","n":1,"x":1})");
  CHECK(rows(*f.database, "SELECT id, n, json FROM items ORDER BY id") ==
        R"('a',NULL,'{"n":1,"x":1}'; 'b',NULL,'{"n":2}')");
  CHECK(text(f->update(parsed(R"({"id":"a","x":2})"))) == R"({"id":"a","x":2,"n":1})");
  CHECK(rows(*f.database, "SELECT id, n, json FROM items ORDER BY id") == R"('a',1,'{"x":2}'; 'b',NULL,'{"n":2}')");
  CHECK(text(f->get("b")) == R"({"id":"b","n":2})");
  CHECK(column(*f.database, "SELECT name FROM sqlite_schema WHERE name='items_n'") == "'items_n'");
}

TEST_CASE("json_model: an index added later is made, also over JSON") {
  TempDirectory directory;
  const std::string file = directory.path("m.db");
  {
    ModelFixture f(items({{.name = "n"}}), {.file = file});
    must(f->put(parsed(R"({"id":"a","n":1})")));
    must(f->put(parsed(R"({"id":"b","n":1})")));
  }
  {
    ModelFixture f(items({{.name = "n", .index = ColumnIndex::all, .unique = true}}), {.file = file});
    CHECK(f.database->open().code() == Errc::condition_failed); // they are not unique
    CHECK(!f.database->is_open());
  }
  ModelFixture f(items({{.name = "n", .index = ColumnIndex::all}}), {.file = file});
  must(f.database->open());
  CHECK(column(*f.database, "SELECT name FROM sqlite_schema WHERE name='items_n'") == "'items_n'");
}

TEST_CASE("json_model: a column's value that is computed later is not there in old rows until they are written") {
  TempDirectory directory;
  const std::string file = directory.path("m.db");
  const auto times = [](std::int64_t factor) {
    return items({{.name = "product",
                   .type = ColumnType::integer,
                   .value = [factor](const Json& object, const JsonModel&) -> Result<Json> {
                     return Json(object["n"].integer() * factor);
                   },
                   .index = ColumnIndex::all}});
  };
  const auto stored = [](const ModelFixture& f) {
    must(f.database->open());
    return rows(*f.database, "SELECT id, product, json FROM items ORDER BY id");
  };
  {
    ModelFixture f(items(), {.file = file});
    must(f->put(parsed(R"({"id":"a","n":1})")));
    must(f->put(parsed(R"({"id":"b","n":2})")));
  }
  {
    ModelFixture f(times(10), {.file = file});
    CHECK(stored(f) == R"('a',NULL,'{"n":1}'; 'b',NULL,'{"n":2}')");
    CHECK(text(f->get("a")) == R"({"id":"a","n":1})");
    must(f->put(parsed(R"({"id":"a","n":1})")));
    CHECK(stored(f) == R"('a',10,'{"n":1}'; 'b',NULL,'{"n":2}')");
    CHECK(f->search_all(parsed(R"({"product":10})"))->size() == 1);
    CHECK(f->search_all(parsed(R"({"product":20})"))->empty());
  }
  // Another function later: the same.
  ModelFixture f(times(100), {.file = file});
  CHECK(stored(f) == R"('a',10,'{"n":1}'; 'b',NULL,'{"n":2}')");
  must(f->put(parsed(R"({"id":"b","n":2})")));
  CHECK(stored(f) == R"('a',10,'{"n":1}'; 'b',200,'{"n":2}')");
}

TEST_CASE("json_model: an index stays as it was made when its column is defined otherwise, and searches stay right") {
  TempDirectory directory;
  const std::string file = directory.path("m.db");
  const auto index = [](const ModelFixture& f) {
    must(f.database->open());
    return column(*f.database, "SELECT sql FROM sqlite_schema WHERE type='index' AND name LIKE 'items_n%'");
  };
  const auto found = [](const ModelFixture& f) {
    std::string ids;
    const auto all = f->search_all(parsed(R"({"n":1})"));
    REQUIRE_MESSAGE(all.ok(), why(all));
    for (const Json& object : *all)
      ids += object["id"].string();
    std::sort(ids.begin(), ids.end());
    return ids;
  };
  std::string made;
  {
    ModelFixture f(items({{.name = "n", .path = "a", .index = ColumnIndex::sparse}}), {.file = file});
    must(f->put(parsed(R"({"id":"x","a":1,"b":2})")));
    must(f->put(parsed(R"({"id":"y","a":2,"b":1})")));
    must(f->put(parsed(R"({"id":"z","b":1})")));
    made = index(f);
    CHECK(made.find("CREATE INDEX") != std::string::npos);
    CHECK(found(f) == "x");
  }
  {
    // Another place, and rows without a value, too: the old index is of no use for it, and does no harm.
    ModelFixture f(items({{.name = "n", .path = "b", .index = ColumnIndex::all}}), {.file = file});
    CHECK(index(f) == made);
    CHECK(found(f) == "yz");
  }
  {
    // It is not looked at whether values are unique, since the index was made without.
    ModelFixture f(items({{.name = "n", .path = "b", .index = ColumnIndex::all, .unique = true}}), {.file = file});
    CHECK(index(f) == made);
    must(f->put(parsed(R"({"id":"w","b":1})")));
    CHECK(found(f) == "wyz");
  }
  // Without an index in the definition it is still there.
  ModelFixture f(items({{.name = "n", .path = "a"}}), {.file = file});
  CHECK(index(f) == made);
  CHECK(found(f) == "x");
}

TEST_CASE("json_model: a model's own migrations run once, behind its table, and use the model") {
  TempDirectory directory;
  const std::string file = directory.path("m.db");
  int runs = 0;
  const auto options = [&] {
    JsonModelOptions with = items({{.name = "n", .type = ColumnType::integer}});
    with.migrations = {{"0001 first",
                        [&](ModelDatabase& db) -> Status {
                          ++runs;
                          JsonModel* const model = db.model("items");
                          WEIR_TRY(model->put(parsed(R"({"id":"a","n":1})")));
                          auto read = model->get("a");
                          return read && *read ? Status() : Status(fail(Errc::not_found, "not there"));
                        }},
                       {"0002 second", [&](ModelDatabase& db) -> Status {
                          ++runs;
                          auto updated = db.model("items")->update(parsed(R"({"id":"a","x":2})"));
                          return updated ? Status() : Status(updated.error());
                        }}};
    return with;
  };
  for (int i = 0; i < 3; ++i) {
    ModelFixture f(options(), {.file = file});
    CHECK(text(f->get("a")) == R"({"id":"a","x":2,"n":1})");
    CHECK(runs == 2);
  }
}

TEST_CASE("json_model: a migration that fails takes the table with it, and the next open tries again") {
  TempDirectory directory;
  bool fails = true;
  JsonModelOptions options = items();
  options.migrations = {
      {"first", [](ModelDatabase& db) { return db.model("items")->put(parsed(R"({"id":"a"})")); }},
      {"second", [&](ModelDatabase&) { return fails ? Status(fail(Errc::cancelled, "not yet")) : Status(); }}};
  ModelFixture f(std::move(options), {.file = directory.path("m.db")});
  CHECK(says(f->get("a"), Errc::cancelled, "second items: not yet"));
  {
    const auto other = make_database({.file = directory.path("m.db")});
    CHECK(number(*other, "SELECT count(*) FROM sqlite_schema WHERE name='items'") == 0);
  }
  fails = false;
  CHECK(text(f->get("a")) == R"({"id":"a"})");
}

TEST_CASE("json_model: many that open one file at once make its tables once") {
  TempDirectory directory;
  const std::string file = directory.path("m.db");
  std::vector<std::unique_ptr<ModelFixture>> all;
  for (int i = 0; i < 6; ++i)
    all.push_back(
        std::make_unique<ModelFixture>(items({{.name = "n", .type = ColumnType::integer, .index = ColumnIndex::all},
                                              {.name = "v", .index = ColumnIndex::sparse}}),
                                       ModelDatabaseOptions{.file = file}));
  std::vector<Status> opened(all.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < all.size(); ++i)
    threads.emplace_back([&, i] { opened[i] = all[i]->model->put(Json::object({{"id", i}, {"n", i}})); });
  for (std::thread& thread : threads)
    thread.join();
  for (const Status& status : opened)
    CHECK_MESSAGE(status.ok(), why(status));
  CHECK((*all.front())->all()->size() == all.size());
}

TEST_CASE("json_model: columns of all models are there before the first index over an expression") {
  const auto database = make_database();
  REQUIRE(database
              ->add_model({.name = "zoo",
                           .columns = {{.name = "twice", .index = ColumnIndex::all, .sql = "n * 2"},
                                       {.name = "n", .type = ColumnType::integer}}})
              .ok());
  REQUIRE(database->add_model({.name = "ark", .columns = {{.name = "n", .type = ColumnType::integer}}}).ok());
  must(database->open());
  CHECK(column(*database, R"(SELECT run_key FROM "{weir} migrations" ORDER BY id)") ==
        "'!0 table ark' '!0 table zoo' '!1 column n ark' '!1 column n zoo' '!2 index twice zoo'");
}
