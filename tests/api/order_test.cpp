#include "tests/api/simulated_engine.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/temp_directory.hpp"

#include <weir/actors.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <latch>
#include <map>
#include <thread>

using namespace weir;
using namespace weir::test;

namespace {

// Every context dense from 1, and every sender's events inside it in the order he sent them. Returns the events seen.
std::uint64_t check_contexts(const Engine& engine, std::size_t contexts) {
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < contexts; ++i) {
    auto stream = engine.replay("context-" + std::to_string(i));
    REQUIRE(stream.ok());
    Sequence expected = 1;
    std::map<std::uint64_t, std::uint64_t> last_of_sender;
    while (true) {
      auto batch = stream->next();
      REQUIRE(batch.ok());
      if (batch->empty())
        break;
      for (const EventView& event : *batch) {
        REQUIRE(event.sequence == expected++);
        const SenderNumber from = sender_number(event.payload);
        REQUIRE(from.number > last_of_sender[from.sender]);
        last_of_sender[from.sender] = from.number;
        ++seen;
      }
    }
  }
  return seen;
}

// Sends its share without waiting, with a bounded number of answers outstanding.
struct SenderState {
  EngineActor store;
  std::uint64_t sender = 0, next = 1, last = 0, outstanding = 0;
  std::atomic<std::uint64_t>* failed = nullptr;
  std::latch* done = nullptr;
};

void pump(caf::stateful_actor<SenderState>* self) {
  auto& state = self->state;
  while (state.outstanding < 32 && state.next <= state.last) {
    const std::uint64_t number = state.next++;
    ++state.outstanding;
    const auto answered = [self] {
      --self->state.outstanding;
      pump(self);
    };
    self->request(state.store, caf::infinite, store_atom_v,
                  numbered_event("context-" + std::to_string((number * 7) % 64), state.sender, number))
        .then([answered](const Receipt&) { answered(); },
              [self, answered](const caf::error&) {
                ++*self->state.failed;
                answered();
              });
  }
  if (state.outstanding == 0 && state.next > state.last) {
    state.done->count_down();
    self->quit();
  }
}

} // namespace

TEST_CASE("engine: 8 threads and 4 actors store into 64 contexts, and every context keeps each sender's order") {
  TempDirectory directory;
  EngineOptions options;
  options.inbox_commands_max = 64; // small, so that senders wait, park and take turns
  options.inbox_parked_max = 4'096;
  auto engine = Engine::open(directory.path("data"), options);
  REQUIRE(engine.ok());

  constexpr std::uint64_t per_sender = 1'500;
  std::atomic<std::uint64_t> failed{0};
  std::vector<std::thread> threads;
  for (std::uint64_t sender = 1; sender <= 8; ++sender)
    threads.emplace_back([&, sender] {
      std::vector<Ticket> tickets;
      for (std::uint64_t number = 1; number <= per_sender; ++number) {
        Event event = numbered_event("context-" + std::to_string((number * 5) % 64), sender, number);
        if (sender % 2 == 0) {
          failed += engine->store(std::move(event)).ok() ? 0 : 1;
          continue;
        }
        tickets.push_back(engine->store_async(std::move(event)));
        if (tickets.size() == 64) {
          for (const Ticket& ticket : tickets)
            failed += ticket.wait().ok() ? 0 : 1;
          tickets.clear();
        }
      }
      for (const Ticket& ticket : tickets)
        failed += ticket.wait().ok() ? 0 : 1;
    });
  {
    caf::actor_system_config config;
    config.set("scheduler.max-threads", std::size_t{2});
    caf::actor_system system(config);
    std::latch done(4);
    const EngineActor store = spawn_engine_actor(system, *engine);
    for (std::uint64_t sender = 9; sender <= 12; ++sender)
      system.spawn(
          // With an argument: CAF 0.17.6 dereferences a null pointer for a function spawned without any.
          [&](caf::stateful_actor<SenderState>* self, std::uint64_t mine) {
            self->state = {store, mine, 1, per_sender, 0, &failed, &done};
            pump(self);
          },
          sender);
    done.wait();
  }
  for (std::thread& thread : threads)
    thread.join();
  CHECK(failed == 0);
  CHECK(check_contexts(*engine, 64) == 12 * per_sender);
  REQUIRE(engine->flush().ok());
  CHECK(check_contexts(*engine, 64) == 12 * per_sender);
}

TEST_CASE("engine: a shard whose sync hangs holds up its own senders and nobody else") {
  Gate gate; // outlives the engine, whose end passes it once more
  SimulatedDisk disk;
  EngineOptions options;
  options.inbox_commands_max = 16;
  options.inbox_parked_max = 8;
  auto engine = disk.open(options);
  REQUIRE(engine.ok());
  std::string slow; // a context of the shard to be held, and contexts of the others
  std::vector<std::string> others;
  for (int i = 0; others.size() < 50 || slow.empty(); ++i) {
    const std::string context = "c" + std::to_string(i);
    (engine->shard_of(context) == 0 ? slow = context : others.emplace_back(context));
  }
  REQUIRE(engine->store(numbered_event(slow, 1, 1)).ok());

  gate.close();
  disk.fs().set_hook(hold(gate, io::Operation::sync_data, "wal/000/"));
  std::vector<Ticket> held;
  held.push_back(engine->store_async(numbered_event(slow, 1, 2)));
  gate.wait_until_n_waiting(1);
  // Fill what may be in flight, the inbox and the waiting room, until asynchronous calls are refused too.
  std::uint64_t number = 3;
  while (true) {
    Ticket ticket = engine->store_async(numbered_event(slow, 1, number++));
    if (const auto answer = ticket.wait_for(std::chrono::milliseconds(0))) {
      REQUIRE(answer->code() == Errc::overloaded);
      if (engine->stats().shards[0].inbox_commands == options.inbox_commands_max)
        break;
      continue; // the actor has not taken its second group yet
    }
    held.push_back(std::move(ticket));
    REQUIRE(held.size() < 100'000);
  }
  const ShardStats full = engine->stats().shards[0];
  CHECK(full.inbox_commands == options.inbox_commands_max);
  CHECK(full.inbox_waiting <= options.inbox_parked_max);
  CHECK(engine->try_store(numbered_event(slow, 1, number)).wait().code() == Errc::overloaded);
  StoreOptions soon;
  soon.timeout_ms = std::chrono::milliseconds(20);
  CHECK(engine->store(numbered_event(slow, 2, 1), soon).code() == Errc::deadline_exceeded);
  std::atomic<bool> sender_is_back{false};
  std::thread waiting_sender([&] {
    CHECK(engine->store(numbered_event(slow, 3, 1)).ok());
    sender_is_back = true;
  });

  for (std::uint64_t i = 1; i <= 10'000; ++i)
    REQUIRE(engine->store(numbered_event(others[i % others.size()], 4, i)).ok());
  CHECK_FALSE(sender_is_back);
  CHECK_FALSE(held.front().ready());
  CHECK(engine->stats().shards[0].inbox_commands == options.inbox_commands_max);
  CHECK(engine->stats().shards[0].inbox_bytes <= options.inbox_bytes_max);
  CHECK(engine->stats().unsealed_bytes <= options.unsealed_bytes_max);

  gate.open();
  waiting_sender.join();
  for (const Ticket& ticket : held)
    CHECK(ticket.wait().ok());
  auto stream = engine->replay(slow);
  REQUIRE(stream.ok());
  auto batch = stream->next();
  REQUIRE(batch.ok());
  CHECK(batch->size() == 1 + held.size() + 1); // the first, those held, the waiting sender's; none of the refused
}
