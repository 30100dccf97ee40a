#include "tests/engine/models/items.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>

using namespace weir;
using test::column;
using test::Ids;
using test::Items;
using test::must;
using test::parsed;

namespace {

Items numbered(int rows, ModelDatabaseOptions options = {}) {
  Items items({column("id", ColumnType::integer), column("n", ColumnType::integer, ColumnIndex::all),
               column("odd", ColumnType::integer)},
              std::move(options));
  for (int i = 1; i <= rows; ++i)
    must(items->set(Json::object({{"id", i}, {"n", i % 3 == 0 ? Json() : Json(-i)}, {"odd", i % 2}}), true));
  return items;
}

// What each() visits; indexes are those of a list.
Ids visited(const Items& items, const Json& attributes = {}, const EachOptions& options = {}) {
  Ids seen;
  must(items->each(
      [&](const Json& item, std::uint64_t index) -> Status {
        CHECK(index == seen.size());
        if (index > 1'000)
          return fail(Errc::invalid_argument, "there is no end");
        seen.push_back(item["id"].integer());
        return {};
      },
      attributes, options));
  return seen;
}

} // namespace

TEST_CASE("json_model: each visits every object once, whatever the size of a batch") {
  const Items items = numbered(7);
  for (std::size_t batch = 1; batch <= 9; ++batch) {
    CAPTURE(batch);
    CHECK(visited(items, {}, {.batch_rows = batch}) == Ids{1, 2, 3, 4, 5, 6, 7});
  }
  CHECK(visited(items) == Ids{1, 2, 3, 4, 5, 6, 7});
  CHECK(visited(numbered(0)).empty());
  CHECK(visited(numbered(120)).size() == 120);
}

TEST_CASE("json_model: each follows attributes, where and sort over NULLs") {
  const Items items = numbered(7);
  CHECK(visited(items, parsed(R"({"odd": 1})"), {.batch_rows = 2}) == Ids{1, 3, 5, 7});
  CHECK(visited(items, {}, {.search = {.where = {{.sql = "id > ?", .values = {std::int64_t{5}}}}}}) == Ids{6, 7});
  CHECK(visited(items, {}, {.search = {.sort = {{"n"}}}, .batch_rows = 2}) == Ids{3, 6, 7, 5, 4, 2, 1});
  CHECK(visited(items, {}, {.search = {.sort = {{"n", true}}}, .batch_rows = 2}) == Ids{1, 2, 4, 5, 7, 3, 6});
}

TEST_CASE("json_model: the limit of each is of all, not of a batch") {
  const Items items = numbered(7);
  CHECK(visited(items, {}, {.search = {.limit = 5}, .batch_rows = 2}) == Ids{1, 2, 3, 4, 5});
  CHECK(visited(items, {}, {.search = {.limit = 4}, .batch_rows = 2}) == Ids{1, 2, 3, 4});
  CHECK(visited(items, {}, {.search = {.limit = 1}}) == Ids{1});
  CHECK(visited(items, {}, {.search = {.limit = 0}}).empty());
  CHECK(visited(items, {}, {.search = {.limit = 3, .offset = 3}, .batch_rows = 2}) == Ids{4, 5, 6});
  CHECK(visited(items, {}, {.search = {.offset = 5}, .batch_rows = 1}) == Ids{6, 7});
}

TEST_CASE("json_model: each goes on from a cursor") {
  const Items items = numbered(7);
  const SearchOptions options{.sort = {{"n", true}}, .limit = 3};
  const auto page = must(items->search({}, options));
  CHECK(visited(items, {}, {.search = {.sort = options.sort, .cursor = page.cursor}, .batch_rows = 2}) ==
        Ids{5, 7, 3, 6});
  const auto next = must(items->search({}, {.sort = options.sort, .limit = 3, .cursor = page.cursor}));
  const auto back = items->each([](const Json&, std::uint64_t) { return Status(); }, {},
                                {.search = {.sort = options.sort, .cursor = next.previous_cursor}});
  REQUIRE(back.code() == Errc::invalid_argument);
  CHECK(back.error().message == "items: each: goes on from a cursor, not from a previous_cursor");
}

TEST_CASE("json_model: an error of a visit ends each once the batch is through, and the first one counts") {
  const Items items = numbered(7);
  Ids seen;
  const auto ended = items->each(
      [&](const Json& item, std::uint64_t) -> Status {
        const auto id = item["id"].integer();
        seen.push_back(id);
        if (id == 4)
          return fail(Errc::schema_violation, "four");
        if (id == 5)
          throw std::runtime_error("five");
        return {};
      },
      {}, {.batch_rows = 3});
  REQUIRE(ended.code() == Errc::schema_violation);
  CHECK(ended.error().message == "four");
  CHECK(seen == Ids{1, 2, 3, 4, 5, 6});
}

TEST_CASE("json_model: what a visit throws is an error of each") {
  const Items items = numbered(1);
  const auto ended = items->each([](const Json&, std::uint64_t) -> Status { throw std::runtime_error("no further"); });
  REQUIRE(ended.code() == Errc::invalid_argument);
  CHECK(ended.error().message.starts_with("items"));
  CHECK(ended.error().message.ends_with("no further"));
}

TEST_CASE("json_model: a visit may write the model it visits, and search it") {
  const Items items = numbered(9);
  Ids seen;
  must(items->each(
      [&](const Json& item, std::uint64_t) -> Status {
        seen.push_back(item["id"].integer());
        must(items->remove(item["id"]));
        CHECK(must(items->count()) == 9 - seen.size());
        return {};
      },
      {}, {.batch_rows = 2}));
  CHECK(seen == Ids{1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(!must(items->exists()));
}

TEST_CASE("json_model: each never holds more than one batch") {
  std::size_t selects = 0;
  ModelDatabaseOptions options;
  options.on_call = [&](const SqlCall& call) { selects += call.sql.starts_with("SELECT \"items\"") ? 1 : 0; };
  const Items items = numbered(7, std::move(options));
  selects = 0;
  std::size_t most = 0;
  must(items->each(
      [&](const Json&, std::uint64_t index) -> Status {
        most = std::max(most, static_cast<std::size_t>(index) / 2 + 1);
        CHECK(selects >= most); // The batch before has been one statement at least ...
        CHECK(selects <= 2 * most);
        return {};
      },
      {}, {.batch_rows = 2}));
  CHECK(most == 4);
}

TEST_CASE("json_model: each refuses what it cannot do") {
  const Items items = numbered(3);
  const auto nothing = [](const Json&, std::uint64_t) { return Status(); };
  const auto refused = [&](const Json& attributes, const EachOptions& options) {
    const auto status = items->each(nothing, attributes, options);
    REQUIRE(status.code() == Errc::invalid_argument);
    return status.error().message;
  };
  CHECK(refused({}, {.batch_rows = 0}) == "items: each: a batch has at least one row");
  CHECK(refused({}, {.search = {.columns = {"n / 2"}, .distinct = true}}) ==
        "items: each: distinct expressions have no cursor to go on from");
  CHECK(refused(parsed(R"({"nope": 1})"), {}) == "items: no such column: nope");
  CHECK(refused({}, {.search = {.sort = {{"nope"}}}}) == "items: no such column: nope");
  CHECK(refused({}, {.search = {.cursor = "nope"}}) == "items: the cursor is damaged");
}
