// The engine through its public door: stores and receipts, queries, flush, stats and health, options.
#include "tests/api/opened.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <caf/all.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <latch>
#include <set>
#include <thread>

using namespace weir;
using namespace weir::test;

namespace {

std::vector<Event> numbered_batch(const std::string& context, std::uint64_t first, std::uint64_t count) {
  std::vector<Event> events;
  for (std::uint64_t i = 0; i < count; ++i)
    events.push_back(numbered_event(context, 1, first + i));
  return events;
}

StoreOptions with(Durability durability) {
  StoreOptions options;
  options.durability = durability;
  return options;
}

} // namespace

TEST_CASE("engine: every way to store gives the next sequences and rising positions, durably by default") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  std::vector<Receipt> receipts;
  const auto take = [&](const Result<Receipt>& answer) {
    REQUIRE_MESSAGE(answer.ok(), why(answer));
    receipts.push_back(*answer);
  };
  take(engine.store(numbered_event("c", 1, 1)));
  take(engine.store("c", numbered_batch("c", 2, 3)));
  take(engine.store_async(numbered_event("c", 1, 5)).wait());
  take(engine.store_async("c", numbered_batch("c", 6, 2)).wait());
  take(engine.try_store(numbered_event("c", 1, 8)).wait());
  take(engine.try_store("c", numbered_batch("c", 9, 2)).wait());
  for (const std::size_t count : {1, 2}) {
    std::latch called(1);
    std::optional<Result<Receipt>> answer;
    const Engine::StoreCallback done = [&](Result<Receipt> result) {
      answer.emplace(std::move(result));
      called.count_down();
    };
    if (count == 1)
      engine.store_async(numbered_event("c", 1, 11), done);
    else
      engine.store_async("c", numbered_batch("c", 12, 2), done);
    called.wait();
    take(*answer);
  }
  Sequence next = 1;
  Position last = 0;
  for (const Receipt& receipt : receipts) {
    CHECK(receipt.sequence == next);
    CHECK(receipt.position > last);
    CHECK(receipt.durability == Durability::synced);
    next = receipt.last_sequence() + 1;
    last = receipt.last_position();
  }
  CHECK(next == 14);
  const auto events = read_dense(engine, "c");
  REQUIRE(events.size() == 13);
  for (const Receipt& receipt : receipts)
    for (std::uint32_t i = 0; i < receipt.events; ++i)
      CHECK(events[receipt.sequence + i - 1].position == receipt.position + i);
  for (std::uint64_t i = 0; i < events.size(); ++i)
    CHECK(sender_number(events[i].payload).number == i + 1);
}

TEST_CASE("engine: a receipt says which durability was reached, at least what was asked for") {
  SimulatedDisk disk;
  EngineOptions options;
  options.durability = Durability::written;
  options.shards = 1;
  Gate gate; // outlives those who pass it
  Engine engine = opened(disk, options);
  const OpenAtEnd opener(gate);
  CHECK(engine.store(numbered_event("c", 1, 1))->durability >= Durability::written);
  CHECK(engine.store(numbered_event("c", 1, 2), with(Durability::buffered))->durability >= Durability::buffered);
  const std::uint64_t syncs = engine.stats().shards[0].syncs;
  CHECK(engine.store(numbered_event("c", 1, 3), with(Durability::synced))->durability == Durability::synced);
  CHECK(engine.stats().shards[0].syncs > syncs);

  // Mixed, and queued up behind a held sync: each gets what it asked for, or more, in the order sent.
  gate.close();
  disk.fs().set_hook(hold(gate, io::Operation::sync_data, "wal/000/"));
  std::vector<std::pair<Durability, Ticket>> tickets;
  for (std::uint64_t i = 4; i <= 33; ++i) {
    const Durability wanted = i == 4 ? Durability::synced : static_cast<Durability>(i % 3);
    tickets.emplace_back(wanted, engine.store_async(numbered_event("c", 1, i), with(wanted)));
    if (i == 4)
      gate.wait_until_n_waiting(1);
  }
  CHECK_FALSE(tickets.front().second.ready());
  gate.open();
  Sequence next = 4;
  for (const auto& [wanted, ticket] : tickets) {
    const auto receipt = ticket.wait();
    REQUIRE_MESSAGE(receipt.ok(), why(receipt));
    CHECK(receipt->durability >= wanted);
    CHECK(receipt->sequence == next++);
  }
}

TEST_CASE("engine: a written event is on the disk once the sync interval has passed, without another call") {
  SimulatedDisk disk;
  EngineOptions options;
  options.durability = Durability::written;
  options.sync_interval_ms = std::chrono::milliseconds(20);
  options.shards = 1;
  Engine engine = opened(disk, options);
  REQUIRE(engine.store(numbered_event("c", 1, 1)).ok());
  REQUIRE(engine.store(numbered_event("c", 1, 2), with(Durability::buffered)).ok());
  const auto survives_a_power_cut = [&] {
    SimulatedDisk image = disk.crash_image(io::CrashPolicy::lose_unsynced());
    return read_dense(opened(image), "c").size() == 2;
  };
  REQUIRE(eventually([&] { return engine.stats().shards[0].syncs != 0; }));
  // The second one may have come after that sync had begun; then another follows.
  CHECK(eventually(survives_a_power_cut));
}

TEST_CASE("engine: all fields of an event come back as they were given, from memory, segments and after reopening") {
  TempDirectory directory;
  EngineOptions options;
  options.payload_bytes_max = limits::payload_bytes_max;
  auto engine = Engine::open(directory.path("data"), options);
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  using namespace std::chrono;
  Event full;
  full.context_id = "order-42 \xE2\x82\xAC";
  full.event_type = "placed";
  full.payload = "{\"total\": 12.50,\n \"text\": \"\\u20ac \xE2\x82\xAC\"}";
  full.timestamp = sys_days(year(1969) / 7 / 20) + hours(20) + microseconds(123'456);
  full.event_id = "id-1";
  full.metadata = R"({"by":"test"})";
  Event plain;
  plain.context_id = full.context_id;
  plain.event_type = "paid";
  plain.payload = "{}";
  Event huge = plain;
  huge.payload = R"({"a":")" + std::string(limits::payload_bytes_max - 8, 'x') + R"("})";
  const Timestamp before = time_point_cast<microseconds>(system_clock::now());
  REQUIRE(engine->store(full).ok());
  REQUIRE(engine->store(plain).ok());
  const auto stored = engine->store(huge);
  REQUIRE_MESSAGE(stored.ok(), why(stored));
  const Timestamp after = time_point_cast<microseconds>(system_clock::now());

  const auto in_memory = read_dense(*engine, full.context_id);
  REQUIRE(in_memory.size() == 3);
  CHECK(in_memory[0].context_id == full.context_id);
  CHECK(in_memory[0].event_type == "placed");
  CHECK(in_memory[0].payload == full.payload);
  CHECK(in_memory[0].timestamp == *full.timestamp);
  CHECK(in_memory[0].event_id == "id-1");
  CHECK(in_memory[0].metadata == full.metadata);
  CHECK(in_memory[1].event_id.empty());
  CHECK(in_memory[1].metadata.empty());
  CHECK(in_memory[1].timestamp >= before);
  CHECK(in_memory[1].timestamp <= after);
  CHECK((in_memory[2].payload == huge.payload));
  for (const StoredEvent& event : in_memory) {
    CHECK(event.recorded_at >= before);
    CHECK(event.recorded_at <= after);
  }
  REQUIRE(engine->flush().ok());
  CHECK((read_dense(*engine, full.context_id) == in_memory));
  CHECK(engine->query("QUERY placed WHERE payload.total = 12.5 RETURN event_id")->rows ==
        std::vector<std::vector<Value>>{{Value("id-1")}});
  REQUIRE(engine->close().ok());
  engine = Engine::open(directory.path("data"));
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  CHECK((read_dense(*engine, full.context_id) == in_memory));
}

TEST_CASE("engine: positions go on behind every earlier one after a reopen, sequences go on densely") {
  SimulatedDisk disk;
  Position last = 0;
  for (Sequence life = 1; life <= 4; ++life) {
    Engine engine = opened(disk);
    CHECK(engine.stats().next_position > last);
    const auto receipt = engine.store(numbered_event("c", 1, life));
    REQUIRE_MESSAGE(receipt.ok(), why(receipt));
    CHECK(receipt->sequence == life);
    CHECK(receipt->position > last);
    last = receipt->position;
    if (life % 2 == 0)
      REQUIRE(engine.flush().ok());
  }
}

TEST_CASE("engine: a query by text and by builder, cancelled, and out of time") {
  SimulatedDisk disk;
  Gate gate; // outlives those who pass it
  Engine engine = opened(disk);
  const OpenAtEnd opener(gate);
  for (std::uint64_t i = 1; i <= 300; ++i)
    REQUIRE(engine.store(numbered_event("c" + std::to_string(i % 10), i % 3, i), with(Durability::buffered)).ok());
  REQUIRE(engine.flush().ok());
  for (std::uint64_t i = 301; i <= 400; ++i)
    REQUIRE(engine.store(numbered_event("c" + std::to_string(i % 10), i % 3, i), with(Durability::buffered)).ok());

  const auto text = engine.query("QUERY sent WHERE payload.number > 290 AND payload.sender = 1 "
                                 "RETURN payload.number ORDER BY payload.number DESC LIMIT 5");
  REQUIRE_MESSAGE(text.ok(), why(text));
  const auto built = engine.query(Query::types({"sent"})
                                      .where(field("payload.number") > 290 && field("payload.sender") == 1)
                                      .returning({"payload.number"})
                                      .order_by("payload.number", SortOrder::descending)
                                      .limit(5));
  REQUIRE_MESSAGE(built.ok(), why(built));
  CHECK(text->columns == built->columns);
  CHECK(text->rows == built->rows);
  REQUIRE(text->rows.size() == 5);
  for (std::int64_t i = 0; i < 5; ++i)
    CHECK(text->rows[static_cast<std::size_t>(i)].front().as_int64() == 400 - 3 * i);
  CHECK(count_of(engine.query("QUERY * COUNT")) == 400);
  CHECK(count_of(engine.query("QUERY * FOR \"c7\" COUNT")) == 40);

  QueryOptions cancelled;
  cancelled.cancel = std::make_shared<std::atomic<bool>>(true);
  CHECK(engine.query("QUERY *", cancelled).code() == Errc::cancelled);
  QueryOptions late;
  late.timeout_ms = std::chrono::milliseconds(0);
  CHECK(engine.query("QUERY *", late).code() == Errc::deadline_exceeded);

  // Cancelled while it reads.
  gate.close();
  disk.fs().set_hook(hold(gate, io::Operation::read, "segments/"));
  QueryOptions running;
  running.cancel = std::make_shared<std::atomic<bool>>(false);
  Result<QueryResult> answer = fail(Errc::io_error, "not run");
  std::thread reader([&] { answer = engine.query("QUERY * WHERE payload.number > 0", running); });
  gate.wait_until_n_waiting(1);
  *running.cancel = true;
  gate.open();
  reader.join();
  CHECK(answer.code() == Errc::cancelled);
  CHECK(count_of(engine.query("QUERY * COUNT")) == 400);
}

TEST_CASE("engine: timeouts of any length are taken, for ever and negative ones, too") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  StoreOptions store;
  QueryOptions query;
  store.timeout_ms = query.timeout_ms = std::chrono::milliseconds::max();
  CHECK(engine.store(numbered_event("c", 1, 1), store).ok());
  CHECK(engine.query("QUERY *", query).ok());
  query.timeout_ms = std::chrono::milliseconds::min();
  CHECK(engine.query("QUERY *", query).code() == Errc::deadline_exceeded);
  CHECK(engine.close(std::chrono::milliseconds::max()).ok());
}

TEST_CASE("engine: flush moves all that was acknowledged into segments, and stats and health tell") {
  SimulatedDisk disk;
  EngineOptions options;
  options.shards = 3;
  Engine engine = opened(disk, options);
  CHECK(engine.options().shards == 3);
  CHECK(engine.flush().ok()); // of nothing
  std::vector<std::uint64_t> per_shard(3);
  std::uint64_t payload_bytes = 0;
  for (std::uint64_t i = 1; i <= 200; ++i) {
    Event event = numbered_event("c" + std::to_string(i % 20), 1, i);
    ++per_shard[engine.shard_of(event.context_id)];
    payload_bytes += event.payload.size();
    REQUIRE(engine.store(std::move(event)).ok());
  }
  const EngineStats before = engine.stats();
  REQUIRE(before.shards.size() == 3);
  for (ShardId shard = 0; shard < 3; ++shard) {
    const ShardStats& stats = before.shards[shard];
    CHECK(stats.shard == shard);
    CHECK(stats.events_stored == per_shard[shard]);
    CHECK(stats.memtable_events == per_shard[shard]);
    CHECK(stats.memtable_bytes > 0);
    CHECK(stats.groups >= 1);
    CHECK(stats.syncs >= 1);
    CHECK(stats.segments == 0);
    CHECK_FALSE(stats.failed);
  }
  CHECK(before.unsealed_bytes > payload_bytes);
  REQUIRE(engine.flush().ok());
  const EngineStats after = engine.stats();
  std::uint64_t payload_bytes_in_segments = 0;
  for (ShardId shard = 0; shard < 3; ++shard) {
    const ShardStats& stats = after.shards[shard];
    CHECK(stats.memtable_events == 0);
    CHECK(stats.flushes == 1);
    CHECK(stats.flush_queue == 0);
    CHECK(stats.segments == 1);
    CHECK(stats.segment_events == per_shard[shard]);
    CHECK(stats.segment_bytes > 0);
    payload_bytes_in_segments += stats.payload_bytes;
  }
  CHECK(payload_bytes_in_segments == payload_bytes);
  CHECK(after.unsealed_bytes < before.unsealed_bytes);
  CHECK(after.recovered_events == 0);
  CHECK(after.pinned_bytes == 0);
  CHECK(after.disk_free_bytes > 0);
  const Health health = engine.health();
  CHECK(health.ok);
  CHECK_FALSE(health.disk_full);
  CHECK(health.warnings.empty());
  REQUIRE(health.shards.size() == 3);
  for (const ShardHealth& shard : health.shards) {
    CHECK_FALSE(shard.error);
    CHECK(shard.readable);
  }
  CHECK(engine.flush().ok());
  CHECK(engine.stats().shards[0].flushes == 1); // nothing new: no empty segment
}

TEST_CASE(
    "engine: a callback that throws is caught and shown in health, and one that would wait for itself is refused") {
  SimulatedDisk disk;
  EngineOptions options;
  options.shards = 1;
  Engine engine = opened(disk, options);
  std::latch first(2);
  engine.store_async(numbered_event("c", 1, 1), [&](const Result<Receipt>&) {
    first.count_down();
    throw std::runtime_error("I am the service's bug");
  });
  engine.store_async(numbered_event("c", 1, 2), [&](const Result<Receipt>&) {
    first.count_down();
    throw 42;
  });
  first.wait();
  REQUIRE(eventually([&] { return engine.health().warnings.size() == 2; }));
  CHECK_FALSE(engine.health().ok);
  CHECK(engine.health().warnings[0].find("I am the service's bug") != std::string::npos);

  std::latch done(1);
  std::optional<Ticket> from_inside;
  Result<Receipt> stored = fail(Errc::io_error, "not run");
  Status flushed, closed;
  engine.store_async(numbered_event("c", 1, 3), [&](const Result<Receipt>&) {
    stored = engine.store(numbered_event("c", 1, 99));
    flushed = engine.flush();
    closed = engine.close();
    from_inside = engine.store_async(numbered_event("c", 1, 4)); // this one is fine
    done.count_down();
  });
  done.wait();
  CHECK(stored.code() == Errc::invalid_argument);
  CHECK(flushed.code() == Errc::invalid_argument);
  CHECK(closed.code() == Errc::invalid_argument);
  CHECK(from_inside->wait().ok());
  CHECK(read_dense(engine, "c").size() == 4);
}

TEST_CASE("engine: two engines in one process beside a host that runs CAF itself") {
  TempDirectory directory;
  caf::actor_system_config config;
  config.set("scheduler.max-threads", std::size_t{2});
  caf::actor_system host(config);
  const caf::actor echo = host.spawn(
      [](caf::event_based_actor*, int) -> caf::behavior { return {[](int value) { return value + 1; }}; }, 0);
  auto one = Engine::open(directory.path("one"));
  auto two = Engine::open(directory.path("two"));
  REQUIRE_MESSAGE(one.ok(), why(one));
  REQUIRE_MESSAGE(two.ok(), why(two));
  std::vector<Ticket> tickets;
  for (std::uint64_t i = 1; i <= 200; ++i)
    tickets.push_back((i % 2 == 0 ? *one : *two).store_async(numbered_event("c", i % 2, i)));
  caf::scoped_actor self(host);
  self->request(echo, caf::infinite, 41)
      .receive([](int value) { CHECK(value == 42); },
               [](const caf::error&) { FAIL("the host's own actor did not answer"); });
  for (const Ticket& ticket : tickets)
    CHECK(ticket.wait().ok());
  CHECK(one->close().ok());
  CHECK(read_dense(*two, "c").size() == 100);
  CHECK(two->store(numbered_event("c", 1, 201))->sequence == 101);
}

TEST_CASE("engine: options out of range are refused by open, each by name") {
  struct Case {
    const char* name;
    std::function<void(EngineOptions&)> set;
  };
  const std::vector<Case> cases = {
      {"shards", [](EngineOptions& o) { o.shards = limits::shards_max + 1; }},
      {"sync_interval_ms", [](EngineOptions& o) { o.sync_interval_ms = std::chrono::milliseconds(0); }},
      {"unsealed_bytes_max", [](EngineOptions& o) { o.unsealed_bytes_max = 1; }},
      {"wal_file_bytes", [](EngineOptions& o) { o.wal_file_bytes = 1; }},
      {"pinned_bytes_max", [](EngineOptions& o) { o.pinned_bytes_max = 0; }},
      {"context_cache_entries", [](EngineOptions& o) { o.context_cache_entries = 0; }},
      {"inbox_commands_max", [](EngineOptions& o) { o.inbox_commands_max = 0; }},
      {"inbox_bytes_max", [](EngineOptions& o) { o.inbox_bytes_max = 0; }},
      {"payload_bytes_max", [](EngineOptions& o) { o.payload_bytes_max = limits::payload_bytes_max + 1; }},
      {"read_threads", [](EngineOptions& o) { o.read_threads = 257; }},
      {"zone_rows", [](EngineOptions& o) { o.zone_rows = 15; }},
      {"filter_bits_per_key", [](EngineOptions& o) { o.filter_bits_per_key = 33; }},
      {"query_timeout_ms", [](EngineOptions& o) { o.query_timeout_ms = std::chrono::milliseconds(-1); }},
      {"close_timeout_ms", [](EngineOptions& o) { o.close_timeout_ms = std::chrono::milliseconds(0); }},
  };
  TempDirectory directory;
  for (const Case& one : cases) {
    CAPTURE(one.name);
    EngineOptions options;
    one.set(options);
    const auto engine = Engine::open(directory.path("data"), options);
    CHECK(engine.code() == Errc::invalid_argument);
    CHECK_MESSAGE(why(engine).find(one.name) != std::string::npos, why(engine));
    CHECK_FALSE(std::filesystem::exists(directory.path("data")));
  }
  EngineOptions all;
  all.shards = limits::shards_max;
  CHECK(Engine::open(directory.path("data"), all).ok());
}
