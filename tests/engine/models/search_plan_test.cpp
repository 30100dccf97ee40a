// How SQLite goes about the statements of a search: by an index, not over the table.
#include "engine/models/select_text.hpp"
#include "tests/engine/models/items.hpp"

#include <doctest/doctest.h>

using namespace weir;
using test::column;
using test::Items;
using test::must;
using test::parsed;

namespace {

std::vector<Column> columns(ColumnType id) {
  return {column("id", id),
          column("all", ColumnType::integer, ColumnIndex::all),
          column("sparse", ColumnType::integer, ColumnIndex::sparse),
          column("virtual_all", ColumnIndex::all),
          column("virtual_sparse", ColumnIndex::sparse),
          column("plain", ColumnType::integer)};
}

struct Planned {
  ColumnType id;
  Items items{columns(id)};
  ModelTable table = must(ModelTable::make({.name = "items", .columns = columns(id)}));

  // What EXPLAIN QUERY PLAN says of a statement, its lines joined by " | ".
  std::string plan(SqlText text, bool page = true) const {
    if (page)
      text.values.insert(text.values.end(), {std::int64_t{21}, std::int64_t{0}});
    std::string plan;
    for (const SqlRow& row : must(items.database().all("EXPLAIN QUERY PLAN " + text.sql, text.values)))
      plan += (plan.empty() ? "" : " | ") + std::get<std::string>(row["detail"]);
    return plan;
  }

  SelectText select(const SearchOptions& options, const Json& attributes = {}) const {
    return must(SelectText::make(table, attributes, options));
  }

  SqlValue some_id() const { return id == ColumnType::text ? SqlValue(std::string("x")) : SqlValue(std::int64_t{9}); }

  // Every statement of the page behind (or before) a row, and of the question whether there is one, goes by an index.
  void searches(const std::string& by, const SqlValue& value) const {
    CAPTURE(by);
    for (const bool descending : {false, true})
      for (const bool reversed : {false, true}) {
        SearchOptions options{.sort = {{.column = by, .descending = descending}}, .limit = 20};
        const Place place{.values = {value, some_id()}, .reversed = reversed};
        options.cursor = select(options).cursor(place);
        for (const SqlText& range : select(options).page())
          goes_by_an_index(by, range, plan(range));
        for (const SqlText& range : select(options).any_from(place))
          if (range.sql.find(" IS NOT NULL") == std::string::npos) // The first one found will do.
            goes_by_an_index(by, range, plan(range, false));
      }
  }

  void goes_by_an_index(const std::string& by, const SqlText& range, const std::string& found) const {
    CAPTURE(range.sql);
    CAPTURE(found);
    // A sparse index has no NULLs.
    if (range.sql.find(" IS NULL") != std::string::npos && by.ends_with("sparse"))
      return;
    CHECK(found.find("items_" + by) != std::string::npos);
    // SQLite does not search for what is not NULL in an expression: it begins at the first.
    if (range.sql.find(" IS NOT NULL") == std::string::npos)
      CHECK(found.starts_with("SEARCH "));
  }

  // With the id in the same direction the index has the rows in their order.
  void sorts_nothing(const std::string& by, const SqlValue& value) const {
    CAPTURE(by);
    for (const bool descending : {false, true})
      for (const bool reversed : {false, true}) {
        SearchOptions options{.sort = {{by, descending}, {"id", descending}}, .limit = 20};
        options.cursor = select(options).cursor({.values = {value, some_id()}, .reversed = reversed});
        for (const SqlText& range : select(options).page()) {
          CAPTURE(range.sql);
          CHECK(plan(range).find("TEMP B-TREE") == std::string::npos);
        }
      }
  }
};

} // namespace

TEST_CASE("json_model: a page behind a cursor is found by searching the index of the sort column") {
  for (const ColumnType id : {ColumnType::integer, ColumnType::text}) {
    const Planned planned{.id = id};
    for (const char* const by : {"all", "sparse", "virtual_all", "virtual_sparse"}) {
      planned.searches(by, std::int64_t{5});
      planned.searches(by, {});
    }
  }
}

TEST_CASE("json_model: a page behind a cursor is not sorted where the index has its order") {
  const Planned planned{.id = ColumnType::integer};
  for (const char* const by : {"all", "sparse", "virtual_all", "virtual_sparse"}) {
    planned.sorts_nothing(by, std::int64_t{5});
    planned.sorts_nothing(by, {});
  }
}

TEST_CASE("json_model: a first page reads the index of the sort column in its order") {
  const Planned planned{.id = ColumnType::integer};
  const auto first = [&](const char* by, bool descending) {
    return planned.plan(planned.select({.sort = {{.column = by, .descending = descending}}, .limit = 20}).page()[0]);
  };
  CHECK(first("all", false) == "SCAN items USING INDEX items_all");
  CHECK(first("all", true).find("items_all") != std::string::npos);
  CHECK(first("sparse", true).find("items_sparse") != std::string::npos);
  CHECK(first("virtual_sparse", true).find("items_virtual_sparse") != std::string::npos);
}

TEST_CASE("json_model: pages by the id alone search for it") {
  for (const ColumnType id : {ColumnType::integer, ColumnType::text}) {
    const Planned planned{.id = id};
    SearchOptions options{.limit = 20};
    options.cursor = planned.select(options).cursor({.values = {planned.some_id()}});
    const auto page = planned.select(options).page();
    REQUIRE(page.size() == 1);
    CHECK(planned.plan(page[0]).starts_with("SEARCH items USING "));
  }
}

TEST_CASE("json_model: attributes with an index are searched by it, lists too") {
  const Planned planned{.id = ColumnType::integer};
  for (const char* const name : {"all", "sparse", "virtual_all", "virtual_sparse"}) {
    CAPTURE(name);
    const auto text = planned.select({}, Json::object({{name, 5}}));
    CHECK(planned.plan(text.page()[0]) ==
          "SEARCH items USING INDEX items_" + std::string(name) +
              (std::string(name).starts_with("virtual") ? " (<expr>=?)" : " (" + std::string(name) + "=?)"));
    CHECK(planned.plan(text.count(false), false).find("SEARCH items USING") == 0);
  }
}
