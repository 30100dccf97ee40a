// Texts that want to be SQL, wherever a search takes a text from outside.
#include "tests/engine/models/items.hpp"

#include <doctest/doctest.h>

using namespace weir;
using test::column;
using test::Items;
using test::must;
using test::parsed;

namespace {

const std::vector<std::string> corpus = {
    "'; DROP TABLE items; --",
    "\"; DROP TABLE items; --",
    "1; DELETE FROM items",
    "' OR '1'='1",
    "' OR 1=1 --",
    "\" OR \"\"=\"",
    "1 OR 1=1",
    "*/ OR 1=1 /*",
    "id) FROM sqlite_schema --",
    "x' UNION SELECT name FROM sqlite_schema --",
    "items\".\"id",
    "\"items\".\"id\"",
    "count COLLATE NOCASE",
    "count DESC, (SELECT 1)",
    "$.\"a\"') --",
    "a\"]",
    "a'b\"c`d[e]f",
    "?1",
    ":name",
    "?",
    "\\",
    "%",
    "_",
    std::string("nul\0byte", 8),
    "line\nbreak -- comment",
    "\xef\xbc\x87 OR 1=1",
};

Column with_path(std::string name, std::string path) {
  Column made = column(std::move(name));
  made.path = std::move(path);
  return made;
}

Items some() {
  Column text = column("text"), tags = column("tags"), kind = column("kind", ColumnType::text);
  text.text_search = true;
  tags.is_any_of_array = true;
  kind.in = true;
  Items items({column("id", ColumnType::text), column("count", ColumnType::integer, ColumnIndex::all), text, tags, kind,
               column("plain")});
  items.add(R"({"id": "a", "count": 1, "text": "one", "tags": ["x"], "kind": "k", "plain": "p"})");
  items.add(R"({"id": "b", "count": 2, "text": "two", "tags": ["y"], "kind": "l", "plain": "q"})");
  return items;
}

std::string schema_and_rows(const Items& items) {
  return test::rows(items.database(), "SELECT name, sql FROM sqlite_schema ORDER BY name") + " / " +
         test::rows(items.database(), "SELECT * FROM items ORDER BY id");
}

} // namespace

TEST_CASE("json_model: SQL in values that are searched for finds nothing and does nothing") {
  const Items items = some();
  const std::string before = schema_and_rows(items);
  for (const std::string& text : corpus) {
    CAPTURE(text);
    for (const char* const name : {"plain", "count", "text"})
      CHECK(must(items->search(Json::object({{name, text}}))).items.empty());
    CHECK(must(items->search(Json::object({{"tags", Json::array({text})}}))).items.empty());
    CHECK(must(items->search(Json::object({{"kind", Json::array({text, text})}}))).items.empty());
    if (text.find('\0') == std::string::npos) {
      CHECK(!must(items->get(text)));
      CHECK(!must(items->exists(text)));
      CHECK(must(items->search(Json::object({{"id", text}}))).items.empty());
    }
  }
  CHECK(schema_and_rows(items) == before);
}

TEST_CASE("json_model: SQL as the name of an attribute, a sort key, a column is an unknown column") {
  const Items items = some();
  const std::string before = schema_and_rows(items);
  for (const std::string& text : corpus) {
    CAPTURE(text);
    const std::string unknown = "items: no such column: " + text;
    const auto refused = [&](const auto& result) {
      REQUIRE(result.code() == Errc::invalid_argument);
      CHECK(result.error().message == unknown);
    };
    refused(items->search(Json::object({{text, 1}})));
    refused(items->search({}, {.sort = {{text}}}));
    refused(items->count(Json::object({{text, 1}})));
    refused(items->exists(Json::object({{text, 1}})));
    refused(items->sum(text));
    refused(items->get("a", text));
    ModelCache cache;
    refused(items->get_cached(cache, "a", text));
    refused(items->each([](const Json&, std::uint64_t) { return Status(); }, {}, {.search = {.sort = {{text}}}}));
  }
  CHECK(schema_and_rows(items) == before);
}

TEST_CASE("json_model: SQL as a cursor is a damaged cursor") {
  const Items items = some();
  for (const std::string& text : corpus) {
    const auto found = items->search({}, {.cursor = text});
    REQUIRE(found.code() == Errc::invalid_argument);
    CHECK(found.error().message == "items: the cursor is damaged");
  }
}

TEST_CASE("json_model: rows whose values are SQL are found and paged as any others") {
  Items items({column("id", ColumnType::text), column("t", ColumnType::text, ColumnIndex::all), column("v")});
  std::size_t rows = 0;
  for (const std::string& text : corpus) {
    if (text.find('\0') != std::string::npos)
      continue; // No id.
    must(items->set(Json::object({{"id", text}, {"t", text}, {"v", text}})));
    ++rows;
    CHECK(must(items->search_one(Json::object({{"id", text}})))->find("v")->string() == text);
    CHECK(must(items->search_one(Json::object({{"t", text}, {"v", text}})))->find("id")->string() == text);
  }
  for (const char* const by : {"id", "t", "v"}) {
    std::vector<std::string> walked;
    must(items->each(
        [&](const Json& item, std::uint64_t) -> Status {
          walked.emplace_back(item[by].string());
          return {};
        },
        {}, {.search = {.sort = {{.column = by, .descending = true}}}, .batch_rows = 2}));
    CHECK(walked.size() == rows);
    CHECK(std::is_sorted(walked.rbegin(), walked.rend()));
  }
}

TEST_CASE("json_model: a JSON path is a place, whatever stands in it") {
  for (const std::string& text : corpus) {
    CAPTURE(text);
    if (text.find('"') != std::string::npos || text.find('.') != std::string::npos)
      continue; // No path, or several places: tested where columns are checked.
    if (text.find_first_of(std::string_view("\0\n", 2)) != std::string::npos) {
      CHECK(
          test::column_refusal(with_path("there", text)).ends_with("items.there: the path holds a control character"));
      continue;
    }
    Items items({column("id", ColumnType::integer), with_path("there", text), with_path("deep", "a." + text + ".b")});
    must(items->set(Json::object({{"id", 1}, {text, 5}})));
    must(items->set(Json::object({{"id", 2}, {"a", Json::object({{text, Json::object({{"b", 7}})}})}})));
    const std::string before = schema_and_rows(items);
    CHECK(test::ids(must(items->search_all(parsed(R"({"there": 5})")))) == test::Ids{1});
    CHECK(test::ids(must(items->search_all(parsed(R"({"deep": 7})"), {.sort = {{"there"}}}))) == test::Ids{2});
    CHECK(must(items->sum("there")) == std::optional(5.0));
    CHECK(schema_and_rows(items) == before);
  }
}
