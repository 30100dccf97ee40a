// Stores that say what they expect, and stores that are safe to repeat.
#include <weir/engine.hpp>

#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace {

[[noreturn]] void give_up(const weir::Error& error) {
  std::cerr << to_string(error) << '\n';
  std::exit(1);
}

weir::Event seats(int count, const std::string& type) {
  return {.event_type = type, .payload = "{\"seats\":" + std::to_string(count) + "}"};
}

struct Flight {
  int free_seats = 0;
  weir::Sequence last = 0; // what the state rests on
};

Flight load(const weir::Engine& engine, const std::string& flight) {
  Flight state;
  auto stream = engine.replay(flight);
  if (!stream)
    give_up(stream.error());
  for (;;) {
    auto batch = stream->next();
    if (!batch)
      give_up(batch.error());
    if (batch->empty())
      return state;
    for (const auto& event : *batch) {
      const int count = std::stoi(std::string(event.payload.substr(event.payload.find(':') + 1)));
      state.free_seats += event.event_type == "opened" ? count : -count;
      state.last = event.sequence;
    }
  }
}

// Books only if the seats are still free, however many others book at the same time.
bool book(weir::Engine& engine, const std::string& flight, int count) {
  for (;;) {
    const Flight state = load(engine, flight);
    if (state.free_seats < count)
      return false;
    // Stored only if nobody has stored since we looked.
    auto receipt = engine.store(flight, {seats(count, "booked")}, {.expect = weir::Expectation::exactly(state.last)});
    if (receipt)
      return true;
    if (receipt.code() != weir::Errc::sequence_conflict)
      give_up(receipt.error());
    std::cout << flight << " has come to " << receipt.error().conflicts[0].current << ": look again\n";
  }
}

// A name may be taken once, whichever accounts there are.
bool register_name(weir::Engine& engine, const std::string& account, const std::string& name) {
  weir::Event registered{.event_type = "registered", .payload = "{}", .metadata = R"({"tags": [")" + name + R"("]})"};
  // Stored only if no account has registered the name.
  auto receipt = engine.store("{accounts}-" + account, {registered},
                              {.fail_if = weir::FailIf{.group = "accounts", .types = {"registered"}, .tags = {name}}});
  if (receipt)
    return true;
  if (receipt.code() != weir::Errc::condition_failed)
    give_up(receipt.error());
  std::cout << name << " is taken by " << receipt.error().conflicts[0].context_id << '\n';
  return false;
}

// Moves a seat to a later flight of the same day, or does nothing at all.
void rebook(weir::Engine& engine) {
  // Flights of one day have the same text in braces, so they are kept together.
  if (auto opened = engine.store("flight-3-{july-1}", {seats(1, "booked")}); !opened)
    give_up(opened.error());
  std::vector<weir::ContextEvents> both{
      {"flight-3-{july-1}", {seats(1, "cancelled")}, weir::Expectation::exists()},
      {"flight-4-{july-1}", {seats(1, "booked")}, weir::Expectation::no_context()},
  };
  auto receipts = engine.store(both);
  if (receipts)
    std::cout << "moved, as " << (*receipts)[0].sequence << " and " << (*receipts)[1].sequence << '\n';
  else if (receipts.code() != weir::Errc::sequence_conflict)
    give_up(receipts.error());

  // The second time one of the two expectations fails, and it is named.
  receipts = engine.store(both);
  for (const weir::Conflict& conflict : receipts.error().conflicts)
    std::cout << conflict.context_id << " has come to " << conflict.current << '\n';
}

void pay(weir::Engine& engine) {
  weir::Event paid{.context_id = "order-42", .event_type = "paid", .payload = R"({"cents": 1200})"};
  paid.event_id = "payment-7"; // chosen by whoever asks for the payment, and kept for every attempt
  auto first = engine.store(paid);
  auto again = engine.store(paid); // after a time-out, or a crash, or a year
  if (!first || !again)
    give_up(first ? again.error() : first.error());
  std::cout << "stored once, as " << again->sequence << "; duplicate: " << again->duplicate << '\n';

  paid.payload = R"({"cents": 9900})";
  auto other = engine.store(paid);
  if (other.code() == weir::Errc::event_id_conflict)
    std::cout << other.error().conflicts[0].event_id << " is taken: " << to_string(other.error()) << '\n';
}

} // namespace

int main(int argc, char** argv) {
  auto opened = weir::Engine::open(argc > 1 ? argv[1] : "flights");
  if (!opened)
    give_up(opened.error());
  weir::Engine& engine = *opened;

  // Only the first to come opens the flight.
  auto receipt = engine.store("flight-1", {seats(3, "opened")}, {.expect = weir::Expectation::no_context()});
  if (!receipt && receipt.code() != weir::Errc::sequence_conflict)
    give_up(receipt.error());

  int booked = 0;
  while (book(engine, "flight-1", 1))
    ++booked;
  if (booked != 3)
    return 1;

  // A check alone: no events, nothing is stored.
  auto check = engine.store("flight-1", {}, {.expect = weir::Expectation::exists()});
  if (!check)
    give_up(check.error());
  std::cout << "flight-1 has come to " << check->last_sequence() << '\n';

  if (!register_name(engine, "7", "ada") || register_name(engine, "8", "ada"))
    return 1;
  rebook(engine);
  pay(engine);
}
