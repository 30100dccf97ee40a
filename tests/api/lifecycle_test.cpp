// Truncated and deleted contexts: what stays removed, what is said of it, and what goes on.
#include "tests/api/opened.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <weir/salvage.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

EngineOptions one_shard() {
  return {.shards = 1};
}

Event numbered(const std::string& context, Sequence number) {
  return {.context_id = context,
          .event_type = "counted",
          .payload = "{\"n\":" + std::to_string(number) + "}",
          .event_id = "id-" + std::to_string(number)};
}

/// Stores the next `count` events of a context, whose ids say their sequences.
void store(Engine& engine, const std::string& context, Sequence first, Sequence count) {
  for (Sequence sequence = first; sequence < first + count; ++sequence) {
    const auto receipt = engine.store(numbered(context, sequence));
    REQUIRE_MESSAGE(receipt.ok(), why(receipt));
    REQUIRE(receipt->sequence == sequence);
  }
}

struct Replayed {
  std::vector<Sequence> sequences;
  std::optional<SequenceGap> removed;
  friend bool operator==(const Replayed&, const Replayed&) = default;
};

Replayed replayed(const Engine& engine, const std::string& context, const ReplayOptions& options = {}) {
  Replayed all;
  auto stream = engine.replay(context, options);
  REQUIRE_MESSAGE(stream.ok(), why(stream));
  for (;;) {
    const auto batch = stream->next();
    REQUIRE_MESSAGE(batch.ok(), why(batch));
    if (batch->removed()) {
      CHECK_FALSE(all.removed.has_value());
      all.removed = batch->removed();
    }
    if (batch->empty())
      return all;
    for (const EventView& event : *batch)
      all.sequences.push_back(event.sequence);
  }
}

Replayed gap_then(Sequence gap_first, Sequence gap_last, Sequence first, Sequence last) {
  Replayed all{{}, SequenceGap{gap_first, gap_last}};
  for (Sequence sequence = first; sequence <= last; ++sequence)
    all.sequences.push_back(sequence);
  return all;
}

std::uint64_t counted(const Engine& engine, const std::string& where = "") {
  return count_of(engine.query("QUERY *" + where + " COUNT"));
}

/// The same checks wherever the marks and rows are: in memory, in segments, merged, read back from the log.
void everywhere(const std::function<void(Engine&)>& prepare, const std::function<void(Engine&)>& check) {
  SimulatedDisk disk(SimulatedDisk::CatalogKind::sqlite);
  std::optional<Engine> engine = opened(disk, one_shard());
  prepare(*engine);
  check(*engine);
  INFO("after a crash");
  engine.reset();
  disk.crash(io::CrashPolicy::lose_unsynced());
  engine = opened(disk, one_shard());
  check(*engine);
  INFO("after a flush");
  REQUIRE(engine->flush().ok());
  check(*engine);
  INFO("after another start");
  engine.reset();
  engine = opened(disk, one_shard());
  check(*engine);
  INFO("after merges");
  for (Sequence flush = 1; flush <= 3; ++flush) {
    store(*engine, "other", flush, 1);
    REQUIRE(engine->flush().ok());
  }
  CHECK(eventually([&] { return engine->stats().compactions_pending == 0; }));
  CHECK(engine->stats().shards[0].segments == 1);
  check(*engine);
  engine.reset();
  engine = opened(disk, one_shard());
  check(*engine);
}

} // namespace

TEST_CASE("lifecycle: what is truncated is gone from replay and queries, said so, and stays so") {
  const auto check = [](Engine& engine) {
    CHECK(replayed(engine, "a") == gap_then(1, 3, 4, 6));
    CHECK(replayed(engine, "a", {.from = 3}) == gap_then(3, 3, 4, 6));
    CHECK(replayed(engine, "a", {.to = 2}) == gap_then(1, 2, 1, 0));
    CHECK(replayed(engine, "a", {.from = 4}) == Replayed{{4, 5, 6}, {}});
    CHECK(replayed(engine, "a", {.backward = true}) == Replayed{{6, 5, 4}, SequenceGap{1, 3}});
    CHECK(replayed(engine, "a", {.backward = true, .limit = 2}) == Replayed{{6, 5}, {}});
    CHECK(replayed(engine, "a", {.batch_events_max = 1}) == gap_then(1, 3, 4, 6));
    CHECK(replayed(engine, "b") == Replayed{{1, 2}, {}});
    CHECK(counted(engine, " WHERE context_id = 'a'") == 3);
    CHECK(counted(engine, " WHERE context_id IN ('a', 'b')") == 5);
    CHECK(counted(engine, " WHERE event_type = 'counted' AND context_id != 'other'") == 5);
    CHECK(counted(engine, " WHERE payload.n <= 3 AND context_id != 'other'") == 2);
  };
  everywhere(
      [](Engine& engine) {
        store(engine, "a", 1, 4);
        REQUIRE(engine.flush().ok()); // the rest is elsewhere than what is removed
        store(engine, "a", 5, 2);
        store(engine, "b", 1, 2);
        const auto removal = engine.truncate_context("a", 4);
        REQUIRE_MESSAGE(removal.ok(), why(removal));
        CHECK(removal->removed_before == 4);
        CHECK(removal->position != 0);
        CHECK(removal->durability == Durability::synced);
        CHECK_FALSE(removal->already);
      },
      check);
}

TEST_CASE("lifecycle: a context that is deleted softly has no event, and goes on where it was") {
  Sequence last = 3;
  std::uint64_t rounds = 0;
  everywhere(
      [](Engine& engine) {
        store(engine, "a", 1, 3);
        const auto removal = engine.delete_context("a");
        REQUIRE_MESSAGE(removal.ok(), why(removal));
        CHECK(removal->removed_before == 4);
      },
      [&](Engine& engine) {
        CHECK(replayed(engine, "a") == gap_then(1, last, 1, 0));
        CHECK(counted(engine, " WHERE context_id = 'a'") == 0);
        CHECK(engine.store("a", {}, {.expect = Expectation::exists()}).code() == Errc::sequence_conflict);
        CHECK(engine.store("a", {}, {.expect = Expectation::exactly(last)}).ok());
        CHECK(engine.store("a", {}, {.expect = Expectation::exactly(0)}).ok());
        const auto receipt = engine.store(numbered("a", ++last), {.expect = Expectation::no_context()});
        REQUIRE_MESSAGE(receipt.ok(), why(receipt));
        CHECK(receipt->sequence == last);
        CHECK(replayed(engine, "a") == gap_then(1, last - 1, last, last));
        CHECK(engine.store("a", {}, {.expect = Expectation::no_context()}).code() == Errc::sequence_conflict);
        CHECK(engine.store("a", {}, {.expect = Expectation::exists()}).ok());
        CHECK(engine.delete_context("a").ok());
        ++rounds;
      });
  CHECK(last == 3 + rounds);
}

TEST_CASE("lifecycle: nothing is ever stored to a context that is deleted for good") {
  everywhere(
      [](Engine& engine) {
        store(engine, "a", 1, 2);
        REQUIRE(engine.delete_context("a", Deletion::hard).ok());
        REQUIRE(engine.delete_context("never", Deletion::hard).ok());
      },
      [](Engine& engine) {
        for (const std::string context : {"a", "never"}) {
          CAPTURE(context);
          for (const Expectation& expect : {Expectation::any(), Expectation::no_context(), Expectation::exactly(2)})
            CHECK(engine.store(numbered(context, 9), {.expect = expect}).code() == Errc::context_deleted);
          CHECK(engine.store(numbered(context, 1)).code() == Errc::context_deleted); // a retry
          CHECK(engine.store(context, {}, {.expect = Expectation::exists()}).code() == Errc::context_deleted);
          for (const Deletion deletion : {Deletion::soft, Deletion::hard}) {
            const auto again = engine.delete_context(context, deletion);
            REQUIRE_MESSAGE(again.ok(), why(again));
            CHECK(again->already);
            CHECK(again->position == 0);
          }
          CHECK(counted(engine, " WHERE context_id = '" + context + "'") == 0);
        }
        CHECK(replayed(engine, "a") == gap_then(1, 2, 1, 0));
        CHECK(replayed(engine, "never") == Replayed{});
      });
}

TEST_CASE("lifecycle: a removal that was answered is there after a power cut") {
  const EngineOptions options{.shards = 1, .sync_interval_ms = std::chrono::minutes(1)};
  SimulatedDisk disk;
  Engine engine = opened(disk, options);
  store(engine, "a", 1, 4);
  store(engine, "b", 1, 2);
  REQUIRE(engine.truncate_context("a", 3).ok());
  SimulatedDisk truncated = disk.crash_image(io::CrashPolicy::lose_unsynced());
  REQUIRE(engine.delete_context("b", Deletion::hard).ok());
  SimulatedDisk deleted = disk.crash_image(io::CrashPolicy::lose_unsynced());
  const Engine after_truncation = opened(truncated, options);
  CHECK(replayed(after_truncation, "a") == gap_then(1, 2, 3, 4));
  Engine after_deletion = opened(deleted, options);
  CHECK(replayed(after_deletion, "b") == gap_then(1, 2, 1, 0));
  CHECK(after_deletion.store(numbered("b", 3)).code() == Errc::context_deleted);
}

TEST_CASE("lifecycle: the ids of removed events are taken for ever") {
  std::map<Sequence, Position> positions;
  everywhere(
      [&](Engine& engine) {
        for (Sequence sequence = 1; sequence <= 4; ++sequence) {
          const auto receipt = engine.store(numbered("a", sequence));
          REQUIRE_MESSAGE(receipt.ok(), why(receipt));
          positions[sequence] = receipt->position;
        }
        REQUIRE(engine.delete_context("a").ok());
      },
      [&](Engine& engine) {
        for (const auto& [sequence, position] : positions) {
          const auto retry = engine.store(numbered("a", sequence));
          REQUIRE_MESSAGE(retry.ok(), why(retry));
          CHECK(retry->duplicate);
          CHECK(retry->sequence == sequence);
          CHECK(retry->position == position);
        }
        Event other = numbered("a", 2);
        other.payload = "{}";
        CHECK(engine.store(other).code() == Errc::event_id_conflict);
        CHECK(replayed(engine, "a").sequences.empty());
      });
}

TEST_CASE("lifecycle: doing it again, or doing less, changes nothing; beyond the end is the end") {
  SimulatedDisk disk;
  Engine engine = opened(disk, one_shard());
  store(engine, "a", 1, 5);
  CHECK(engine.truncate_context("a", 1)->already);
  CHECK(engine.truncate_context("a", 0)->already);
  CHECK_FALSE(engine.truncate_context("a", 3)->already);
  CHECK(engine.truncate_context("a", 3)->already);
  CHECK(engine.truncate_context("a", 2)->already);
  const auto beyond = engine.truncate_context("a", 100);
  REQUIRE_MESSAGE(beyond.ok(), why(beyond));
  CHECK(beyond->removed_before == 6);
  store(engine, "a", 6, 1);
  CHECK(replayed(engine, "a") == gap_then(1, 5, 6, 6));
  CHECK(engine.delete_context("nobody")->already); // there was nothing
  CHECK(engine.delete_context("").code() == Errc::invalid_argument);
  CHECK(engine.store("nobody", {}, {.expect = Expectation::no_context()}).ok());
}

TEST_CASE("lifecycle: stores and removals of one thread take place in its order") {
  SimulatedDisk disk;
  Engine engine = opened(disk, one_shard());
  std::vector<Ticket> tickets;
  for (Sequence round = 0; round < 50; ++round) {
    for (Sequence i = 1; i <= 3; ++i)
      tickets.push_back(engine.store_async(numbered("a", 3 * round + i)));
    REQUIRE(engine.truncate_context("a", 3 * round + 3)->removed_before == 3 * round + 3);
    CHECK(replayed(engine, "a") == gap_then(1, 3 * round + 2, 3 * round + 3, 3 * round + 3));
  }
  for (Ticket& ticket : tickets)
    CHECK(ticket.wait().ok());
}

TEST_CASE("lifecycle: a replay that is under way passes over what is removed meanwhile, and says so") {
  SimulatedDisk disk;
  Engine engine = opened(disk, one_shard());
  store(engine, "a", 1, 6);
  auto stream = engine.replay("a", {.batch_events_max = 2});
  REQUIRE_MESSAGE(stream.ok(), why(stream));
  auto batch = stream->next();
  REQUIRE(batch.ok());
  CHECK(batch->back().sequence == 2);
  CHECK_FALSE(batch->removed().has_value());
  REQUIRE(engine.truncate_context("a", 6).ok());
  batch = stream->next();
  REQUIRE(batch.ok());
  REQUIRE(batch->size() == 1);
  CHECK((*batch)[0].sequence == 6);
  CHECK(batch->removed() == SequenceGap{3, 5});
  CHECK(stream->next()->empty());
}

TEST_CASE("lifecycle: thousands of deletions and not one store are flushed and found again") {
  SimulatedDisk disk(SimulatedDisk::CatalogKind::sqlite);
  constexpr int contexts = 2'000;
  {
    Engine engine = opened(disk, one_shard());
    for (int i = 0; i < contexts; ++i)
      REQUIRE(engine.delete_context("context-" + std::to_string(i), Deletion::hard).ok());
    REQUIRE(engine.flush().ok());
    CHECK(engine.stats().shards[0].segment_events == 0);
    CHECK(engine.stats().shards[0].segments == 1);
  }
  Engine engine = opened(disk, one_shard());
  for (int i = 0; i < contexts; i += 7)
    REQUIRE(engine.store(numbered("context-" + std::to_string(i), 1)).code() == Errc::context_deleted);
  store(engine, "context-x", 1, 1);
  CHECK(counted(engine) == 1);
}

TEST_CASE("lifecycle: verify reads marks, and salvage neither brings back events nor opens a closed context") {
  TempDirectory temp;
  const std::string from = temp.path() + "/from", to = temp.path() + "/to";
  {
    auto engine = Engine::open(from, one_shard());
    REQUIRE_MESSAGE(engine.ok(), why(engine));
    store(*engine, "a", 1, 4);
    store(*engine, "b", 1, 3);
    store(*engine, "c", 1, 3);
    REQUIRE(engine->truncate_context("a", 3).ok());
    REQUIRE(engine->flush().ok());
    REQUIRE(engine->delete_context("b", Deletion::hard).ok());
    REQUIRE(engine->delete_context("c").ok()); // stays in the log
    REQUIRE(engine->close().ok());
  }
  const Status verified = verify_directory(from);
  CHECK_MESSAGE(verified.ok(), why(verified));
  const auto report = salvage_directory(from, to);
  REQUIRE_MESSAGE(report.ok(), why(report));
  CHECK(report->complete());
  CHECK(report->events == 2);
  auto engine = Engine::open(to);
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  CHECK(replayed(*engine, "a").sequences.size() == 2);
  CHECK(replayed(*engine, "c") == Replayed{});
  CHECK(engine->store(numbered("b", 9)).code() == Errc::context_deleted);
}

TEST_CASE("lifecycle: a snapshot lasts as long as the event that it was made at") {
  TempDirectory temp;
  auto engine = Engine::open(temp.path() + "/data", one_shard());
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  store(*engine, "a", 1, 5);
  REQUIRE(engine->save_snapshot("a", 3, "state", "v1").ok());
  REQUIRE(engine->truncate_context("a", 3).ok());
  auto loaded = engine->load("a", "v1");
  REQUIRE_MESSAGE(loaded.ok(), why(loaded));
  REQUIRE(loaded->snapshot.has_value());
  CHECK(loaded->snapshot->sequence == 3);
  CHECK(loaded->events.next()->size() == 2);
  REQUIRE(engine->delete_context("a").ok());
  loaded = engine->load("a", "v1");
  REQUIRE_MESSAGE(loaded.ok(), why(loaded));
  CHECK_FALSE(loaded->snapshot.has_value());
  const auto batch = loaded->events.next();
  REQUIRE(batch.ok());
  CHECK(batch->empty());
  CHECK(batch->removed() == SequenceGap{1, 5});
  CHECK(engine->save_snapshot("a", 5, "state", "v1").code() == Errc::not_found);
}

namespace {

/// Flushes as many events of another context as there are, three times: segments of one size, which become one. Returns
/// what is in it of the events that were there.
std::uint64_t merged_events(Engine& engine, Sequence there) {
  for (Sequence flush = 0; flush < 3; ++flush) {
    store(engine, "other", 1 + flush * there, there);
    REQUIRE(engine.flush().ok());
  }
  CHECK(eventually([&] { return engine.stats().compactions_pending == 0; }));
  const ShardStats shard = engine.stats().shards[0];
  CHECK(shard.segments == 1);
  return shard.segment_events - 3 * there;
}

} // namespace

TEST_CASE("lifecycle: merges give back the space of a context that is deleted for good") {
  SimulatedDisk disk(SimulatedDisk::CatalogKind::sqlite);
  {
    Engine engine = opened(disk, one_shard());
    store(engine, "a", 1, 40);
    store(engine, "b", 1, 5);
    REQUIRE(engine.flush().ok());
    REQUIRE(engine.delete_context("a", Deletion::hard).ok());
    REQUIRE(engine.truncate_context("b", 4).ok());
    CHECK(merged_events(engine, 45) == 5); // b's events have ids, which are taken for ever
    CHECK(replayed(engine, "a") == gap_then(1, 40, 1, 0));
    CHECK(replayed(engine, "b") == gap_then(1, 3, 4, 5));
  }
  Engine engine = opened(disk, one_shard());
  CHECK(engine.store(numbered("a", 41)).code() == Errc::context_deleted);
  CHECK(replayed(engine, "a") == gap_then(1, 40, 1, 0));
  CHECK(engine.store(numbered("b", 1))->duplicate);
  CHECK(counted(engine) == 2 + 3 * 45);
}

TEST_CASE("lifecycle: merges give back the space of removed events without ids, and sequences go on") {
  SimulatedDisk disk(SimulatedDisk::CatalogKind::sqlite);
  const auto plain = [](const std::string& context, Sequence number) {
    Event event = numbered(context, number);
    event.event_id.clear();
    return event;
  };
  {
    Engine engine = opened(disk, one_shard());
    for (Sequence sequence = 1; sequence <= 30; ++sequence) {
      REQUIRE(engine.store(plain("a", sequence)).ok());
      REQUIRE(engine.store(plain("b", sequence)).ok());
    }
    REQUIRE(engine.truncate_context("a", 21).ok());
    REQUIRE(engine.delete_context("b").ok());
    REQUIRE(engine.flush().ok());
    CHECK(merged_events(engine, 60) == 10);
  }
  Engine engine = opened(disk, one_shard());
  CHECK(replayed(engine, "a") == gap_then(1, 20, 21, 30));
  CHECK(replayed(engine, "a", {.backward = true}).removed == SequenceGap{1, 20});
  CHECK(replayed(engine, "b") == gap_then(1, 30, 1, 0));
  const auto conflict = engine.store(plain("b", 31), {.expect = Expectation::exactly(7)});
  REQUIRE(conflict.code() == Errc::sequence_conflict);
  CHECK(conflict.error().conflicts.front().current == 30);
  CHECK(engine.store(plain("b", 31), {.expect = Expectation::no_context()})->sequence == 31);
  CHECK(replayed(engine, "b") == gap_then(1, 30, 31, 31));
}

TEST_CASE("lifecycle: a condition on a group looks past what is removed") {
  everywhere(
      [](Engine& engine) {
        store(engine, "{g} a", 1, 3);
        store(engine, "{g} b", 1, 1);
        REQUIRE(engine.delete_context("{g} a").ok());
      },
      [](Engine& engine) {
        const StoreOptions none_counted{.fail_if = FailIf{.group = "g", .types = {"counted"}}};
        CHECK(engine.store("{g} c", {numbered("{g} c", 1)}, none_counted).code() == Errc::condition_failed); // b's
        const StoreOptions of_a{.fail_if = FailIf{.group = "g", .types = {"of a"}}};
        Event event = numbered("{g} a", 100);
        event.event_id.clear();
        event.event_type = "of a";
        REQUIRE(engine.store("{g} a", {event}, of_a).ok());
        CHECK(engine.store("{g} a", {event}, of_a).code() == Errc::condition_failed);
        REQUIRE(engine.delete_context("{g} a").ok());
        REQUIRE(engine.store("{g} a", {event}, of_a).ok());
        REQUIRE(engine.delete_context("{g} a").ok());
      });
}
