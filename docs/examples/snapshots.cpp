// The state of a context from its newest snapshot and the events after it. docs/guides/embedding.md quotes from it.
#include <weir/engine.hpp>

#include <cstdlib>
#include <iostream>
#include <string>

namespace {

[[noreturn]] void give_up(const weir::Error& error) {
  std::cerr << to_string(error) << '\n';
  std::exit(1);
}

// What this program makes of a context: how many bookings there were. Another meaning would get another tag.
constexpr std::string_view schema_tag = "bookings-1";

struct Account {
  std::uint64_t bookings = 0;
  weir::Sequence sequence = 0; // of the last event in it
  std::uint64_t replayed = 0;
};

Account load(const weir::Engine& engine, const std::string& id) {
  Account account;
  auto loaded = engine.load(id, schema_tag);
  if (!loaded)
    give_up(loaded.error());
  if (loaded->snapshot) {
    account.bookings = std::stoull(loaded->snapshot->state);
    account.sequence = loaded->snapshot->sequence;
  }
  for (;;) {
    auto batch = loaded->events.next();
    if (!batch)
      give_up(batch.error());
    if (batch->empty())
      return account;
    for (const auto& event : *batch) {
      ++account.bookings;
      ++account.replayed;
      account.sequence = event.sequence;
    }
  }
}

} // namespace

int main(int argc, char** argv) {
  auto opened = weir::Engine::open(argc > 1 ? argv[1] : "snapshots-data");
  if (!opened)
    give_up(opened.error());
  weir::Engine& engine = *opened;
  for (int i = 0; i < 250; ++i)
    if (auto receipt = engine.store({.context_id = "account-1", .event_type = "booked", .payload = "{}"},
                                    {.durability = weir::Durability::written, .timeout_ms = {}});
        !receipt)
      give_up(receipt.error());

  Account account = load(engine, "account-1");
  std::cout << account.bookings << " bookings, " << account.replayed << " events replayed\n";
  if (account.replayed > 100)
    if (auto saved = engine.save_snapshot("account-1", account.sequence, std::to_string(account.bookings), schema_tag);
        !saved)
      std::cerr << "no snapshot this time: " << to_string(saved.error()) << '\n';
  account = load(engine, "account-1");
  std::cout << account.bookings << " bookings, " << account.replayed << " events replayed\n";
  return account.bookings == 250 && account.replayed == 0 ? 0 : 1;
}
