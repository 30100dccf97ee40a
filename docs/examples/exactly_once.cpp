// Totals in an SQLite database of the service, each event counted exactly once. docs/guides/consumers.md quotes from
// it.
#include <weir/engine.hpp>
#include <weir/exactly_once.hpp>

#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

namespace {

[[noreturn]] void give_up(const weir::Error& error) {
  std::cerr << to_string(error) << '\n';
  std::exit(1);
}

struct Close {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
};
using Database = std::unique_ptr<sqlite3, Close>;

weir::Status execute(sqlite3* database, const char* sql) {
  if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return weir::fail(weir::Errc::io_error, sqlite3_errmsg(database));
  return {};
}

void project(weir::Engine& engine, sqlite3* database) {
  auto once = weir::ExactlyOnce::open(database, "totals");
  if (!once)
    give_up(once.error());
  weir::SubscribeOptions options;
  options.from = weir::QueueStart::at(once->position());
  auto events = engine.subscribe(options);
  if (!events)
    give_up(events.error());
  for (;;) {
    auto batch = events->next();
    if (!batch)
      give_up(batch.error());
    // The rows and the position are in one transaction: after a crash both are there, or neither is.
    auto applied = once->apply(
        *batch, [&](const weir::EventView&) { return execute(database, "UPDATE totals SET bookings = bookings + 1"); });
    if (!applied)
      give_up(applied.error());
    if (batch->caught_up)
      return; // a service would go on
  }
}

int bookings(sqlite3* database) {
  int count = -1;
  const auto take = [](void* into, int, char** values, char**) {
    *static_cast<int*>(into) = std::atoi(values[0]);
    return 0;
  };
  sqlite3_exec(database, "SELECT bookings FROM totals", take, &count, nullptr);
  return count;
}

} // namespace

int main(int argc, char** argv) {
  const std::filesystem::path directory = argc > 1 ? argv[1] : "exactly-once-data";
  std::filesystem::create_directories(directory);
  auto opened = weir::Engine::open(directory / "events");
  if (!opened)
    give_up(opened.error());
  sqlite3* connection = nullptr;
  sqlite3_open((directory / "totals.db").c_str(), &connection);
  const Database database(connection);
  if (auto made = execute(connection, "CREATE TABLE totals(bookings INTEGER); INSERT INTO totals VALUES(0)"); !made)
    give_up(made.error());

  for (int round = 1; round <= 3; ++round) {
    for (int i = 0; i < 10; ++i) {
      weir::Event event;
      event.context_id = "account-" + std::to_string(i % 3);
      event.event_type = "booked";
      event.payload = "{}";
      if (auto receipt = opened->store(std::move(event)); !receipt)
        give_up(receipt.error());
    }
    project(*opened, connection); // each time as after a restart
    std::cout << bookings(connection) << " bookings\n";
  }
  return bookings(connection) == 30 ? 0 : 1;
}
