// What the commands of the guides find in their data directory: check_guide_commands.py runs this before them.
//
//   weir_guides_host DIR    a service "shop" with a model "orders", and a group "labels" that has put an event aside
#include <weir/engine.hpp>
#include <weir/event_sourcing_db.hpp>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>

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

/// Only its own writes change it, so that the program can make it anew.
weir::ModelDefinition orders() {
  weir::ModelDefinition model;
  model.model.name = "orders";
  model.model.columns = {{.name = "status", .type = weir::ColumnType::text, .index = weir::ColumnIndex::all},
                         {.name = "total", .type = weir::ColumnType::integer, .index = weir::ColumnIndex::all}};
  return model;
}

void keep_orders(weir::Engine& engine) {
  constexpr std::int64_t count = 30; // more than the guide's search asks for
  auto db = must(weir::EventSourcingDB::open(engine, {.name = "shop", .models = {orders()}}));
  for (std::int64_t i = 0; i < count; ++i)
    must(db->model("orders")->set(weir::Json::object(
        {{"id", "order-" + std::to_string(i)}, {"status", i % 6 == 0 ? "paid" : "open"}, {"total", 12 * i}})));
}

void park_one(weir::Engine& engine) {
  must(engine.store({.context_id = "order-7", .event_type = "paid", .payload = R"({"currency": "?"})"}));
  auto member = must(engine.consumers().join("labels"));
  while (true) {
    for (const auto& delivery : must(member.next(1))) {
      if (delivery.event().context_id == "order-7")
        return must(member.park(delivery, "unknown currency"));
      must(member.ack(delivery));
    }
  }
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2)
    return 2;
  weir::Engine engine = must(weir::Engine::open(argv[1]));
  keep_orders(engine);
  park_one(engine);
  must(engine.close());
}
