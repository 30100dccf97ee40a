// What a projection's database says of its models: written, read back, not written twice.
#include "engine/models/model_catalog.hpp"
#include "tests/engine/models/database_support.hpp"
#include "tests/support/temp_directory.hpp"

#include <array>
#include <filesystem>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <vector>

using namespace weir;
using test::column;
using test::make_database;
using test::must;
using test::says;
using test::TempDirectory;
using test::why;

namespace {

/// Every option of columns that is plain data, each set somewhere.
ModelDefinition everything() {
  ModelDefinition definition;
  definition.model.name = "every \"thing\"";
  definition.model.id_column = "key";
  definition.model.keep_row_id = false;
  definition.model.columns = {
      {.name = "key", .type = ColumnType::integer, .auto_increment = true},
      {.name = "total", .type = ColumnType::real, .path = "sum.total", .get = false, .required = true},
      {.name = "count", .default_value = Json(0), .index = ColumnIndex::all, .unique = true},
      {.name = "name", .type = ColumnType::text, .index = ColumnIndex::automatic, .text_search = true},
      {.name = "paid", .real = true, .falsy_bool = true, .index = ColumnIndex::sparse},
      {.name = "lines", .type = ColumnType::json, .always_object = true},
      {.name = "tags", .get = true, .is_array = true},
      {.name = "marks", .is_any_of_array = true},
      {.name = "all", .default_value = Json(), .in_all = true},
      {.name = "state", .type = ColumnType::blob, .in = true},
      {.name = "size", .type = ColumnType::numeric, .default_value = Json::object({{"a", Json::array({1, 2.5, "x"})}})},
      {.name = "length", .sql = "length(name)", .where = "length(name) > ?"}};
  return definition;
}

} // namespace

TEST_CASE("projection: the catalogue of its models comes back option by option") {
  const auto db = make_database();
  const ModelDefinition definitions[] = {everything()};
  must(write_model_catalog(*db, definitions));
  const auto read = read_model_catalog(*db);
  REQUIRE_MESSAGE(read.ok(), why(read));
  REQUIRE(read->size() == 1);
  const CataloguedModel& model = read->front();
  CHECK(model.event_sourced);
  CHECK_FALSE(model.has_functions());
  const JsonModelOptions& given = definitions[0].model;
  CHECK(model.options.name == given.name);
  CHECK(model.options.id_column == given.id_column);
  CHECK(model.options.keep_row_id == given.keep_row_id);
  REQUIRE(model.options.columns.size() == given.columns.size());
  for (std::size_t i = 0; i < given.columns.size(); ++i) {
    const Column &wanted = given.columns[i], &found = model.options.columns[i];
    CAPTURE(wanted.name);
    CHECK(found.name == wanted.name);
    CHECK(found.type == wanted.type);
    CHECK(found.real == wanted.real);
    CHECK(found.path == wanted.path);
    CHECK((found.get == wanted.get));
    CHECK((found.default_value == wanted.default_value));
    CHECK(found.required == wanted.required);
    CHECK(found.falsy_bool == wanted.falsy_bool);
    CHECK(found.always_object == wanted.always_object);
    CHECK(found.index == wanted.index);
    CHECK(found.unique == wanted.unique);
    CHECK(found.auto_increment == wanted.auto_increment);
    CHECK(found.sql == wanted.sql);
    CHECK(found.where == wanted.where);
    CHECK(found.in == wanted.in);
    CHECK(found.is_array == wanted.is_array);
    CHECK(found.is_any_of_array == wanted.is_any_of_array);
    CHECK(found.in_all == wanted.in_all);
    CHECK(found.text_search == wanted.text_search);
  }
}

TEST_CASE("projection: the catalogue names the functions that only the service has") {
  const auto db = make_database();
  ModelDefinition totals;
  totals.model.name = "totals";
  totals.event_sourced = false;
  totals.reduce = [](const ModelEvent&, ReduceContext&) -> Result<Change> { return Change{}; };
  totals.derive = [](const ModelEvent&, DeriveContext&) -> Status { return {}; };
  totals.model.make_id = [] { return std::string("id"); };
  totals.model.columns = {
      {.name = "sum", .value = [](const Json&, const JsonModel&) -> Result<Json> { return Json(1); }},
      {.name = "near",
       .where = "a BETWEEN ? AND ?",
       .where_values = [](const Json&) -> Result<std::optional<std::vector<SqlValue>>> {
         return std::optional<std::vector<SqlValue>>();
       }}};
  ModelDefinition orders;
  orders.model.name = "orders";
  orders.context_of = [](const Json&) { return std::string("orders"); }; // says where a write goes, and nothing of rows
  const ModelDefinition definitions[] = {totals, orders};
  must(write_model_catalog(*db, definitions));
  const auto read = read_model_catalog(*db);
  REQUIRE_MESSAGE(read.ok(), why(read));
  REQUIRE(read->size() == 2);
  CHECK(read->front().options.name == "orders");
  CHECK_FALSE(read->front().has_functions());
  CHECK_FALSE(read->back().event_sourced);
  CHECK(read->back().functions ==
        std::vector<std::string>{"reduce", "derive", "make_id", "sum.value", "near.where_values"});
  CHECK(read->back().options.columns.back().where.empty()); // its values are not to be had
}

TEST_CASE("projection: the catalogue is written when it differs, and only then") {
  const TempDirectory directory;
  const auto db = make_database({.file = directory.path("models.db")});
  const auto other = make_database({.file = directory.path("models.db")});
  std::array<ModelDefinition, 2> definitions = {everything(), everything()};
  definitions[1].model.name = "second";
  must(write_model_catalog(*db, definitions));
  const auto version = other->data_version();
  REQUIRE(version.ok());
  must(write_model_catalog(*db, definitions));
  // As it was read, it is the same text again.
  const auto read = read_model_catalog(*db);
  REQUIRE_MESSAGE(read.ok(), why(read));
  std::vector<ModelDefinition> again(2);
  for (std::size_t i = 0; i < 2; ++i)
    again[i].model = (*read)[i].options;
  must(write_model_catalog(*db, again));
  CHECK(*other->data_version() == *version);

  definitions[1].model.columns.pop_back();
  must(write_model_catalog(*db, definitions));
  CHECK(*other->data_version() != *version);
  must(write_model_catalog(*db, std::span(definitions).first(1)));
  CHECK(column(*other, "SELECT count(*) FROM weir_models") == "1");
}

TEST_CASE("projection: a catalogue that is missing or damaged is an error that says so") {
  const auto db = make_database();
  CHECK(says(read_model_catalog(*db), Errc::not_found, "does not say what its models are"));
  const ModelDefinition definitions[] = {everything()};
  must(write_model_catalog(*db, definitions));
  for (const char* damage :
       {"kind = 'odd'", "functions = '{}'", "functions = '['", "definition = 'x'", "definition = '{}'",
        "definition = '{\"columns\":[{}]}'", "definition = '{\"columns\":[{\"name\":\"a\",\"type\":\"odd\"}]}'",
        "definition = '{\"columns\":[{\"name\":\"a\",\"index\":7}]}'"}) {
    CAPTURE(damage);
    must(db->execute(std::string("UPDATE weir_models SET ") + damage));
    CHECK(says(read_model_catalog(*db), Errc::corruption, "model every \"thing\""));
    must(write_model_catalog(*db, definitions));
    CHECK(read_model_catalog(*db).ok());
  }
}

TEST_CASE("json_model: a database that nobody writes is read without a trace") {
  const TempDirectory directory;
  const std::string file = directory.path("items.db");
  {
    const auto db = make_database({.file = file});
    must(db->execute("CREATE TABLE t(x); INSERT INTO t VALUES(7)"));
  }
  REQUIRE_FALSE(std::filesystem::exists(file + "-wal"));
  const auto written_at = std::filesystem::last_write_time(file);
  {
    const auto db = make_database({.file = file, .read_only = true, .unchanging = true});
    CHECK(column(*db, "SELECT x FROM t") == "7");
    CHECK(says(db->execute("INSERT INTO t VALUES(8)"), Errc::unsupported, "read-only"));
    CHECK_FALSE(std::filesystem::exists(file + "-wal"));
    CHECK_FALSE(std::filesystem::exists(file + "-shm"));
  }
  CHECK(std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 1);
  CHECK(std::filesystem::last_write_time(file) == written_at);
  CHECK(says(ModelDatabase::create({.file = file, .unchanging = true}), Errc::invalid_argument, "unchanging"));
}
