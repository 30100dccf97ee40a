// A small shop: customers and stock are objects, orders are told by events, and what each customer paid is folded from
// them. docs/guides/from-events-to-models.md quotes from it.
#include <weir/engine.hpp>
#include <weir/event_sourcing_db.hpp>
#include <weir/fold.hpp>

#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>

using weir::Json;

namespace {

[[noreturn]] void give_up(const weir::Error& error) {
  std::cerr << to_string(error) << '\n';
  std::exit(1);
}

template <class T> T must(weir::Result<T> result) {
  if (!result)
    give_up(result.error());
  return std::move(result).value();
}

void must(const weir::Status& status) {
  if (!status)
    give_up(status.error());
}

// Objects whose writes are events.
weir::ModelDefinition customers() {
  weir::ModelDefinition model;
  model.model.name = "customers";
  model.model.columns = {
      {.name = "id",
       .slug_value = [](const Json& object, const weir::JsonModel&) -> weir::Result<Json> { return object["name"]; }},
      {.name = "mail",
       .type = weir::ColumnType::text,
       .required = true,
       .index = weir::ColumnIndex::all,
       .unique = true},
      {.name = "name", .text_search = true},
  };
  return model;
}

// How many of a thing there are. Orders change it, in the same transaction as themselves.
weir::ModelDefinition stock() {
  weir::ModelDefinition model;
  model.model.name = "stock";
  model.model.columns = {{.name = "count", .type = weir::ColumnType::integer, .index = weir::ColumnIndex::all}};
  model.types = {"StockTaken"};
  model.reduce = [](const weir::ModelEvent& event, weir::ReduceContext& context) -> weir::Result<weir::Change> {
    weir::Change change;
    if (event.type != "StockTaken")
      return change;
    const auto item = context.model("stock").get(event.data["item"]);
    if (!item)
      return item.error();
    const std::int64_t left = (**item)["count"].integer() - event.data["pieces"].integer();
    change.upd.push_back(Json::object({{"id", event.data["item"]}, {"count", left}}));
    return change;
  };
  return model;
}

// Orders are what the events of their contexts say. That there is too little in stock is no error but an outcome.
weir::ModelDefinition orders() {
  weir::ModelDefinition model;
  model.model.name = "orders";
  model.model.columns = {{.name = "state", .index = weir::ColumnIndex::all},
                         {.name = "customer", .index = weir::ColumnIndex::all}};
  model.event_sourced = false;
  model.types = {"OrderPlaced", "OrderPaid"};
  model.reduce = [](const weir::ModelEvent& event, weir::ReduceContext& context) -> weir::Result<weir::Change> {
    weir::Change change;
    if (event.type == "OrderPaid") {
      change.upd.push_back(Json::object({{"id", event.context_id}, {"state", "paid"}}));
      return change;
    }
    const auto item = context.model("stock").get(event.data["item"]);
    if (!item)
      return item.error();
    const bool enough = *item && (**item)["count"].integer() >= event.data["pieces"].integer();
    if (enough)
      change.events.push_back({"StockTaken", event.data});
    Json order = event.data;
    order.set("id", event.context_id).set("state", enough ? "placed" : "denied");
    change.ins.push_back(std::move(order));
    return change;
  };
  return model;
}

struct OrderPaid {
  static constexpr std::string_view event_type = "OrderPaid";
  static weir::Result<OrderPaid> from_json(const Json& data) {
    if (!data["customer"].is_string() || !data["cents"].is_integer())
      return weir::fail(weir::Errc::invalid_argument, "a payment has a customer and cents");
    return OrderPaid{std::string(data["customer"].string()), data["cents"].integer()};
  }
  std::string customer;
  std::int64_t cents = 0;
};

// What each customer has paid, by typed events.
weir::ModelDefinition revenue() {
  weir::Fold fold({.name = "revenue", .columns = {{.name = "cents", .index = weir::ColumnIndex::all}}});
  fold.on<OrderPaid>([](const OrderPaid& paid, const weir::ModelEvent&, weir::DeriveContext& context) -> weir::Status {
    weir::JsonModel& model = context.model("revenue");
    const auto old = model.get(paid.customer);
    if (!old)
      return old.error();
    const std::int64_t cents = (*old ? (**old)["cents"].integer() : 0) + paid.cents;
    const auto written = model.set(Json::object({{"id", paid.customer}, {"cents", cents}}));
    return written ? weir::Status() : weir::Status(written.error());
  });
  return std::move(fold).definition();
}

std::string state_of(const weir::EventSourcingDB& db, const std::string& order) {
  const auto row = must(db.rows("orders")->get(order));
  return row ? std::string((*row)["state"].string()) : "unknown";
}

} // namespace

int main(int argc, char** argv) {
  weir::Engine engine = must(weir::Engine::open(argc > 1 ? argv[1] : "data"));
  auto db = must(weir::EventSourcingDB::open(engine, {.name = "shop",
                                                      .models = {customers(), stock(), orders(), revenue()},
                                                      .on_failure = weir::OnFailure::quarantine}));

  weir::ESModel& people = *db->model("customers");
  const Json ada = must(people.set(Json::object({{"name", "Ada Lovelace"}, {"mail", "ada@example.org"}})));
  std::cout << ada["id"].string() << '\n'; // ada-lovelace
  must(db->model("stock")->set(Json::object({{"id", "engine"}, {"count", 3}})));

  const auto place = [&](const std::string& order, std::int64_t pieces) {
    return must(db->dispatch("OrderPlaced",
                             Json::object({{"customer", ada["id"]}, {"item", "engine"}, {"pieces", pieces}}),
                             {.context_id = order}));
  };
  place("order-1", 2);
  place("order-2", 2); // only one is left
  must(
      db->dispatch("OrderPaid", Json::object({{"customer", ada["id"]}, {"cents", 19'900}}), {.context_id = "order-1"}));

  std::cout << "order-1 " << state_of(*db, "order-1") << ", order-2 " << state_of(*db, "order-2") << '\n';

  // Any part of the service may store to the engine, and wait until the models have it.
  const weir::Receipt receipt = must(engine.store({.context_id = "order-3",
                                                   .event_type = "OrderPlaced",
                                                   .payload = R"({"customer":"x","item":"engine","pieces":1})"}));
  must(db->wait_for(receipt));

  // Page by page, in a stable order, whatever is written in between.
  weir::SearchOptions page;
  page.sort = {{"state", false}};
  page.limit = 2;
  for (;;) {
    const auto found = must(db->rows("orders")->search({}, page));
    for (const Json& order : found.items)
      std::cout << order["id"].string() << ": " << order["state"].string() << '\n';
    if (found.cursor.empty())
      break;
    page.cursor = found.cursor;
  }

  // Someone stores a payment without a customer: its context stops, everything else goes on.
  const auto bad = db->dispatch("OrderPaid", Json::object({{"cents", 5}}), {.context_id = "order-3"});
  for (const weir::DeadLetter& letter : must(db->dead_letters()))
    std::cout << letter.context_id << " is quarantined: " << letter.error << '\n';
  must(db->repair(bad.error().conflicts[0].receipt->position, "OrderPaid",
                  Json::object({{"customer", "x"}, {"cents", 5}})));

  // The models can be made anew at any time, while they are read.
  const auto report = must(db->rebuild({.progress = [](const weir::RebuildProgress& progress) {
    std::cerr << progress.events << " events, " << progress.events_left << " left\n";
  }}));
  std::cout << "made anew from " << report.events << " events\n";

  const auto health = must(db->health());
  const bool right = state_of(*db, "order-1") == "paid" && state_of(*db, "order-2") == "denied" &&
                     state_of(*db, "order-3") == "paid" &&
                     (*must(db->model("stock")->get("engine")))["count"].integer() == 0 &&
                     (*must(db->rows("revenue")->get("ada-lovelace")))["cents"].integer() == 19'900 &&
                     health.state == weir::ProjectionState::running && health.quarantined.empty();
  return right ? 0 : 1;
}
