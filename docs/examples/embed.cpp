#include <weir/engine.hpp>

#include <iostream>

int main(int argc, char** argv) {
  auto engine = weir::Engine::open(argc > 1 ? argv[1] : "orders");
  if (!engine)
    return std::cerr << to_string(engine.error()) << '\n', 1;

  auto receipt = engine->store({.context_id = "order-42", .event_type = "order_placed", .payload = R"({"total": 12})"});
  if (!receipt)
    return std::cerr << to_string(receipt.error()) << '\n', 1;
  std::cout << "event " << receipt->sequence << " of order-42 is " << to_string(receipt->durability) << '\n';

  auto stream = engine->replay("order-42");
  while (stream) {
    auto batch = stream->next();
    if (!batch || batch->empty())
      break;
    for (const auto& event : *batch)
      std::cout << event.sequence << ' ' << event.event_type << ' ' << event.payload << '\n';
  }

  auto large = engine->query("QUERY order_placed WHERE payload.total > 10 COUNT");
  if (large)
    std::cout << large->columns[0] << ' ' << to_json(large->rows[0][0]) << '\n';
}
