#include "tests/engine/models/model_support.hpp"

#include <limits>
#include <string>
#include <utility>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

std::function<Result<Json>(const Json&, const JsonModel&)> of(std::function<Json(const Json&)> compute) {
  return
      [compute = std::move(compute)](const Json& object, const JsonModel&) -> Result<Json> { return compute(object); };
}

} // namespace

TEST_CASE("json_model: a real column is taken out of the JSON and put back on reading") {
  ModelFixture f(items({{.name = "count", .type = ColumnType::integer}}));
  CHECK(text(f->set(parsed(R"({"id":"a","name":"hi","count":3})"))) == R"({"id":"a","name":"hi","count":3})");
  CHECK(rows(*f.database, R"(SELECT id, count, json FROM items)") == R"('a',3,'{"name":"hi"}')");
  CHECK(text(f->get("a")) == R"({"id":"a","name":"hi","count":3})");
}

TEST_CASE("json_model: a virtual column stays in the JSON") {
  ModelFixture f(items({{.name = "count"}}));
  CHECK(text(f->set(parsed(R"({"id":"a","count":3})"))) == R"({"id":"a","count":3})");
  CHECK(rows(*f.database, R"(SELECT json FROM items)") == R"('{"count":3}')");
  CHECK(text(f->get(3, "count")) == R"({"id":"a","count":3})");
}

TEST_CASE("json_model: a path says where in the object a column lies") {
  ModelFixture f(items({{.name = "town", .type = ColumnType::text, .path = "address.place.town"},
                        {.name = "zip", .path = "address.place.zip"}}));
  const Json object = parsed(R"({"id":"a","address":{"place":{"zip":"12345","town":"Rome"},"floor":2}})");
  CHECK(*f->set(object) == object);
  CHECK(rows(*f.database, "SELECT town, json FROM items") ==
        R"('Rome','{"address":{"place":{"zip":"12345"},"floor":2}}')");
  CHECK(*f->get("12345", "zip") == object);
  CHECK(*f->get("Rome", "town") == object);
}

TEST_CASE("json_model: a real column within members that are gone comes back in new ones") {
  ModelFixture f(items({{.name = "town", .type = ColumnType::text, .path = "address.town"}}));
  must(f->put(parsed(R"({"id":"a","address":{"town":"Rome"}})")));
  REQUIRE(f.database->run("UPDATE items SET json=NULL").ok());
  CHECK(text(f->get("a")) == R"({"id":"a","address":{"town":"Rome"}})");
  must(f->put(parsed(R"({"id":"b","address":"none"})")));
  CHECK(text(f->get("b")) == R"({"id":"b","address":"none"})");
}

TEST_CASE("json_model: a column's type converts as SQLite does, and set gives what get gives") {
  ModelFixture f(items({{.name = "t", .type = ColumnType::text},
                        {.name = "n", .type = ColumnType::numeric},
                        {.name = "i", .type = ColumnType::integer},
                        {.name = "r", .type = ColumnType::real},
                        {.name = "b", .type = ColumnType::blob},
                        {.name = "u", .real = true}}));
  const auto set = f->set(parsed(R"({"id":"a","t":7,"n":"7","i":"7","r":7,"b":"7","u":7})"));
  CHECK(text(set) == R"({"id":"a","t":"7","n":7,"i":7,"r":7.0,"b":"7","u":7})");
  CHECK(*f->get("a") == *set);
  CHECK(text(f->set(parsed(R"({"id":"b","t":5000000000,"n":"x","r":0.5,"u":1.5})"))) ==
        R"({"id":"b","t":"5000000000","n":"x","r":0.5,"u":1.5})");
  CHECK(text(f->set(parsed(R"({"id":"c","t":18446744073709551615})"))) == R"({"id":"c","t":"18446744073709551615"})");
  CHECK(says(f->set(parsed(R"({"id":"c","i":18446744073709551615})")), Errc::invalid_argument, "items.i"));
  CHECK(says(f->set(parsed(R"({"id":"c","t":[1]})")), Errc::invalid_argument, "items.t"));
  CHECK(says(f->set(Json::object({{"id", "c"}, {"t", "\xff"}})), Errc::invalid_argument, "items.t: not valid UTF-8"));
}

TEST_CASE("json_model: a json column keeps any value exactly") {
  ModelFixture f(items({{.name = "data", .type = ColumnType::json}}));
  for (const char* const value :
       {"5", "0", "-1.5", "9007199254740993", "18446744073709551615", "9223372036854775807", "\"5\"", "\"\"", "true",
        "false", "[]", "[1,\"a\",null]", "{}", "{\"a\":{\"b\":[{}]}}", "\"\\u0000\""}) {
    const Json object = parsed(std::string(R"({"id":"a","data":)") + value + "}");
    CHECK_MESSAGE(*f->set(object) == object, value);
    CHECK_MESSAGE(*f->get("a") == object, value);
  }
  CHECK(text(f->set(parsed(R"({"id":"a","data":null})"))) == R"({"id":"a"})");
  CHECK(rows(*f.database, "SELECT typeof(data) FROM items") == "'null'");
}

TEST_CASE("json_model: numbers in the JSON of an object keep all of their digits") {
  ModelFixture f(items());
  const Json object =
      parsed(R"({"id":"a","n":[9007199254740993,18446744073709551615,-9223372036854775808,0.1,1e300]})");
  CHECK(*f->set(object) == object);
  CHECK((**f->get("a")).to_text() == object.to_text());
}

TEST_CASE("json_model: columns inside a json column are taken out first and put back last") {
  ModelFixture f(items({{.name = "data", .type = ColumnType::json},
                        {.name = "deep", .type = ColumnType::integer, .path = "data.inner.deep"},
                        {.name = "inner", .type = ColumnType::json, .path = "data.inner"}}));
  const Json object = parsed(R"({"id":"a","data":{"inner":{"deep":5,"x":1},"y":2}})");
  CHECK(*f->set(object) == object);
  CHECK(rows(*f.database, "SELECT data, \"inner\", deep, json FROM items") == R"('{"y":2}','{"x":1}',5,NULL)");
  CHECK(*f->get("a") == object);
  CHECK(*f->get(5, "deep") == object);
  // A json column that others lie in is always an object.
  CHECK(text(f->set(parsed(R"({"id":"b"})"))) == R"({"id":"b","data":{"inner":{}}})");
  CHECK(rows(*f.database, "SELECT data, \"inner\", deep, json FROM items WHERE id='b'") == "NULL,NULL,NULL,NULL");
}

TEST_CASE("json_model: a virtual column inside a json column is read there") {
  ModelFixture f(items({{.name = "data", .type = ColumnType::json},
                        {.name = "color", .path = "data.look.color", .index = ColumnIndex::sparse}}));
  const Json object = parsed(R"({"id":"a","data":{"look":{"color":"red"}}})");
  CHECK(*f->set(object) == object);
  CHECK(*f->get("red", "color") == object);
}

TEST_CASE("json_model: of an always_object column NULL is the empty object") {
  ModelFixture f(items({{.name = "data", .type = ColumnType::json, .always_object = true}}));
  CHECK(text(f->set(parsed(R"({"id":"a","data":{}})"))) == R"({"id":"a","data":{}})");
  CHECK(text(f->set(parsed(R"({"id":"b"})"))) == R"({"id":"b","data":{}})");
  CHECK(text(f->set(parsed(R"({"id":"c","data":{"x":1}})"))) == R"({"id":"c","data":{"x":1}})");
  CHECK(rows(*f.database, "SELECT data FROM items ORDER BY id") == R"(NULL; NULL; '{"x":1}')");
}

TEST_CASE("json_model: falsy_bool keeps true, and nothing for what is falsy") {
  ModelFixture f(items({{.name = "real", .real = true, .falsy_bool = true}, {.name = "virtual", .falsy_bool = true}}));
  CHECK(text(f->set(parsed(R"({"id":"a","real":true,"virtual":true})"))) == R"({"id":"a","virtual":true,"real":true})");
  CHECK(text(f->set(parsed(R"({"id":"b","real":"x","virtual":7})"))) == R"({"id":"b","virtual":true,"real":true})");
  for (const char* const falsy : {"false", "0", "\"\"", "null"})
    CHECK(text(f->set(parsed(std::string(R"({"id":"c","real":)") + falsy + R"(,"virtual":)" + falsy + "}")))
              .find("true") == std::string::npos);
  CHECK(rows(*f.database, "SELECT typeof(real), real, json FROM items WHERE id<>'c' ORDER BY id") ==
        R"('integer',1,'{"virtual":true}'; 'integer',1,'{"virtual":true}')");
  CHECK(rows(*f.database, "SELECT real, json FROM items WHERE id='c'").substr(0, 4) == "NULL");
  CHECK((**f->get("c"))["virtual"].is_null());
}

TEST_CASE("json_model: value computes a column on every write") {
  ModelFixture f(items({{.name = "upper", .value = of([](const Json& o) { return Json(o["n"].integer() + 1); })},
                        {.name = "real", .type = ColumnType::integer, .value = of([](const Json& o) {
                                                                        return Json(o["n"].integer() + 2);
                                                                      })},
                        {.name = "hidden",
                         .type = ColumnType::integer,
                         .path = "inner.hidden",
                         .get = false,
                         .value = of([](const Json& o) { return Json(o["n"].integer() + 3); })}}));
  const Json given = parsed(R"({"id":"a","n":1,"inner":{"hidden":"mine"}})");
  CHECK(text(f->set(given)) == R"({"id":"a","n":1,"inner":{"hidden":"mine"},"upper":2,"real":3})");
  CHECK(given == parsed(R"({"id":"a","n":1,"inner":{"hidden":"mine"}})"));
  CHECK(rows(*f.database, "SELECT real, hidden, json FROM items") ==
        R"(3,4,'{"n":1,"inner":{"hidden":"mine"},"upper":2}')");
  CHECK(text(f->update(parsed(R"({"id":"a","n":5})"))) ==
        R"({"id":"a","n":5,"inner":{"hidden":"mine"},"upper":6,"real":7})");
}

TEST_CASE("json_model: a value function sees the object as it came, not what others computed") {
  ModelFixture f(items({{.name = "first", .value = of([](const Json&) { return Json("computed"); })},
                        {.name = "second", .value = of([](const Json& o) { return o["first"]; })}}));
  CHECK(text(f->set(parsed(R"({"id":"a","first":"raw"})"))) == R"({"id":"a","first":"computed","second":"raw"})");
  CHECK(text(f->set(parsed(R"({"id":"b"})"))) == R"({"id":"b","first":"computed"})");
}

TEST_CASE("json_model: a value function may read the model, and its errors name the column") {
  ModelFixture f(items({{.name = "count_before", .value = [](const Json&, const JsonModel& model) -> Result<Json> {
                           auto all = model.all();
                           return all ? Result<Json>(all->size()) : std::move(all).error();
                         }}}));
  CHECK((*f->set(parsed(R"({"id":"a"})")))["count_before"].integer() == 0);
  CHECK((*f->set(parsed(R"({"id":"b"})")))["count_before"].integer() == 1);
  ModelFixture g(items({{.name = "bad", .value = [](const Json& o, const JsonModel&) -> Result<Json> {
                           if (o["throw"].truthy())
                             throw std::runtime_error("thrown");
                           return fail(Errc::not_found, "returned");
                         }}}));
  CHECK(says(g->set(parsed(R"({"id":"a"})")), Errc::not_found, "items.bad: returned"));
  CHECK(says(g->set(parsed(R"({"id":"a","throw":1})")), Errc::invalid_argument, "thrown"));
  CHECK(g->all()->empty());
}

TEST_CASE("json_model: a default is written in the place of null") {
  ModelFixture f(items({{.name = "v", .default_value = Json(5)},
                        {.name = "r", .type = ColumnType::text, .default_value = Json("x")},
                        {.name = "j", .type = ColumnType::json, .default_value = Json::array({1})}}));
  CHECK(text(f->set(parsed(R"({"id":"a"})"))) == R"({"id":"a","v":5,"r":"x","j":[1]})");
  CHECK(text(f->set(parsed(R"({"id":"b","v":null,"r":null,"j":null})"))) == R"({"id":"b","v":5,"r":"x","j":[1]})");
  CHECK(text(f->set(parsed(R"({"id":"c","v":0,"r":"","j":false})"))) == R"({"id":"c","v":0,"r":"","j":false})");
  CHECK(rows(*f.database, "SELECT r, j, json FROM items WHERE id='a'") == R"('x','[1]','{"v":5}')");
}

TEST_CASE("json_model: a required value must be there, 0 and empty and false are") {
  ModelFixture f(items({{.name = "v", .required = true}, {.name = "r", .type = ColumnType::text, .required = true}}));
  CHECK(says(f->set(parsed(R"({"id":"a","r":"x"})")), Errc::invalid_argument, "items.v: value is required"));
  CHECK(says(f->set(parsed(R"({"id":"a","v":1})")), Errc::invalid_argument, "items.r: value is required"));
  CHECK(says(f->set(parsed(R"({"id":"a","v":null,"r":"x"})")), Errc::invalid_argument, "items.v: value is required"));
  CHECK(f->all()->empty());
  for (const char* const value : {"0", "\"\"", "false"})
    CHECK(f->set(parsed(std::string(R"({"id":"a","r":"","v":)") + value + "}")).ok());
  ModelFixture g(items({{.name = "v", .value = of([](const Json&) { return Json(1); }), .required = true}}));
  CHECK(text(g->set(parsed(R"({"id":"a"})"))) == R"({"id":"a","v":1})");
}

TEST_CASE("json_model: stringify and parse stand between the object and the table") {
  ModelFixture f(items({{.name = "words",
                         .type = ColumnType::text,
                         .parse = [](const SqlValue& stored) -> Result<Json> {
                           Json list = Json::array();
                           if (const auto* const text = std::get_if<std::string>(&stored))
                             for (const char c : *text)
                               list.push(std::string(1, c));
                           return list;
                         },
                         .stringify = [](const Json& value) -> Result<SqlValue> {
                           std::string text;
                           for (const Json& item : value.items())
                             text += item.string();
                           if (text == "bad")
                             return fail(Errc::invalid_argument, "a bad word");
                           return SqlValue(text);
                         }},
                        {.name = "plus", .get = true, .parse = [](const SqlValue& stored) -> Result<Json> {
                           const auto* const number = std::get_if<std::int64_t>(&stored);
                           return number == nullptr ? Json() : Json(*number + 1);
                         }}}));
  CHECK(text(f->set(parsed(R"({"id":"a","words":["x","y"],"plus":1})"))) == R"({"id":"a","plus":2,"words":["x","y"]})");
  CHECK(rows(*f.database, "SELECT words, json FROM items") == R"('xy','{"plus":1}')");
  // What an update does not touch stays as it is stored.
  CHECK(text(f->update(parsed(R"({"id":"a","x":1})"))) == R"({"id":"a","plus":2,"x":1,"words":["x","y"]})");
  CHECK(rows(*f.database, "SELECT words, json FROM items") == R"('xy','{"plus":1,"x":1}')");
  CHECK(text(f->set(parsed(R"({"id":"b"})"))) == R"({"id":"b","words":[]})");
  CHECK(says(f->set(parsed(R"({"id":"a","words":["b","a","d"]})")), Errc::invalid_argument, "items.words: a bad word"));
}

TEST_CASE("json_model: a blob goes in and out through stringify and parse") {
  ModelFixture f(items({{.name = "bytes",
                         .type = ColumnType::blob,
                         .parse = [](const SqlValue& stored) -> Result<Json> {
                           const auto* const blob = std::get_if<SqlBlob>(&stored);
                           return blob == nullptr ? Json() : Json(blob->bytes.size());
                         },
                         .stringify = [](const Json& value) -> Result<SqlValue> {
                           return SqlValue(SqlBlob{std::string(static_cast<std::size_t>(value.integer()), '\xff')});
                         }}}));
  CHECK(text(f->set(parsed(R"({"id":"a","bytes":3})"))) == R"({"id":"a","bytes":3})");
  CHECK(rows(*f.database, "SELECT bytes FROM items") == "X'FFFFFF'");
}

TEST_CASE("json_model: an expression column is read, never stored") {
  ModelFixture f(items({{.name = "n", .type = ColumnType::integer},
                        {.name = "twice", .get = true, .sql = "n * 2"},
                        {.name = "or7", .get = true, .default_value = Json(7), .sql = "n + 1"}}));
  CHECK(text(f->set(parsed(R"({"id":"a","n":4})"))) == R"({"id":"a","n":4,"twice":8,"or7":5})");
  CHECK(text(f->get(8, "twice")) == R"({"id":"a","n":4,"twice":8,"or7":5})");
  auto object = *f->get("a");
  object->set("n", 5);
  CHECK(text(f->set(*object)) == R"({"id":"a","n":5,"twice":10,"or7":6})");
  CHECK(rows(*f.database, "SELECT json FROM items") == "NULL");
  CHECK(text(f->set(parsed(R"({"id":"b"})"))) == R"({"id":"b","or7":7})");
  CHECK(text(f->get(7, "or7")) == R"({"id":"b","or7":7})");
}

TEST_CASE("json_model: columns that reads do not give are left out, and stay in the JSON") {
  ModelFixture f(items({{.name = "key", .type = ColumnType::integer, .get = false}}));
  CHECK(text(f->set(parsed(R"({"id":"a","key":"5"})"))) == R"({"id":"a","key":"5"})");
  CHECK(rows(*f.database, "SELECT key, json FROM items") == R"(5,'{"key":"5"}')");
}

TEST_CASE("json_model: indexes are named after table and column, sparse ones leave NULL out") {
  ModelFixture f(items({{.name = "all", .type = ColumnType::text, .index = ColumnIndex::all},
                        {.name = "sparse", .index = ColumnIndex::sparse},
                        {.name = "auto", .type = ColumnType::text, .index = ColumnIndex::automatic},
                        {.name = "only", .index = ColumnIndex::automatic, .unique = true},
                        {.name = "some", .index = ColumnIndex::sparse, .unique = true}}));
  must(f.database->open());
  CHECK(column(*f.database, "SELECT sql FROM sqlite_schema WHERE type='index' AND sql NOT NULL ORDER BY name") ==
        R"('CREATE INDEX "items_all" ON "items"("all")' )"
        R"('CREATE INDEX "items_auto" ON "items"("auto") WHERE "auto" IS NOT NULL' )"
        R"('CREATE UNIQUE INDEX "items_only" ON "items"(json_extract("json",''$."only"''))' )"
        R"('CREATE UNIQUE INDEX "items_some" ON "items"(json_extract("json",''$."some"'')) )"
        R"(WHERE json_extract("json",''$."some"'') IS NOT NULL' )"
        R"('CREATE INDEX "items_sparse" ON "items"(json_extract("json",''$."sparse"'')) )"
        R"(WHERE json_extract("json",''$."sparse"'') IS NOT NULL')");
  for (const char* const name : {"all", "sparse", "auto", "only", "some"}) {
    const bool real = std::string_view(name) == "all" || std::string_view(name) == "auto";
    const std::string expression = real ? std::string("\"items\".\"") + name + '"'
                                        : std::string("json_extract(\"items\".\"json\",'$.\"") + name + "\"')";
    const auto plan =
        f.database->all("EXPLAIN QUERY PLAN SELECT * FROM items WHERE " + expression + "=?1", Values{std::string("x")});
    REQUIRE(plan.ok());
    CHECK(std::get<std::string>((*plan)[0]["detail"]).find(std::string("items_") + name) != std::string::npos);
  }
}

TEST_CASE("json_model: indexes of models whose names run into each other are all there") {
  const auto database = make_database({});
  const auto with = [](std::string name, std::string column) {
    JsonModelOptions options;
    options.name = std::move(name);
    options.columns = {{.name = std::move(column), .index = ColumnIndex::all}};
    return options;
  };
  for (const auto& [name, column] : {std::pair{"a", "b_c"}, {"a_b", "c"}, {"A_B_", "c"}, {"a", "b"}, {"a_b_c", "d"}})
    if (database->model(name) == nullptr)
      CHECK(database->add_model(with(name, column)).ok());
  must(database->open());
  CHECK(column(*database, "SELECT name FROM sqlite_schema WHERE type='index' AND sql NOT NULL ORDER BY name") ==
        "'A_B__c' 'a_b_c_' 'a_b_c__' 'a_b_c_d'");
}

TEST_CASE("json_model: unique values are refused twice, NULLs never, and the error names the column") {
  ModelFixture f(items({{.name = "mail", .index = ColumnIndex::all, .unique = true},
                        {.name = "code", .type = ColumnType::text, .index = ColumnIndex::sparse, .unique = true}}));
  must(f->put(parsed(R"({"id":"a","mail":"x","code":"1"})")));
  must(f->put(parsed(R"({"id":"b"})")));
  must(f->put(parsed(R"({"id":"c"})")));
  CHECK(says(f->set(parsed(R"({"id":"d","mail":"x"})")), Errc::condition_failed, "items.mail: the value is taken"));
  CHECK(says(f->set(parsed(R"({"id":"d","code":"1"})")), Errc::condition_failed, "items.code: the value is taken"));
  CHECK(says(f->update(parsed(R"({"id":"b","mail":"x"})")), Errc::condition_failed, "items.mail"));
  CHECK(f->set(parsed(R"({"id":"a","mail":"x","code":"1","n":1})")).ok());
  CHECK(f->all()->size() == 3);
}
