// Failing disks: what is acknowledged stays, what fails says so, and the engine resumes by itself where it can.
#include "tests/api/opened.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/why.hpp"

#include "engine/io/random.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

using namespace weir;
using namespace weir::test;

namespace {

EngineOptions one_shard() {
  EngineOptions options;
  options.shards = 1;
  return options;
}

StoreOptions with(Durability durability) {
  StoreOptions options;
  options.durability = durability;
  return options;
}

// Fails every such operation with `code` while `on` is set.
io::CallHook break_while(const std::atomic<bool>& on, io::Operation operation, std::string prefix, Errc code) {
  return [&on, operation, prefix = std::move(prefix), code](const io::Call& call) -> std::optional<Error> {
    if (on && call.operation == operation && call.path.starts_with(prefix))
      return fail(code, "the disk says no", std::string(call.path));
    return std::nullopt;
  };
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::uint64_t> numbers(const std::vector<StoredEvent>& events) {
  std::vector<std::uint64_t> all;
  for (const StoredEvent& event : events)
    all.push_back(sender_number(event.payload).number);
  return all;
}

} // namespace

TEST_CASE("fault: a failed sync stops its shard alone, every call of the group is told, and reads go on") {
  SimulatedDisk disk;
  EngineOptions options;
  options.shards = 2;
  Gate gate;
  std::uint64_t acknowledged = 0;
  std::string broken, healthy;
  {
    Engine engine = opened(disk, options);
    const OpenAtEnd opener(gate);
    broken = context_in_shard(engine, 0);
    healthy = context_in_shard(engine, 1);
    for (std::uint64_t i = 1; i <= 20; ++i)
      REQUIRE(engine.store(numbered_event(broken, 1, i)).ok());
    acknowledged = 20;
    REQUIRE(engine.store(numbered_event(healthy, 1, 1)).ok());

    gate.close();
    disk.fs().set_hook([&gate](const io::Call& call) -> std::optional<Error> {
      if (call.operation != io::Operation::sync_data || !call.path.starts_with("wal/000/"))
        return std::nullopt;
      gate.pass();
      return fail(Errc::io_error, "the disk says no", std::string(call.path));
    });
    std::vector<Ticket> tickets;
    for (std::uint64_t i = 21; i <= 60; ++i)
      tickets.push_back(engine.store_async(numbered_event(broken, 1, i)));
    gate.wait_until_n_waiting(1);
    gate.open();
    for (const Ticket& ticket : tickets) {
      const auto answer = ticket.wait();
      CHECK(answer.code() == Errc::shard_failed);
      CHECK_MESSAGE(says(why(answer), "the disk says no"), why(answer));
    }
    CHECK(engine.store(numbered_event(broken, 1, 61)).code() == Errc::shard_failed);
    const Health health = engine.health();
    CHECK_FALSE(health.ok);
    REQUIRE(health.shards.size() == 2);
    REQUIRE(health.shards[0].error.has_value());
    CHECK(health.shards[0].error->code == Errc::shard_failed);
    CHECK(health.shards[0].readable);
    CHECK_FALSE(health.shards[1].error);
    CHECK(engine.stats().shards[0].failed);

    CHECK(read_dense(engine, broken).size() == acknowledged);
    CHECK(count_of(engine.query("QUERY * COUNT")) == acknowledged + 1);
    for (std::uint64_t i = 2; i <= 20; ++i)
      CHECK(engine.store(numbered_event(healthy, 1, i)).ok());
    disk.fs().set_hook({}); // a later sync would succeed, and must not be believed
    CHECK(engine.store(numbered_event(broken, 1, 62)).code() == Errc::shard_failed);
    CHECK_FALSE(engine.close().ok());
  }
  for (const auto& policy : {io::CrashPolicy::lose_unsynced(), io::CrashPolicy::keep_everything()}) {
    SimulatedDisk image = disk.crash_image(policy);
    Engine engine = opened(image);
    const auto events = read_dense(engine, broken);
    CHECK(events.size() >= acknowledged); // what was refused may be there, whole and in order
    for (std::uint64_t i = 0; i < events.size(); ++i)
      CHECK(sender_number(events[i].payload).number == i + 1);
    CHECK(read_dense(engine, healthy).size() == 20);
    CHECK(engine.store(numbered_event(broken, 2, 1))->sequence == events.size() + 1);
    CHECK(engine.health().ok);
  }
}

TEST_CASE("fault: a write that finds the disk full is refused, and the shard goes on by itself, densely") {
  // Whatever the durability of those before it, and whether the file's own write fails or the next file's making.
  for (const Durability before : {Durability::buffered, Durability::written, Durability::synced})
    for (const auto operation : {io::Operation::write, io::Operation::rename}) {
      CAPTURE(static_cast<int>(before));
      CAPTURE(static_cast<int>(operation));
      SimulatedDisk disk;
      EngineOptions options = one_shard();
      options.wal_file_bytes = 64 * KiB;
      std::atomic<bool> full{false};
      std::vector<std::uint64_t> acknowledged, buffered;
      {
        Engine engine = opened(disk, options);
        std::uint64_t number = 0;
        const auto store = [&](Durability durability) {
          Event event = numbered_event("c", 1, ++number);
          event.metadata = R"({"a":")" + std::string(20'000, 'x') + R"("})"; // three to a file
          const auto receipt = engine.store(std::move(event), with(durability));
          if (receipt)
            (durability == Durability::buffered ? buffered : acknowledged).push_back(number);
          return receipt;
        };
        for (int i = 0; i < 5; ++i)
          REQUIRE(store(Durability::synced).ok());
        // With files made at need, a rename is met by every third event.
        disk.fs().set_hook(
            break_while(full, operation, operation == io::Operation::write ? "wal/000/0" : "wal/", Errc::disk_full));
        for (int round = 0; round < 4; ++round) {
          full = true;
          for (int i = 0; i < 4; ++i) {
            const auto refused = store(i < 2 ? before : Durability::synced);
            if (!refused)
              CHECK(refused.code() == Errc::disk_full);
          }
          full = false;
          REQUIRE(eventually([&] { return store(Durability::synced).ok(); }));
        }
        disk.fs().set_hook({});
        const auto events = read_dense(engine, "c");
        const auto seen = numbers(events);
        for (const std::uint64_t kept : acknowledged)
          CHECK(std::find(seen.begin(), seen.end(), kept) != seen.end());
        for (const std::uint64_t kept : buffered) // visible, as they were acknowledged
          CHECK(std::find(seen.begin(), seen.end(), kept) != seen.end());
        CHECK(seen.size() == acknowledged.size() + buffered.size());
        CHECK(std::is_sorted(seen.begin(), seen.end()));
        REQUIRE(store(Durability::synced).ok());
        // A crash now, after a flush, and after both.
        SimulatedDisk at_once = disk.crash_image(io::CrashPolicy::lose_unsynced());
        REQUIRE(engine.flush().ok());
        REQUIRE(store(Durability::synced).ok());
        SimulatedDisk later = disk.crash_image(io::CrashPolicy::lose_unsynced());
        SimulatedDisk killed = disk.crash_image(io::CrashPolicy::keep_everything());
        for (SimulatedDisk* image : {&at_once, &later, &killed}) {
          Engine again = opened(*image);
          const auto after = numbers(read_dense(again, "c"));
          for (const std::uint64_t kept : acknowledged)
            if (image != &at_once || kept != acknowledged.back())
              CHECK(std::find(after.begin(), after.end(), kept) != after.end());
          CHECK(again.store(numbered_event("c", 2, 1))->sequence == after.size() + 1);
        }
      }
    }
}

TEST_CASE(
    "fault: below the disk reserve stores are refused, reads and close work, and stores resume without a reopen") {
  SimulatedDisk disk;
  EngineOptions options = one_shard();
  options.disk_reserve_bytes = 1 * MiB;
  options.wal_file_bytes = 64 * KiB;
  std::uint64_t stored = 0;
  {
    Engine engine = opened(disk, options);
    const auto store = [&] {
      const auto receipt = engine.store(numbered_event("c", 1, stored + 1));
      stored += receipt ? 1 : 0;
      return receipt;
    };
    for (int round = 0; round < 5; ++round) {
      for (int i = 0; i < 20; ++i)
        REQUIRE(store().ok());
      disk.fs().set_free_bytes(options.disk_reserve_bytes - 1);
      Result<Receipt> refused = Receipt{};
      REQUIRE(eventually([&] { return (refused = store()).code() == Errc::disk_full; }));
      CHECK_MESSAGE(says(why(refused), "disk_reserve_bytes"), why(refused));
      CHECK(engine.health().disk_full);
      CHECK_FALSE(engine.health().ok);
      CHECK(read_dense(engine, "c").size() == stored);
      CHECK(count_of(engine.query("QUERY * COUNT")) == stored);
      CHECK(engine.flush().ok()); // the reserve is for this
      disk.fs().set_free_bytes(100 * MiB);
      REQUIRE(eventually([&] { return store().ok(); }));
      CHECK_FALSE(engine.health().disk_full);
      CHECK(engine.health().ok);
    }
    disk.fs().set_free_bytes(options.disk_reserve_bytes - 1);
    REQUIRE(eventually([&] { return store().code() == Errc::disk_full; }));
    CHECK(engine.close().ok());
  }
  disk.crash(io::CrashPolicy::lose_unsynced());
  disk.fs().set_free_bytes(4 * KiB);
  Engine engine = opened(disk, options); // hardly any space is needed to read
  CHECK(read_dense(engine, "c").size() == stored);
  CHECK(engine.store(numbered_event("c", 1, stored + 1)).code() == Errc::disk_full);
  disk.fs().set_free_bytes(100 * MiB);
  REQUIRE(eventually([&] { return engine.store(numbered_event("c", 1, stored + 1)).ok(); }));
  CHECK(read_dense(engine, "c").size() == stored + 1);
}

TEST_CASE("fault: a flush that fails is told, tried again, and nothing is lost or there twice") {
  SimulatedDisk disk;
  std::atomic<bool> broken{true};
  bool by_catalog = false;
  SUBCASE("at a write") {
    disk.fs().set_hook(break_while(broken, io::Operation::write, "segments/", Errc::io_error));
  }
  SUBCASE("at a sync") {
    disk.fs().set_hook(break_while(broken, io::Operation::sync_data, "segments/", Errc::io_error));
  }
  SUBCASE("at the rename") {
    disk.fs().set_hook(break_while(broken, io::Operation::rename, "segments/", Errc::io_error));
  }
  SUBCASE("at the directory") {
    disk.fs().set_hook(break_while(broken, io::Operation::sync_directory, "segments/", Errc::io_error));
  }
  SUBCASE("for want of space") {
    disk.fs().set_hook(break_while(broken, io::Operation::write, "segments/", Errc::disk_full));
  }
  SUBCASE("at the catalog") {
    by_catalog = true;
    disk.catalog().before_publish = [&broken]() -> Status {
      if (broken)
        return fail(Errc::io_error, "the catalog says no");
      return {};
    };
  }
  {
    Engine engine = opened(disk, one_shard());
    for (std::uint64_t i = 1; i <= 10; ++i)
      REQUIRE(engine.store(numbered_event("c", 1, i)).ok());
    const Status flushed = engine.flush();
    REQUIRE_FALSE(flushed.ok());
    CHECK_MESSAGE(says(why(flushed), by_catalog ? "the catalog says no" : "the disk says no"), why(flushed));
    CHECK_FALSE(engine.health().ok);
    REQUIRE_FALSE(engine.health().warnings.empty());
    CHECK(says(engine.health().warnings.front(), "flush"));
    CHECK(read_dense(engine, "c").size() == 10);
    for (std::uint64_t i = 11; i <= 20; ++i) // stores go on meanwhile
      REQUIRE(engine.store(numbered_event("c", 1, i)).ok());
    CHECK(engine.stats().shards[0].segments == 0);
    SimulatedDisk image = disk.crash_image(io::CrashPolicy::lose_unsynced());
    CHECK(read_dense(opened(image), "c").size() == 20);
    broken = false;
    REQUIRE(eventually([&] { return engine.stats().shards[0].segments == 1; })); // nobody asked again
    REQUIRE(engine.flush().ok());
    CHECK(engine.stats().shards[0].segment_events == 20);
    CHECK(read_dense(engine, "c").size() == 20);
    CHECK(count_of(engine.query("QUERY * COUNT")) == 20);
  }
  Engine engine = opened(disk);
  CHECK(engine.stats().recovered_events == 0);
  CHECK(read_dense(engine, "c").size() == 20);
}

TEST_CASE("fault: crashes at random moments lose nothing that was acknowledged as synced") {
  constexpr std::size_t senders = 4;
  std::uint64_t images = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    const auto random = io::make_seeded_random(seed);
    SimulatedDisk disk;
    EngineOptions options;
    options.shards = 2;
    options.wal_file_bytes = 64 * KiB;
    options.sync_interval_ms = std::chrono::milliseconds(5);
    for (int life = 0; life < 4; ++life) { // each on what the crash before it left
      CAPTURE(life);
      Engine engine = opened(disk, options);
      struct Sender {
        std::string context;
        std::uint64_t first = 0; // events there when this life began
        std::atomic<std::uint64_t> synced{0}, submitted{0};
        bool failed = false;
      };
      std::array<Sender, senders> all;
      for (std::size_t s = 0; s < senders; ++s) {
        all[s].context = "c" + std::to_string(s);
        all[s].first = all[s].synced = all[s].submitted = read_dense(engine, all[s].context).size();
      }
      std::atomic<bool> stop{false};
      std::vector<std::thread> threads;
      for (std::size_t s = 0; s < senders; ++s)
        threads.emplace_back([&, s, mine = random->next()] {
          const auto dice = io::make_seeded_random(mine);
          Sender& me = all[s];
          while (!stop) {
            const std::uint64_t count = dice->next() % 4 == 0 ? 5 : 1;
            const std::uint64_t first = me.submitted + 1;
            std::vector<Event> events; // the number names the whole call: its first event's sequence, and its size
            for (std::uint64_t i = 0; i < count; ++i)
              events.push_back(numbered_event(me.context, count, first));
            me.submitted += count;
            const auto durability = static_cast<Durability>(dice->next() % 3);
            const auto receipt = engine.store(me.context, std::move(events), with(durability));
            if (!receipt || receipt->sequence != first) {
              me.failed = true;
              return;
            }
            if (receipt->durability == Durability::synced)
              me.synced = receipt->last_sequence();
          }
        });
      std::vector<std::pair<SimulatedDisk, std::array<std::uint64_t, senders>>> crashed;
      for (int i = 0; i < 6; ++i) {
        const std::uint64_t target = engine.stats().next_position + random->next() % 60;
        REQUIRE(eventually([&] { return engine.stats().next_position >= target; }));
        if (random->next() % 2 == 0)
          CHECK(engine.flush().ok());
        std::array<std::uint64_t, senders> synced{};
        for (std::size_t s = 0; s < senders; ++s)
          synced[s] = all[s].synced;
        const auto policy = i == 0   ? io::CrashPolicy::lose_unsynced()
                            : i == 1 ? io::CrashPolicy::keep_everything()
                                     : io::CrashPolicy::random_subset(random->next());
        crashed.emplace_back(disk.crash_image(policy), synced);
      }
      stop = true;
      for (std::thread& thread : threads)
        thread.join();
      for (const Sender& sender : all)
        CHECK_FALSE(sender.failed);
      for (auto& [image, synced] : crashed) {
        ++images;
        auto again = image.open(options);
        REQUIRE_MESSAGE(again.ok(), why(again));
        for (std::size_t s = 0; s < senders; ++s) {
          const auto events = read_dense(*again, all[s].context);
          CHECK(events.size() >= synced[s]);
          CHECK(events.size() <= all[s].submitted);
          for (std::uint64_t i = all[s].first; i < events.size(); ++i) { // batches are whole
            const SenderNumber call = sender_number(events[i].payload);
            CHECK(call.number <= i + 1);
            CHECK(call.number + call.sender > i + 1);
            CHECK(call.number + call.sender <= events.size() + 1);
          }
        }
      }
      disk = crashed[random->next() % crashed.size()].first;
    }
  }
  CHECK(images == 8 * 4 * 6);
}
