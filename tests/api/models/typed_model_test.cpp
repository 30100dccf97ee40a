// Models seen as structs of a service's own.
#include "tests/api/models/model_rig.hpp"

#include <weir/es_model.hpp>
#include <weir/typed_model.hpp>

#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

struct Customer {
  static Result<Customer> from_json(const Json& object) {
    if (!object["city"].is_string())
      return fail(Errc::invalid_argument, "a customer has a city");
    return Customer{object["id"].is_null() ? 0 : object["id"].integer(), std::string(object["city"].string()),
                    object["visits"].integer(1)};
  }
  [[nodiscard]] Json to_json() const {
    Json object = Json::object({{"city", city}, {"visits", visits}});
    if (id != 0)
      object.set("id", id);
    return object;
  }
  friend bool operator==(const Customer&, const Customer&) = default;

  std::int64_t id = 0; // 0: none yet
  std::string city;
  std::int64_t visits = 0;
};

JsonModelOptions customers() {
  JsonModelOptions options;
  options.name = "customers";
  options.columns = {{.name = "id", .type = ColumnType::integer},
                     {.name = "city", .index = ColumnIndex::all},
                     {.name = "visits", .type = ColumnType::integer}};
  return options;
}

/// What both kinds of models do.
template <class Model> void write_and_read(TypedModel<Customer, Model> typed) {
  const Customer ann = must(typed.set({0, "Aarhus", 1}));
  CHECK(ann == Customer{1, "Aarhus", 1}); // the id is made by the model
  const Customer bob = must(typed.set({7, "Bergen", 2}, true));
  CHECK(bob == Customer{7, "Bergen", 2});
  CHECK(typed.set({7, "Brest", 1}, true).code() == Errc::condition_failed);
  CHECK(must(typed.update(Json::object({{"id", 7}, {"visits", 3}}))) == Customer{7, "Bergen", 3});
  CHECK(typed.update(Json::object({{"id", 8}, {"visits", 3}})).code() == Errc::not_found);
  must(typed.set({2, "Cork", 9}));

  CHECK(must(typed.get(1)) == ann);
  CHECK(must(typed.get("Cork", "city")) == Customer{2, "Cork", 9});
  CHECK_FALSE(must(typed.get(5)));
  CHECK(must(typed.all()) == std::vector<Customer>{ann, {2, "Cork", 9}, {7, "Bergen", 3}});
  CHECK(must(typed.search_one(Json::object({{"city", "Bergen"}}))) == Customer{7, "Bergen", 3});
  CHECK_FALSE(must(typed.search_one(Json::object({{"city", "Nowhere"}}))));
  CHECK(must(typed.search_all({}, {.sort = {{"city", true}}})) ==
        std::vector<Customer>{{2, "Cork", 9}, {7, "Bergen", 3}, ann});
  const auto page = must(typed.search({}, {.sort = {{"city"}}, .limit = 2}));
  CHECK(page.items == std::vector<Customer>{ann, {7, "Bergen", 3}});
  CHECK(page.total == 3);
  const auto rest = must(typed.search({}, {.sort = {{"city"}}, .limit = 2, .cursor = page.cursor}));
  CHECK(rest.items == std::vector<Customer>{{2, "Cork", 9}});
  CHECK(rest.cursor.empty());
  CHECK_FALSE(rest.previous_cursor.empty());

  std::vector<Customer> seen;
  must(typed.each([&](const Customer& each, std::uint64_t index) -> Status {
    CHECK(index == seen.size());
    seen.push_back(each);
    return {};
  }));
  CHECK(seen.size() == 3);
  CHECK(typed.each([](const Customer&, std::uint64_t) { return Status(fail(Errc::cancelled, "enough")); }).code() ==
        Errc::cancelled);
  CHECK(must(typed.model().count()) == 3);
}

} // namespace

TEST_CASE("json_model: objects go in and come out as the service's own struct") {
  const auto database = must(ModelDatabase::create({}));
  write_and_read(TypedModel<Customer>(*must(database->add_model(customers()))));
}

TEST_CASE("es_model: objects go in and come out as the service's own struct") {
  ModelRig rig;
  EventSourcingOptions options;
  options.models.push_back({.model = customers()});
  const auto db = rig.open(std::move(options));
  write_and_read(TypedModel<Customer, ESModel>(*db->model("customers")));
  // For reading only, the table behind it will do.
  const TypedModel<Customer, const JsonModel> rows(*db->rows("customers"));
  CHECK(must(rows.get(2)) == Customer{2, "Cork", 9});
  CHECK(must(rows.search({}, {.limit = 1})).items.size() == 1);
}

TEST_CASE("json_model: an object that the service's struct cannot be read from is an error wherever it is met") {
  const auto database = must(ModelDatabase::create({}));
  JsonModel& model = *must(database->add_model(customers()));
  TypedModel<Customer> typed(model);
  must(typed.set({1, "Aarhus", 1}));
  must(model.set(Json::object({{"id", 2}, {"visits", 5}})));
  const auto refused = [](const auto& result) {
    return result.code() == Errc::invalid_argument && result.error().message == "a customer has a city";
  };
  CHECK(must(typed.get(1)) == Customer{1, "Aarhus", 1});
  CHECK(refused(typed.get(2)));
  CHECK(refused(typed.all()));
  CHECK(refused(typed.search()));
  CHECK(refused(typed.search_all()));
  CHECK(refused(typed.search_one(Json::object({{"visits", 5}}))));
  CHECK(refused(typed.update(Json::object({{"id", 2}, {"visits", 6}}))));
  CHECK((*must(model.get(2)))["visits"].integer() == 6); // stored all the same
  int visited = 0;
  CHECK(refused(typed.each([&](const Customer&, std::uint64_t) -> Status {
    ++visited;
    return {};
  })));
  CHECK(visited == 1);
}

TEST_CASE("json_model: only a struct that is read from JSON and written as JSON makes a typed model") {
  struct Nothing {};
  struct OneWay {
    [[nodiscard]] Json to_json() const { return {}; }
  };
  static_assert(ModelObject<Customer>);
  static_assert(!ModelObject<Nothing>);
  static_assert(!ModelObject<OneWay>);
  CHECK(std::is_copy_constructible_v<TypedModel<Customer>>);
}
