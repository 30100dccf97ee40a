#include "tests/engine/models/model_support.hpp"

#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

/// What people have tried to get through.
const std::vector<std::string> corpus = {
    "'",
    "''",
    "\"",
    "\"\"",
    "`",
    "]",
    "[x]",
    ";",
    "--",
    "/*",
    "a b",
    "?",
    "?1",
    ":x",
    "@x",
    "$x",
    "$",
    "\\",
    "\\\"",
    "%",
    "_",
    "x' OR '1'='1",
    "x\" OR \"1\"=\"1",
    "'; DROP TABLE \"guard\"; --",
    "\"; DROP TABLE \"guard\"; --",
    "\"); DROP TABLE \"guard\"; --",
    "'); DROP TABLE \"guard\"; --",
    "x\") VALUES(1); DELETE FROM guard; --",
    "1; ATTACH DATABASE 'x' AS y",
    "(SELECT 1)",
    "x UNION SELECT 1",
    "$.x",
    "$[0]",
    "x')||load_extension('y",
    "NULL",
    "rowid",
    "select",
    "{0}",
    "{}",
    "%s",
    "\xe2\x80\x99",
    "\xef\xbc\x87; DROP TABLE guard",
    "a-b",
    "1",
    "-1",
    "0x41",
    "'||(SELECT group_concat(name) FROM sqlite_schema)||'",
};

void check_guard(const ModelFixture& f) {
  CHECK(number(*f.database, "SELECT count(*) FROM guard") == 1);
}

void make_guard(const ModelFixture& f) {
  must(f.database->execute("CREATE TABLE guard(x); INSERT INTO guard VALUES(1)"));
}

} // namespace

TEST_CASE("json_model: SQL in ids and values has no effect") {
  for (const ColumnType type : {ColumnType::none, ColumnType::text, ColumnType::json, ColumnType::blob}) {
    ModelFixture f(items({{.name = "v", .type = type, .index = ColumnIndex::all}}));
    make_guard(f);
    for (const std::string& bad : corpus) {
      const Json object = Json::object({{"id", bad}, {"v", bad}, {"rest", bad}, {bad, bad}});
      INFO(bad);
      CHECK(*f->set(object) == object);
      CHECK(*f->get(bad) == JsonModel::Found(object));
      CHECK(*f->get(bad, "v") == JsonModel::Found(object));
      CHECK((*f->get_all(std::vector<Json>{bad, "none"}))[0] == JsonModel::Found(object));
      CHECK(*f->update(Json::object({{"id", bad}, {"w", bad}})) == Json(object).set("w", bad));
      must(f->change_id(bad, bad + "x"));
      CHECK(f->all()->size() == 1);
      CHECK(*f->remove(bad + "x"));
      check_guard(f);
    }
  }
}

TEST_CASE("json_model: SQL in the names of models and id columns has no effect") {
  for (const std::string& bad : corpus) {
    INFO(bad);
    const auto database = make_database();
    const auto added = database->add_model({.name = bad, .id_column = bad});
    if (!added.ok()) { // reserved words of ours: the error says what is wrong
      CHECK(added.code() == Errc::invalid_argument);
      CHECK((bad == "{0}" || bad == "{}" || bad == "rowid"));
      continue;
    }
    must(database->execute("CREATE TABLE guard(x); INSERT INTO guard VALUES(1)"));
    const Json object = Json::object({{bad, "a"}});
    // A dot in the name of a column is a place in the object.
    const bool dotted = bad.find('.') != std::string::npos;
    const auto stored = (*added)->set(dotted ? parsed(R"({"$":{"x":"a"}})") : object);
    REQUIRE_MESSAGE(stored.ok(), why(stored));
    CHECK(*(*added)->get("a") == JsonModel::Found(*stored));
    CHECK(number(*database, "SELECT count(*) FROM " + sql_identifier(bad)) == 1);
    CHECK(number(*database, "SELECT count(*) FROM guard") == 1);
    const auto again = (*added)->set(*stored, true);
    CHECK(says(again, Errc::condition_failed, bad + "." + bad + ": the value is taken"));
  }
}

TEST_CASE("json_model: SQL in the names and paths of columns has no effect") {
  for (const std::string& bad : corpus)
    for (const ColumnType type : {ColumnType::none, ColumnType::text, ColumnType::json}) {
      INFO(bad);
      const auto database = make_database();
      const auto added = database->add_model(
          items({{.name = bad, .type = type, .index = ColumnIndex::all, .unique = true},
                 {.name = "other", .type = type, .path = "nested." + bad, .index = ColumnIndex::sparse}}));
      const bool virtual_quote = type == ColumnType::none && bad.find('"') != std::string::npos;
      if (!added.ok()) {
        CHECK(added.code() == Errc::invalid_argument);
        CHECK((virtual_quote || bad == "rowid"));
        continue;
      }
      CHECK(!virtual_quote);
      must(database->execute("CREATE TABLE guard(x); INSERT INTO guard VALUES(1)"));
      JsonModel& model = **added;
      Json object = Json::object({{"id", "a"}});
      if (bad == "$.x")
        object.set("$", parsed(R"({"x":"v"})")).set("nested", parsed(R"({"$":{"x":"w"}})"));
      else
        object.set(bad, "v").set("nested", Json::object({{bad, "w"}}));
      const auto stored = model.set(object);
      REQUIRE_MESSAGE(stored.ok(), why(stored));
      CHECK(*stored == object);
      CHECK(*model.get("v", bad) == JsonModel::Found(object));
      CHECK(*model.get("w", "other") == JsonModel::Found(object));
      CHECK(says(model.set(Json(object).set("id", "b")), Errc::condition_failed, "items." + bad));
      CHECK(number(*database, "SELECT count(*) FROM items") == 1);
      CHECK(number(*database, "SELECT count(*) FROM guard") == 1);
    }
}

TEST_CASE("json_model: SQL in the name of a column that is asked for is no column") {
  ModelFixture f(items({{.name = "v"}}));
  make_guard(f);
  must(f->put(parsed(R"({"id":"a","v":1})")));
  for (const std::string& bad : corpus) {
    CHECK(says(f->get("a", bad), Errc::invalid_argument, "items: no such column: " + bad));
    CHECK(says(f->get_all(std::vector<Json>{"a"}, bad), Errc::invalid_argument, "items: no such column: " + bad));
  }
  check_guard(f);
}

TEST_CASE("json_model: SQL in texts that become slugs and defaults has no effect") {
  for (const std::string& bad : corpus) {
    ModelFixture f(
        items({{.name = "d", .type = ColumnType::text, .default_value = Json(bad)},
               {.name = "e", .get = true, .default_value = Json(bad), .sql = "NULL"},
               {.name = "s",
                .slug_value = [](const Json& object, const JsonModel&) -> Result<Json> { return object["id"]; },
                .index = ColumnIndex::all}}));
    make_guard(f);
    const auto stored = f->set(Json::object({{"id", bad}}));
    INFO(bad, ": ", why(stored));
    REQUIRE(stored.ok());
    CHECK((*stored)["d"].string() == bad);
    CHECK((*stored)["e"].string() == bad);
    CHECK(!(*stored)["s"].string().empty());
    check_guard(f);
  }
}
