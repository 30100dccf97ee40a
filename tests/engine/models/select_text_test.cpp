#include "engine/models/select_text.hpp"
#include "tests/engine/models/items.hpp"

#include <doctest/doctest.h>

using namespace weir;
using test::column;
using test::must;
using test::parsed;

namespace {

Column with(Column made, const std::function<void(Column&)>& change) {
  change(made);
  return made;
}

ModelTable items() {
  return must(ModelTable::make(
      {.name = "items",
       .columns = {
           column("id", ColumnType::integer),
           column("count", ColumnType::integer, ColumnIndex::all),
           column("name", ColumnType::text, ColumnIndex::sparse),
           column("note", ColumnType::text),
           column("virtual"),
           with(column("active"), [](Column& c) { c.falsy_bool = true; }),
           with(column("kind"), [](Column& c) { c.in = true; }),
           with(column("tags"), [](Column& c) { c.is_array = true; }),
           with(column("any_tags"), [](Column& c) { c.path = "tags", c.is_any_of_array = true; }),
           with(column("all_tags"), [](Column& c) { c.path = "tags", c.in_all = true; }),
           with(column("text"), [](Column& c) { c.text_search = true; }),
           with(column("at_least", ColumnType::integer), [](Column& c) { c.where = "\"items\".\"at_least\" >= ?"; }),
           with(column("between", ColumnType::integer),
                [](Column& c) {
                  c.where = "\"items\".\"between\" BETWEEN ? AND ?";
                  c.where_values = [](const Json& wanted) -> Result<std::optional<std::vector<SqlValue>>> {
                    if (wanted.string() == "any")
                      return std::optional<std::vector<SqlValue>>();
                    if (wanted.string() == "throw")
                      throw std::runtime_error("not today");
                    if (wanted.string() == "wrong")
                      return fail(Errc::schema_violation, "no range");
                    std::vector<SqlValue> values;
                    for (const Json& item : wanted.items())
                      values.push_back(item.integer());
                    return std::optional(values);
                  };
                }),
           with(column("half", ColumnType::integer),
                [](Column& c) {
                  c.where_values = [](const Json& wanted) -> Result<std::optional<std::vector<SqlValue>>> {
                    return std::optional(std::vector<SqlValue>{wanted.integer() / 2});
                  };
                }),
           with(column("doubled"), [](Column& c) { c.sql = "\"items\".\"count\" * 2"; }),
       }}));
}

const ModelTable& table() {
  static const ModelTable made = items();
  return made;
}

SelectText select(std::string_view attributes, const SearchOptions& options = {}) {
  return must(SelectText::make(table(), parsed(attributes), options));
}

// Behind FROM, of the only statement.
SqlText behind_from(const SelectText& text) {
  auto page = text.page();
  REQUIRE(page.size() == 1);
  const std::size_t from = page[0].sql.find(" FROM \"items\"");
  REQUIRE(from != std::string::npos);
  page[0].sql.erase(0, from + 13);
  return page[0];
}

// Of the condition for one attribute.
SqlText condition(std::string_view attributes) {
  SqlText text = behind_from(select(attributes));
  constexpr std::string_view end = " LIMIT ? OFFSET ?";
  REQUIRE(text.sql.ends_with(end));
  text.sql.resize(text.sql.size() - end.size());
  if (text.sql.starts_with(" WHERE "))
    text.sql.erase(0, 7);
  return text;
}

void check(std::string_view attributes, std::string_view sql, const std::vector<SqlValue>& values) {
  CAPTURE(attributes);
  const SqlText text = condition(attributes);
  CHECK(text.sql == sql);
  CHECK((text.values == values));
}

void refuse(std::string_view attributes, const SearchOptions& options, std::string_view message,
            Errc code = Errc::invalid_argument) {
  CAPTURE(attributes);
  const auto made = SelectText::make(table(), parsed(attributes), options);
  REQUIRE(made.code() == code);
  CHECK(made.error().message == message);
}

std::string ordered(std::vector<SortKey> sort, SearchOptions options = {}) {
  options.sort = std::move(sort);
  return behind_from(select("{}", options)).sql;
}

std::vector<std::string> texts(const std::vector<SqlText>& statements) {
  std::vector<std::string> found;
  for (const SqlText& text : statements) {
    const std::size_t where = text.sql.find(" WHERE ") + 7;
    found.push_back(text.sql.substr(where, text.sql.find(" ORDER BY") - where));
  }
  return found;
}

// Where the next page is looked for.
std::vector<std::string> ranges(std::vector<SortKey> sort, std::vector<SqlValue> values, bool reversed = false) {
  SearchOptions options{.sort = std::move(sort), .limit = 10};
  options.cursor = select("{}", options).cursor({.values = std::move(values), .reversed = reversed});
  return texts(select("{}", options).page());
}

using Texts = std::vector<std::string>;
const std::string text_50000(50'000, 'x');

} // namespace

TEST_CASE("json_model: a search without attributes has no condition") {
  check("{}", "", {});
  check("null", "", {});
}

TEST_CASE("json_model: an attribute is a condition whose value is bound") {
  check(R"({"count": 5})", R"("items"."count" = ?)", {std::int64_t{5}});
  check(R"({"virtual": "a"})", R"(json_extract("items"."json",'$."virtual"') = ?)", {std::string("a")});
  check(R"({"name": "'; DROP TABLE items; --"})", R"("items"."name" = ?)", {std::string("'; DROP TABLE items; --")});
}

TEST_CASE("json_model: attributes must all hold, in their order; null counts for nothing, 0 and \"\" and false do") {
  check(R"({"name": "", "count": null, "virtual": false, "id": 0})",
        R"("items"."name" = ? AND json_extract("items"."json",'$."virtual"') = ? AND "items"."id" = ?)",
        {std::string(), std::int64_t{0}, std::int64_t{0}});
}

TEST_CASE("json_model: an unknown column to search for, and attributes that are no object, are errors") {
  refuse(R"({"nope": 1})", {}, "items: no such column: nope");
  refuse(R"({"count\" = 1 OR 1=1 --": 1})", {}, "items: no such column: count\" = 1 OR 1=1 --");
  refuse(R"({"nope": null})", {}, "items: no such column: nope");
  refuse("[1]", {}, "items: attributes to search for are an object");
  refuse("5", {}, "items: attributes to search for are an object");
}

TEST_CASE("json_model: falsy_bool is searched by NULL or not") {
  constexpr std::string_view is = R"(json_extract("items"."json",'$."active"') IS NOT NULL)",
                             is_not = R"(json_extract("items"."json",'$."active"') IS NULL)";
  for (const std::string_view yes : {"true", "1", "\"x\"", "[]"})
    check(R"({"active": )" + std::string(yes) + "}", is, {});
  for (const std::string_view no : {"false", "0", "\"\""})
    check(R"({"active": )" + std::string(no) + "}", is_not, {});
  check(R"({"active": null})", "", {});
}

TEST_CASE("json_model: in is a list of values, an empty one no condition") {
  constexpr std::string_view kind = R"(json_extract("items"."json",'$."kind"'))";
  check(R"({"kind": []})", "", {});
  check(R"({"kind": ["a"]})", std::string(kind) + " IN (?)", {std::string("a")});
  check(R"({"kind": "a"})", std::string(kind) + " IN (?)", {std::string("a")});
  check(R"({"kind": ["a", null]})", "(" + std::string(kind) + " IN (?) OR " + std::string(kind) + " IS NULL)",
        {std::string("a")});
  check(R"({"kind": [null]})", std::string(kind) + " IS NULL", {});
}

TEST_CASE("json_model: lists of like length have one text, so that few statements are compiled") {
  check(R"({"kind": [1, 2, 3]})", R"(json_extract("items"."json",'$."kind"') IN (?,?,?,?))",
        {std::int64_t{1}, std::int64_t{2}, std::int64_t{3}, std::int64_t{3}});
  CHECK(condition(R"({"kind": [1, 2, 3, 4, 5]})").sql == condition(R"({"kind": [1, 2, 3, 4, 5, 6, 7, 8]})").sql);
  CHECK(condition(R"({"tags": "a"})").sql == condition(R"({"any_tags": ["a", "b"]})").sql);
  Json list = Json::array();
  for (std::size_t i = 0; i <= 9'000; ++i)
    list.push(static_cast<std::int64_t>(i));
  CHECK(SelectText::make(table(), Json::object({{"kind", list}}), {}).ok());
  for (std::size_t i = 0; i <= 9'000; ++i)
    list.push(static_cast<std::int64_t>(i));
  const auto too_many = SelectText::make(table(), Json::object({{"kind", list}}), {});
  REQUIRE(too_many.code() == Errc::too_large);
  CHECK(too_many.error().message == "items.kind: 18002 values to search for, of 16384 at most");
}

TEST_CASE("json_model: is_array, is_any_of_array and in_all compare with the items of a list") {
  const SqlText one = condition(R"({"tags": "a"})"), any = condition(R"({"any_tags": ["a", 1]})"),
                all = condition(R"({"all_tags": ["a", 1]})");
  CHECK(one.sql.starts_with("EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid("));
  CHECK((one.values == std::vector<SqlValue>{std::string(R"(["a"])")}));
  CHECK((any.values == std::vector<SqlValue>{std::string(R"(["a",1])")}));
  CHECK(all.sql.starts_with("NOT EXISTS (SELECT 1 FROM json_each(?)"));
  CHECK((all.values == any.values));
  check(R"({"any_tags": []})", "", {});
  check(R"({"all_tags": []})", "", {});
  check(R"({"tags": null})", "", {});
}

TEST_CASE("json_model: text_search binds the text as it is, an empty one is no condition") {
  check(R"({"text": ""})", "", {});
  constexpr std::string_view sql = R"(instr(lower(json_extract("items"."json",'$."text"')), lower(?)) > 0)";
  check(R"({"text": "50%_\\"})", sql, {std::string("50%_\\")});
  check(R"({"text": 5})", sql, {std::string("5")});
  check(R"({"text": ")" + text_50000 + "\"}", sql, {text_50000});
}

TEST_CASE("json_model: a column's own condition gets its values from where_values, which may leave it out") {
  check(R"({"between": [1, 5]})", R"(("items"."between" BETWEEN ? AND ?))", {std::int64_t{1}, std::int64_t{5}});
  check(R"({"between": "any"})", "", {});
  check(R"({"at_least": 3})", R"(("items"."at_least" >= ?))", {std::int64_t{3}});
  check(R"({"half": 8})", R"(("items"."half" = ?))", {std::int64_t{4}});
  refuse(R"({"between": [1]})", {}, "items.between: 1 values for 2 placeholders");
  refuse(R"({"between": "throw"})", {}, "items.between: its function threw: not today");
  refuse(R"({"between": "wrong"})", {}, "items.between: no range", Errc::schema_violation);
}

TEST_CASE("json_model: where adds conditions, an empty one is left out") {
  const SearchOptions options{.where = {{.sql = "count > ? OR count < ?", .values = {std::int64_t{5}, std::int64_t{1}}},
                                        {},
                                        {.sql = "name IS NULL"}}};
  const SqlText text = behind_from(select(R"({"virtual": 1})", options));
  CHECK(text.sql == R"( WHERE json_extract("items"."json",'$."virtual"') = ? AND (count > ? OR count < ?) AND )"
                    R"((name IS NULL) LIMIT ? OFFSET ?)");
  CHECK((text.values == std::vector<SqlValue>{std::int64_t{1}, std::int64_t{5}, std::int64_t{1}}));
}

TEST_CASE("json_model: placeholders and values have to be as many, whatever stands in quotes and comments") {
  const auto where = [](std::string sql, std::vector<SqlValue> values) {
    return SearchOptions{.where = {{.sql = std::move(sql), .values = std::move(values)}}};
  };
  refuse("{}", where("count = ?", {}), "items: where: 0 values for 1 placeholders");
  refuse("{}", where("count = 1", {std::int64_t{1}}), "items: where: 1 values for 0 placeholders");
  refuse("{}", where("", {std::int64_t{1}}), "items: where: 1 values for 0 placeholders");
  for (const char* const named : {"count = ?1", "count = :a", "count = @a", "count = $a"})
    refuse("{}", where(named, {std::int64_t{1}}), "items: where: only plain placeholders (?) are taken");
  for (const char* const one : {"name = '?' AND count = ?", "name = 'it''s :a' AND count = ?", "\"a?b\" = ?",
                                "[a?b] = ?", "`?` = ?", "count = ? /* ? */", "count -- ?\n = ?", "count - ? > 4 / 2"})
    CHECK_MESSAGE(SelectText::make(table(), {}, where(one, {std::int64_t{1}})).ok(), one);
  refuse("{}", where("count = ? /* ?", {}), "items: where: 0 values for 1 placeholders");
  refuse("{}", {.join = "JOIN other USING (id)", .join_values = {std::int64_t{1}}},
         "items: join: 1 values for 0 placeholders");
  refuse("{}", {.columns = {"count + ?"}}, "items: selected: 0 values for 1 placeholders");
}

TEST_CASE("json_model: sort goes by the first key, then the next, each in its direction") {
  CHECK(ordered({{"count"}, {"name", true}}) == R"( ORDER BY "items"."count", "items"."name" DESC LIMIT ? OFFSET ?)");
  CHECK(ordered({{"virtual", true}}) ==
        R"( ORDER BY json_extract("items"."json",'$."virtual"') DESC LIMIT ? OFFSET ?)");
  CHECK(ordered({{"doubled"}}) == R"( ORDER BY ("items"."count" * 2) LIMIT ? OFFSET ?)");
  CHECK(ordered({}) == " LIMIT ? OFFSET ?");
  SUBCASE("a key that is there twice counts once, and none counts behind the id") {
    CHECK(ordered({{"count"}, {"count", true}, {"id", true}, {"name"}}) ==
          R"( ORDER BY "items"."count", "items"."id" DESC LIMIT ? OFFSET ?)");
  }
  SUBCASE("unknown keys are errors, not SQL") {
    refuse("{}", {.sort = {{"nope"}}}, "items: no such column: nope");
    refuse("{}", {.sort = {{"count; DROP TABLE items"}}}, "items: no such column: count; DROP TABLE items");
    refuse("{}", {.sort = {{""}}}, "items: no such column: ");
  }
}

TEST_CASE("json_model: with a limit, an offset or a cursor the id decides between rows that are alike") {
  CHECK(ordered({{"note", true}}, {.limit = 3}) == R"( ORDER BY "items"."note" DESC, "items"."id" LIMIT ? OFFSET ?)");
  CHECK(ordered({{"note"}}, {.offset = 3}) == R"( ORDER BY "items"."note", "items"."id" LIMIT ? OFFSET ?)");
  CHECK(ordered({}, {.limit = 3}) == R"( ORDER BY "items"."id" LIMIT ? OFFSET ?)");
  CHECK(ordered({{"id", true}}, {.limit = 3}) == R"( ORDER BY "items"."id" DESC LIMIT ? OFFSET ?)");
}

TEST_CASE("json_model: limits are bound, so that pages of any size have one text") {
  CHECK(select("{}", {.limit = 3, .offset = 7}).page()[0].sql == select("{}", {.limit = 5, .offset = 1}).page()[0].sql);
}

TEST_CASE("json_model: a join stands behind FROM, its values come first") {
  const SqlText text = behind_from(select(R"({"count": 1})", {.where = {{.sql = "o.a = ?", .values = {2.5}}},
                                                              .join = "JOIN other o ON o.id = items.id AND o.b = ?",
                                                              .join_values = {std::string("b")}}));
  CHECK(text.sql == R"( JOIN other o ON o.id = items.id AND o.b = ? WHERE "items"."count" = ? AND (o.a = ?))"
                    " LIMIT ? OFFSET ?");
  CHECK((text.values == std::vector<SqlValue>{std::string("b"), std::int64_t{1}, 2.5}));
}

TEST_CASE("json_model: columns are names, or expressions") {
  const SelectText text = select("{}", {.columns = {"name", "virtual", "count + 1 AS next"}});
  CHECK(text.page()[0].sql.starts_with(
      R"(SELECT "items"."name", ("items"."json"->'$."virtual"'), count + 1 AS next FROM "items" LIMIT)"));
  CHECK(text.item_columns() == 3);
  CHECK(text.keys() == 0);
  refuse("{}", {.columns = {""}}, "items: a selected column has no name");
}

TEST_CASE("json_model: with a limit the sort's values are read for the cursor, unless none is wanted") {
  const SearchOptions options{.sort = {{"count"}}, .limit = 1, .columns = {"name"}};
  CHECK(select("{}", options)
            .page()[0]
            .sql.starts_with(R"(SELECT "items"."name", "items"."count", "items"."id" FROM "items")"));
  CHECK(select("{}", options).keys() == 2);
  SearchOptions without = options;
  without.no_cursor = true;
  CHECK(select("{}", without).page()[0].sql.starts_with(R"(SELECT "items"."name" FROM "items")"));
}

TEST_CASE("json_model: distinct rows are known by their columns") {
  const SearchOptions options{.sort = {{"name", true}}, .limit = 2, .columns = {"note", "name"}, .distinct = true};
  const SelectText text = select("{}", options);
  CHECK(text.has_places());
  CHECK(text.page()[0].sql.starts_with(R"(SELECT DISTINCT "items"."note", "items"."name", "items"."name")"));
  CHECK(text.count(false).sql ==
        R"(SELECT count(*) FROM (SELECT DISTINCT "items"."note", "items"."name" FROM "items"))");
  refuse("{}", {.sort = {{"count"}}, .columns = {"name"}, .distinct = true},
         "items: distinct rows are sorted by what is selected, and \"count\" is not");
  CHECK(select("{}", {.distinct = true}).count(false).sql == R"(SELECT count(DISTINCT "items"."id") FROM "items")");
  SUBCASE("expressions have no place to go on from") {
    CHECK(!select("{}", {.limit = 2, .columns = {"count / 2"}, .distinct = true}).has_places());
    refuse("{}", {.columns = {"count / 2"}, .distinct = true, .cursor = "AAAA"},
           "items: distinct expressions have no cursor");
  }
}

TEST_CASE("json_model: aggregates are over numbers") {
  CHECK(
      select(R"({"count": 1})").aggregate("sum", *table().find("virtual")).sql ==
      R"(SELECT sum(CAST(json_extract("items"."json",'$."virtual"') AS REAL)) FROM "items" WHERE "items"."count" = ?)");
  CHECK(select("{}", {.distinct = true}).aggregate("avg", *table().find("count")).sql ==
        R"(SELECT avg(DISTINCT CAST("items"."count" AS REAL)) FROM "items")");
}

TEST_CASE("json_model: count has neither order nor limit") {
  CHECK(select("{}", {.sort = {{"name"}}, .limit = 1, .offset = 2}).count(true).sql ==
        R"(SELECT count(*) FROM "items")");
}

TEST_CASE("json_model: behind a row there are as many ranges as an index has to be searched") {
  const SqlValue five = std::int64_t{5}, null, id = std::int64_t{9};
  CHECK(ranges({{"count"}}, {five, id}) ==
        Texts{R"("items"."count" = ? AND "items"."id" > ?)", R"("items"."count" > ?)"});
  CHECK(ranges({{"count"}}, {null, id}) ==
        Texts{R"("items"."count" IS NULL AND "items"."id" > ?)", R"("items"."count" IS NOT NULL)"});
  CHECK(ranges({{"count", true}}, {five, id}) ==
        Texts{R"("items"."count" = ? AND "items"."id" > ?)", R"("items"."count" < ?)", R"("items"."count" IS NULL)"});
  CHECK(ranges({{"count", true}}, {null, id}) == Texts{R"("items"."count" IS NULL AND "items"."id" > ?)"});
  CHECK(ranges({}, {id}) == Texts{R"("items"."id" > ?)"});
  SUBCASE("before it, all the other way round") {
    CHECK(ranges({{"count"}}, {five, id}, true) ==
          Texts{R"("items"."count" = ? AND "items"."id" < ?)", R"("items"."count" < ?)", R"("items"."count" IS NULL)"});
    CHECK(ranges({{"count", true}}, {null, id}, true) ==
          Texts{R"("items"."count" IS NULL AND "items"."id" < ?)", R"("items"."count" IS NOT NULL)"});
    CHECK(ranges({}, {id}, true) == Texts{R"("items"."id" < ?)"});
  }
  SUBCASE("without an index it is one condition") {
    CHECK(ranges({{"note"}}, {five, id}) ==
          Texts{R"(("items"."note" > ? OR "items"."note" = ? AND "items"."id" > ?))"});
    CHECK(ranges({{"note", true}, {"count"}}, {null, null, id}) ==
          Texts{R"("items"."note" IS NULL AND ("items"."count" IS NOT NULL OR "items"."count" IS NULL AND )"
                R"("items"."id" > ?))"});
  }
}

TEST_CASE("json_model: an index that has no NULLs serves the first page as well") {
  CHECK(texts(select("{}", {.sort = {{"name", true}}, .limit = 10}).page()) ==
        Texts{R"("items"."name" IS NOT NULL)", R"("items"."name" IS NULL)"});
  CHECK(texts(select("{}", {.sort = {{"name"}}, .limit = 10}).page()) ==
        Texts{R"("items"."name" IS NULL)", R"("items"."name" IS NOT NULL)"});
  CHECK(select("{}", {.sort = {{"name"}}}).page().size() == 1);
  CHECK(select("{}", {.sort = {{"name"}}, .limit = 10, .offset = 1}).page().size() == 1);
  CHECK(select("{}", {.sort = {{"count"}}, .limit = 10}).page().size() == 1);
}

TEST_CASE("json_model: a cursor belongs to its model and its sort") {
  const SearchOptions options{.sort = {{"count"}}, .limit = 1};
  const std::string cursor = select("{}", options).cursor({.values = {std::int64_t{1}, std::int64_t{2}}});
  const auto with_cursor = [&](std::vector<SortKey> sort) {
    return SearchOptions{.sort = std::move(sort), .limit = 1, .cursor = cursor};
  };
  CHECK(SelectText::make(table(), {}, with_cursor({{"count"}})).ok());
  constexpr std::string_view foreign = "items: the cursor is of another model, or of another sort";
  refuse("{}", with_cursor({{"count", true}}), foreign);
  refuse("{}", with_cursor({{"name"}}), foreign);
  refuse("{}", with_cursor({{"count"}, {"name"}}), foreign);
  refuse("{}", with_cursor({}), foreign);
  refuse("{}", with_cursor({{"nope"}}), "items: no such column: nope");
  refuse("{}", {.cursor = "no cursor"}, "items: the cursor is damaged");
  const ModelTable other = must(ModelTable::make({.name = "others", .columns = {column("count")}}));
  const auto elsewhere = SelectText::make(other, {}, with_cursor({{"count"}}));
  REQUIRE(elsewhere.code() == Errc::invalid_argument);
  CHECK(elsewhere.error().message == "others: the cursor is of another model, or of another sort");
}
