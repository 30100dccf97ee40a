// Questions to the events of a shop. docs/guides/embedding.md quotes from it.
#include <weir/execute.hpp>

#include <cstdlib>
#include <iostream>
#include <string>

namespace {

template <class T> T must(weir::Result<T> result) {
  if (!result) {
    std::cerr << to_string(result.error()) << '\n';
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>)
    return *std::move(result);
}

void store_orders(weir::Engine& engine) {
  for (int number = 1; number <= 6; ++number)
    must(engine.store({.context_id = "order-" + std::to_string(number),
                       .event_type = "order_placed",
                       .payload = R"({"total": )" + std::to_string(number * 50) + R"(, "country": ")" +
                                  (number % 2 == 0 ? "NO" : "SE") + "\"}"}));
}

// `country` may be anything that a user has typed.
std::uint64_t orders_of(const weir::Engine& engine, const std::string& country) {
  const weir::Query plan = must(weir::parse_query("QUERY order_placed WHERE payload.country = ? COUNT", //
                                                  {.positional = {country}, .named = {}}));
  return must(must(engine.query(plan)).row(0).get<std::uint64_t>("count"));
}

// More rows than fit into memory.
std::int64_t sum_of_all(const weir::Engine& engine) {
  std::int64_t sum = 0;
  weir::QueryStream rows =
      must(engine.query_stream(must(weir::parse_query("QUERY order_placed RETURN payload.total"))));
  for (auto batch = must(rows.next()); !batch.empty(); batch = must(rows.next()))
    for (const auto& row : batch)
      sum += row[0].as_int64().value_or(0);
  return sum;
}

} // namespace

int main(int argc, char** argv) {
  weir::Engine engine = must(weir::Engine::open(argc > 1 ? argv[1] : "data"));
  store_orders(engine);
  std::cout << "orders from NO: " << orders_of(engine, "NO") << ", from ' OR true: " << orders_of(engine, "' OR true")
            << ", all together: " << sum_of_all(engine) << '\n';

  // Asked every few seconds, for a dashboard: an answer costs what came since the last.
  must(engine.remember("by_country", must(weir::parse_query("QUERY order_placed COUNT BY payload.country"))));
  std::cout << "countries: " << must(engine.show("by_country")).rows.size() << '\n';

  // What somebody has typed into a console.
  const std::string typed = "SHOW by_countri";
  if (const auto answer = weir::execute(engine, typed); !answer)
    std::cout << to_string(answer.error()) << '\n' << weir::caret(typed, answer.error());
}
