// A single consumer with a checkpoint, and a group of workers. docs/guides/consumers.md quotes from it.
#include <weir/consumers.hpp>
#include <weir/engine.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

constexpr std::size_t orders = 20;
constexpr std::size_t events = 3 * orders;

[[noreturn]] void give_up(const weir::Error& error) {
  std::cerr << to_string(error) << '\n';
  std::exit(1);
}

void store_orders(weir::Engine& engine) {
  std::vector<weir::Ticket> tickets;
  for (const char* type : {"placed", "paid", "shipped"})
    for (std::size_t i = 0; i < orders; ++i) {
      weir::Event event;
      event.context_id = "order-" + std::to_string(i);
      event.event_type = type;
      event.payload = "{}";
      tickets.push_back(engine.store_async(std::move(event)));
    }
  for (const auto& ticket : tickets)
    if (auto receipt = ticket.wait(); !receipt)
      give_up(receipt.error());
}

std::size_t count_with_checkpoint(weir::Engine& engine) {
  std::size_t seen = 0;
  auto consumer = engine.consumers().open("counter");
  if (!consumer)
    give_up(consumer.error());
  while (seen < events) {
    auto batch = consumer->next();
    if (!batch)
      give_up(batch.error());
    seen += batch->events.size();
    // First the effect, then the checkpoint: after a crash in between the batch comes again.
    if (auto kept = consumer->checkpoint(batch->next); !kept)
      give_up(kept.error());
  }
  return seen;
}

enum class Outcome { done, later, never };

Outcome handle(const weir::Delivery& delivery) {
  const weir::EventView& event = delivery.event();
  if (event.context_id == "order-7" && event.event_type == "paid")
    return Outcome::never; // a payment that nobody understands
  if (event.context_id == "order-3" && delivery.deliveries() == 1)
    return Outcome::later; // the printer is out of paper
  return Outcome::done;
}

void work(weir::Engine& engine, std::atomic<std::size_t>& settled) {
  auto member = engine.consumers().join("labels");
  if (!member)
    give_up(member.error());
  while (settled < events - 1) { // the last one of order-7 waits behind the parked one
    auto deliveries = member->next(8, 100ms);
    if (!deliveries)
      give_up(deliveries.error());
    for (const auto& delivery : *deliveries) {
      weir::Status status;
      switch (handle(delivery)) {
      case Outcome::done: status = member->ack(delivery); break;
      case Outcome::later: status = member->nack(delivery, 20ms); continue;
      case Outcome::never: status = member->park(delivery, "unknown currency"); break;
      }
      if (status) // not_found: it took too long, and somebody else has it
        ++settled;
    }
  }
}

void replay_parked(weir::Engine& engine) {
  auto parked = engine.consumers().parked("labels");
  if (!parked)
    give_up(parked.error());
  for (const auto& event : *parked)
    std::cout << event.context_id << ' ' << event.event_type << ": " << event.reason << '\n';
  // Once the cause is mended:
  if (auto again = engine.consumers().replay_parked("labels", "order-7"); !again)
    give_up(again.error());
  auto member = engine.consumers().join("labels");
  if (!member)
    give_up(member.error());
  for (std::size_t left = parked->size(); left != 0;) {
    auto deliveries = member->next();
    if (!deliveries)
      give_up(deliveries.error());
    for (const auto& delivery : *deliveries)
      std::cout << "again: " << delivery.event().event_type << '\n';
    if (auto done = member->ack(*deliveries); !done)
      give_up(done.error());
    left -= deliveries->size();
  }
}

} // namespace

int main(int argc, char** argv) {
  auto opened = weir::Engine::open(argc > 1 ? argv[1] : "consumers-data");
  if (!opened)
    give_up(opened.error());
  weir::Engine& engine = *opened;
  store_orders(engine);
  std::cout << count_with_checkpoint(engine) << " events counted\n";

  std::atomic<std::size_t> settled = 0;
  std::vector<std::thread> workers;
  for (int i = 0; i < 4; ++i)
    workers.emplace_back([&] { work(engine, settled); });
  for (auto& worker : workers)
    worker.join();
  replay_parked(engine);

  auto all = engine.consumers().list();
  if (!all)
    give_up(all.error());
  for (const auto& status : *all)
    std::cout << status.name << ": " << status.lag_events << " events behind, " << status.parked << " parked\n";
  return 0;
}
