#include "tests/actors/shard_rig.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace weir {

namespace {

using std::chrono::milliseconds;
using test::fail_log_writes;
using test::ShardRig;

using Payloads = std::vector<std::string>;

constexpr auto buffered = Durability::buffered;
constexpr auto written = Durability::written;
constexpr auto synced = Durability::synced;

// One group of its own in the log's queue, nothing of it done yet.
const ShardRig::Call& submit(ShardRig& rig, const std::string& context, Durability durability = synced) {
  const unsigned before = rig.log().in_flight();
  const ShardRig::Call& call = rig.store(context, durability);
  while (rig.log().in_flight() == before)
    REQUIRE(rig.deliver());
  return call;
}

io::CallHook fail_log_syncs() {
  return [](const io::Call& call) -> std::optional<Error> {
    if (call.operation != io::Operation::sync_data || !call.path.ends_with(".wal"))
      return std::nullopt;
    return fail(Errc::io_error, "made to fail", std::string(call.path));
  };
}

Payloads after_crash(const ShardRig& rig, std::string_view context,
                     const io::CrashPolicy& policy = io::CrashPolicy::lose_unsynced()) {
  ShardRig again(ShardRig::small_options(), rig.crash(policy));
  return again.read(context);
}

} // namespace

TEST_CASE("shard log: one sync covers all groups that came while the last one ran") {
  ShardRig rig;
  rig.store("warm");
  rig.settle();
  const auto syncs = rig.log().syncs();
  const auto& first = submit(rig, "a");
  const auto& second = submit(rig, "b");
  CHECK(rig.log().in_flight() == ShardLog::depth);
  CHECK_FALSE(first.answer.has_value());
  rig.settle();
  CHECK(rig.log().syncs() == syncs + 1);
  CHECK(rig.log().groups() == 3);
  CHECK(first.acknowledged());
  CHECK(second.acknowledged());
  CHECK(rig.log().in_flight() == 0);
  CHECK(after_crash(rig, "b") == Payloads{second.payload});
}

TEST_CASE("shard log: answers come in the order of the groups, whatever each of them asked for") {
  for (const auto& [first, second] : {std::pair{synced, buffered},
                                      {written, synced},
                                      {buffered, synced},
                                      {synced, written},
                                      {buffered, written},
                                      {written, buffered}}) {
    ShardRig rig;
    const auto& a = submit(rig, "a", first);
    const auto& b = submit(rig, "a", second);
    rig.settle();
    CHECK(rig.answered == std::vector{first, second});
    CHECK(a.answer->value().position < b.answer->value().position);
    CHECK(rig.read("a") == Payloads{a.payload, b.payload});
  }
}

TEST_CASE("shard log: what the log answers first is visible first") {
  ShardRig rig;
  const auto& call = submit(rig, "a");
  CHECK(rig.read("a").empty());
  rig.settle();
  CHECK(call.acknowledged());
  CHECK(rig.read("a") == Payloads{call.payload});
}

TEST_CASE("shard log: a written event survives the process at once, and the machine after the sync interval") {
  ShardRig rig;
  const auto& call = rig.store("a", written);
  rig.settle();
  REQUIRE(call.acknowledged());
  CHECK(call.answer->value().durability == written);
  CHECK(after_crash(rig, "a", io::CrashPolicy::keep_everything()) == Payloads{call.payload});
  rig.pass(milliseconds(99));
  CHECK(after_crash(rig, "a").empty());
  rig.pass(milliseconds(1));
  CHECK(after_crash(rig, "a") == Payloads{call.payload});
  const auto syncs = rig.log().syncs();
  rig.pass(milliseconds(1'000));
  CHECK(rig.log().syncs() == syncs); // nothing to sync: no timer
}

TEST_CASE(
    "shard log: a buffered event is answered before it is written, and synced in the sync interval all the same") {
  ShardRig rig;
  rig.store("warm");
  rig.settle();
  std::uint64_t written_at_answer = UINT64_MAX;
  rig.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (test::is_log_write(call))
      written_at_answer = rig.answered.size();
    return std::nullopt;
  });
  const auto& call = rig.store("a", buffered);
  rig.settle();
  CHECK(call.acknowledged());
  CHECK(written_at_answer == 2); // both answers were out when the write began
  rig.pass(milliseconds(100));
  CHECK(after_crash(rig, "a") == Payloads{call.payload});
}

TEST_CASE("shard log: a failed sync fails the shard: everybody is told, nothing more is written, reads go on") {
  ShardRig rig;
  const auto& before = rig.store("a");
  rig.settle();
  rig.fs().set_hook(fail_log_syncs());
  std::vector<const ShardRig::Call*> lost;
  for (const auto durability : {synced, written, buffered, synced})
    lost.push_back(&rig.store("a", durability));
  rig.deliver();
  lost.push_back(&submit(rig, "b"));
  rig.settle();
  for (const auto* call : lost)
    CHECK(call->code() == Errc::shard_failed);
  REQUIRE(rig.failed.has_value());
  CHECK(rig.failed->code == Errc::shard_failed);
  CHECK(rig.read("a") == Payloads{before.payload});

  rig.fs().set_hook({});
  const auto writes = rig.fs().counters().of(io::Operation::write);
  const auto syncs = rig.fs().counters().of(io::Operation::sync_data);
  const auto& later = rig.store("a");
  rig.pass(milliseconds(1'000));
  CHECK(later.code() == Errc::shard_failed);
  CHECK(rig.close().code() == Errc::shard_failed);
  CHECK(rig.fs().counters().of(io::Operation::write) == writes);
  CHECK(rig.fs().counters().of(io::Operation::sync_data) == syncs);
  CHECK(after_crash(rig, "a") == Payloads{before.payload});
}

TEST_CASE("shard log: a sync that fails in the interval fails the shard too, what was answered stays readable") {
  ShardRig rig;
  const auto& call = rig.store("a", written);
  rig.settle();
  rig.fs().set_hook(fail_log_syncs());
  rig.pass(milliseconds(100));
  CHECK(rig.failed.has_value());
  CHECK(rig.read("a") == Payloads{call.payload});
  // A flush can still make it durable: segments are files of their own.
  rig.fs().set_hook({});
  const auto flushed = rig.flush();
  rig.settle();
  REQUIRE(flushed->has_value());
  CHECK((*flushed)->ok());
  CHECK(after_crash(rig, "a") == Payloads{call.payload});
}

TEST_CASE("shard log: a failed write refuses its group and those numbered on top, then numbers go on densely") {
  ShardRig rig;
  const auto& first = rig.store("a");
  rig.settle();
  rig.fs().set_hook(fail_log_writes(1, 1));
  const auto& refused = submit(rig, "a");
  const auto& on_top = submit(rig, "a");
  rig.settle();
  CHECK(refused.code() == Errc::disk_full);
  CHECK(on_top.code() == Errc::disk_full);
  CHECK(rig.resets == 1);
  CHECK_FALSE(rig.failed.has_value());
  CHECK(rig.warnings.size() == 1);
  const auto& next = rig.store("a");
  rig.settle();
  REQUIRE(next.acknowledged());
  CHECK(next.answer->value().sequence == 2);
  CHECK(rig.read("a") == Payloads{first.payload, next.payload});
  CHECK(after_crash(rig, "a") == Payloads{first.payload, next.payload});
}

TEST_CASE("shard log: groups written before a failed write are synced and answered") {
  ShardRig rig;
  rig.store("warm");
  rig.settle();
  rig.fs().set_hook(fail_log_writes(2, 2));
  const auto& good = submit(rig, "a");
  const auto& bad = submit(rig, "b");
  rig.settle();
  CHECK(good.acknowledged());
  CHECK(bad.code() == Errc::disk_full);
  CHECK(after_crash(rig, "a") == Payloads{good.payload});
  CHECK(after_crash(rig, "b").empty());
}

// Sequence 2 is in no log: if 3 were logged before a segment held 2, a crash would leave a hole.
TEST_CASE("shard log: after a buffered event could not be written, nothing is logged behind it before its flush") {
  for (const bool file_cannot_be_made : {false, true}) {
    CAPTURE(file_cannot_be_made);
    ShardRig rig;
    rig.set_flushing(false);
    std::vector<std::string> kept;
    if (!file_cannot_be_made) {
      kept.push_back(rig.store("a").payload);
      rig.settle();
    }
    if (file_cannot_be_made) // before it has a record number
      rig.fs().set_hook([](const io::Call& call) -> std::optional<Error> {
        if (call.operation == io::Operation::write && call.path.starts_with("wal/"))
          return fail(Errc::disk_full, "made to fail");
        return std::nullopt;
      });
    else
      rig.fs().set_hook(fail_log_writes(1, 1));
    const auto& unlogged = rig.store("a", buffered);
    rig.settle();
    CHECK(unlogged.acknowledged());
    kept.push_back(unlogged.payload);
    rig.fs().set_hook({});
    CHECK(rig.read("a") == kept);
    CHECK(rig.resets == 0);
    const auto& refused = rig.store("a", synced);
    rig.settle();
    CHECK(refused.code() == Errc::disk_full);

    rig.catalog().fail_with = fail(Errc::io_error, "busy"); // the first flush fails
    rig.set_flushing(true);
    rig.pass(milliseconds(10));
    CHECK(rig.resets == 0);
    rig.catalog().fail_with.reset();
    rig.pass(milliseconds(10'000));
    CHECK(rig.resets == 1);

    const auto& next = rig.store("a", synced);
    rig.settle();
    REQUIRE(next.acknowledged());
    kept.push_back(next.payload);
    CHECK(rig.read("a") == kept);
    CHECK(after_crash(rig, "a") == kept);
    CHECK(after_crash(rig, "a", io::CrashPolicy::keep_everything()) == kept);
  }
}

TEST_CASE(
    "shard log: the cut of a flush covers the records of buffered events after a failed write, and no later one") {
  ShardRig rig;
  rig.store("a");
  rig.settle();
  rig.fs().set_hook(fail_log_writes(1, 1));
  rig.store("a");
  rig.settle(); // some record numbers are gone now
  Payloads kept = rig.read("a");
  for (int i = 0; i < 3; ++i) {
    kept.push_back(rig.store("a", buffered).payload);
    rig.settle();
  }
  const auto flushed = rig.flush();
  rig.pass(milliseconds(100));
  REQUIRE(flushed->has_value());
  CHECK(after_crash(rig, "a") == kept);
  CHECK(after_crash(rig, "a", io::CrashPolicy::keep_everything()) == kept);
  kept.push_back(rig.store("a", synced).payload);
  rig.settle();
  CHECK(after_crash(rig, "a") == kept);
}

TEST_CASE("shard log: a close that leaves acknowledged events behind says so") {
  ShardRig rig;
  rig.set_flushing(false);
  rig.store("warm");
  rig.settle();
  rig.fs().set_hook(fail_log_writes(1, 1));
  const auto& unlogged = rig.store("a", buffered);
  rig.settle();
  CHECK(unlogged.acknowledged());
  CHECK(rig.close().code() == Errc::disk_full);
}

TEST_CASE("shard log: a disk too full even to finish the file is waited out") {
  ShardRig rig;
  const auto& first = rig.store("a");
  rig.settle();
  bool full = true;
  rig.fs().set_hook([&full](const io::Call& call) -> std::optional<Error> {
    const bool creates = call.operation == io::Operation::open && call.path.ends_with(".wal");
    if (full && (creates || test::is_log_write(call)))
      return fail(Errc::disk_full, "made to fail");
    return std::nullopt;
  });
  const auto& refused = rig.store("a");
  rig.settle();
  CHECK(refused.code() == Errc::disk_full);
  CHECK_FALSE(rig.failed.has_value());
  rig.pass(milliseconds(1'000));
  CHECK(rig.resets == 0);
  full = false;
  rig.pass(milliseconds(1'000));
  CHECK(rig.resets == 1);
  const auto& next = rig.store("a");
  rig.settle();
  CHECK(next.acknowledged());
  CHECK(after_crash(rig, "a") == Payloads{first.payload, next.payload});
}

TEST_CASE("shard log: flush answers when all that was stored before is in segments") {
  ShardRig rig;
  rig.set_flushing(false);
  const auto& first = rig.store("a");
  const auto& second = rig.store("b", buffered);
  rig.settle();
  const auto flushed = rig.flush();
  rig.settle();
  CHECK_FALSE(flushed->has_value());
  const auto again = rig.flush(); // nothing new to freeze: waits with the first
  rig.settle();
  CHECK_FALSE(again->has_value());
  rig.set_flushing(true);
  rig.settle();
  REQUIRE(flushed->has_value());
  CHECK((*flushed)->ok());
  REQUIRE(again->has_value());
  CHECK((*again)->ok());
  CHECK(rig.catalog().state().segments.size() == 1);
  CHECK(rig.table().view().segments->size() == 1);
  CHECK(after_crash(rig, "a") == Payloads{first.payload});
  CHECK(after_crash(rig, "b") == Payloads{second.payload});
}

TEST_CASE("shard log: the log does not grow: files whose records are in segments are used again") {
  ShardRig rig;
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 400; ++i)
      rig.store("context-" + std::to_string(i % 7), Durability::synced, 0, 2); // not compressed
    rig.settle();
    const auto flushed = rig.flush();
    rig.settle();
    REQUIRE(flushed->has_value());
    REQUIRE((*flushed)->ok());
  }
  const auto files = rig.fs().list("wal/000");
  REQUIRE(files.ok());
  CHECK(files->size() <= 8);
  CHECK(rig.catalog().state().shards.front().wal_first_file > 5);
  CHECK(after_crash(rig, "context-3") == rig.read("context-3"));
}

TEST_CASE("shard log: after a close the log is synced, sealed, and read back without a change") {
  ShardRig rig;
  rig.store("a", buffered);
  rig.settle();
  CHECK(rig.close().ok());
  const Payloads stored = rig.read("a");
  CHECK(after_crash(rig, "a") == stored);
  auto remains = rig.crash(io::CrashPolicy::lose_unsynced());
  const auto writes = remains.fs->counters().of(io::Operation::write);
  auto* fs = remains.fs.get();
  ShardRig again(ShardRig::small_options(), std::move(remains));
  CHECK(fs->counters().of(io::Operation::write) == writes);
  CHECK(again.read("a") == stored);
}

TEST_CASE("shard log: held files stay until they are released, and the cut then reaches as far as it was asked to") {
  ShardRig rig;
  rig.store("a");
  rig.settle();
  std::optional<Result<std::uint64_t>> held;
  rig.log().hold_files([&](Result<std::uint64_t> next) { held = std::move(next); });
  rig.settle();
  REQUIRE(held.has_value());
  REQUIRE(held->ok());
  CHECK(**held == 2); // the first file is finished
  rig.store("a");
  rig.settle();
  (void)rig.flush();
  rig.settle();
  CHECK(rig.catalog().state().shards[0].wal_first_file == 2);
  CHECK(rig.fs().stat("wal/000/0000000000000001.wal").ok());
  rig.log().release_files();
  rig.settle();
  CHECK_FALSE(rig.fs().stat("wal/000/0000000000000001.wal").ok());
  CHECK(rig.read("a").size() == 2);
  CHECK(rig.warnings.empty());
}

TEST_CASE("shard log: a file that cannot be finished is not held, and stores go on or the shard says why not") {
  ShardRig rig;
  rig.store("a");
  rig.settle();
  const auto hold = [&] {
    std::optional<Result<std::uint64_t>> held;
    rig.log().hold_files([&](Result<std::uint64_t> next) { held = std::move(next); });
    rig.settle();
    REQUIRE(held.has_value());
    return std::move(*held);
  };
  rig.fs().set_hook(fail_log_writes(1, 1)); // of the seal
  CHECK(hold().code() == Errc::disk_full);
  rig.fs().set_hook({});
  const auto& later = rig.store("a"); // clears away what the seal left behind
  rig.settle();
  CHECK(later.acknowledged());
  CHECK(hold().ok());
  rig.log().release_files();
  rig.store("b");
  rig.settle();
  rig.fs().set_hook(fail_log_syncs());
  CHECK(hold().code() == Errc::io_error);
  CHECK(rig.failed.has_value());
  CHECK(hold().code() == Errc::shard_failed);
}

} // namespace weir
