// The event queue through the public door: exactly once, in order, synced, whatever happens to segments meanwhile.
#include "tests/api/opened.hpp"
#include "tests/api/queue_readers.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

EngineOptions small(std::uint32_t shards) {
  EngineOptions options;
  options.shards = shards;
  options.unsealed_bytes_max = 1 * MiB;
  options.wal_file_bytes = 64 * KiB;
  options.zone_rows = 64;
  options.catch_up_bytes = 1 * MiB;
  return options;
}

} // namespace

TEST_CASE("event queue: subscribers before, during and after a run of writers see each event once and in order") {
  SimulatedDisk disk;
  Engine engine = opened(disk, small(4));
  constexpr std::uint64_t writers = 8, each = 1'500;
  constexpr std::uint64_t total = writers * each;
  std::map<Position, std::string> stored; // by receipt
  std::mutex mutex;
  std::atomic<std::uint64_t> done{0};

  const auto read = [&](SubscribeOptions options, std::uint64_t first_wanted) {
    Subscription subscription = subscribed(engine, std::move(options));
    std::vector<std::pair<Position, std::string>> seen;
    Position last = 0, checkpoint = subscription.position();
    bool ordered = true;
    while (seen.empty() || (first_wanted == 0 && seen.size() < total)) {
      auto batch = subscription.next();
      if (!batch) {
        CHECK_MESSAGE(batch.ok(), why(batch));
        return seen;
      }
      for (const EventView& event : batch->events) {
        ordered = ordered && event.position > last && event.position >= checkpoint && event.position < batch->next;
        last = event.position;
        seen.emplace_back(event.position, event.payload);
      }
      ordered = ordered && batch->next >= checkpoint;
      checkpoint = batch->next;
    }
    CHECK(ordered);
    return seen;
  };
  std::vector<std::vector<std::pair<Position, std::string>>> seen(3);
  std::vector<std::thread> threads;
  threads.emplace_back([&] { seen[0] = read({}, 0); }); // before
  for (std::uint64_t writer = 0; writer < writers; ++writer)
    threads.emplace_back([&, writer] {
      for (std::uint64_t i = 0; i < each; ++i) {
        const Event event = numbered_event("context-" + std::to_string((writer * 7 + i) % 40), writer, i);
        auto receipt = engine.store(event);
        if (!receipt) {
          CHECK_MESSAGE(receipt.ok(), why(receipt));
          return;
        }
        const std::lock_guard lock(mutex);
        stored.emplace(receipt->position, event.payload);
        ++done;
        tell_waiting();
      }
    });
  threads.emplace_back([&] { // during
    CHECK(eventually([&] { return done.load() >= total / 3; }));
    seen[1] = read({}, 0);
  });
  threads.emplace_back([&] {
    for (std::uint64_t flushes = 0; done.load() < total; ++flushes)
      CHECK(engine.flush().ok());
  });
  for (std::thread& thread : threads)
    thread.join();
  seen[2] = read({}, 0); // after
  REQUIRE(stored.size() == total);
  const std::vector<std::pair<Position, std::string>> expected(stored.begin(), stored.end());
  for (const auto& each_seen : seen)
    CHECK(each_seen == expected);
  CHECK(engine.close().ok());
}

TEST_CASE("event queue: a shard whose sync is held holds all readers, and nobody skips its events") {
  SimulatedDisk disk;
  Gate gate;
  Engine engine = opened(disk, small(2));
  const OpenAtEnd opener(gate);
  const std::string slow = context_in_shard(engine, 0), quick = context_in_shard(engine, 1);
  REQUIRE(engine.store(numbered_event(slow, 1, 1)).ok());
  Subscription subscription = subscribed(engine);
  gate.close();
  disk.fs().set_hook(hold(gate, io::Operation::sync_data, "wal/000/"));
  Ticket held = engine.store_async(numbered_event(slow, 1, 2));
  gate.wait_until_n_waiting(1);
  std::vector<Position> stored;
  for (std::uint64_t i = 1; i <= 50; ++i) {
    const auto receipt = engine.store(numbered_event(quick, 2, i));
    REQUIRE(receipt.ok());
    stored.push_back(receipt->position);
  }
  auto before = subscription.next();
  REQUIRE(before.ok());
  CHECK(before->events.size() == 1); // what came before the held group
  CHECK(before->caught_up);
  CHECK(before->next <= stored.front());
  CHECK(all_of(subscribed(engine, no_follow())).size() == 1); // the same for who comes now
  gate.open();
  const auto late = held.wait();
  REQUIRE(late.ok());
  CHECK(late->position < stored.front());
  std::vector<Position> seen;
  while (seen.size() < stored.size() + 1) {
    const auto batch = subscription.next();
    REQUIRE(batch.ok());
    for (const EventView& event : batch->events)
      seen.push_back(event.position);
  }
  stored.insert(stored.begin(), late->position);
  CHECK(seen == stored);
}

TEST_CASE("event queue: buffered and written events are seen only once they are synced") {
  for (const Durability durability : {Durability::buffered, Durability::written}) {
    SimulatedDisk disk;
    Gate gate;
    EngineOptions options = small(1);
    options.sync_interval_ms = std::chrono::milliseconds(1);
    Engine engine = opened(disk, options);
    const OpenAtEnd opener(gate);
    REQUIRE(engine.store(numbered_event("a", 1, 1)).ok());
    gate.close();
    disk.fs().set_hook(hold(gate, io::Operation::sync_data, "wal/000/"));
    StoreOptions unsafe;
    unsafe.durability = durability;
    REQUIRE(engine.store(numbered_event("a", 1, 2), unsafe).ok());
    gate.wait_until_n_waiting(1); // the interval's sync
    CHECK(read_dense(engine, "a").size() == 2);
    CHECK(all_of(subscribed(engine, no_follow())).size() == 1);
    Subscription live = subscribed(engine, {.from = QueueStart::now()});
    gate.open();
    std::size_t seen = 0;
    while (seen == 0) {
      const auto batch = live.next();
      REQUIRE(batch.ok());
      seen += batch->events.size();
    }
    CHECK(seen == 1);
  }
}

TEST_CASE("event queue: backward it is the same events, newest first, from memory and segments") {
  SimulatedDisk disk;
  Engine engine = opened(disk, small(3));
  for (std::uint64_t i = 0; i < 600; ++i) {
    REQUIRE(engine.store(numbered_event("c" + std::to_string(i % 17), 1, i)).ok());
    if (i % 150 == 100)
      REQUIRE(engine.flush().ok());
  }
  std::vector<StoredEvent> forward = all_of(subscribed(engine, no_follow()));
  REQUIRE(forward.size() == 600);
  std::vector<StoredEvent> backward = all_of(subscribed(engine, {.backward = true}));
  std::reverse(backward.begin(), backward.end());
  CHECK(forward == backward);
  // In small batches, each from the last one's checkpoint.
  std::vector<StoredEvent> pieces;
  SubscribeOptions options{.backward = true, .batch_events_max = 7};
  while (true) {
    auto batch = subscribed(engine, options).next();
    REQUIRE(batch.ok());
    for (StoredEvent& event : copy(batch->events))
      pieces.push_back(std::move(event));
    if (batch->ended)
      break;
    options.from = QueueStart::at(batch->next);
  }
  std::reverse(pieces.begin(), pieces.end());
  CHECK(pieces == forward);
  const auto last = all_of(subscribed(engine, {.backward = true, .limit = 5}));
  CHECK(positions(last) == std::vector{forward[599].position, forward[598].position, forward[597].position,
                                       forward[596].position, forward[595].position});
}

TEST_CASE("event queue: a checkpoint goes on where it stands, over a crash, too") {
  SimulatedDisk disk;
  std::vector<StoredEvent> seen;
  Position checkpoint = 0;
  for (std::uint64_t life = 0; life < 4; ++life) {
    Engine engine = opened(disk, small(2));
    for (std::uint64_t i = 0; i < 60; ++i)
      REQUIRE(engine.store(numbered_event("c" + std::to_string(i % 5), life, i)).ok());
    if (life == 1)
      REQUIRE(engine.flush().ok());
    Subscription subscription = subscribed(engine, {.from = QueueStart::at(checkpoint), .batch_events_max = 9});
    for (int batches = 0; batches < 6; ++batches) {
      auto batch = subscription.next();
      REQUIRE(batch.ok());
      for (StoredEvent& event : copy(batch->events))
        seen.push_back(std::move(event));
      checkpoint = batch->next;
    }
    SimulatedDisk after = disk.crash_image(io::CrashPolicy::lose_unsynced());
    CHECK(engine.close().ok());
    disk = std::move(after);
  }
  Engine engine = opened(disk, small(2));
  std::vector<StoredEvent> all = all_of(subscribed(engine, no_follow()));
  for (StoredEvent& event : all_of(subscribed(engine, no_follow({.from = QueueStart::at(checkpoint)}))))
    seen.push_back(std::move(event));
  CHECK(all.size() == 240);
  CHECK(seen == all);
}

TEST_CASE("event queue: closing ends those who wait, pulled and pushed") {
  SimulatedDisk disk;
  Engine engine = opened(disk, small(1));
  Subscription pulled = subscribed(engine);
  REQUIRE(pulled.next().ok()); // caught up
  std::atomic<int> ends{0};
  Status ended;
  auto pushed = engine.subscribe(
      {}, [](const QueueBatch&) {},
      [&](Status status) {
        ended = std::move(status);
        ++ends;
      },
      UINT64_MAX);
  REQUIRE(pushed.ok());
  Errc code = Errc::ok;
  std::thread waiting([&] { code = pulled.next().code(); });
  CHECK(engine.close().ok());
  waiting.join();
  CHECK(code == Errc::closing);
  CHECK(ends.load() == 1);
  CHECK(ended.code() == Errc::closing);
  CHECK(pulled.next().code() == Errc::closing);
  CHECK(engine.subscribe().code() == Errc::closing);
}

TEST_CASE("event queue: pushed, a subscriber gets a batch for each credit, and each event once") {
  SimulatedDisk disk;
  Engine engine = opened(disk, small(2));
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<StoredEvent> seen;
  std::size_t batches = 0, ends = 0;
  Status ended;
  auto pushed = engine.subscribe(
      {.batch_events_max = 10},
      [&](const QueueBatch& batch) {
        const std::lock_guard lock(mutex);
        for (StoredEvent& event : copy(batch.events))
          seen.push_back(std::move(event));
        ++batches;
        changed.notify_all();
      },
      [&](Status status) {
        const std::lock_guard lock(mutex);
        ended = std::move(status);
        ++ends;
        changed.notify_all();
      },
      0);
  REQUIRE(pushed.ok());
  for (std::uint64_t i = 0; i < 100; ++i)
    REQUIRE(engine.store(numbered_event("c" + std::to_string(i % 5), 1, i)).ok());
  for (std::size_t credit = 1; credit <= 4; ++credit) {
    pushed->request(1);
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return batches == credit; });
    CHECK(seen.size() == 10 * credit);
  }
  pushed->request(1'000);
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return seen.size() == 100; });
  }
  REQUIRE(engine.store(numbered_event("live", 1, 100)).ok());
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return seen.size() == 101; });
  }
  CHECK(seen == all_of(subscribed(engine, no_follow())));
  pushed->cancel();
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return ends == 1; });
  CHECK(ended.code() == Errc::cancelled);
}

TEST_CASE("event queue: a failed shard ends it, after what is safe has been delivered") {
  SimulatedDisk disk;
  Engine engine = opened(disk, small(2));
  const std::string broken = context_in_shard(engine, 0), healthy = context_in_shard(engine, 1);
  REQUIRE(engine.store(numbered_event(broken, 1, 1)).ok());
  REQUIRE(engine.store(numbered_event(healthy, 1, 2)).ok());
  disk.fs().set_hook([](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::sync_data && call.path.starts_with("wal/000/"))
      return fail(Errc::io_error, "made to fail", std::string(call.path));
    return std::nullopt;
  });
  CHECK(engine.store(numbered_event(broken, 1, 3)).code() == Errc::shard_failed);
  REQUIRE(engine.store(numbered_event(healthy, 1, 4)).ok());
  Subscription subscription = subscribed(engine);
  const auto safe = subscription.next();
  REQUIRE(safe.ok());
  CHECK(safe->events.size() == 2);
  CHECK(subscription.next().code() == Errc::shard_failed);
  CHECK(subscription.next().code() == Errc::shard_failed);
}

TEST_CASE("event queue: time out, cancel, and inside a callback") {
  SimulatedDisk disk;
  Engine engine = opened(disk, small(1));
  Subscription subscription = subscribed(engine);
  const auto first = subscription.next();
  REQUIRE(first.ok());
  CHECK(first->caught_up);
  CHECK(first->events.empty());
  for (const int timeout_ms : {0, 1}) {
    const auto nothing = subscription.next(std::chrono::milliseconds(timeout_ms));
    REQUIRE(nothing.ok());
    CHECK(nothing->events.empty());
    CHECK(nothing->caught_up);
    CHECK_FALSE(nothing->ended);
  }
  std::atomic<bool> answered{false};
  Errc inside = Errc::ok;
  engine.store_async(numbered_event("a", 1, 1), [&](const Result<Receipt>&) {
    Subscription other = subscribed(engine, {.from = QueueStart::at(UINT64_MAX)});
    (void)other.next();
    inside = other.next().code();
    answered.store(true);
    answered.notify_one();
  });
  answered.wait(false);
  CHECK(inside == Errc::invalid_argument);
  subscription.cancel();
  CHECK(subscription.next().code() == Errc::cancelled);
}
