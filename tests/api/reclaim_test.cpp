// Space of removed events: what comes back, when, and what stays so that ids are taken for ever.
#include "tests/api/opened.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <weir/salvage.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

EngineOptions one_shard() {
  return {.shards = 1};
}

/// With a payload that does not compress, and whatever it takes to be told from all others.
Event large(const std::string& context, Sequence number, bool id = true) {
  std::string noise;
  for (std::uint64_t state = 0x9E37'79B9'7F4A'7C15u * (number + 1); noise.size() < 400; state ^= state >> 29) {
    state = state * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    noise += static_cast<char>('a' + (state >> 59) % 26);
  }
  return {.context_id = context,
          .event_type = "large",
          .payload = "{\"noise\":\"" + noise + "\"}",
          .event_id = id ? "id-" + std::to_string(number) : "",
          .metadata = "{\"number\":" + std::to_string(number) + "}"};
}

std::vector<Receipt> store(Engine& engine, const std::string& context, Sequence first, Sequence count,
                           bool ids = true) {
  std::vector<Receipt> receipts;
  for (Sequence number = first; number < first + count; ++number) {
    const auto receipt = engine.store(large(context, number, ids));
    REQUIRE_MESSAGE(receipt.ok(), why(receipt));
    receipts.push_back(*receipt);
  }
  return receipts;
}

void flush(Engine& engine) {
  const Status flushed = engine.flush();
  REQUIRE_MESSAGE(flushed.ok(), why(flushed));
}

bool at_rest(const Engine& engine) {
  return eventually([&] { return engine.stats().compactions_pending == 0; });
}

ShardStats shard_of(const Engine& engine) {
  return engine.stats().shards[0];
}

/// A store of the same event is known again, and of another with its id refused.
void check_ids(Engine& engine, const std::string& context, const std::vector<Receipt>& receipts) {
  for (const Receipt& receipt : receipts) {
    CAPTURE(receipt.sequence);
    const auto retry = engine.store(large(context, receipt.sequence));
    REQUIRE_MESSAGE(retry.ok(), why(retry));
    CHECK(retry->duplicate);
    CHECK(retry->sequence == receipt.sequence);
    CHECK(retry->position == receipt.position);
  }
  Event other = large(context, receipts.front().sequence);
  other.payload = "{}";
  CHECK(engine.store(other).code() == Errc::event_id_conflict);
  other = large(context, receipts.front().sequence);
  other.metadata.clear();
  CHECK(engine.store(other).code() == Errc::event_id_conflict);
}

std::vector<Sequence> replayed(const Engine& engine, const std::string& context) {
  std::vector<Sequence> sequences;
  auto stream = engine.replay(context);
  REQUIRE_MESSAGE(stream.ok(), why(stream));
  for (;;) {
    const auto batch = stream->next();
    REQUIRE_MESSAGE(batch.ok(), why(batch));
    if (batch->empty())
      return sequences;
    for (const EventView& event : *batch)
      sequences.push_back(event.sequence);
  }
}

/// What a subscriber sees from the beginning.
std::vector<StoredEvent> queued(const Engine& engine, SubscribeOptions options = {}) {
  options.follow = false;
  auto stream = engine.subscribe(options);
  REQUIRE_MESSAGE(stream.ok(), why(stream));
  std::vector<StoredEvent> events;
  for (;;) {
    const auto batch = stream->next();
    REQUIRE_MESSAGE(batch.ok(), why(batch));
    for (StoredEvent& event : copy(batch->events))
      events.push_back(std::move(event));
    if (batch->ended)
      return events;
  }
}

} // namespace

TEST_CASE("reclaim: a segment of which most is removed is rewritten alone, once; its ids stay taken") {
  SimulatedDisk disk(SimulatedDisk::CatalogKind::sqlite);
  std::vector<Receipt> receipts;
  std::uint64_t before = 0;
  const auto check = [&](Engine& engine) {
    CHECK(shard_of(engine).payload_bytes < before / 4);
    CHECK(shard_of(engine).segment_bytes < before / 2);
    CHECK(shard_of(engine).segment_events == 300); // stubs among them
    CHECK(replayed(engine, "a") == std::vector<Sequence>{251, 252, 253, 254, 255, 256, 257, 258, 259, 260});
    CHECK(replayed(engine, "b").size() == 40);
    check_ids(engine, "a", receipts);
    CHECK(count_of(engine.query("QUERY * COUNT")) == 50);
    CHECK(count_of(engine.query("QUERY * WHERE payload.noise != '' COUNT")) == 50);
    CHECK(count_of(engine.query("QUERY * WHERE metadata.number <= 250 AND context_id = 'a' COUNT")) == 0);
  };
  {
    Engine engine = opened(disk, one_shard());
    receipts = store(engine, "a", 1, 260);
    store(engine, "b", 1, 40);
    flush(engine);
    REQUIRE(at_rest(engine));
    before = shard_of(engine).payload_bytes;
    CHECK(queued(engine).size() == 300);
    REQUIRE(engine.truncate_context("a", 251).ok());
    flush(engine);
    REQUIRE(at_rest(engine));
    CHECK(shard_of(engine).compactions == 1);
    CHECK(shard_of(engine).segments == 2); // the marks that came later are too few to be merged
    check(engine);
    flush(engine);
    REQUIRE(engine.truncate_context("b", 2).ok()); // little of it
    flush(engine);
    REQUIRE(at_rest(engine));
    CHECK(replayed(engine, "b").size() == 39);
    store(engine, "b", 41, 1);
  }
  disk.crash(io::CrashPolicy::lose_unsynced());
  Engine engine = opened(disk, one_shard());
  check_ids(engine, "a", receipts);
  CHECK(replayed(engine, "a").size() == 10);
  CHECK(replayed(engine, "b").size() == 40);
}

TEST_CASE("reclaim: subscribers pass over stubs, whatever they ask for, and go on behind them") {
  SimulatedDisk disk;
  Engine engine = opened(disk, one_shard());
  store(engine, "a", 1, 100);
  store(engine, "b", 1, 3);
  flush(engine);
  REQUIRE(engine.delete_context("a").ok());
  flush(engine);
  REQUIRE(at_rest(engine));
  REQUIRE(shard_of(engine).compactions != 0);
  for (const SubscribeOptions& options :
       {SubscribeOptions{}, SubscribeOptions{.limit = 3}, SubscribeOptions{.types = {"large"}},
        SubscribeOptions{.backward = true}, SubscribeOptions{.batch_events_max = 1}}) {
    const auto events = queued(engine, options);
    REQUIRE(events.size() == 3);
    for (const StoredEvent& event : events)
      CHECK(event.context_id == "b");
  }
  CHECK(queued(engine, {.context_prefix = "a"}).empty());
  CHECK(queued(engine, {.where = field("metadata.number") >= 0}).size() == 3);
}

TEST_CASE("reclaim: of a context that is deleted for good, and of events without ids, nothing stays") {
  SimulatedDisk disk(SimulatedDisk::CatalogKind::sqlite);
  Engine engine = opened(disk, one_shard());
  SUBCASE("deleted for good") {
    store(engine, "a", 1, 100);
    store(engine, "b", 1, 1);
    flush(engine);
    REQUIRE(engine.delete_context("a", Deletion::hard).ok());
    flush(engine);
    REQUIRE(at_rest(engine));
    CHECK(shard_of(engine).segment_events == 1);
    CHECK(engine.store(large("a", 1)).code() == Errc::context_deleted);
  }
  SUBCASE("without ids") {
    store(engine, "a", 1, 100, false);
    flush(engine);
    REQUIRE(engine.delete_context("a").ok());
    flush(engine);
    REQUIRE(at_rest(engine));
    CHECK(shard_of(engine).segment_events == 0);
    CHECK(engine.store(large("a", 101))->sequence == 101);
  }
  CHECK(shard_of(engine).compactions != 0);
}

TEST_CASE("reclaim: a call that had ids for some of its events is known again by all of them") {
  SimulatedDisk disk;
  Engine engine = opened(disk, one_shard());
  const std::vector<Event> call = {large("a", 1, false), large("a", 2), large("a", 3, false)};
  const auto receipt = engine.store("a", call);
  REQUIRE_MESSAGE(receipt.ok(), why(receipt));
  flush(engine);
  REQUIRE(engine.delete_context("a").ok());
  flush(engine);
  REQUIRE(at_rest(engine));
  REQUIRE(shard_of(engine).payload_bytes == 0);
  const auto retry = engine.store("a", call);
  REQUIRE_MESSAGE(retry.ok(), why(retry));
  CHECK(retry->duplicate);
  CHECK(retry->position == receipt->position);
  std::vector<Event> other = call;
  other[2].payload = "{}";
  CHECK(engine.store("a", other).code() == Errc::event_id_conflict);
}

TEST_CASE("reclaim: what an earlier life left to do is found at the first flush of the next") {
  SimulatedDisk disk(SimulatedDisk::CatalogKind::sqlite);
  {
    EngineOptions without_merges = one_shard();
    without_merges.segment_bytes_max = 0;
    Engine engine = opened(disk, without_merges);
    store(engine, "a", 1, 100);
    flush(engine);
    REQUIRE(engine.delete_context("a").ok());
    flush(engine);
    CHECK(engine.stats().compactions_pending == 0);
  }
  Engine engine = opened(disk, one_shard());
  CHECK(engine.stats().compactions_pending == 0);
  const std::uint64_t before = shard_of(engine).payload_bytes;
  store(engine, "b", 1, 1);
  flush(engine);
  REQUIRE(eventually([&] { return shard_of(engine).payload_bytes < before / 10; }));
  REQUIRE(at_rest(engine));
  CHECK(replayed(engine, "a").empty());
}

TEST_CASE("reclaim: verify reads stubs, and salvage leaves them behind") {
  TempDirectory temp;
  const std::string from = temp.path() + "/from", to = temp.path() + "/to";
  {
    auto engine = open_watched(from, one_shard());
    REQUIRE_MESSAGE(engine.ok(), why(engine));
    store(*engine, "a", 1, 60);
    flush(*engine);
    REQUIRE(engine->truncate_context("a", 51).ok());
    flush(*engine);
    REQUIRE(at_rest(*engine));
    CHECK(shard_of(*engine).compactions != 0);
    REQUIRE(engine->close().ok());
  }
  const Status verified = verify_directory(from);
  CHECK_MESSAGE(verified.ok(), why(verified));
  const auto report = salvage_directory(from, to);
  REQUIRE_MESSAGE(report.ok(), why(report));
  CHECK(report->complete());
  CHECK(report->events == 10);
}
