#include "tests/engine/models/model_support.hpp"
#include "tests/support/temp_directory.hpp"

#include <cctype>
#include <set>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

std::function<Result<Json>(const Json&, const JsonModel&)> member(std::string key) {
  return [key = std::move(key)](const Json& object, const JsonModel&) -> Result<Json> { return object[key]; };
}

bool is_uuid_7(std::string_view id) {
  if (id.size() != 36 || id[14] != '7' || std::string_view("89ab").find(id[19]) == std::string_view::npos)
    return false;
  for (std::size_t i = 0; i < id.size(); ++i)
    if (i == 8 || i == 13 || i == 18 || i == 23 ? id[i] != '-' : std::isxdigit(static_cast<unsigned char>(id[i])) == 0)
      return false;
  return true;
}

} // namespace

TEST_CASE("json_model: every wrong combination of options is refused and names model and column") {
  using C = ColumnType;
  const auto value = member("x");
  const auto parse = [](const SqlValue&) -> Result<Json> { return Json(); };
  const auto stringify = [](const Json&) -> Result<SqlValue> { return SqlValue(); };
  const auto values = [](const Json&) -> Result<std::optional<std::vector<SqlValue>>> {
    return std::optional<std::vector<SqlValue>>();
  };
  const std::vector<std::pair<Column, std::string>> wrong = {
      {{.name = "x", .type = C::text, .sql = "1"}, "`sql`"},
      {{.name = "x", .real = true, .sql = "1"}, "`sql`"},
      {{.name = "x", .value = value, .sql = "1"}, "`value`"},
      {{.name = "x", .slug_value = value, .index = ColumnIndex::all, .sql = "1"}, "`slug_value`"},
      {{.name = "x", .required = true, .sql = "1"}, "`required`"},
      {{.name = "x", .parse = parse}, "`get`"},
      {{.name = "x", .type = C::text, .get = false, .parse = parse}, "`get`"},
      {{.name = "x", .stringify = stringify}, "`stringify`"},
      {{.name = "x", .type = C::json, .parse = parse}, "json"},
      {{.name = "x", .type = C::json, .stringify = stringify}, "json"},
      {{.name = "x", .value = value, .slug_value = value, .index = ColumnIndex::all}, "exclude each other"},
      {{.name = "x", .slug_value = value}, "index"},
      {{.name = "x", .get = true, .falsy_bool = true, .parse = parse}, "`falsy_bool`"},
      {{.name = "x", .real = true, .falsy_bool = true, .stringify = stringify}, "`falsy_bool`"},
      {{.name = "x", .default_value = Json(true), .falsy_bool = true}, "`falsy_bool`"},
      {{.name = "x", .type = C::text, .falsy_bool = true}, "`falsy_bool`"},
      {{.name = "x", .type = C::json, .falsy_bool = true}, "`falsy_bool`"},
      {{.name = "x", .falsy_bool = true, .in = true}, "`in`"},
      {{.name = "x", .always_object = true}, "`always_object`"},
      {{.name = "x", .type = C::text, .always_object = true}, "`always_object`"},
      {{.name = "x", .default_value = Json()}, "default"},
      {{.name = "x", .type = C::text, .default_value = Json::array()}, "json"},
      {{.name = "x", .unique = true}, "index"},
      {{.name = "x", .type = C::integer, .auto_increment = true}, "`auto_increment`"},
      {{.name = "x", .where = "x = 1"}, "placeholder"},
      {{.name = "x", .where = "x = ?", .in = true}, "`where` and `in`"},
      {{.name = "x", .where_values = values, .text_search = true}, "`where_values` and `text_search`"},
      {{.name = "x", .in = true, .is_array = true}, "`in` and `is_array`"},
      {{.name = "x", .is_array = true, .is_any_of_array = true}, "exclude each other"},
      {{.name = "x", .is_any_of_array = true, .in_all = true}, "exclude each other"},
      {{.name = "x", .in = true, .text_search = true}, "exclude each other"},
      {{.name = "x", .is_array = true, .text_search = true}, "exclude each other"},
      {{.name = "x", .type = C::text, .is_array = true}, "lists"},
      {{.name = "x", .type = C::integer, .in_all = true}, "lists"},
      {{.name = "x", .path = ".a"}, "path"},
      {{.name = "x", .path = "a."}, "path"},
      {{.name = "x", .path = "a..b"}, "path"},
      {{.name = "x", .path = "a\xff"}, "UTF-8"},
      {{.name = "x", .path = std::string("a\0b", 3)}, "the path holds a control character"},
      {{.name = "x", .path = std::string("\0", 1)}, "the path holds a control character"},
      {{.name = "x", .path = "a\nb"}, "the path holds a control character"},
      {{.name = "x", .path = "a.b\t"}, "the path holds a control character"},
      {{.name = "x", .path = "a.\x7f.b"}, "the path holds a control character"},
      {{.name = "x", .path = "\xc2\x85.b"}, "the path holds a control character"},
      {{.name = "x", .type = C::text, .path = "a\nb"}, "the path holds a control character"},
      {{.name = "x", .path = "a\"b"}, "double quote"},
      {{.name = "json"}, "already"},
      {{.name = "RowId"}, "already"},
      {{.name = "id", .type = C::real}, "an id is a text or an integer"},
      {{.name = "id", .type = C::json}, "an id is a text or an integer"},
      {{.name = "id", .get = false}, "`get`"},
      {{.name = "id", .default_value = Json("x")}, "default"},
      {{.name = "id", .real = true, .falsy_bool = true}, "`falsy_bool`"},
      {{.name = "id", .sql = "1"}, "`sql`"},
      {{.name = "id", .parse = parse}, "`parse`"},
      {{.name = "id", .auto_increment = true}, "`auto_increment`"},
      {{.name = "id", .type = C::integer, .slug_value = value}, "`slug_value`"},
  };
  for (const auto& each : wrong) {
    const auto& column = each.first;
    const auto& part = each.second;
    const std::string why = column_refusal(column);
    INFO(column.name, " ", part, ": ", why);
    CHECK(why.find("items." + column.name + ": ") != std::string::npos);
    CHECK(why.find(part) != std::string::npos);
  }
  CHECK(column_refusal(Column{.name = "x", .real = true, .falsy_bool = true}).empty());
  CHECK(column_refusal(Column{.name = "x", .where = "x > 5 OR ?1", .where_values = values}).empty());
  CHECK(column_refusal(Column{.name = "x", .path = "a b.\xc2\xa0"}).empty());
  CHECK(column_refusal(Column{.name = "x", .path = std::string(1000, 'a')}).empty()); // longer than names may be
}

TEST_CASE("json_model: columns whose places in the object collide are refused") {
  using C = ColumnType;
  CHECK(refusal(items({{.name = "a"}, {.name = "A"}})).find("items.A: there are two columns") != std::string::npos);
  CHECK(refusal(items({{.name = "a", .type = C::text}, {.name = "b", .path = "a"}})).find("column a") !=
        std::string::npos);
  CHECK(refusal(items({{.name = "a", .type = C::text}, {.name = "b", .type = C::text, .path = "a.b"}}))
            .find("items.b: its path leads through") != std::string::npos);
  CHECK(refusal(items({{.name = "id2", .path = "id.x"}})).find("items.id2") != std::string::npos);
  CHECK(refusal(items({{.name = "a"}, {.name = "b", .path = "a"}, {.name = "c", .path = "a.b"}})).empty());
  CHECK(refusal(items({{.name = "a", .type = C::text, .get = false}, {.name = "b", .path = "a"}})).empty());
}

TEST_CASE("json_model: wrong names and options of the model are refused") {
  const auto make_id = [] { return std::string("x"); };
  CHECK(!refusal({.name = ""}).empty());
  CHECK(!refusal({.name = "sqlite_x"}).empty());
  CHECK(!refusal({.name = "SQLite_x"}).empty());
  CHECK(!refusal({.name = "{x"}).empty());
  CHECK(!refusal({.name = "a\nb"}).empty());
  CHECK(!refusal({.name = "a\xff"}).empty());
  CHECK(!refusal({.name = std::string(129, 'x')}).empty());
  CHECK(refusal({.name = std::string(128, 'x')}).empty());
  CHECK(!refusal({.name = "items", .id_column = ""}).empty());
  CHECK(!refusal({.name = "items", .id_column = "json"}).empty());
  CHECK(!refusal({.name = "items", .columns = {{.name = ""}}}).empty());
  CHECK(!refusal({.name = "items", .columns = {{.name = "id", .type = ColumnType::integer}}, .make_id = make_id})
             .empty());
  CHECK(!refusal({.name = "items", .columns = {{.name = "id", .value = member("x")}}, .make_id = make_id}).empty());
  CHECK(!refusal({.name = "items", .migrations = {{"!x", [](ModelDatabase&) { return Status(); }}}}).empty());
  CHECK(!refusal({.name = "items", .migrations = {{"", [](ModelDatabase&) { return Status(); }}}}).empty());
}

TEST_CASE("json_model: a text id has a hidden rowId beside it, unless told otherwise") {
  ModelFixture kept(items());
  must(kept.database->open());
  CHECK(column(*kept.database, "SELECT sql FROM sqlite_schema WHERE name='items'") ==
        R"('CREATE TABLE "items"("rowId" INTEGER PRIMARY KEY,"id" TEXT NOT NULL UNIQUE,"json" TEXT)')");
  ModelFixture key({.name = "items", .keep_row_id = false});
  must(key.database->open());
  CHECK(column(*key.database, "SELECT sql FROM sqlite_schema WHERE name='items'") ==
        R"('CREATE TABLE "items"("id" TEXT NOT NULL PRIMARY KEY,"json" TEXT)')");
  CHECK(text(key->set(parsed(R"({"id":"a","x":1})"))) == R"({"id":"a","x":1})");
  CHECK(text(key->set(parsed(R"({"id":"a","x":2})"))) == R"({"id":"a","x":2})");
  CHECK(key->all()->size() == 1);
}

TEST_CASE("json_model: rowIds outlive a vacuum, and a write to the same object") {
  TempDirectory directory;
  ModelFixture f(items(), {.file = directory.path("m.db")});
  for (const char* const id : {"c", "a", "b"})
    must(f->put(Json::object({{"id", id}})));
  REQUIRE(*f->remove("a"));
  must(f->put(parsed(R"({"id":"b","x":1})")));
  const auto before = rows(*f.database, "SELECT rowId, id FROM items ORDER BY rowId");
  CHECK(before == "1,'c'; 3,'b'");
  must(f.database->execute("VACUUM"));
  CHECK(rows(*f.database, "SELECT rowId, id FROM items ORDER BY rowId") == before);
}

TEST_CASE("json_model: an integer id is the rowid and counts on by itself") {
  ModelFixture f(items({{.name = "id", .type = ColumnType::integer}}));
  CHECK(text(f->set(parsed(R"({"x":1})"))) == R"({"id":1,"x":1})");
  CHECK(text(f->set(parsed(R"({"id":10})"))) == R"({"id":10})");
  CHECK(text(f->set(parsed("{}"))) == R"({"id":11})");
  CHECK(column(*f.database, "SELECT rowid FROM items ORDER BY id") == "1 10 11");
  REQUIRE(*f->remove(11));
  CHECK(text(f->set(parsed("{}"))) == R"({"id":11})");
}

TEST_CASE("json_model: with auto_increment ids of removed objects do not come again") {
  ModelFixture f(items({{.name = "id", .type = ColumnType::integer, .auto_increment = true}}));
  CHECK(text(f->set(parsed(R"({"id":10})"))) == R"({"id":10})");
  REQUIRE(*f->remove(10));
  CHECK(*f->next_id() == 11);
  CHECK(text(f->set(parsed("{}"))) == R"({"id":11})");
}

TEST_CASE("json_model: the id column may have another name and place") {
  ModelFixture f({.name = "items", .id_column = "key"});
  CHECK(text(f->set(parsed(R"({"key":"a","id":5})"))) == R"({"key":"a","id":5})");
  CHECK(text(f->get("a")) == R"({"key":"a","id":5})");
  CHECK(f->id_column() == "key");
  ModelFixture g({.name = "items", .columns = {{.name = "key", .path = "meta.key"}}, .id_column = "key"});
  CHECK(text(g->set(parsed(R"({"meta":{"key":"a","x":1}})"))) == R"({"meta":{"x":1,"key":"a"}})");
  CHECK(*g->remove(parsed(R"({"meta":{"key":"a"}})")));
}

TEST_CASE("json_model: an object without an id gets a time-based one, and they ascend") {
  ModelFixture f(items());
  std::string last;
  for (int i = 0; i < 200; ++i) {
    const auto stored = f->set(Json::object({{"i", i}}));
    REQUIRE(stored.ok());
    const std::string id((*stored)["id"].string());
    CHECK(is_uuid_7(id));
    CHECK(last < id);
    last = id;
  }
  CHECK(text(f->get(last)) == "{\"id\":\"" + last + "\",\"i\":199}");
  CHECK(f->set(parsed(R"({"id":null})")).ok());
}

TEST_CASE("json_model: ids come from make_id where it is given") {
  int made = 0;
  ModelFixture f({.name = "items", .make_id = [&] { return std::string("id").append(std::to_string(++made)); }});
  CHECK(text(f->set(parsed("{}"))) == R"({"id":"id1"})");
  CHECK(text(f->set(parsed(R"({"id":"mine"})"))) == R"({"id":"mine"})");
  CHECK(made == 1);
  ModelFixture g({.name = "items", .make_id = []() -> std::string { throw std::runtime_error("no more ids"); }});
  CHECK(says(g->set(parsed("{}")), Errc::invalid_argument, "no more ids"));
  ModelFixture h({.name = "items", .make_id = [] { return std::string("\xff"); }});
  CHECK(says(h->set(parsed("{}")), Errc::invalid_argument, "items.id"));
}

TEST_CASE("json_model: value of the id computes it where there is none") {
  ModelFixture f(items({{.name = "id", .value = member("mail")}}));
  CHECK(text(f->set(parsed(R"({"mail":"x@y"})"))) == R"({"id":"x@y","mail":"x@y"})");
  CHECK(text(f->set(parsed(R"({"id":"mine","mail":"x@y"})"))) == R"({"id":"mine","mail":"x@y"})");
  CHECK(text(f->set(parsed(R"({"id":"","mail":"x@y"})"))) == R"({"id":"","mail":"x@y"})");
  CHECK(is_uuid_7((*f->set(parsed("{}")))["id"].string()));
}

TEST_CASE("json_model: 0 and the empty text are ids") {
  ModelFixture numbers(items({{.name = "id", .type = ColumnType::integer, .value = [](const Json&, const JsonModel&) {
                                 return Result<Json>(Json(99));
                               }}}));
  CHECK(text(numbers->set(parsed(R"({"id":0,"x":1})"))) == R"({"id":0,"x":1})");
  CHECK(text(numbers->get(0)) == R"({"id":0,"x":1})");
  CHECK(text(numbers->set(parsed("{}"))) == R"({"id":99})");
  ModelFixture texts(items());
  CHECK(text(texts->set(parsed(R"({"id":"","x":1})"))) == R"({"id":"","x":1})");
  CHECK(text(texts->get("")) == R"({"id":"","x":1})");
  CHECK(*texts->remove(""));
}

TEST_CASE("json_model: a text id given as an integer is its digits, anything else but a text is refused") {
  ModelFixture f(items());
  CHECK(text(f->set(parsed(R"({"id":5})"))) == R"({"id":"5"})");
  CHECK(text(f->set(parsed(R"({"id":5000000000})"))) == R"({"id":"5000000000"})");
  CHECK(text(f->set(parsed(R"({"id":5e9,"x":1})"))) == R"({"id":"5000000000","x":1})");
  CHECK(text(f->set(parsed(R"({"id":18446744073709551615})"))) == R"({"id":"18446744073709551615"})");
  CHECK(text(f->get(5000000000)) == R"({"id":"5000000000","x":1})");
  for (const char* const id : {"true", "false", "1.5", "[]", "{}", "1e300", "\"a\\u0000b\""})
    CHECK_MESSAGE(says(f->set(parsed(std::string(R"({"id":)") + id + "}")), Errc::invalid_argument, "items.id"), id);
  CHECK(says(f->get(true), Errc::invalid_argument, "items.id"));
  CHECK(says(f->remove(true), Errc::invalid_argument, "items.id"));
}

TEST_CASE("json_model: an integer id takes integers alone") {
  ModelFixture f(items({{.name = "id", .type = ColumnType::integer}}));
  CHECK(text(f->set(parsed(R"({"id":7.0})"))) == R"({"id":7})");
  CHECK(text(f->set(parsed(R"({"id":9223372036854775807})"))) == R"({"id":9223372036854775807})");
  CHECK(text(f->set(parsed(R"({"id":-3})"))) == R"({"id":-3})");
  for (const char* const id : {"true", "1.5", "\"7\"", "[]", "18446744073709551615"})
    CHECK_MESSAGE(says(f->set(parsed(std::string(R"({"id":)") + id + "}")), Errc::invalid_argument, "items.id"), id);
}

TEST_CASE("json_model: an id that is required must be given") {
  ModelFixture f(items({{.name = "id", .required = true}}));
  CHECK(says(f->set(parsed("{}")), Errc::invalid_argument, "items.id: value is required"));
  CHECK(f->set(parsed(R"({"id":"a"})")).ok());
}

TEST_CASE("json_model: get finds by id or by a column, the first by id of several") {
  ModelFixture f(items({{.name = "color", .index = ColumnIndex::all}}));
  for (const char* const id : {"c", "a", "b"})
    must(f->put(Json::object({{"id", id}, {"color", "red"}})));
  CHECK(text(f->get("b")) == R"({"id":"b","color":"red"})");
  CHECK(text(f->get("red", "color")) == R"({"id":"a","color":"red"})");
  CHECK(text(f->get("none")) == "nothing");
  CHECK(text(f->get("blue", "color")) == "nothing");
  CHECK(says(f->get(nullptr), Errc::invalid_argument, "items.id: null"));
  CHECK(says(f->get(nullptr, "color"), Errc::invalid_argument, "items.color: null"));
  CHECK(says(f->get("x", "size"), Errc::invalid_argument, "items: no such column: size"));
}

TEST_CASE("json_model: get_all answers in the order of the ids, with holes and repetitions") {
  ModelFixture f(items(
      {{.name = "n", .type = ColumnType::integer}, {.name = "hidden", .type = ColumnType::integer, .get = false}}));
  for (int i = 0; i < 5; ++i)
    must(f->put(Json::object({{"id", std::to_string(i)}, {"n", i % 3}})));
  const auto texts = [&](std::vector<Json> ids, std::string_view column = {}) {
    const auto found = f->get_all(ids, column);
    REQUIRE_MESSAGE(found.ok(), why(found));
    std::string out;
    for (const auto& object : *found)
      out += object ? std::string((*object)["id"].string()) : "-";
    return out;
  };
  CHECK(texts({"3", "1", "x", "3", "0"}) == "31-30");
  CHECK(texts({}).empty());
  CHECK(texts({3, 1}) == "31");
  CHECK(texts({2, 0, 1, 0, 7}, "n") == "2010-");
  std::vector<Json> many;
  for (int i = 0; i < 3'000; ++i)
    many.emplace_back(i);
  CHECK(texts(many).substr(0, 7) == "01234--");
  CHECK(says(f->get_all(std::vector<Json>{"1", nullptr}), Errc::invalid_argument, "items.id: null"));
  CHECK(says(f->get_all(std::vector<Json>{1}, "hidden"), Errc::invalid_argument, "items.hidden"));
  CHECK(says(f->get_all(std::vector<Json>{1}, "none"), Errc::invalid_argument, "no such column"));
}

TEST_CASE("json_model: all gives every object by id") {
  ModelFixture f(items({{.name = "id", .type = ColumnType::integer}}));
  for (const int id : {3, 1, 2})
    must(f->put(Json::object({{"id", id}})));
  const auto all = f->all();
  REQUIRE(all.ok());
  REQUIRE(all->size() == 3);
  CHECK((*all)[0].to_text() == R"({"id":1})");
  CHECK((*all)[2].to_text() == R"({"id":3})");
}

TEST_CASE("json_model: next_id is the highest id and 1") {
  ModelFixture f(items({{.name = "id", .type = ColumnType::integer}}));
  CHECK(*f->next_id() == 1);
  must(f->put(parsed(R"({"id":41})")));
  CHECK(*f->next_id() == 42);
  must(f->put(parsed(R"({"id":9223372036854775807})")));
  CHECK(says(f->next_id(), Errc::too_large, "items.id"));
  ModelFixture g(items());
  CHECK(says(g->next_id(), Errc::invalid_argument, "items.id"));
}
