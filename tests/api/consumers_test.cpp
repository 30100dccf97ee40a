// Consumers through the engine's door, on real threads and real files.
#include "engine/sqlite/database.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <weir/consumers.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

/// `rounds` events of each of `contexts` contexts, context by context in turn.
void store_rounds(Engine& engine, std::uint64_t first, std::uint64_t rounds, std::uint64_t contexts) {
  std::vector<Ticket> tickets;
  for (std::uint64_t round = first; round < first + rounds; ++round)
    for (std::uint64_t context = 0; context < contexts; ++context)
      tickets.push_back(engine.store_async(numbered_event("context-" + std::to_string(context), context, round)));
  for (const Ticket& ticket : tickets) {
    const auto receipt = ticket.wait();
    REQUIRE_MESSAGE(receipt.ok(), why(receipt));
  }
}

/// Reads until the consumer has caught up; positions read.
std::vector<Position> read_all_of(Consumer& consumer, bool keep) {
  std::vector<Position> read;
  for (;;) {
    const auto batch = consumer.next();
    REQUIRE_MESSAGE(batch.ok(), why(batch));
    for (const EventView& event : batch->events)
      read.push_back(event.position);
    if (keep)
      REQUIRE(consumer.checkpoint(batch->next).ok());
    if (batch->caught_up)
      return read;
  }
}

/// What members of a group are seen to do.
class Ledger {
public:
  void handed_out(const Delivery& delivery) {
    const EventView& event = delivery.event();
    const std::lock_guard lock(mutex_);
    wrong_ += done_.contains(event.position) ? 1 : 0; // it was acknowledged
    Sequence& last = last_done_[std::string(event.context_id)];
    wrong_ += event.sequence != last + 1 ? 1 : 0; // another one is before it, or was left out
    redelivered_ += delivery.deliveries() > 1 ? 1 : 0;
  }
  /// Before the call that acknowledges: once it is on its way the next event may come.
  void will_be_done(const Delivery& delivery) {
    const std::lock_guard lock(mutex_);
    last_done_[std::string(delivery.event().context_id)] = delivery.event().sequence;
  }
  void done(const Delivery& delivery) {
    const std::lock_guard lock(mutex_);
    done_.insert(delivery.event().position);
  }
  [[nodiscard]] std::size_t done() const {
    const std::lock_guard lock(mutex_);
    return done_.size();
  }
  [[nodiscard]] std::size_t wrong() const { return wrong_; }
  [[nodiscard]] std::size_t redelivered() const { return redelivered_; }

private:
  mutable std::mutex mutex_;
  std::set<Position> done_;
  std::map<std::string, Sequence> last_done_;
  std::size_t wrong_ = 0, redelivered_ = 0;
};

} // namespace

TEST_CASE("consumers: a single consumer goes on at its checkpoint, after a restart too, and belongs to one") {
  TempDirectory directory;
  const std::string data = directory.path("data");
  std::vector<Position> first;
  {
    auto engine = Engine::open(data);
    REQUIRE(engine.ok());
    CHECK(engine->consumers().list()->empty());
    CHECK(!std::filesystem::exists(data + "/consumers.db")); // a question makes no file
    store_rounds(*engine, 1, 10, 5);
    auto consumer = engine->consumers().open("reader");
    REQUIRE_MESSAGE(consumer.ok(), why(consumer));
    CHECK(engine->consumers().open("reader").code() == Errc::locked);
    CHECK(engine->consumers().reset("reader", {}).code() == Errc::locked);
    CHECK(engine->consumers().join("reader").code() == Errc::invalid_argument); // it is no group
    first = read_all_of(*consumer, true);
    CHECK(first.size() == 50);
    CHECK(std::is_sorted(first.begin(), first.end()));
    CHECK(consumer->checkpoint(consumer->position() + 1).code() == Errc::invalid_argument);
    CHECK(consumer->checkpoint(consumer->position() - 1).code() == Errc::invalid_argument);
    store_rounds(*engine, 11, 1, 5);
    CHECK(read_all_of(*consumer, false).size() == 5); // and no checkpoint
  }
  auto engine = Engine::open(data);
  REQUIRE(engine.ok());
  const auto before = engine->consumers().status("reader");
  REQUIRE_MESSAGE(before.ok(), why(before));
  CHECK(before->kind == ConsumerKind::single);
  CHECK(before->lag_events == 5);
  CHECK(before->members == 0);
  {
    auto consumer = engine->consumers().open("reader");
    REQUIRE(consumer.ok());
    CHECK(consumer->position() == before->checkpoint);
    const auto again = read_all_of(*consumer, true);
    CHECK(again.size() == 5);
    CHECK(again.front() > first.back());
    CHECK(engine->consumers().status("reader")->lag_events == 0);
    CHECK(engine->consumers().status("reader")->members == 1);
  }
  REQUIRE(engine->consumers().reset("reader", QueueStart::at(first[40])).ok());
  CHECK(engine->consumers().status("reader")->lag_events == 15);
  {
    ConsumerOptions some;
    some.context_prefix = "context-3";
    auto consumer = engine->consumers().open("reader", some);
    REQUIRE(consumer.ok());
    std::vector<Position> expected;
    for (const StoredEvent& event : read_dense(*engine, "context-3"))
      if (event.position >= first[40])
        expected.push_back(event.position);
    CHECK(read_all_of(*consumer, true) == expected);
    CHECK(engine->consumers().status("reader")->lag_events == 0); // what was filtered out counts as dealt with
  }
  REQUIRE(engine->consumers().remove("reader").ok());
  CHECK(engine->consumers().status("reader").code() == Errc::not_found);
  CHECK(engine->consumers().open("").code() == Errc::invalid_argument);
}

TEST_CASE("consumers: four members, some of which die: contexts keep their order, nothing is lost, and only what was "
          "not acknowledged comes again, through a restart") {
  TempDirectory directory;
  const std::string data = directory.path("data");
  EngineOptions options;
  options.shards = 2;
  constexpr std::uint64_t contexts = 17, rounds = 24;
  Ledger ledger;
  GroupOptions group;
  group.deliveries_max = 1'000;
  for (int life = 1; life <= 2; ++life) {
    auto engine = Engine::open(data, options);
    REQUIRE(engine.ok());
    store_rounds(*engine, life == 1 ? 1 : rounds / 2 + 1, rounds / 2, contexts);
    const std::size_t enough = contexts * rounds * (life == 1 ? 1 : 4) / 4; // the first life leaves most of it
    std::atomic<int> failed{0};
    std::vector<std::thread> members;
    for (int i = 0; i < 4; ++i)
      members.emplace_back([&, i] {
        for (int turn = 0; ledger.done() < enough; ++turn) {
          auto member = engine->consumers().join("workers", group);
          failed += member.ok() ? 0 : 1;
          for (int calls = 0; member.ok() && calls < 5 + i && ledger.done() < enough; ++calls) {
            const auto deliveries = member->next(4, 50ms);
            failed += deliveries.ok() ? 0 : 1;
            if (!deliveries)
              break;
            for (const Delivery& each : *deliveries)
              ledger.handed_out(each);
            for (std::size_t n = 0; n < deliveries->size(); ++n) {
              const Delivery& each = (*deliveries)[n];
              if ((turn + calls + static_cast<int>(n)) % 9 == 0)
                continue; // kept until the member dies
              ledger.will_be_done(each);
              if (member->ack(each))
                ledger.done(each);
              else
                ++failed;
            }
          }
        }
      });
    for (std::thread& member : members)
      member.join();
    CHECK(failed == 0);
  }
  CHECK(ledger.wrong() == 0);
  CHECK(ledger.redelivered() > 10);
  CHECK(ledger.done() == contexts * rounds);
  auto engine = Engine::open(data, options);
  REQUIRE(engine.ok());
  auto member = engine->consumers().join("workers", group);
  REQUIRE(member.ok());
  CHECK(member->next(100, 0ms)->empty());
}

TEST_CASE("consumers: who waits is woken by a store, by a parked event's replay and by the end of the engine") {
  TempDirectory directory;
  auto engine = Engine::open(directory.path("data"));
  REQUIRE(engine.ok());
  GroupOptions options;
  options.from = QueueStart::now();
  auto member = engine->consumers().join("group", options);
  REQUIRE_MESSAGE(member.ok(), why(member));
  auto waiting = std::async(std::launch::async, [&] { return member->next(); });
  REQUIRE(engine->store(numbered_event("a", 1, 1)).ok());
  auto deliveries = waiting.get();
  REQUIRE_MESSAGE(deliveries.ok(), why(deliveries));
  REQUIRE(deliveries->size() == 1);
  CHECK(deliveries->front().event().payload == numbered_event("a", 1, 1).payload);
  REQUIRE(member->park(deliveries->front(), "bad").ok());
  CHECK(engine->consumers().status("group")->parked == 1);
  CHECK(engine->consumers().status("group")->lag_events == 0);

  waiting = std::async(std::launch::async, [&] { return member->next(); });
  CHECK(*engine->consumers().replay_parked("group") == 1);
  deliveries = waiting.get();
  REQUIRE_MESSAGE(deliveries.ok(), why(deliveries));
  REQUIRE(deliveries->size() == 1);
  CHECK(deliveries->front().event().sequence == 1);
  CHECK(deliveries->front().event().payload == numbered_event("a", 1, 1).payload);
  REQUIRE(member->skip(deliveries->front()).ok());
  CHECK(engine->consumers().parked("group")->empty());

  waiting = std::async(std::launch::async, [&] { return member->next(); });
  member->stop_waiting();
  CHECK(member->next(1, 0ms)->empty());
  (void)engine->store(numbered_event("b", 1, 1)); // wakes it if it came too late to be stopped
  (void)waiting.get();
  waiting = std::async(std::launch::async, [&] {
    auto last = member->next();
    while (last.ok())
      last = member->next();
    return last;
  });
  auto consumer = engine->consumers().open("reader");
  REQUIRE(consumer.ok());
  REQUIRE(engine->close().ok());
  CHECK(waiting.get().code() == Errc::closing);
  CHECK(member->next().code() == Errc::closing);
  CHECK(member->ack(deliveries->front()).code() == Errc::closing);
  CHECK(consumer->next().code() == Errc::closing);
  CHECK(consumer->checkpoint(0).ok()); // that is where it is
  CHECK(engine->consumers().list().code() == Errc::closing);
  CHECK(engine->consumers().join("group").code() == Errc::closing);
}

TEST_CASE("consumers: after a power cut a consumer is never ahead of the events, and sees all that are stored later") {
  SimulatedDisk disk;
  EngineOptions options;
  options.shards = 1;
  options.sync_interval_ms = std::chrono::minutes(1);
  const auto store = [](Engine& engine, std::uint64_t first, std::uint64_t last, Durability durability) {
    for (std::uint64_t i = first; i <= last; ++i)
      REQUIRE(engine.store(numbered_event("a", 1, i), {.durability = durability, .timeout_ms = {}, .expect = {}}).ok());
  };
  {
    auto engine = disk.open(options);
    REQUIRE(engine.ok());
    store(*engine, 1, 10, Durability::synced);
    store(*engine, 11, 15, Durability::written);
    auto consumer = engine->consumers().open("reader");
    REQUIRE_MESSAGE(consumer.ok(), why(consumer));
    CHECK(read_all_of(*consumer, true).size() == 10);
    auto member = engine->consumers().join("group");
    REQUIRE_MESSAGE(member.ok(), why(member));
    for (Sequence sequence = 1; sequence <= 4; ++sequence) {
      const auto deliveries = member->next();
      REQUIRE_MESSAGE(deliveries.ok(), why(deliveries));
      REQUIRE(deliveries->front().event().sequence == sequence);
      REQUIRE(member->ack(*deliveries).ok());
    }
    disk = disk.crash_image(io::CrashPolicy::lose_unsynced());
  }
  auto engine = disk.open(options);
  REQUIRE(engine.ok());
  REQUIRE(read_dense(*engine, "a").size() == 10);
  store(*engine, 11, 12, Durability::synced);
  auto consumer = engine->consumers().open("reader");
  REQUIRE_MESSAGE(consumer.ok(), why(consumer));
  CHECK(read_all_of(*consumer, true).size() == 2);
  auto member = engine->consumers().join("group");
  REQUIRE_MESSAGE(member.ok(), why(member));
  for (Sequence sequence = 5; sequence <= 12; ++sequence) {
    const auto deliveries = member->next();
    REQUIRE_MESSAGE(deliveries.ok(), why(deliveries));
    REQUIRE(deliveries->front().event().sequence == sequence);
    REQUIRE(member->ack(*deliveries).ok());
  }
}

TEST_CASE("consumers: a damaged file is an error of consumers' calls, and of nothing else") {
  TempDirectory directory;
  const std::string data = directory.path("data");
  {
    auto engine = Engine::open(data);
    REQUIRE(engine.ok());
    REQUIRE(engine->consumers().open("reader").ok());
  }
  std::ofstream(data + "/consumers.db", std::ios::trunc) << "no database";
  auto engine = Engine::open(data);
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  CHECK(engine->consumers().list().code() == Errc::corruption);
  CHECK(engine->consumers().open("reader").code() == Errc::corruption);
  CHECK(engine->consumers().join("other").code() == Errc::corruption);
  CHECK(engine->store(numbered_event("a", 1, 1)).ok());
  CHECK(read_dense(*engine, "a").size() == 1);
  REQUIRE(engine->close().ok());
  CHECK(verify_directory(data).ok());
}

TEST_CASE("consumers: options out of range and calls from callbacks are refused") {
  TempDirectory directory;
  auto engine = Engine::open(directory.path("data"));
  REQUIRE(engine.ok());
  GroupOptions options;
  options.deliveries_max = 0;
  CHECK(engine->consumers().join("group", options).code() == Errc::invalid_argument);
  options = {};
  options.ack_timeout_ms = -1ms;
  CHECK(engine->consumers().join("group", options).code() == Errc::invalid_argument);
  options = {};
  options.in_flight_max = 5'000;
  CHECK(engine->consumers().join("group", options).code() == Errc::invalid_argument);
  CHECK(engine->consumers().join(std::string(129, 'n')).code() == Errc::too_large);
  std::promise<Errc> from_callback;
  engine->store_async(numbered_event("a", 1, 1),
                      [&](Result<Receipt>) { from_callback.set_value(engine->consumers().list().code()); });
  CHECK(from_callback.get_future().get() == Errc::invalid_argument);
}
