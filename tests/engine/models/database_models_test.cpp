// Models in a database: adding them, their tables, and reopening.
#include "tests/engine/models/model_support.hpp"
#include "tests/support/temp_directory.hpp"

using namespace weir;
using test::column;
using test::items;
using test::make_database;
using test::must;
using test::number;
using test::parsed;
using test::says;
using test::TempDirectory;
using test::text;

TEST_CASE("json_model: database finds its models by name, and takes no name twice") {
  const auto db = make_database();
  const auto added = db->add_model(items());
  REQUIRE(added.ok());
  CHECK(db->model("items") == *added);
  CHECK(db->model("others") == nullptr);
  CHECK(says(db->add_model(items()), Errc::invalid_argument, "items: there is a model of this name"));
  REQUIRE(db->add_model({.name = "others"}).ok());
  CHECK(db->models() == std::vector<JsonModel*>{*added, db->model("others")});
  CHECK(&(*added)->database() == db.get());
  CHECK(!db->is_open()); // adding needs no file
}

TEST_CASE("json_model: database takes no model once migrations have run") {
  const auto db = make_database();
  must(db->open());
  CHECK(says(db->add_model(items()), Errc::invalid_argument, "items: too late, migrations have run"));
  CHECK(db->models().empty());
}

TEST_CASE("json_model: database models have their tables when their own migrations run, and can write in them") {
  const TempDirectory directory;
  for (int round = 0; round < 2; ++round) {
    const auto db = make_database({.file = directory.path("a.db")});
    JsonModelOptions options = items();
    options.migrations = {{"fill", [](ModelDatabase& self) -> Status {
                             const auto set = self.model("items")->set(parsed(R"({"id":"a","n":1})"));
                             return set ? Status() : Status(set.error());
                           }}};
    const auto model = db->add_model(std::move(options));
    REQUIRE(model.ok());
    must(db->register_migrations("items", {{"x later", [](ModelDatabase& self) -> Status {
                                              const auto changed =
                                                  self.model("items")->update(parsed(R"({"id":"a","n":2})"));
                                              return changed ? Status() : Status(changed.error());
                                            }}}));
    CHECK(text((*model)->get("a")) == R"({"id":"a","n":2})");
    CHECK(number(*db, "SELECT count(*) FROM items") == 1);
  }
}

TEST_CASE("json_model: database in memory has its models' tables after reopening, and nothing in them") {
  const auto db = make_database();
  auto* const model = *db->add_model(items());
  REQUIRE(model->set(parsed(R"({"id":"a"})")).ok());
  CHECK(*model->count() == 1);
  must(db->close());
  CHECK(*model->count() == 0);
  REQUIRE(model->set(parsed(R"({"id":"b"})")).ok());
  CHECK(text(model->get("b")) == R"({"id":"b"})");
}

TEST_CASE("json_model: database rolls models back with the transaction they were written in") {
  const auto db = make_database();
  auto* const model = *db->add_model(items());
  CHECK(!db->transaction([&]() -> Status {
             REQUIRE(model->set(parsed(R"({"id":"a"})")).ok());
             CHECK(*model->exists("a"));
             return fail(Errc::cancelled, "no");
           }).ok());
  CHECK(!*model->exists("a"));
}

TEST_CASE("json_model: database content is replaced under models that are in use") {
  const TempDirectory directory;
  const auto fill = [](JsonModel& model, int n) {
    for (int i = 0; i < n; ++i)
      REQUIRE(model.set(Json::object({{"id", std::to_string(i)}, {"n", n}})).ok());
  };
  const auto db = make_database({.file = directory.path("a.db")});
  const auto rebuilt = make_database({.file = directory.path("b.db")});
  auto* const model = *db->add_model(items({{.name = "n", .index = ColumnIndex::all}}));
  auto* const other = *rebuilt->add_model(items({{.name = "n", .index = ColumnIndex::all}}));
  fill(*model, 3);
  fill(*other, 7);
  CHECK(*model->count(parsed(R"({"n":3})")) == 3);
  must(db->replace_content_with(*rebuilt));
  CHECK(*model->count(parsed(R"({"n":3})")) == 0);
  CHECK(*model->count(parsed(R"({"n":7})")) == 7);
  REQUIRE(model->set(parsed(R"({"id":"new"})")).ok());
  must(db->close());
  CHECK(*model->count() == 8);
}
