#include "tests/engine/models/model_support.hpp"

#include <string>

using namespace weir;
using namespace weir::test;

namespace {

/// Puts a row into the table past the model.
void insert(const ModelFixture& f, const std::string& columns, const std::string& values) {
  const auto ran = f.database->run("INSERT INTO items(" + columns + ") VALUES(" + values + ")");
  REQUIRE_MESSAGE(ran.ok(), why(ran));
}

} // namespace

TEST_CASE("json_model: a row without JSON is an object of its columns") {
  ModelFixture f(items({{.name = "n", .type = ColumnType::integer}}));
  insert(f, "id", "'a'");
  insert(f, "id, n", "'b', 5");
  CHECK(text(f->get("a")) == R"({"id":"a"})");
  CHECK(text(f->get("b")) == R"({"id":"b","n":5})");
}

TEST_CASE("json_model: of a row the id comes first, then the JSON, then the columns") {
  ModelFixture f(items({{.name = "n", .type = ColumnType::integer}, {.name = "m", .type = ColumnType::integer}}));
  insert(f, "id, n, m, json", R"('a', 1, 2, '{"z":1,"y":2}')");
  CHECK(text(f->get("a")) == R"({"id":"a","z":1,"y":2,"n":1,"m":2})");
}

TEST_CASE("json_model: a value in the JSON goes before the column's, unless it is null") {
  ModelFixture f(items({{.name = "n", .type = ColumnType::integer}}));
  insert(f, "id, n, json", R"('a', 1, '{"n":2}')");
  insert(f, "id, n, json", R"('b', 1, '{"n":null}')");
  insert(f, "id, n, json", R"('c', NULL, '{"n":null,"x":null}')");
  CHECK(text(f->get("a")) == R"({"id":"a","n":2})");
  CHECK(text(f->get("b")) == R"({"id":"b","n":1})");
  CHECK(text(f->get("c")) == R"({"id":"c","n":null,"x":null})");
}

TEST_CASE("json_model: stored values of every type come back as JSON") {
  ModelFixture f(items({{.name = "v", .real = true}}));
  for (const auto& [stored, read] :
       std::initializer_list<std::pair<const char*, const char*>>{{"9223372036854775807", "9223372036854775807"},
                                                                  {"-1", "-1"},
                                                                  {"1.5", "1.5"},
                                                                  {"2.0", "2.0"},
                                                                  {"'text'", "\"text\""},
                                                                  {"''", "\"\""},
                                                                  {"X'616263'", "\"abc\""}}) {
    REQUIRE(f.database->run("DELETE FROM items").ok());
    insert(f, "id, v", std::string("'a', ") + stored);
    CHECK(text(f->get("a")) == std::string(R"({"id":"a","v":)").append(read) + "}");
  }
}

TEST_CASE("json_model: a column whose parent is something else now is left out") {
  ModelFixture f(items({{.name = "town", .type = ColumnType::text, .path = "address.town"}}));
  insert(f, "id, town, json", R"('a', 'Rome', '{"address":5}')");
  insert(f, "id, town, json", R"('b', 'Rome', '{"address":null}')");
  CHECK(text(f->get("a")) == R"({"id":"a","address":5})");
  CHECK(text(f->get("b")) == R"({"id":"b","address":{"town":"Rome"}})");
}

TEST_CASE("json_model: falsy_bool and always_object hold for rows that others wrote") {
  ModelFixture f(items({{.name = "flag", .real = true, .falsy_bool = true},
                        {.name = "data", .type = ColumnType::json, .always_object = true}}));
  insert(f, "id, flag", "'a', 0");
  insert(f, "id, flag", "'b', 7");
  insert(f, "id, data", "'c', '{}'");
  CHECK(text(f->get("a")) == R"({"id":"a","data":{}})");
  CHECK(text(f->get("b")) == R"({"id":"b","flag":true,"data":{}})");
  CHECK(text(f->get("c")) == R"({"id":"c","data":{}})");
}

TEST_CASE("json_model: a row whose JSON is damaged is an error that names the column, not an object") {
  ModelFixture f(items({{.name = "data", .type = ColumnType::json}, {.name = "bytes", .type = ColumnType::blob}}));
  insert(f, "id, json", "'a', '{'");
  insert(f, "id, json", "'b', '[1]'");
  insert(f, "id, data", "'c', '{'");
  insert(f, "id, bytes", "'d', X'ff'");
  insert(f, "id, json", R"('e', '{"x":1,"x":2}')");
  CHECK(says(f->get("a"), Errc::corruption, "items.json"));
  CHECK(says(f->get("b"), Errc::corruption, "items.json: no object"));
  CHECK(says(f->get("c"), Errc::corruption, "items.data"));
  CHECK(says(f->get("d"), Errc::corruption, "items.bytes"));
  CHECK(says(f->get("e"), Errc::corruption, "twice"));
  CHECK(f->all().code() == Errc::corruption);
}

TEST_CASE("json_model: parse that fails or throws is an error that names the column") {
  ModelFixture f(items({{.name = "v", .type = ColumnType::integer, .parse = [](const SqlValue& stored) -> Result<Json> {
                           if (std::holds_alternative<std::monostate>(stored))
                             return Json("none");
                           if (stored == SqlValue(std::int64_t{1}))
                             return fail(Errc::incompatible, "an old one");
                           throw std::runtime_error("bang");
                         }}}));
  insert(f, "id", "'a'");
  insert(f, "id, v", "'b', 1");
  insert(f, "id, v", "'c', 2");
  CHECK(text(f->get("a")) == R"({"id":"a","v":"none"})");
  CHECK(says(f->get("b"), Errc::incompatible, "items.v: an old one"));
  CHECK(says(f->get("c"), Errc::invalid_argument, "items.v: its function threw: bang"));
}
