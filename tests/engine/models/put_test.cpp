// Objects that are told as they were written, without a look at the database: the same that a get() gives, or nothing.
#include "engine/io/random.hpp"
#include "engine/models/es_events.hpp"
#include "engine/models/model_access.hpp"
#include "tests/engine/models/model_support.hpp"
#include "tests/engine/models/projection_rig.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

class Values {
public:
  explicit Values(std::uint64_t seed) : random_(io::make_seeded_random(seed)) {}
  [[nodiscard]] std::uint64_t below(std::uint64_t limit) { return random_->next() % limit; }

  Json value(int depth = 0) {
    static const std::array<Json, 26> all = {Json(),
                                             Json(true),
                                             Json(false),
                                             Json(0),
                                             Json(7),
                                             Json(-1),
                                             Json(std::numeric_limits<std::int64_t>::min()),
                                             Json(std::numeric_limits<std::int64_t>::max()),
                                             Json(std::numeric_limits<std::uint64_t>::max()),
                                             Json(0.0),
                                             Json(-0.0),
                                             Json(5.0),
                                             Json(0.1),
                                             Json(1e300),
                                             Json(-5e-324),
                                             Json(9007199254740993.0),
                                             Json(""),
                                             Json("5"),
                                             Json("5.0"),
                                             Json(" 7 "),
                                             Json("1e3"),
                                             Json("x\"\\\n\t"),
                                             Json(std::string("a\0b", 3)),
                                             Json("Stra\xc3\x9f"
                                                  "e"),
                                             Json(std::string(300, 'y')),
                                             Json("null")};
    const std::uint64_t kind = below(depth < 3 ? 32 : all.size());
    if (kind < all.size())
      return all[kind];
    if (kind < 28) {
      Json items = Json::array();
      for (std::uint64_t n = below(3); n > 0; --n)
        items.push(value(depth + 1));
      return items;
    }
    Json object = Json::object();
    for (const char* const key : {"x", "y", "z"})
      if (below(2) == 0)
        object.set(key, value(depth + 1));
    return object;
  }

  Json object(std::int64_t id) {
    Json object = Json::object();
    for (const char* const key : {"a", "b", "c", "d", "e", "f", "other", "more"}) {
      if (below(3) == 0)
        continue;
      object.set(key, value());
      if (below(8) == 0)
        object.set("id", id);
    }
    object.set("id", id);
    return object;
  }

  /// Columns of six members, one of them within another now and then.
  std::vector<Column> columns() {
    constexpr std::array types = {ColumnType::none, ColumnType::text, ColumnType::numeric, ColumnType::integer,
                                  ColumnType::real, ColumnType::blob, ColumnType::json};
    std::vector<Column> made{{.name = "id", .type = below(2) == 0 ? ColumnType::integer : ColumnType::text}};
    for (const char* const name : {"a", "b", "c", "d"}) {
      Column& column = made.emplace_back();
      column.name = name;
      column.type = types[below(types.size())];
      switch (below(6)) {
      case 0: column.default_value = Json("5"); break;
      case 1: column.falsy_bool = column.type != ColumnType::json; break;
      case 2: column.get = column.type == ColumnType::none; break;
      case 3: column.always_object = column.type == ColumnType::json; break;
      case 4: column.real = column.type == ColumnType::none; break;
      default: break;
      }
    }
    if (below(2) == 0)
      made.push_back({.name = "e", .type = ColumnType::json});
    if (below(2) == 0)
      made.push_back({.name = "inner", .type = types[1 + below(5)], .path = "e.x"});
    if (below(4) == 0)
      made.push_back({.name = "length", .get = true, .sql = "length(json)"});
    if (below(4) == 0)
      made.push_back({.name = "f", .type = ColumnType::text, .parse = [](const SqlValue&) -> Result<Json> {
                        return Json("parsed");
                      }});
    return made;
  }

private:
  std::unique_ptr<io::Random> random_;
};

/// A model with some of those columns; null where they make none.
std::unique_ptr<ModelFixture> random_model(Values& values) {
  auto columns = values.columns();
  if (!refusal(items(columns)).empty())
    return nullptr;
  return std::make_unique<ModelFixture>(items(std::move(columns)));
}

} // namespace

TEST_CASE("json_model: an object told as it was written is the one that get gives") {
  Values values(20'261'123);
  int models = 0, told = 0, not_told = 0;
  while (models < 300) {
    const auto f = random_model(values);
    if (!f)
      continue;
    ++models;
    for (int n = 0; n < 20; ++n) {
      const auto id = static_cast<std::int64_t>(values.below(5));
      const Json object = values.object(id);
      const bool insert_only = values.below(4) == 0;
      CAPTURE(object.to_text());
      const auto exists = f->model->exists(id);
      REQUIRE_MESSAGE(exists.ok(), why(exists));
      const bool there = *exists;
      const auto known = ModelAccess::put(*f->model, object, insert_only);
      if (insert_only && there) {
        CHECK_FALSE(known.ok());
        continue;
      }
      const std::string refused = known.ok() ? "" : known.error().message;
      const auto set = f->model->set(object);
      CHECK(refused == (set.ok() ? "" : set.error().message));
      if (!known.ok())
        continue;
      ++(*known ? told : not_told);
      if (*known)
        REQUIRE((*known)->to_text() == text(f->model->get(id)));
    }
  }
  CHECK(told > 500);
  CHECK(not_told > 500);
}

TEST_CASE("json_model: where SQLite makes another value of one, or computes one, the object is not told") {
  const auto told = [](Column column, const Json& value) {
    ModelFixture f(items({std::move(column)}));
    const auto object = ModelAccess::put(*f.model, Json::object({{"id", "a"}, {"n", value}}), false);
    REQUIRE_MESSAGE(object.ok(), why(object));
    return object->has_value();
  };
  CHECK(told({.name = "n", .type = ColumnType::text}, "5"));
  CHECK_FALSE(told({.name = "n", .type = ColumnType::text}, 5));
  CHECK(told({.name = "n", .type = ColumnType::integer}, 5));
  CHECK_FALSE(told({.name = "n", .type = ColumnType::integer}, "5"));
  CHECK_FALSE(told({.name = "n", .type = ColumnType::integer}, 5.5));
  CHECK_FALSE(told({.name = "n", .type = ColumnType::numeric}, "5"));
  CHECK_FALSE(told({.name = "n", .type = ColumnType::real}, 5));
  CHECK(told({.name = "n", .type = ColumnType::real}, 5.5));
  CHECK_FALSE(told({.name = "n", .type = ColumnType::real}, -0.0));
  CHECK(told({.name = "n", .type = ColumnType::blob}, "5"));
  CHECK(told({.name = "n", .type = ColumnType::json}, Json::array({1, 2})));
  CHECK(told({.name = "n"}, 5)); // in the JSON
  CHECK_FALSE(told({.name = "m", .get = true, .sql = "1"}, 5));
  CHECK_FALSE(told(
      {.name = "m", .type = ColumnType::text, .parse = [](const SqlValue&) -> Result<Json> { return Json("parsed"); }},
      5));
  for (const bool integer : {true, false}) { // who makes the id: SQLite, or the model
    ModelFixture f(items({{.name = "id", .type = integer ? ColumnType::integer : ColumnType::text}}));
    const auto made = ModelAccess::put(*f.model, Json::object({{"n", 1}}), false);
    REQUIRE_MESSAGE(made.ok(), why(made));
    CHECK(made->has_value() != integer);
    if (*made)
      CHECK((*made)->to_text() == text(f->search_one()));
  }
}

TEST_CASE("es_model: the object behind a write is the one that get gives, whatever columns and values it has") {
  Values values(7);
  int models = 0, objects = 0;
  while (models < 150) {
    ModelDefinition definition;
    definition.model = items(values.columns());
    if (!refusal(definition.model).empty())
      continue;
    ++models;
    ProjectionRig rig({definition});
    REQUIRE_MESSAGE(rig.opened().ok(), why(rig.opened()));
    for (int n = 0; n < 20; ++n) {
      const auto number = static_cast<std::int64_t>(values.below(4));
      const Json id =
          definition.model.columns[0].type == ColumnType::integer ? Json(number) : Json(std::to_string(number));
      Json object = values.object(number);
      object.erase("id");
      constexpr std::array actions = {EsAction::set, EsAction::set, EsAction::insert, EsAction::update, EsAction::save};
      rig.log().add("c", es_event("items", actions[values.below(actions.size())], id, object));
      const auto progress = rig.apply();
      if (progress.halted)
        break; // a value that the column does not take
      const Projection::Outcome& outcome = progress.outcomes.rbegin()->second;
      const auto stored = rig.model("items").get(id);
      REQUIRE_MESSAGE(stored.ok(), why(stored));
      REQUIRE(outcome.object.has_value() == stored->has_value());
      if (outcome.object) {
        REQUIRE(outcome.object->to_text() == text(stored));
        ++objects;
      }
    }
  }
  CHECK(objects > 200);
}

TEST_CASE("es_model: an object that a trigger changes is told as it is") {
  ModelDefinition definition;
  definition.model = items();
  definition.model.migrations = {{"trigger", [](ModelDatabase& db) {
                                    return db.execute("CREATE TRIGGER twice AFTER INSERT ON items BEGIN UPDATE items "
                                                      "SET json='{\"n\":2}' WHERE id=new.id; END");
                                  }}};
  ProjectionRig rig({definition});
  REQUIRE_MESSAGE(rig.opened().ok(), why(rig.opened()));
  const auto outcome = rig.run(es_event("items", EsAction::set, "a", Json::object({{"n", 1}})));
  REQUIRE(outcome.object);
  CHECK(outcome.object->to_text() == R"({"id":"a","n":2})");
}
