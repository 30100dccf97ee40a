#include "tests/engine/models/items.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace weir;
using test::column;
using test::Items;
using test::must;
using test::parsed;

namespace {

Items of(const std::vector<std::string>& values) {
  Items items({column("id", ColumnType::integer), column("n", ColumnType::blob, ColumnIndex::all), column("v"),
               column("odd", ColumnType::integer)});
  int id = 0;
  for (const std::string& value : values) {
    ++id;
    must(items->set(Json::object({{"id", id}, {"n", parsed(value)}, {"v", parsed(value)}, {"odd", id % 2}})));
  }
  return items;
}

using Number = std::optional<double>;

} // namespace

TEST_CASE("json_model: min, max, sum and average of a column, real or virtual") {
  const Items items = of({"4", "-2", "1.5", "null", "0"});
  for (const std::string_view name : {"n", "v"}) {
    CAPTURE(name);
    CHECK(must(items->min(name)) == Number(-2));
    CHECK(must(items->max(name)) == Number(4));
    CHECK(must(items->sum(name)) == Number(3.5));
    CHECK(must(items->average(name)) == Number(0.875));
    CHECK(must(items->sum(name, parsed(R"({"odd": 1})"))) == Number(5.5));
    CHECK(must(items->max(name, {}, {.where = {{.sql = "n < ?", .values = {std::int64_t{1}}}}})) == Number(0));
  }
}

TEST_CASE("json_model: in numbers of a column text counts as 0, NULL for nothing, and of nothing there is nothing") {
  const Items items = of({"\"text\"", "null", "6"}), begun = of({"\"12 pieces\""});
  CHECK(must(items->min("n")) == Number(0));
  CHECK(must(items->sum("n")) == Number(6));
  CHECK(must(items->average("n")) == Number(3));
  CHECK(must(begun->sum("n")) == Number(12));
  const Items nulls = of({"null", "null"}), empty = of({});
  for (const Items* none : {&nulls, &empty}) {
    CHECK(!must((*none)->min("n")));
    CHECK(!must((*none)->max("n")));
    CHECK(!must((*none)->sum("n")));
    CHECK(!must((*none)->average("n")));
  }
  CHECK(!must(items->sum("n", parsed(R"({"n": 99})"))));
}

TEST_CASE("json_model: a sum of integers may leave their range") {
  const Items items = of({"9223372036854775807", "9223372036854775807"});
  CHECK(must(items->sum("n")) == Number(18446744073709551614.0));
  CHECK(must(items->sum("v")) == Number(18446744073709551614.0));
  CHECK(must(items->average("n")) == Number(9223372036854775807.0));
}

TEST_CASE("json_model: aggregates over distinct values, and from a cursor on") {
  const Items items = of({"5", "5", "1"});
  CHECK(must(items->sum("n", {}, {.distinct = true})) == Number(6));
  const SearchOptions sorted{.sort = {{"n"}}, .limit = 1};
  SearchOptions rest = sorted;
  rest.cursor = must(items->search({}, sorted)).cursor;
  CHECK(must(items->sum("n", {}, rest)) == Number(10));
}

TEST_CASE("json_model: aggregates of unknown columns, and over unknown attributes, are errors") {
  const Items items = of({"1"});
  const auto unknown = items->sum("n) FROM sqlite_schema; --");
  REQUIRE(unknown.code() == Errc::invalid_argument);
  CHECK(unknown.error().message == "items: no such column: n) FROM sqlite_schema; --");
  CHECK(items->max("n", parsed(R"({"nope": 1})")).code() == Errc::invalid_argument);
}

TEST_CASE("json_model: count is of all that is found, with a cursor of what is behind it") {
  const Items items = of({"1", "2", "3", "4", "5"});
  CHECK(must(items->count()) == 5);
  CHECK(must(items->count(parsed(R"({"odd": 1})"))) == 3);
  CHECK(must(items->count({}, {.limit = 2})) == 5);
  CHECK(must(items->count({}, {.where = {{.sql = "n > 3"}}})) == 2);
  SearchOptions options{.sort = {{.column = "n", .descending = true}}, .limit = 2};
  const auto page = must(items->search({}, options));
  options.cursor = page.cursor;
  CHECK(must(items->count({}, options)) == 3);
  options.cursor = must(items->search({}, options)).previous_cursor;
  CHECK(must(items->count({}, options)) == 2);
  CHECK(must(items->count(parsed(R"({"odd": 1})"), options)) == 1);
  CHECK(items->count(parsed(R"({"nope": 1})")).code() == Errc::invalid_argument);
}
