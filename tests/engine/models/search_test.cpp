#include "tests/engine/models/items.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <set>

using namespace weir;
using test::column;
using test::Ids;
using test::ids;
using test::Items;
using test::must;
using test::parsed;

namespace {

Column with(Column made, const std::function<void(Column&)>& change) {
  change(made);
  return made;
}

Items numbered(int rows) {
  Items items({column("id", ColumnType::integer), column("n", ColumnType::integer, ColumnIndex::all),
               column("odd", ColumnType::integer)});
  for (int i = 1; i <= rows; ++i)
    must(items->set(Json::object({{"id", i}, {"n", i * 10}, {"odd", i % 2}}), true));
  return items;
}

struct Walk {
  std::vector<Ids> pages;
  std::vector<std::uint64_t> totals;
  std::string last_previous; // The previous_cursor of the last page.
  bool operator==(const Walk&) const = default;
};

// By `cursor` from the first page to the last.
Walk walk(const Items& items, const Json& attributes, SearchOptions options) {
  Walk walk;
  for (;;) {
    const auto found = must(items->search(attributes, options));
    walk.pages.push_back(ids(found.items));
    walk.totals.push_back(found.total.value_or(0));
    walk.last_previous = found.previous_cursor;
    CHECK(found.previous_cursor.empty() == (walk.pages.size() == 1));
    if (found.cursor.empty())
      return walk;
    REQUIRE(walk.pages.size() < 100);
    options.cursor = found.cursor;
  }
}

// By `previous_cursor` from behind the last page's first item.
std::vector<Ids> walk_back(const Items& items, const Json& attributes, SearchOptions options, std::string from) {
  std::vector<Ids> pages;
  while (!from.empty()) {
    REQUIRE(pages.size() < 100);
    options.cursor = std::exchange(from, {});
    const auto found = must(items->search(attributes, options));
    pages.push_back(ids(found.items));
    CHECK(!found.cursor.empty());
    from = found.previous_cursor;
  }
  return pages;
}

// All that is found, in pages of one to four rows, is `expected`, there and back.
void pages_are(const Items& items, const Json& attributes, const std::vector<SortKey>& sort, const Ids& expected) {
  for (std::uint64_t limit = 1; limit <= 4; ++limit) {
    CAPTURE(limit);
    const SearchOptions options{.sort = sort, .limit = limit};
    const Walk there = walk(items, attributes, options);
    Ids all;
    for (const Ids& page : there.pages)
      all.insert(all.end(), page.begin(), page.end());
    CHECK(all == expected);
    for (const std::uint64_t total : there.totals)
      CHECK(total == expected.size());
    const auto back = walk_back(items, attributes, options, there.last_previous);
    Ids again = there.pages.back();
    for (const Ids& page : back)
      again.insert(again.begin(), page.begin(), page.end());
    CHECK(again == expected);
  }
}

} // namespace

TEST_CASE("json_model: search finds whole objects with their total") {
  const Items items({column("id", ColumnType::integer), column("count", ColumnIndex::all)});
  items.add(R"({"id": 5, "name": "hi", "count": 3})");
  items.add(R"({"id": 6, "name": "ho", "count": 4, "deep": {"list": [1, true, null]}})");
  const auto found = must(items->search(parsed(R"({"count": 4})")));
  REQUIRE(found.items.size() == 1);
  CHECK(found.items[0] == parsed(R"({"id": 6, "name": "ho", "count": 4, "deep": {"list": [1, true, null]}})"));
  CHECK(found.total == 1);
  CHECK(found.cursor.empty());
  CHECK(found.previous_cursor.empty());
  CHECK(must(items->search()).total == 2);
  CHECK(must(items->search(parsed(R"({"count": 9})"))).items.empty());
}

TEST_CASE("json_model: search_one gives the first or nothing, search_all the items alone") {
  const Items items = numbered(5);
  CHECK((*must(items->search_one({}, {.sort = {{"n", true}}})))["id"] == Json(5));
  CHECK((*must(items->search_one(parsed(R"({"odd": 0})"), {.sort = {{"n"}}, .limit = 100})))["id"] == Json(2));
  CHECK((*must(items->search_one({}, {.sort = {{"n"}}, .offset = 3})))["id"] == Json(4));
  CHECK(!must(items->search_one(parsed(R"({"n": 11})"))));
  CHECK(ids(must(items->search_all(parsed(R"({"odd": 1})"), {.sort = {{"n", true}}}))) == Ids{5, 3, 1});
  CHECK(ids(must(items->search_all({}, {.sort = {{"n", true}}, .limit = 2}))) == Ids{5, 4});
}

TEST_CASE("json_model: pages go forward and back by cursors, with attributes, where and sort") {
  const Items items = numbered(11);
  pages_are(items, {}, {}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  pages_are(items, {}, {{"id", true}}, {11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1});
  pages_are(items, parsed(R"({"odd": 1})"), {{"n", true}}, {11, 9, 7, 5, 3, 1});
  pages_are(items, {}, {{"odd"}, {"n", true}}, {10, 8, 6, 4, 2, 11, 9, 7, 5, 3, 1});
  const SearchOptions options{
      .where = {{.sql = "n > ?", .values = {std::int64_t{40}}}}, .sort = {{"odd", true}}, .limit = 3};
  const Walk there = walk(items, {}, options);
  CHECK(there.pages == std::vector<Ids>{{5, 7, 9}, {11, 6, 8}, {10}});
  CHECK(walk_back(items, {}, options, there.last_previous) == std::vector<Ids>{{11, 6, 8}, {5, 7, 9}});
}

TEST_CASE("json_model: no cursor leads to an empty page, be the last one full or not") {
  const Items items = numbered(6);
  for (std::uint64_t limit = 1; limit <= 8; ++limit) {
    CAPTURE(limit);
    CHECK(walk(items, {}, {.limit = limit}).pages.size() == (6 + limit - 1) / limit);
  }
  SUBCASE("limit = total: one page") {
    const auto found = must(items->search({}, {.limit = 6}));
    CHECK(found.items.size() == 6);
    CHECK(found.cursor.empty());
    CHECK(found.previous_cursor.empty());
  }
  SUBCASE("a limit of 0 is a question for the total") {
    const auto found = must(items->search({}, {.limit = 0}));
    CHECK(found.items.empty());
    CHECK(found.total == 6);
    CHECK(found.cursor.empty());
  }
  SUBCASE("the largest limit is no less than all") {
    CHECK(must(items->search({}, {.limit = UINT64_MAX})).items.size() == 6);
  }
}

TEST_CASE("json_model: pages over a column with NULLs lose nothing, in no direction") {
  for (const ColumnIndex index : {ColumnIndex::none, ColumnIndex::sparse, ColumnIndex::all}) {
    for (const ColumnType type : {ColumnType::text, ColumnType::none}) {
      CAPTURE(static_cast<int>(index));
      CAPTURE(static_cast<int>(type));
      const Items items({column("id", ColumnType::integer), column("t", type, index)});
      items.add(R"({"id": 1, "t": ""})");
      items.add(R"({"id": 2})");
      items.add(R"({"id": 3, "t": "a"})");
      items.add(R"({"id": 4, "t": null})");
      items.add(R"({"id": 5, "t": "a"})");
      pages_are(items, {}, {{"t"}}, {2, 4, 1, 3, 5});
      pages_are(items, {}, {{"t", true}}, {3, 5, 1, 2, 4});
      pages_are(items, {}, {{"t"}, {"id", true}}, {4, 2, 1, 5, 3});
      pages_are(items, {}, {{"t", true}, {"id", true}}, {5, 3, 1, 4, 2});
    }
  }
}

TEST_CASE("json_model: values of all types in one column have SQLite's order, and pages have all of them") {
  const Items items({column("id", ColumnType::integer),
                     with(column("x", ColumnType::blob, ColumnIndex::all),
                          [](Column& c) {
                            c.stringify = [](const Json& value) -> Result<SqlValue> {
                              if (value.is_object())
                                return SqlValue(SqlBlob{std::string(value["blob"].string())});
                              if (value.is_string())
                                return SqlValue(std::string(value.string()));
                              return value.is_integer() ? SqlValue(value.integer()) : SqlValue(value.number());
                            };
                            c.get = false;
                          }),
                     column("v", ColumnIndex::sparse)});
  items.add(R"({"id": 1, "x": "10", "v": "10"})");
  items.add(R"({"id": 2, "x": 10, "v": 10})");
  items.add(R"({"id": 3, "x": 9.5, "v": 9.5})");
  items.add(R"({"id": 4, "x": {"blob": "10"}})");
  items.add(R"({"id": 5, "v": true})");
  items.add(R"({"id": 6, "x": "9", "v": [9]})");
  items.add(R"({"id": 7, "x": 10.0, "v": 10.0})");
  items.add(R"({"id": 8, "x": 9223372036854775807, "v": 9223372036854775807})");
  items.add(R"({"id": 9, "x": 9223372036854775808.0, "v": -9223372036854775808})");
  items.add(R"({"id": 10, "x": {"blob": ""}})");
  pages_are(items, {}, {{"x"}}, {5, 3, 2, 7, 8, 9, 1, 6, 10, 4});
  pages_are(items, {}, {{"x", true}}, {4, 10, 6, 1, 9, 8, 2, 7, 3, 5});
  pages_are(items, {}, {{"v"}}, {4, 10, 9, 5, 3, 2, 7, 8, 1, 6});
  pages_are(items, {}, {{"v", true}}, {6, 1, 8, 2, 7, 3, 5, 9, 4, 10});
}

TEST_CASE("json_model: sort goes by booleans, JSON values and expressions, too") {
  const Items items(
      {column("id", ColumnType::integer), with(column("on"), [](Column& c) { c.falsy_bool = true; }),
       with(column("flag", ColumnType::integer, ColumnIndex::all), [](Column& c) { c.falsy_bool = true; }),
       column("j", ColumnType::json), with(column("length"), [](Column& c) { c.sql = "length(\"items\".\"j\")"; }),
       with(column("deep"), [](Column& c) { c.path = "a.b"; })});
  items.add(R"({"id": 1, "on": true, "flag": false, "j": [1, 2], "a": {"b": 2}})");
  items.add(R"({"id": 2, "on": false, "flag": true, "j": {"x": 1}, "a": {"b": 1}})");
  items.add(R"({"id": 3, "on": true, "flag": true, "a": {"b": "x"}})");
  items.add(R"({"id": 4, "j": "text", "a": 5})");
  pages_are(items, {}, {{"on"}}, {2, 4, 1, 3});
  pages_are(items, {}, {{"on", true}}, {1, 3, 2, 4});
  pages_are(items, {}, {{"flag"}, {"on"}}, {4, 1, 2, 3});
  pages_are(items, {}, {{"flag", true}, {"id", true}}, {3, 2, 4, 1});
  pages_are(items, {}, {{"j"}}, {3, 4, 1, 2}); // By its JSON text: '"' < '[' < '{'.
  pages_are(items, {}, {{"length", true}}, {2, 4, 1, 3});
  pages_are(items, {}, {{"deep"}}, {4, 2, 1, 3});
  pages_are(items, parsed(R"({"on": false})"), {{"deep", true}}, {2, 4});
  pages_are(items, parsed(R"({"flag": true})"), {}, {2, 3});
}

TEST_CASE("json_model: pages of a model with text ids") {
  for (const bool keep_row_id : {true, false}) {
    CAPTURE(keep_row_id);
    const auto database = must(ModelDatabase::create(ModelDatabaseOptions{}));
    JsonModel* const model = must(database->add_model({.name = "it's \"here\"",
                                                       .columns = {column("n", ColumnType::integer, ColumnIndex::all)},
                                                       .keep_row_id = keep_row_id}));
    for (const std::string_view id : {"b", "", "\xc3\xa4", "a", "B"})
      must(model->set(Json::object({{"id", id}, {"n", id == "b" || id == "a" ? 1 : 0}})));
    std::vector<std::string> all;
    SearchOptions options{.sort = {{"n", true}}, .limit = 2};
    do {
      const auto found = must(model->search({}, options));
      for (const Json& item : found.items)
        all.emplace_back(item["id"].string());
      options.cursor = found.cursor;
    } while (!options.cursor.empty() && all.size() < 100);
    CHECK(all == std::vector<std::string>{"a", "b", "", "B", "\xc3\xa4"});
  }
}

TEST_CASE("json_model: paging survives that the cursor's row is removed or moved, and that rows come") {
  const Items items = numbered(7);
  SearchOptions options{.sort = {{"n"}}, .limit = 2};
  const auto first = must(items->search({}, options));
  CHECK(ids(first.items) == Ids{1, 2});
  CHECK(must(items->remove(2)));
  must(items->set(parsed(R"({"id": 100, "n": 25})")));
  must(items->set(parsed(R"({"id": 101, "n": 5})")));
  options.cursor = first.cursor;
  const auto second = must(items->search({}, options));
  CHECK(ids(second.items) == Ids{100, 3});
  CHECK(second.total == 8);
  options.cursor = second.previous_cursor;
  const auto back = must(items->search({}, options));
  CHECK(ids(back.items) == Ids{101, 1});
  CHECK(back.previous_cursor.empty());
  SUBCASE("where all before it is gone, there is no page before") {
    for (const int id : {1, 2, 100, 101})
      must(items->remove(id));
    options.cursor = first.cursor;
    const auto now_first = must(items->search({}, options));
    CHECK(ids(now_first.items) == Ids{3, 4});
    CHECK(now_first.previous_cursor.empty());
  }
  SUBCASE("where all behind it is gone, there is nothing more") {
    for (int id = 3; id <= 100; ++id)
      must(items->remove(id));
    options.cursor = first.cursor;
    const auto none = must(items->search({}, options));
    CHECK(none.items.empty());
    CHECK(none.cursor.empty());
    CHECK(none.previous_cursor.empty());
  }
}

TEST_CASE("json_model: offset leaves rows out, from the cursor on") {
  const Items items = numbered(9);
  const auto found = must(items->search({}, {.sort = {{"n", true}}, .limit = 3, .offset = 2}));
  CHECK(ids(found.items) == Ids{7, 6, 5});
  CHECK(found.total == 9);
  const auto next = must(items->search({}, {.sort = {{"n", true}}, .limit = 2, .offset = 1, .cursor = found.cursor}));
  CHECK(ids(next.items) == Ids{3, 2});
  const auto before = must(items->search({}, {.sort = {{"n", true}}, .limit = 5, .cursor = found.previous_cursor}));
  CHECK(ids(before.items) == Ids{9, 8});
  CHECK(ids(must(items->search_all({}, {.offset = 7}))) == Ids{8, 9});
  CHECK(must(items->search({}, {.limit = 3, .offset = 9})).items.empty());
  const auto last = must(items->search({}, {.sort = {{"n", true}}, .cursor = found.cursor}));
  CHECK(ids(last.items) == Ids{4, 3, 2, 1});
  CHECK(last.cursor.empty());
}

TEST_CASE("json_model: neither cursors nor total where none are wanted") {
  const Items items = numbered(5);
  const auto page = must(items->search({}, {.limit = 2}));
  const auto found = must(items->search({}, {.limit = 2, .cursor = page.cursor, .no_cursor = true, .no_total = true}));
  CHECK(ids(found.items) == Ids{3, 4});
  CHECK(found.cursor.empty());
  CHECK(found.previous_cursor.empty());
  CHECK(!found.total);
}

TEST_CASE("json_model: each operator finds what it says") {
  const Items items({column("id", ColumnType::integer), with(column("kind"), [](Column& c) { c.in = true; }),
                     with(column("word", ColumnType::text), [](Column& c) { c.in = true; }),
                     with(column("tags"), [](Column& c) { c.is_array = true; }),
                     with(column("any"), [](Column& c) { c.path = "tags", c.is_any_of_array = true; }),
                     with(column("all"), [](Column& c) { c.path = "tags", c.in_all = true; }),
                     with(column("list", ColumnType::json), [](Column& c) { c.is_any_of_array = true; }),
                     with(column("text"), [](Column& c) { c.text_search = true; })});
  items.add(R"({"id": 1, "kind": "a", "word": "1", "tags": ["x", "y", 1], "list": [1, 2], "text": "100% of it"})");
  items.add(R"({"id": 2, "kind": "b", "word": "b", "tags": ["y"], "list": ["1"], "text": "100 of it_"})");
  items.add(R"({"id": 3, "kind": 1, "tags": [], "list": [], "text": "C:\\dir"})");
  items.add(R"({"id": 4, "tags": "x", "list": "1", "text": "\u00c4pfel UND Birnen"})");
  items.add(R"({"id": 5, "tags": {"x": "y"}, "list": {"a": 1}, "text": 12345})");
  items.add(R"({"id": 6, "tags": [null, [1], true, 0.1, "[1]"], "list": [0.1, 9223372036854775807]})");
  const auto found = [&](std::string_view attributes) { return ids(must(items->search_all(parsed(attributes)))); };

  CHECK(found(R"({"kind": ["a", "b", "z"]})") == Ids{1, 2});
  CHECK(found(R"({"kind": [1]})") == Ids{3});
  CHECK(found(R"({"kind": ["1"]})").empty());
  CHECK(found(R"({"kind": ["a", null]})") == Ids{1, 4, 5, 6});
  CHECK(found(R"({"kind": []})").size() == 6);
  CHECK(found(R"({"word": [1, "b"]})") == Ids{1, 2}); // A text column has "1" for 1.

  CHECK(found(R"({"tags": "y"})") == Ids{1, 2}); // Not the text "x", not the values of an object.
  CHECK(found(R"({"tags": "x"})") == Ids{1});
  CHECK(found(R"({"tags": 1})") == Ids{1, 6}); // true is 1
  CHECK(found(R"({"tags": 0.1})") == Ids{6});
  CHECK(found(R"({"tags": [1]})") == Ids{6});

  CHECK(found(R"({"any": ["x", "nope"]})") == Ids{1});
  CHECK(found(R"({"any": ["y", 0.1]})") == Ids{1, 2, 6});
  CHECK(found(R"({"any": [null]})") == Ids{6});
  CHECK(found(R"({"any": []})").size() == 6);
  CHECK(found(R"({"list": [1]})") == Ids{1});
  CHECK(found(R"({"list": ["1", 9223372036854775807]})") == Ids{2, 6});
  CHECK(found(R"({"list": [9223372036854775806]})").empty());

  CHECK(found(R"({"all": ["y"]})") == Ids{1, 2});
  CHECK(found(R"({"all": ["y", "x", "y"]})") == Ids{1});
  CHECK(found(R"({"all": ["y", "z"]})").empty());
  CHECK(found(R"({"all": [null, 0.1]})") == Ids{6});
  CHECK(found(R"({"all": []})").size() == 6);

  CHECK(found(R"({"text": "0%"})") == Ids{1}); // Neither % nor _ nor \ is a sign for others.
  CHECK(found(R"({"text": "t_"})") == Ids{2});
  CHECK(found(R"({"text": "\\"})") == Ids{3});
  CHECK(found(R"({"text": "und"})") == Ids{4});
  CHECK(found(R"({"text": "\u00c4PFEL"})") == Ids{4});
  CHECK(found(R"({"text": 234})") == Ids{5});
  CHECK(found(R"({"text": "1\u00000"})").empty());
  CHECK(found(R"({"text": ""})").size() == 6);
  CHECK(found(R"({"text": ")" + std::string(60'000, 'x') + "\"}").empty());
}

TEST_CASE("json_model: 0, \"\" and false are searched for") {
  const Items items({column("id", ColumnType::integer), column("v")});
  items.add(R"({"id": 0, "v": 0})");
  items.add(R"({"id": 1, "v": ""})");
  items.add(R"({"id": 2, "v": false})");
  items.add(R"({"id": 3})");
  CHECK(ids(must(items->search_all(parsed(R"({"v": ""})")))) == Ids{1});
  CHECK(ids(must(items->search_all(parsed(R"({"v": 0})")))) == Ids{0, 2}); // As SQLite's JSON has it.
  CHECK(ids(must(items->search_all(parsed(R"({"v": false})")))) == Ids{0, 2});
  CHECK(ids(must(items->search_all(parsed(R"({"id": 0})")))) == Ids{0});
}

TEST_CASE("json_model: selected columns stand at their place in the object, expressions by their name") {
  const Items items({column("id", ColumnType::integer), column("n", ColumnType::integer),
                     with(column("deep"), [](Column& c) { c.path = "a.b"; }),
                     with(column("list"), [](Column& c) { c.path = "a"; }),
                     with(column("secret", ColumnType::text), [](Column& c) { c.get = false; }),
                     with(column("on", ColumnType::integer), [](Column& c) { c.falsy_bool = true; })});
  items.add(R"({"id": 1, "n": 7, "a": {"b": true, "c": [1, "x"]}, "secret": "s", "on": true})");
  items.add(R"({"id": 2})");
  const auto found = [&](std::vector<std::string> columns) {
    return must(items->search_all({}, {.sort = {{"id"}}, .columns = std::move(columns)}));
  };
  CHECK(found({"n", "deep"}) == std::vector<Json>{parsed(R"({"n": 7, "a": {"b": true}})"), parsed("{}")});
  CHECK(found({"deep", "list"})[0] == parsed(R"({"a": {"b": true, "c": [1, "x"]}})"));
  CHECK(found({"secret", "on"})[0] == parsed(R"({"secret": "s", "on": true})"));
  CHECK(found({"n + 1 AS next", "'it''s' AS \"a b\"", "NULL AS none"})[0] == parsed(R"({"next": 8, "a b": "it's"})"));
  CHECK(must(items->search_one({}, {.columns = {"count(*) AS rows"}}))->find("rows")->integer() == 2);
  const auto bytes = items->search_all({}, {.columns = {"x'ff' AS bytes"}});
  CHECK(bytes.code() == Errc::invalid_argument);
  SUBCASE("pages of them have the order of any column") {
    const auto page = must(items->search({}, {.sort = {{"n", true}}, .limit = 1, .columns = {"n"}}));
    CHECK(page.items == std::vector<Json>{parsed(R"({"n": 7})")});
    CHECK(must(items->search({}, {.sort = {{"n", true}}, .limit = 1, .columns = {"n"}, .cursor = page.cursor})).items ==
          std::vector<Json>{parsed("{}")});
  }
}

TEST_CASE("json_model: a join finds by other tables, its values come first") {
  const Items items = numbered(4);
  must(items.database().execute("CREATE TABLE words(item INTEGER, word TEXT);"
                                "INSERT INTO words VALUES (1,'a'),(2,'a'),(2,'b'),(4,'a'),(4,'a')"));
  const SearchOptions options{.where = {{.sql = "items.n < ?", .values = {std::int64_t{100}}}},
                              .sort = {{"n", true}},
                              .join = "JOIN words ON words.item = items.id AND words.word = ?",
                              .join_values = {std::string("a")}};
  CHECK(ids(must(items->search_all(parsed(R"({"odd": 0})"), options))) == Ids{4, 4, 2});
  SearchOptions distinct = options;
  distinct.distinct = true;
  const auto found = must(items->search({}, distinct));
  CHECK(ids(found.items) == Ids{4, 2, 1});
  CHECK(found.total == 3);
  CHECK(must(items->count({}, distinct)) == 3);
  CHECK(must(items->count({}, options)) == 4);
  SUBCASE("distinct objects can be paged") {
    distinct.limit = 2;
    const Walk there = walk(items, {}, distinct);
    CHECK(there.pages == std::vector<Ids>{{4, 2}, {1}});
    CHECK(walk_back(items, {}, distinct, there.last_previous) == std::vector<Ids>{{4, 2}});
  }
}

TEST_CASE("json_model: distinct rows of columns can be paged") {
  const Items items({column("id", ColumnType::integer), column("v"), column("t", ColumnType::text)});
  items.add(R"({"id": 1, "v": 1, "t": "a"})");
  items.add(R"({"id": 2, "v": "1", "t": "a"})");
  items.add(R"({"id": 3, "v": true, "t": "a"})");
  items.add(R"({"id": 4, "t": "a"})");
  items.add(R"({"id": 5, "v": 1, "t": "a"})");
  items.add(R"({"id": 6, "v": 1, "t": "b"})");
  SearchOptions options{.sort = {{"t", true}}, .limit = 1, .columns = {"v", "t"}, .distinct = true};
  std::vector<std::string> rows;
  do {
    const auto found = must(items->search({}, options));
    CHECK(found.total == 5);
    REQUIRE(found.items.size() == 1);
    rows.push_back(found.items[0].to_text());
    options.cursor = found.cursor;
  } while (!options.cursor.empty() && rows.size() < 10);
  CHECK(rows.size() == 5);
  CHECK(rows[0] == R"({"v":1,"t":"b"})");
  CHECK((std::set<std::string>(rows.begin(), rows.end()) ==
         std::set<std::string>{R"({"v":1,"t":"b"})", R"({"t":"a"})", R"({"v":1,"t":"a"})", R"({"v":"1","t":"a"})",
                               R"({"v":true,"t":"a"})"}));
}

TEST_CASE("json_model: exists knows ids, attributes, and whether there is anything") {
  const Items items = numbered(0);
  CHECK(!must(items->exists()));
  items.add(R"({"id": 1, "n": 5})");
  CHECK(must(items->exists()));
  CHECK(must(items->exists(1)));
  CHECK(!must(items->exists(2)));
  CHECK(must(items->exists(parsed(R"({"n": 5})"))));
  CHECK(!must(items->exists(parsed(R"({"n": 6})"))));
  CHECK(must(items->exists(parsed("{}"))));
  CHECK(items->exists(parsed(R"({"nope": 6})")).code() == Errc::invalid_argument);
  CHECK(items->exists("one").code() == Errc::invalid_argument);
}

TEST_CASE("json_model: inside a transaction a search sees what was written there") {
  const Items items = numbered(3);
  must(items.database().transaction([&]() -> Status {
    must(items->set(parsed(R"({"id": 4, "n": 1})")));
    CHECK(ids(must(items->search_all({}, {.sort = {{"n"}}, .limit = 2}))) == Ids{4, 1});
    CHECK(must(items->count()) == 4);
    return {};
  }));
}

TEST_CASE("json_model: where of the options is checked when it runs, and cannot write") {
  const Items items = numbered(3);
  const auto where = [&](std::string sql) { return items->search({}, {.where = {{.sql = std::move(sql)}}}).code(); };
  CHECK(where("n >") == Errc::invalid_argument);
  CHECK(where("nope = 1") == Errc::invalid_argument);
  CHECK(where("1); DELETE FROM items; SELECT (1") == Errc::invalid_argument);
  CHECK(must(items->count()) == 3);
}
