#include "tests/engine/models/projection_rig.hpp"

#include <weir/fold.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

struct OrderPlaced {
  static constexpr std::string_view event_type = "order_placed";
  static Result<OrderPlaced> from_json(const Json& data) {
    if (!data["customer"].is_string())
      return fail(Errc::invalid_argument, "an order needs a customer");
    return OrderPlaced{std::string(data["customer"].string()), data["cents"].integer()};
  }
  std::string customer;
  std::int64_t cents = 0;
};

struct OrderCancelled {
  static constexpr std::string_view event_type = "order_cancelled";
  static Result<OrderCancelled> from_json(const Json& data) {
    return OrderCancelled{std::string(data["customer"].string()), data["cents"].integer()};
  }
  std::string customer;
  std::int64_t cents = 0;
};

Status add(DeriveContext& context, const std::string& customer, std::int64_t cents) {
  JsonModel& sales = context.model("sales");
  const auto before = sales.get(customer);
  if (!before)
    return before.error();
  const std::int64_t sum = *before ? (**before)["cents"].integer() : 0;
  const auto stored = sales.set(Json::object({{"id", customer}, {"cents", sum + cents}}));
  return stored ? Status() : stored.error();
}

ModelDefinition sales() {
  JsonModelOptions options;
  options.name = "sales";
  Fold fold(std::move(options));
  fold.on<OrderPlaced>([](const OrderPlaced& placed, const ModelEvent&, DeriveContext& context) {
    return add(context, placed.customer, placed.cents);
  });
  fold.on<OrderCancelled>([](const OrderCancelled& cancelled, const ModelEvent&, DeriveContext& context) {
    return add(context, cancelled.customer, -cancelled.cents);
  });
  return std::move(fold).definition();
}

} // namespace

TEST_CASE("projection: a fold of typed events keeps its sums with the position") {
  ProjectionRig rig({sales()});
  rig.run("order_placed", loose_json("{'customer':'ann','cents':500}"));
  rig.run("order_placed", loose_json("{'customer':'bob','cents':70}"));
  rig.run("weather", loose_json("{'customer':'bob','cents':9}"));
  rig.run("order_cancelled", loose_json("{'customer':'ann','cents':200}"));
  CHECK(rig.rows("sales") == "{\"id\":\"ann\",\"cents\":300}\n{\"id\":\"bob\",\"cents\":70}\n");
  CHECK(rig.projection().position() == 5);
}

TEST_CASE("projection: an event that its struct cannot read fails the fold, with what the struct says") {
  ProjectionRig rig({sales()});
  CHECK(rig.failure("order_placed") == "_apply_derive sales: an order needs a customer");
  CHECK(rig.rows("sales") == "");
}

TEST_CASE("projection: several functions of one type run in the order they were given") {
  std::vector<std::string> seen;
  JsonModelOptions options;
  options.name = "seen";
  Fold fold(std::move(options));
  for (const char* const name : {"first", "second", "third"})
    fold.on<OrderPlaced>([&seen, name](const OrderPlaced& placed, const ModelEvent& event, DeriveContext&) -> Status {
      seen.push_back(name + (" " + placed.customer) + " " + std::to_string(event.position));
      return {};
    });
  ModelDefinition definition = std::move(fold).definition();
  CHECK(definition.types == std::vector<std::string>{"order_placed"});
  CHECK_FALSE(definition.event_sourced);
  ProjectionRig rig({std::move(definition)});
  rig.run("order_placed", loose_json("{'customer':'ann'}"));
  CHECK(seen == std::vector<std::string>{"first ann 1", "second ann 1", "third ann 1"});
}

TEST_CASE("projection: a fold without functions is refused when it is used") {
  JsonModelOptions options;
  options.name = "idle";
  const std::vector<ModelDefinition> models{Fold(std::move(options)).definition()};
  const auto database = ModelDatabase::create({});
  REQUIRE(database.ok());
  CHECK(Projection::add_models(**database, models).code() == Errc::invalid_argument);
}
