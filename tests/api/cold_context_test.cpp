#include "tests/api/simulated_engine.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <optional>
#include <thread>

using namespace weir;
using namespace weir::test;

namespace {

std::string cold(std::uint64_t i) {
  return "cold-" + std::to_string(i);
}

} // namespace

TEST_CASE("engine: 100,000 contexts beyond a cache of 1,000 are all numbered correctly when stored to again") {
  TempDirectory directory;
  EngineOptions options;
  options.context_cache_entries = 1'000;
  auto engine = Engine::open(directory.path("data"), options);
  REQUIRE(engine.ok());
  constexpr std::uint64_t contexts = test::sanitized ? 20'000 : 100'000;
  for (Sequence round = 1; round <= 2; ++round) {
    std::deque<Ticket> tickets;
    std::uint64_t wrong = 0;
    const auto settle = [&](std::size_t left) {
      for (; tickets.size() > left; tickets.pop_front()) {
        const auto receipt = tickets.front().wait();
        REQUIRE_MESSAGE(receipt.ok(), why(receipt));
        wrong += receipt->sequence == round ? 0 : 1;
      }
    };
    for (std::uint64_t i = 0; i < contexts; ++i) {
      tickets.push_back(engine->store_async(numbered_event(cold(i), 1, round)));
      settle(3'000);
    }
    settle(0);
    CHECK(wrong == 0);
    REQUIRE(engine->flush().ok());
  }
  std::uint64_t lookups = 0;
  for (const ShardStats& shard : engine->stats().shards)
    lookups += shard.lookups;
  CHECK(lookups > contexts / 2); // they really were cold
  for (std::uint64_t i = 0; i < contexts; i += 997) {
    auto stream = engine->replay(cold(i));
    REQUIRE(stream.ok());
    const auto batch = stream->next();
    REQUIRE(batch.ok());
    CHECK(batch->size() == 2);
  }
}

TEST_CASE("engine: a cold context whose look-up hangs does not hold up hot contexts of its shard") {
  Gate gate; // outlives the engine, whose end passes it once more
  SimulatedDisk disk;
  EngineOptions options;
  options.shards = 1;
  options.context_cache_entries = 1;
  options.block_cache_bytes = 0; // every look-up reads the disk
  auto engine = disk.open(options);
  REQUIRE(engine.ok());
  for (std::uint64_t i = 0; i < 100; ++i)
    REQUIRE(engine->store(numbered_event(cold(i), 1, 1)).ok());
  REQUIRE(engine->flush().ok());
  REQUIRE(engine->store(numbered_event("hot", 2, 1)).ok());

  gate.close();
  disk.fs().set_hook(hold(gate, io::Operation::read, "segments/"));
  // From another thread: a sender's own later calls wait for it, which keeps his order.
  Ticket waiting = [&] {
    std::optional<Ticket> ticket;
    std::thread([&] { ticket = engine->store_async(numbered_event(cold(7), 1, 2)); }).join();
    return *ticket;
  }();
  gate.wait_until_n_waiting(1);
  for (std::uint64_t i = 2; i <= 1'000; ++i) {
    const auto receipt = engine->store(numbered_event("hot", 2, i));
    REQUIRE(receipt.ok());
    REQUIRE(receipt->sequence == i);
  }
  CHECK_FALSE(waiting.ready());
  CHECK(engine->stats().shards[0].held_back == 1);
  gate.open();
  const auto receipt = waiting.wait();
  REQUIRE(receipt.ok());
  CHECK(receipt->sequence == 2);
}

TEST_CASE("engine: a look-up that fails is the error of that context's calls, and of nobody else") {
  SimulatedDisk disk;
  EngineOptions options;
  options.shards = 1;
  options.context_cache_entries = 1;
  options.block_cache_bytes = 0;
  auto engine = disk.open(options);
  REQUIRE(engine.ok());
  for (std::uint64_t i = 0; i < 10; ++i)
    REQUIRE(engine->store(numbered_event(cold(i), 1, 1)).ok());
  REQUIRE(engine->flush().ok());
  REQUIRE(engine->store(numbered_event("hot", 1, 1)).ok());
  disk.fs().set_hook([](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::read && call.path.starts_with("segments/"))
      return fail(Errc::io_error, "the disk does not answer", std::string(call.path));
    return std::nullopt;
  });
  CHECK(engine->store(numbered_event(cold(3), 1, 2)).code() == Errc::io_error);
  CHECK(engine->store(numbered_event("hot", 1, 2)).ok());
  disk.fs().set_hook({});
  const auto receipt = engine->store(numbered_event(cold(3), 1, 2));
  REQUIRE(receipt.ok());
  CHECK(receipt->sequence == 2);
}
