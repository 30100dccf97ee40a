// How an engine ends: everybody gets an answer, what was acknowledged is there afterwards, the directory is free.
#include "tests/api/opened.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <latch>
#include <thread>

using namespace weir;
using namespace weir::test;

namespace {

StoreOptions with(Durability durability) {
  StoreOptions options;
  options.durability = durability;
  return options;
}

} // namespace

TEST_CASE("close: later calls answer closing, closing again is fine, and all is there after a reopen") {
  TempDirectory directory;
  auto engine = Engine::open(directory.path("data"));
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  std::vector<Ticket> tickets;
  for (std::uint64_t i = 1; i <= 500; ++i)
    tickets.push_back(
        engine->store_async(numbered_event("c" + std::to_string(i % 7), 1, i), with(static_cast<Durability>(i % 3))));
  auto stream = engine->replay("c1");
  REQUIRE_MESSAGE(stream.ok(), why(stream));
  REQUIRE(engine->close().ok());
  std::vector<Sequence> stored(7);
  for (std::uint64_t i = 1; i <= 500; ++i) {
    REQUIRE(tickets[i - 1].ready()); // nobody is left waiting
    const auto answer = tickets[i - 1].wait();
    if (answer)
      ++stored[i % 7];
    else
      CHECK(answer.code() == Errc::closing);
  }
  CHECK(engine->close().ok());
  CHECK(engine->store(numbered_event("c", 1, 1)).code() == Errc::closing);
  CHECK(engine->store_async(numbered_event("c", 1, 1)).wait().code() == Errc::closing);
  CHECK(engine->try_store(numbered_event("c", 1, 1)).wait().code() == Errc::closing);
  CHECK(engine->replay("c").code() == Errc::closing);
  CHECK(engine->query("QUERY *").code() == Errc::closing);
  CHECK(engine->flush().code() == Errc::closing);
  CHECK(stream->next().code() == Errc::closing);
  CHECK(engine->stats().shards.size() == 4); // these still answer
  CHECK(engine->health().shards.size() == 4);

  auto again = Engine::open(directory.path("data"));
  REQUIRE_MESSAGE(again.ok(), why(again));
  for (std::uint64_t i = 0; i < 7; ++i)
    CHECK(read_dense(*again, "c" + std::to_string(i)).size() == stored[i]);
  CHECK(verify_directory(directory.path("data")).code() == Errc::locked);
  CHECK(again->close().ok());
  CHECK(verify_directory(directory.path("data")).ok());
}

TEST_CASE("close: the destructor does the same, and so does assigning another engine") {
  SimulatedDisk disk, other;
  {
    Engine engine = opened(disk);
    for (std::uint64_t i = 1; i <= 100; ++i)
      REQUIRE(engine.store(numbered_event("c", 1, i), with(Durability::buffered)).ok());
  }
  disk.crash(io::CrashPolicy::lose_unsynced()); // what was buffered has been synced
  {
    Engine engine = opened(disk);
    CHECK(read_dense(engine, "c").size() == 100);
    CHECK(engine.store(numbered_event("c", 1, 101))->sequence == 101);
    engine = opened(other); // closes the first
    CHECK(read_dense(engine, "c").empty());
    Engine again = opened(disk);
    CHECK(read_dense(again, "c").size() == 101);
  }
}

TEST_CASE("close: shards that hold much are flushed, others are left to the log") {
  SimulatedDisk disk;
  EngineOptions options;
  options.shards = 2;
  std::string large, small;
  {
    Engine engine = opened(disk, options);
    large = context_in_shard(engine, 0);
    small = context_in_shard(engine, 1);
    for (std::uint64_t i = 1; i <= 20; ++i) {
      Event event = numbered_event(large, 1, i);
      event.metadata = R"({"a":")" + std::string(60'000, 'x') + R"("})";
      REQUIRE(engine.store(std::move(event)).ok());
    }
    REQUIRE(engine.store(numbered_event(small, 1, 1)).ok());
    REQUIRE(engine.close().ok());
  }
  Engine engine = opened(disk);
  CHECK(engine.stats().recovered_events == 1);
  CHECK(engine.stats().shards[0].segment_events == 20);
  CHECK(engine.stats().shards[1].segment_events == 0);
  CHECK(read_dense(engine, large).size() == 20);
  CHECK(read_dense(engine, small).size() == 1);
}

TEST_CASE("close: with a disk that hangs it says deadline_exceeded, everybody has an answer, and nothing is lost") {
  SimulatedDisk disk;
  EngineOptions options;
  options.shards = 1;
  options.inbox_commands_max = 4;
  options.inbox_parked_max = 4;
  Gate gate; // the engine passes it when it closes
  gate.close();
  Engine engine = opened(disk, options);
  const OpenAtEnd opener(gate);
  REQUIRE(engine.store(numbered_event("c", 1, 1)).ok());
  disk.fs().set_hook(hold(gate, io::Operation::sync_data, "wal/000/"));
  std::vector<Ticket> tickets;
  tickets.push_back(engine.store_async(numbered_event("c", 1, 2)));
  gate.wait_until_n_waiting(1);
  // Until a call is refused although the shard has taken what it may.
  for (std::uint64_t i = 3; tickets.back().wait_for(std::chrono::milliseconds(0)) == std::nullopt ||
                            engine.stats().shards[0].inbox_commands < options.inbox_commands_max;
       ++i)
    tickets.push_back(engine.store_async(numbered_event("c", 1, i)));
  Result<Receipt> waiting = fail(Errc::io_error, "not run");
  std::thread sender([&] { waiting = engine.store(numbered_event("c", 2, 1)); });
  Status closed;
  std::thread closer([&] { closed = engine.close(std::chrono::milliseconds(1)); });
  sender.join(); // told at once that it is too late
  CHECK(waiting.code() == Errc::closing);
  CHECK_FALSE(tickets.front().ready());
  CHECK_FALSE(tickets.front().wait_for(std::chrono::milliseconds(20))); // lets the close's time pass
  gate.open();
  closer.join();
  CHECK(closed.code() == Errc::deadline_exceeded);
  CHECK(engine.close().code() == Errc::deadline_exceeded); // the same answer
  std::uint64_t stored = 1;
  for (const Ticket& ticket : tickets) {
    REQUIRE(ticket.ready());
    const auto answer = ticket.wait();
    if (answer)
      ++stored;
    else
      CHECK((answer.code() == Errc::closing || answer.code() == Errc::overloaded));
  }
  CHECK(stored > 1);
  disk.fs().set_hook({});
  disk.crash(io::CrashPolicy::lose_unsynced());
  CHECK(read_dense(opened(disk), "c").size() >= stored);
}

TEST_CASE("close: a cold context whose look-up fails then does not make it wait for its timeout") {
  SimulatedDisk disk;
  EngineOptions options;
  options.shards = 1;
  options.context_cache_entries = 1;
  options.block_cache_bytes = 0;
  Gate gate;
  gate.close();
  Engine engine = opened(disk, options);
  const OpenAtEnd opener(gate);
  for (std::uint64_t i = 0; i < 10; ++i)
    REQUIRE(engine.store(numbered_event("cold-" + std::to_string(i), 1, 1)).ok());
  REQUIRE(engine.flush().ok());
  disk.fs().set_hook([&gate](const io::Call& call) -> std::optional<Error> {
    if (call.operation != io::Operation::read || !call.path.starts_with("segments/"))
      return std::nullopt;
    gate.pass();
    return fail(Errc::io_error, "the disk does not answer", std::string(call.path));
  });
  const Ticket ticket = engine.store_async(numbered_event("cold-3", 1, 2));
  gate.wait_until_n_waiting(1);
  Status closed = fail(Errc::io_error, "not run");
  std::thread closer([&] { closed = engine.close(std::chrono::minutes(10)); });
  REQUIRE(wait_until_closing(engine));
  CHECK(engine.replay("hot").code() == Errc::closing);
  gate.open();
  closer.join();
  CHECK_MESSAGE(closed.ok(), why(closed));
  CHECK(ticket.wait().code() == Errc::io_error);
}

TEST_CASE("close: while eight threads store, each call is either stored or refused, never both and never lost") {
  SimulatedDisk disk;
  std::vector<Sequence> acknowledged(8);
  {
    Engine engine = opened(disk);
    std::latch busy(8);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 8; ++t)
      threads.emplace_back([&, t] {
        for (std::uint64_t i = 1;; ++i) {
          const auto receipt = engine.store(numbered_event("c" + std::to_string(t), t, i));
          if (!receipt) {
            CHECK(receipt.code() == Errc::closing);
            return;
          }
          acknowledged[t] = receipt->sequence;
          if (i == 20)
            busy.count_down();
        }
      });
    busy.wait();
    CHECK(engine.close().ok());
    for (std::thread& thread : threads)
      thread.join();
  }
  disk.crash(io::CrashPolicy::lose_unsynced());
  Engine engine = opened(disk);
  for (std::size_t t = 0; t < 8; ++t)
    CHECK(read_dense(engine, "c" + std::to_string(t)).size() == acknowledged[t]);
}
