// A service with threads of its own: batches, many stores in flight, overload, deadlines, replay under credit.
// docs/guides/embedding.md quotes from it.
#include <weir/engine.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <future>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace {

[[noreturn]] void give_up(const weir::Error& error) {
  std::cerr << to_string(error) << '\n';
  std::exit(1);
}

weir::Event booking(const std::string& account, int cents) {
  return {.context_id = account, .event_type = "booked", .payload = R"({"cents":)" + std::to_string(cents) + "}"};
}

void store_a_batch(weir::Engine& engine) {
  // Both bookings are stored, or neither is.
  auto receipt = engine.store("account-1", {booking("account-1", 500), booking("account-1", -500)});
  if (!receipt)
    give_up(receipt.error());
  std::cout << "booked as " << receipt->sequence << " and " << receipt->last_sequence() << '\n';
}

void store_many(weir::Engine& engine) {
  // One thread keeps hundreds of stores in flight, so that one sync serves many of them.
  std::vector<weir::Ticket> tickets;
  for (int cents = 1; cents <= 500; ++cents)
    tickets.push_back(engine.store_async(booking("account-" + std::to_string(cents % 7), cents)));
  for (const auto& ticket : tickets)
    if (auto receipt = ticket.wait(); !receipt)
      give_up(receipt.error());
  std::cout << tickets.size() << " stores answered\n";
}

void store_with_callback(weir::Engine& engine) {
  std::promise<weir::Sequence> stored;
  // The callback runs on a thread of the engine: hand the answer over and return.
  engine.store_async(booking("account-2", 100),
                     [&](weir::Result<weir::Receipt> receipt) { stored.set_value(receipt ? receipt->sequence : 0); });
  std::cout << "called back: " << (stored.get_future().get() > 0 ? "stored" : "failed") << '\n';
}

void store_or_shed(weir::Engine& engine) {
  // try_store never waits for room; the caller decides what a full shard means.
  auto receipt = engine.try_store(booking("account-3", 100)).wait();
  if (receipt.code() == weir::Errc::overloaded)
    std::cout << "busy, come back later\n";
  else if (!receipt)
    give_up(receipt.error());

  // A deadline bounds the wait for room and for the disk together.
  receipt = engine.store(booking("account-3", 200),
                         {.durability = weir::Durability::written, .timeout_ms = std::chrono::milliseconds(2'000)});
  if (!receipt && receipt.code() != weir::Errc::deadline_exceeded)
    give_up(receipt.error());
}

void replay_backward(const weir::Engine& engine) {
  weir::ReplayOptions last_ten;
  last_ten.backward = true;
  last_ten.limit = 10;
  auto stream = engine.replay("account-1", last_ten);
  if (!stream)
    give_up(stream.error());
  for (;;) {
    auto batch = stream->next();
    if (!batch)
      give_up(batch.error());
    if (batch->empty())
      break; // the end
    for (const auto& event : *batch)
      std::cout << event.sequence << ' ' << event.payload << '\n';
  }
}

void replay_pushed(const weir::Engine& engine) {
  std::atomic<std::size_t> seen = 0;
  std::promise<weir::Status> ended;
  // No batch comes without credit: a slow consumer holds nothing up and fills no memory.
  auto subscription = engine.replay(
      "account-1", {}, [&](const weir::EventBatch& batch) { seen += batch.size(); },
      [&](weir::Status status) { ended.set_value(std::move(status)); }, 1);
  if (!subscription)
    give_up(subscription.error());
  subscription->request(1'000);
  if (auto status = ended.get_future().get(); !status)
    give_up(status.error());
  std::cout << seen << " events pushed\n";
}

void ask(const weir::Engine& engine) {
  auto result = engine.query("QUERY booked WHERE payload.cents >= 250 COUNT BY context_id ORDER BY count DESC LIMIT 3");
  if (!result)
    give_up(result.error());
  for (const auto& row : result->rows)
    std::cout << to_json(row[0]) << ' ' << to_json(row[1]) << '\n';

  using weir::field;
  auto same = engine.query(weir::Query::types({"booked"})
                               .where(field("payload.cents") >= 250)
                               .count()
                               .by({"context_id"})
                               .order_by("count", weir::SortOrder::descending)
                               .limit(3));
  if (!same || same->rows != result->rows)
    std::exit(1);
}

} // namespace

int main(int argc, char** argv) {
  weir::EngineOptions options;
  options.shards = 4;
  auto engine = weir::Engine::open(argc > 1 ? argv[1] : "accounts", options);
  if (!engine)
    give_up(engine.error());

  store_a_batch(*engine);
  store_many(*engine);
  store_with_callback(*engine);
  store_or_shed(*engine);
  replay_backward(*engine);
  replay_pushed(*engine);
  ask(*engine);

  if (auto status = engine->close(); !status)
    give_up(status.error());
}
