#include "tests/actors/shard_rig.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace weir {

namespace {

using test::ShardRig;
using Events = std::vector<Event>;

constexpr auto written = Durability::written;
constexpr auto synced = Durability::synced;

Event with_id(const std::string& id, int content = 1) {
  return {.event_type = "paid", .payload = "{\"n\":" + std::to_string(content) + "}", .event_id = id};
}

void is_retry_of(const ShardRig::Call& retry, const ShardRig::Call& first) {
  REQUIRE(first.acknowledged());
  REQUIRE(retry.acknowledged());
  CHECK_FALSE((*first.answer)->duplicate);
  CHECK((*retry.answer)->duplicate);
  CHECK((*retry.answer)->sequence == (*first.answer)->sequence);
  CHECK((*retry.answer)->position == (*first.answer)->position);
}

void flush(ShardRig& rig) {
  const auto flushed = rig.flush();
  rig.settle();
  REQUIRE(flushed->has_value());
  REQUIRE((*flushed)->ok());
}

} // namespace

TEST_CASE("shard pump: a retry answers the first receipt, from memtables and from segments") {
  ShardRig rig;
  const auto& first = rig.store_events("a", {with_id("x")});
  rig.settle();
  const auto& in_memtable = rig.store_events("a", {with_id("x")});
  rig.settle();
  is_retry_of(in_memtable, first);
  flush(rig);
  const auto& in_segment = rig.store_events("a", {with_id("x")});
  rig.settle();
  is_retry_of(in_segment, first);
  const auto& other = rig.store_events("a", {with_id("x", 2)});
  rig.settle();
  CHECK(other.code() == Errc::event_id_conflict);
  CHECK(rig.read("a").size() == 1);
  CHECK(rig.pump->idle());
}

TEST_CASE("shard pump: a retry of an unsynced event that asks for synced is answered once the event is") {
  ShardRig rig;
  const auto& first = rig.store_events("a", {with_id("x")}, written);
  rig.settle();
  REQUIRE(first.acknowledged());
  CHECK((*first.answer)->durability == written);
  const auto syncs = rig.log().syncs();
  const auto& retry = rig.store_events("a", {with_id("x")}, synced);
  rig.settle();
  is_retry_of(retry, first);
  CHECK((*retry.answer)->durability == synced);
  CHECK(rig.log().syncs() == syncs + 1);
  ShardRig after(ShardRig::small_options(), rig.crash(io::CrashPolicy::lose_unsynced()), 2);
  CHECK(after.read("a").size() == 1);
  // All is synced: the next retry costs no sync, and says what holds.
  const auto& again = rig.store_events("a", {with_id("x")}, written);
  rig.settle();
  is_retry_of(again, first);
  CHECK((*again.answer)->durability == synced);
  CHECK(rig.log().syncs() == syncs + 1);
}

TEST_CASE("shard pump: a retry of a call that is in flight waits for it, and so does whoever comes after it") {
  ShardRig rig;
  const auto& first = rig.store_events("a", {with_id("x")}, synced, 1);
  while (rig.deliver()) {
  }
  REQUIRE_FALSE(first.answer.has_value()); // its group waits for the log
  const auto& retry = rig.store_events("a", {with_id("x")}, synced, 2);
  const auto& behind = rig.store_events("a", {with_id("y")}, synced, 2);
  const auto& free = rig.store_events("b", {with_id("x")}, synced, 3);
  while (rig.deliver()) {
  }
  CHECK(rig.shard().held_back == 2);
  rig.settle();
  is_retry_of(retry, first);
  REQUIRE(behind.acknowledged());
  CHECK((*behind.answer)->sequence == 2);
  CHECK(free.acknowledged());
  CHECK(rig.pump->idle());
}

TEST_CASE("shard pump: the retry of a call whose write failed is stored, and the next one is its duplicate") {
  ShardRig rig;
  rig.store_events("a", {with_id("w")});
  rig.settle();
  rig.fs().set_hook(test::fail_log_writes(1, 1));
  const auto& refused = rig.store_events("a", {with_id("x")}, synced, 1);
  while (rig.deliver()) {
  }
  const auto& retry = rig.store_events("a", {with_id("x")}, synced, 2);
  rig.settle();
  rig.pass(std::chrono::seconds(2));
  CHECK(refused.code() == Errc::disk_full);
  if (!retry.acknowledged()) // it may have been numbered on top of the lost one
    CHECK(retry.code() == Errc::disk_full);
  const auto& again = rig.store_events("a", {with_id("x")}, synced, 2);
  rig.settle();
  const auto& last = rig.store_events("a", {with_id("x")}, synced, 2);
  rig.settle();
  REQUIRE(again.acknowledged());
  CHECK((*again.answer)->sequence == 2);
  REQUIRE(last.acknowledged());
  CHECK((*last.answer)->duplicate);
  CHECK(rig.read("a").size() == 2);
}

TEST_CASE("shard pump: a new id in a context with segments needs no look-up once their filters are in memory") {
  ShardRig rig;
  for (int round = 0; round < 3; ++round) {
    rig.store_events("a", {with_id("old-" + std::to_string(round))});
    rig.settle();
    flush(rig);
  }
  rig.store_events("a", {with_id("first")}); // brings footers and filters into memory
  rig.settle();
  const std::uint64_t before = rig.shard().lookups;
  const std::uint64_t reads = rig.fs().counters().of(io::Operation::read);
  for (int i = 0; i < 500; ++i) {
    rig.store_events("a", {with_id("new-" + std::to_string(i))});
    rig.settle();
  }
  CHECK(rig.read("a").size() == 504);
  CHECK(rig.shard().lookups - before <= 30); // false positives of three filters
  CHECK(rig.fs().counters().of(io::Operation::read) - reads <= 200);
}

TEST_CASE("shard pump: a segment that cannot be read fails the call with an id, which is never taken for new") {
  ShardRig first_life;
  first_life.store_events("a", {with_id("x")});
  first_life.settle();
  flush(first_life);
  ShardRig rig(ShardRig::small_options(), first_life.crash(io::CrashPolicy::lose_unsynced()), 2);
  rig.fs().set_hook([](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::read && call.path.ends_with(".seg"))
      return fail(Errc::io_error, "made to fail", std::string(call.path));
    return std::nullopt;
  });
  const auto& bad = rig.store_events("a", {with_id("x")});
  rig.settle();
  CHECK(bad.code() == Errc::io_error);
  rig.fs().set_hook([](const io::Call&) { return std::nullopt; });
  const auto& good = rig.store_events("a", {with_id("x")});
  rig.settle();
  REQUIRE(good.acknowledged());
  CHECK((*good.answer)->duplicate);
  CHECK(rig.pump->idle());
}

TEST_CASE("shard pump: a failed expectation carries the receipt of the context's last event, wherever that is") {
  ShardRig rig;
  const auto& first = rig.store_events("a", {with_id("x"), with_id("y")});
  rig.settle();
  for (int round = 0; round < 2; ++round) {
    const auto& refused = rig.store_events("a", {with_id("z")}, synced, 0, Expectation::exactly(1));
    rig.settle();
    REQUIRE(refused.code() == Errc::sequence_conflict);
    const auto& conflicts = refused.answer->error().conflicts;
    REQUIRE(conflicts.size() == 1);
    CHECK(conflicts[0].current == 2);
    CHECK(conflicts[0].receipt == Receipt{2, (*first.answer)->position + 1, 1, synced, false});
    flush(rig); // the next round finds it in a segment
  }
  const auto& check = rig.store_events("a", {}, synced, 0, Expectation::exactly(2));
  rig.settle();
  REQUIRE(check.acknowledged());
  CHECK((*check.answer)->last_sequence() == 2);
  CHECK(rig.pump->idle());
}

TEST_CASE("shard pump: a failed expectation whose last event cannot be read is told without its receipt") {
  ShardRig rig;
  rig.store_events("a", {with_id("x")});
  rig.settle();
  flush(rig);
  rig.fs().set_hook([](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::read && call.path.ends_with(".seg"))
      return fail(Errc::io_error, "made to fail", std::string(call.path));
    return std::nullopt;
  });
  const auto& refused = rig.store_events("a", {}, synced, 0, Expectation::no_context());
  rig.settle();
  REQUIRE(refused.code() == Errc::sequence_conflict);
  CHECK(refused.answer->error().conflicts[0].current == 1);
  CHECK_FALSE(refused.answer->error().conflicts[0].receipt.has_value());
}

TEST_CASE("shard pump: what memory knows of a refusal's events is told without a look-up") {
  ShardRig rig;
  const auto& first = rig.store_events("a-{1}", {with_id("x"), with_id("y")});
  rig.settle();
  const auto& refused = rig.store_events("a-{1}", {with_id("z")}, synced, 0, Expectation::exactly(1));
  while (rig.deliver() || rig.executor->run_one()) { // and no look-up
  }
  const Receipt last{2, (*first.answer)->position + 1, 1, synced, false};
  REQUIRE(refused.code() == Errc::sequence_conflict);
  CHECK(refused.answer->error().conflicts == std::vector<Conflict>{{"a-{1}", "", 2, last}});
}

TEST_CASE("shard pump: a check is no safer than the buffered events of its own group that it rests on") {
  ShardRig rig;
  rig.store("warm");
  rig.settle();
  const auto& stored = rig.store_events("a", {with_id("x")}, Durability::buffered);
  const auto& check = rig.store_events("a", {}, Durability::buffered, 0, Expectation::exists());
  rig.settle();
  REQUIRE(stored.acknowledged());
  REQUIRE(check.acknowledged());
  CHECK((*check.answer)->durability == Durability::buffered);
  const auto& sure = rig.store_events("a", {}, synced, 0, Expectation::exists());
  rig.settle();
  REQUIRE(sure.acknowledged());
  CHECK((*sure.answer)->durability == synced);
}

TEST_CASE("shard pump: however many expectations fail at once, few wait for a look-up, and all get their receipt") {
  ShardRig rig;
  const auto& last = rig.store("a");
  rig.settle();
  flush(rig);
  constexpr std::size_t calls = 3'000;
  std::vector<const ShardRig::Call*> checks;
  for (std::size_t i = 0; i < calls; ++i) {
    checks.push_back(&rig.store_events("a", {}, synced, i, Expectation::no_context()));
    while (i % 500 == 499 && (rig.deliver() || rig.executor->run_one())) { // no look-up ends meanwhile
    }
  }
  const auto told = [&] {
    return std::count_if(checks.begin(), checks.end(), [](const auto* check) { return check->answer.has_value(); });
  };
  CHECK(told() >= 1'500);
  CHECK(told() < 3'000);
  rig.settle();
  REQUIRE(last.acknowledged());
  const Receipt wanted{1, (*last.answer)->position, 1, synced, false};
  for (const auto* check : checks) {
    REQUIRE(check->code() == Errc::sequence_conflict);
    CHECK(check->answer->error().conflicts == std::vector<Conflict>{{"a", "", 1, wanted}});
  }
}

TEST_CASE("shard pump: in any order of steps and write failures, ids are stored once and conflicts tell the truth") {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    const auto random = io::make_seeded_random(seed);
    ShardRig rig;
    for (int i = 0; i < 150; ++i) {
      const std::string context(1, static_cast<char>('a' + random->next() % 3));
      const std::uint64_t kind = random->next() % 10;
      const auto durability = static_cast<Durability>(random->next() % 3);
      const std::uint64_t sender = random->next() % 4;
      const std::string id = std::to_string(random->next() % 25);
      if (kind < 6)
        rig.store_events(context, {with_id(id, kind == 0 ? 2 : 1)}, durability, sender);
      else if (kind < 8)
        rig.store_events(context, {with_id(id)}, durability, sender, Expectation::exactly(random->next() % 12));
      else if (kind == 8)
        rig.flush();
      else if (random->next() % 8 == 0)
        rig.fs().set_hook(test::fail_log_writes(1, 1));
      for (std::uint64_t steps = random->next() % 6; steps != 0; --steps)
        rig.step(*random);
    }
    rig.fs().set_hook([](const io::Call&) { return std::nullopt; });
    rig.settle();
    for (int i = 0; i < 50; ++i)
      rig.pass(std::chrono::milliseconds(500));
    std::map<std::pair<std::string, Sequence>, std::string> stored;
    for (const auto& call : rig.calls) {
      REQUIRE(call.answer.has_value());
      if (!call.acknowledged()) {
        for (const Conflict& conflict : call.answer->error().conflicts)
          REQUIRE(conflict.current <= rig.read(conflict.context_id).size());
        continue;
      }
      const auto [at, fresh] = stored.try_emplace({call.context_id, (*call.answer)->sequence}, call.payload);
      REQUIRE(at->second == call.payload);
      REQUIRE(rig.read(call.context_id).at((*call.answer)->sequence - 1) == call.payload);
    }
    for (const char* context : {"a", "b", "c"}) {
      EventBatch batch;
      REQUIRE(read_context(rig.table().view(), context, {}, {1'000'000, 1u << 30}, batch).ok());
      std::set<std::string> ids;
      for (const EventView& event : batch)
        REQUIRE(ids.insert(std::string(event.event_id)).second);
    }
    REQUIRE(rig.pump->idle());
  }
}

} // namespace weir
