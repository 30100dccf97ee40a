// A projection that follows the event queue: catches up, goes on live, and resumes where it stopped.
// docs/guides/subscribing.md quotes from it.
#include <weir/engine.hpp>

#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace {

[[noreturn]] void give_up(const weir::Error& error) {
  std::cerr << to_string(error) << '\n';
  std::exit(1);
}

void store(weir::Engine& engine, const std::string& order, const std::string& type) {
  if (auto receipt = engine.store({.context_id = order, .event_type = type, .payload = "{}"}); !receipt)
    give_up(receipt.error());
}

// What a service keeps in a table, the checkpoint in the same transaction.
struct OpenOrders {
  std::map<std::string, bool> open;
  weir::Position checkpoint = 0;
};

// Reads what is there, and stops when it has caught up.
void catch_up(weir::Engine& engine, OpenOrders& orders) {
  auto events = engine.subscribe({.from = weir::QueueStart::at(orders.checkpoint), .context_prefix = "order-"});
  if (!events)
    give_up(events.error());
  while (true) {
    auto batch = events->next(); // waits until there is something to tell
    if (!batch)
      give_up(batch.error());
    for (const weir::EventView& event : batch->events)
      orders.open[std::string(event.context_id)] = event.event_type == "placed";
    orders.checkpoint = batch->next; // also behind events that the filter dropped
    if (batch->caught_up)
      return;
  }
}

// Follows the queue with callbacks, one batch at a time.
class Shipping {
public:
  explicit Shipping(weir::Engine& engine) {
    auto events = engine.subscribe(
        {.from = weir::QueueStart::now(), .types = {"shipped"}}, [this](const weir::QueueBatch& batch) { ship(batch); },
        [this](const weir::Status&) { end(); }, 0);
    if (!events)
      give_up(events.error());
    events_.emplace(std::move(*events));
    events_->request(1); // room for one batch
  }
  // No callback runs after on_end, so that is what the members wait for.
  ~Shipping() {
    events_->cancel();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_; });
  }
  // Waits until so many orders have left.
  void wait_for(std::size_t orders) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return shipped_ >= orders; });
  }

private:
  // On one of the engine's threads: it must not block. Whoever takes longer asks for more once he is done.
  void ship(const weir::QueueBatch& batch) {
    std::lock_guard lock(mutex_);
    shipped_ += batch.events.size();
    changed_.notify_all();
    events_->request(1);
  }
  void end() {
    std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t shipped_ = 0;
  bool ended_ = false;
  std::optional<weir::PushSubscription> events_;
};

void print_last(weir::Engine& engine, std::uint64_t count) {
  auto events = engine.subscribe({.backward = true, .limit = count});
  if (!events)
    give_up(events.error());
  for (bool more = true; more;) {
    auto batch = events->next();
    if (!batch)
      give_up(batch.error());
    for (const weir::EventView& event : batch->events)
      std::cout << event.context_id << ' ' << event.event_type << '\n';
    more = !batch->ended;
  }
}

} // namespace

int main(int argc, char** argv) {
  auto engine = weir::Engine::open(argc > 1 ? argv[1] : "orders");
  if (!engine)
    give_up(engine.error());
  OpenOrders orders;
  for (const char* order : {"order-1", "order-2", "order-3"})
    store(*engine, order, "placed");
  store(*engine, "user-7", "signed_in");
  catch_up(*engine, orders);
  {
    Shipping shipping(*engine);
    store(*engine, "order-2", "shipped");
    shipping.wait_for(1);
  }
  catch_up(*engine, orders);
  for (const auto& [order, open] : orders.open)
    std::cout << order << (open ? " is open\n" : " is done\n");
  print_last(*engine, 2);
  if (orders.open.size() != 3 || orders.open["order-2"])
    return std::cerr << "the projection is wrong\n", 1;
  if (auto closed = engine->close(); !closed)
    give_up(closed.error());
}
