#include "tests/actors/shard_rig.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weir {

namespace {

using std::chrono::milliseconds;
using test::ShardRig;

using Payloads = std::vector<std::string>;

constexpr auto written = Durability::written;
constexpr auto synced = Durability::synced;

// A rig whose contexts "a" to "f" are in a segment, and none in memory.
std::unique_ptr<ShardRig> with_cold_contexts() {
  ShardRig first;
  for (const char* context : {"a", "b", "c", "d", "e", "f"})
    first.store(context, synced, 0, 3);
  first.settle();
  const auto flushed = first.flush();
  first.settle();
  REQUIRE(flushed->has_value());
  return std::make_unique<ShardRig>(ShardRig::small_options(), first.crash(io::CrashPolicy::lose_unsynced()), 2);
}

} // namespace

TEST_CASE("shard pump: cold contexts are looked up in segments and go on where they ended") {
  const auto rig = with_cold_contexts();
  const auto& cold = rig->store("b", synced, 1);
  const auto& fresh = rig->store("new", synced, 1);
  rig->settle();
  REQUIRE(cold.acknowledged());
  CHECK(cold.answer->value().sequence == 4);
  REQUIRE(fresh.acknowledged());
  CHECK(fresh.answer->value().sequence == 1);
  CHECK(rig->shard().lookups == 2);
  CHECK(rig->pump->idle());
}

TEST_CASE("shard pump: a look-up delays its own sender, and others go past it") {
  const auto rig = with_cold_contexts();
  rig->store("hot", synced, 2);
  rig->settle();
  const auto& cold = rig->store("b", synced, 1);
  const auto& behind = rig->store("hot", synced, 1);
  const auto& waits = rig->store("hot", synced, 2); // must not overtake sender 1 in this context
  const auto& free = rig->store("free", synced, 3);
  while (rig->deliver()) {
  }
  CHECK(rig->shard().held_back == 4); // "free" is cold too: there are segments
  CHECK_FALSE(rig->pump->idle());
  rig->settle();
  CHECK(cold.answer->value().position < behind.answer->value().position);
  CHECK(behind.answer->value().position < waits.answer->value().position);
  CHECK(free.acknowledged());
  CHECK(rig->shard().held_back == 0);
}

TEST_CASE("shard pump: a look-up that cannot read fails its context's calls, and the pump is idle again") {
  const auto rig = with_cold_contexts();
  rig->fs().set_hook([](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::read && call.path.ends_with(".seg"))
      return fail(Errc::io_error, "made to fail", std::string(call.path));
    return std::nullopt;
  });
  const auto& bad = rig->store("b");
  rig->settle();
  CHECK(bad.code() == Errc::io_error);
  CHECK(rig->pump->idle());
  CHECK_FALSE(rig->failed.has_value());
  rig->fs().set_hook({});
  const auto& good = rig->store("b");
  rig->settle();
  CHECK(good.acknowledged());
}

TEST_CASE("shard pump: without positions stores wait until more are reserved, and lose nothing") {
  ShardRig rig;
  rig.leave_positions(3);
  const Position first = rig.parts.positions->next();
  rig.catalog().fail_with = fail(Errc::io_error, "busy");
  const auto& fits = rig.store("a", synced, 0, 2);
  rig.settle();
  CHECK(fits.acknowledged());
  const auto& waits = rig.store("a", synced, 0, 2);
  rig.settle();
  rig.pass(milliseconds(500));
  CHECK_FALSE(waits.answer.has_value());
  CHECK_FALSE(rig.pump->idle());
  CHECK_FALSE(rig.parts.health.warnings().empty());
  rig.catalog().fail_with.reset();
  rig.pass(milliseconds(100));
  REQUIRE(waits.acknowledged());
  CHECK(waits.answer->value().sequence == 3);
  CHECK(waits.answer->value().position >= first + 2);
  CHECK(rig.catalog().state().positions_reserved > waits.answer->value().last_position());
}

TEST_CASE("shard pump: positions that find no disk space make stores fail, not wait, and leave no hole") {
  ShardRig rig;
  rig.leave_positions(2);
  rig.catalog().fail_with = fail(Errc::disk_full, "no space");
  const auto& fits = rig.store("a", synced, 0, 2);
  rig.settle();
  REQUIRE(fits.acknowledged());
  const auto& warm = rig.store("a", synced, 1, 2);
  const auto& cold = rig.store("b", synced, 2, 2);
  rig.settle();
  for (int i = 0; i < 5; ++i)
    rig.pass(milliseconds(100));
  const auto& later = rig.store("a", synced, 1, 2);
  rig.settle();
  CHECK(warm.code() == Errc::disk_full);
  CHECK(cold.code() == Errc::disk_full);
  CHECK(later.code() == Errc::disk_full);
  CHECK(rig.pump->idle());
  rig.catalog().fail_with.reset();
  rig.pass(milliseconds(200));
  const auto& after = rig.store("a", synced, 1);
  const auto& first_of_b = rig.store("b", synced, 2);
  rig.settle();
  REQUIRE(after.acknowledged());
  CHECK(after.answer->value().sequence == 3);
  REQUIRE(first_of_b.acknowledged());
  CHECK(first_of_b.answer->value().sequence == 1);
  CHECK(rig.read("a") == Payloads{fits.payload, fits.payload, after.payload});
}

TEST_CASE("shard pump: positions rise and recorded times never fall, also when the clock goes back") {
  ShardRig rig;
  rig.store("a");
  rig.settle();
  rig.clock->set_now(Timestamp{std::chrono::seconds{10}});
  rig.store("a");
  rig.store("b");
  rig.settle();
  rig.clock->set_now(Timestamp{std::chrono::seconds{2'000}});
  rig.store("a");
  rig.settle();
  const ShardView view = rig.table().view();
  const MemtableView& rows = view.memtables.back();
  REQUIRE(rows.rows() == 4);
  for (std::uint64_t i = 1; i < 4; ++i) {
    CHECK(rows.row(i).position > rows.row(i - 1).position);
    CHECK(rows.row(i).recorded_at >= rows.row(i - 1).recorded_at);
  }
  CHECK(rows.row(3).recorded_at == Timestamp{std::chrono::seconds{2'000}});
}

TEST_CASE("shard pump: memory that is used up makes stores wait for a flush, not fail") {
  EngineOptions options = ShardRig::small_options();
  options.unsealed_bytes_max = 64 * KiB; // less than one memtable takes
  options.inbox_commands_max = 4;
  ShardRig rig(options);
  rig.set_flushing(false);
  rig.store("a");
  rig.settle();
  for (int i = 0; i < 6; ++i)
    rig.store("a", synced, 0);
  rig.settle();
  CHECK(rig.calls.back().answer.has_value() == false);
  CHECK(rig.table().flush_queue().size() == 1); // asked for, once
  rig.set_flushing(true);
  for (int i = 0; i < 20; ++i)
    rig.pass(milliseconds(10));
  for (const auto& call : rig.calls)
    CHECK(call.acknowledged());
  CHECK(rig.parts.unsealed->used() <= 2 * rig.parts.unsealed->bytes_max() + 192 * KiB);
  CHECK(rig.read("a").size() == 7);
}

TEST_CASE("shard pump: below the disk reserve stores are refused, and taken again by themselves once there is space") {
  ShardRig rig;
  const auto& before = rig.store("a");
  rig.settle();
  rig.fs().set_free_bytes(rig.parts.options.disk_reserve_bytes - 1);
  rig.pass(milliseconds(200));
  const auto& noticed = rig.store("a"); // the group after which the log asks again
  rig.settle();
  CHECK(noticed.acknowledged());
  for (int i = 0; i < 3; ++i) {
    const auto& refused = rig.store("a");
    rig.pass(milliseconds(600));
    CHECK(refused.code() == Errc::disk_full);
  }
  CHECK(rig.read("a") == Payloads{before.payload, noticed.payload});
  rig.fs().set_free_bytes(100 * MiB);
  rig.pass(milliseconds(1'000)); // nobody stores: the guard looks by itself
  const auto& after = rig.store("a");
  rig.settle();
  REQUIRE(after.acknowledged());
  CHECK(after.answer->value().sequence == 3);
}

TEST_CASE("shard pump: memory that is used up and finds no disk space makes stores fail, not wait") {
  EngineOptions options = ShardRig::small_options();
  options.unsealed_bytes_max = 64 * KiB; // less than one memtable takes
  ShardRig rig(options);
  rig.fs().set_hook([](const io::Call& call) -> std::optional<Error> { // no file for a segment; logs are written ahead
    if (call.operation == io::Operation::write && call.path.starts_with("segments/"))
      return fail(Errc::disk_full, "no space");
    return std::nullopt;
  });
  const auto& first = rig.store("a"); // uses up the memory
  rig.settle();
  CHECK(first.acknowledged());
  const auto& waiting = rig.store("a");
  for (int i = 0; i < 20; ++i)
    rig.pass(milliseconds(100));
  const auto& refused = rig.store("a");
  for (int i = 0; i < 20; ++i)
    rig.pass(milliseconds(100));
  CHECK(waiting.code() == Errc::disk_full);
  CHECK(refused.code() == Errc::disk_full);
  CHECK(rig.read("a") == Payloads{first.payload});
  rig.fs().set_hook({});
  for (int i = 0; i < 20; ++i)
    rig.pass(milliseconds(100));
  const auto& after = rig.store("a");
  rig.settle();
  REQUIRE(after.acknowledged());
  CHECK(after.answer->value().sequence == 2);
}

TEST_CASE("shard pump: calls of one sender keep their order through a failed write") {
  ShardRig rig;
  rig.store("warm", written);
  rig.settle();
  rig.fs().set_hook(test::fail_log_writes(1, 1));
  for (int i = 0; i < 5'000; ++i) { // more than two groups: some are in flight, some numbered, some in the inbox
    rig.store("context-" + std::to_string(i % 3), written, 1);
    if (i % 100 == 0)
      rig.deliver();
  }
  rig.settle();
  Position last = 0;
  std::size_t acknowledged = 0, refused = 0;
  for (const auto& call : rig.calls) {
    REQUIRE(call.answer.has_value());
    if (!call.acknowledged()) {
      CHECK((call.code() == Errc::disk_full || call.code() == Errc::overloaded));
      ++refused;
      continue;
    }
    ++acknowledged;
    CHECK(call.answer->value().position > last);
    last = call.answer->value().position;
  }
  CHECK(refused > 0);
  CHECK(acknowledged > 2'000);
  CHECK(rig.resets == 1);
}

TEST_CASE("shard pump: after a stop everything is answered, what waits for look-ups, positions and room included") {
  EngineOptions options = ShardRig::small_options();
  options.inbox_commands_max = 2;
  ShardRig rig(options);
  rig.leave_positions(0);
  rig.catalog().fail_with = fail(Errc::io_error, "busy");
  for (int i = 0; i < 8; ++i)
    rig.store("a", synced, static_cast<std::uint64_t>(i));
  rig.settle();
  rig.pump->stop(fail(Errc::shard_failed, "the log failed"));
  for (const auto& call : rig.calls)
    CHECK(call.code() == Errc::shard_failed);
  CHECK(rig.pump->idle());
  const auto& later = rig.store("a");
  rig.settle();
  CHECK(later.code() == Errc::shard_failed);
}

namespace {

/// Contexts as lists of payloads; what must be there and what may be.
class Oracle {
public:
  // What an open has found is on the disk for good.
  void recovered(ShardRig& rig) {
    for (const std::string& context : contexts)
      kept_[context] = rig.read(context);
  }

  // Checks an image of `rig`, opened as `again`.
  void check(const ShardRig& rig, ShardRig& again, bool process_only) const {
    Position last_synced = 0; // everything acknowledged before it is promised as well
    for (const auto& call : rig.calls)
      if (call.acknowledged() && (call.wanted == synced || (process_only && call.wanted == written)))
        last_synced = std::max(last_synced, call.answer->value().position);
    std::map<std::string, const ShardRig::Call*> by_payload;
    for (const auto& call : rig.calls)
      by_payload.emplace(call.payload, &call);
    for (const std::string& context : contexts) {
      CAPTURE(context);
      const Payloads found = again.read(context);
      const auto kept = kept_.find(context);
      const std::size_t old = kept == kept_.end() ? 0 : kept->second.size();
      REQUIRE(found.size() >= old);
      if (old != 0)
        REQUIRE(std::equal(kept->second.begin(), kept->second.end(), found.begin()));
      std::map<std::string, std::uint32_t> seen;
      for (std::size_t i = old; i < found.size(); ++i) {
        CAPTURE(found[i]);
        REQUIRE(by_payload.contains(found[i])); // nothing invented
        REQUIRE(by_payload.at(found[i])->context_id == context);
        ++seen[found[i]];
      }
      for (const auto& [payload, events] : seen)
        REQUIRE(events == by_payload.at(payload)->events); // whole calls, once
      for (const auto& call : rig.calls) {
        if (call.context_id != context || !call.acknowledged())
          continue;
        const Receipt& receipt = call.answer->value();
        if (receipt.position > last_synced)
          continue;
        CAPTURE(call.payload);
        REQUIRE(found.size() >= receipt.last_sequence());
        for (Sequence i = receipt.sequence; i <= receipt.last_sequence(); ++i)
          REQUIRE(found[i - 1] == call.payload);
      }
    }
  }

  const std::vector<std::string> contexts{"a", "b", "c", "d", "e", "f", "g"};

private:
  std::map<std::string, Payloads> kept_;
};

} // namespace

TEST_CASE("shard: any order of steps, failing writes and crashes: nothing promised is lost, nothing invented") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    const auto random = io::make_seeded_random(seed);
    const auto chance = [&](std::uint64_t one_in) { return random->next() % one_in == 0; };
    Oracle oracle;
    auto rig = std::make_unique<ShardRig>();
    for (int life = 1; life <= 4; ++life) {
      CAPTURE(life);
      oracle.recovered(*rig);
      const bool breaks = chance(2);
      if (breaks)
        rig->fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
          const bool log = call.path.starts_with("wal/");
          const bool writes = call.operation == io::Operation::write || call.operation == io::Operation::open;
          if (writes && chance(log ? 12 : 6))
            return fail(chance(2) ? Errc::disk_full : Errc::io_error, "made to fail", std::string(call.path));
          return std::nullopt;
        });
      for (auto steps = random->next() % 400; steps != 0; --steps) {
        if (chance(3))
          rig->store(oracle.contexts[random->next() % oracle.contexts.size()],
                     static_cast<Durability>(random->next() % 3), random->next() % 3,
                     static_cast<std::uint32_t>(random->next() % 3 + 1));
        else if (chance(30))
          rig->flush();
        else if (chance(12))
          rig->executor->advance(milliseconds(random->next() % 60));
        else
          rig->step(*random);
      }
      const bool settled = chance(2);
      rig->fs().set_hook({});
      if (settled) { // the fault is gone: every call is answered, and stores work unless a sync failed
        for (int i = 0; i < 40; ++i)
          rig->pass(milliseconds(100));
        for (const auto& call : rig->calls)
          REQUIRE(call.answer.has_value());
        if (!rig->failed) {
          const auto& works = rig->store("a");
          rig->settle();
          REQUIRE(works.acknowledged());
        }
      }
      const bool process_only = chance(3);
      const auto policy = process_only ? io::CrashPolicy::keep_everything()
                          : chance(2)  ? io::CrashPolicy::lose_unsynced()
                                       : io::CrashPolicy::random_subset(random->next());
      auto again = std::make_unique<ShardRig>(ShardRig::small_options(), rig->crash(policy), life + 1);
      oracle.check(*rig, *again, process_only);
      rig = std::move(again);
    }
  }
}

} // namespace weir
