// When a shard lets the event queue go on: never before its events are safe, and never later than that.
#include "tests/actors/shard_rig.hpp"

#include <doctest/doctest.h>

#include <chrono>

namespace weir {

namespace {

using std::chrono::milliseconds;
using test::fail_log_writes;
using test::ShardRig;

/// Nothing that was drawn is held back.
bool all_settled(const ShardRig& rig) {
  return rig.parts.watermark->now() == rig.parts.positions->next();
}

} // namespace

TEST_CASE("shard watermark: a synced store is below it once it is answered, and not before") {
  ShardRig rig;
  const Position before = rig.parts.positions->next();
  const auto& call = rig.store("a");
  while (rig.log().in_flight() == 0)
    REQUIRE(rig.deliver());
  CHECK(rig.parts.positions->next() == before + 1);
  CHECK(rig.parts.watermark->now() == before);
  bool woken = false;
  Watermark::Waiter waiter;
  rig.parts.watermark->wait(waiter, before, [&] {
    woken = true;
    CHECK(rig.table().view().memtables.back().rows() == 1); // a reader that is woken finds the event
  });
  CHECK_FALSE(woken);
  rig.settle();
  CHECK(call.acknowledged());
  CHECK(woken);
  CHECK(all_settled(rig));
}

TEST_CASE("shard watermark: written and buffered stores are below it once the interval's sync covers them") {
  for (const Durability durability : {Durability::written, Durability::buffered}) {
    ShardRig rig;
    const Position before = rig.parts.positions->next();
    const auto& call = rig.store("a", durability);
    rig.settle();
    REQUIRE(call.acknowledged());
    CHECK(rig.parts.watermark->now() == before);
    rig.store("b", durability);
    rig.settle();
    CHECK(rig.parts.watermark->now() == before);
    rig.pass(milliseconds(100));
    CHECK(all_settled(rig));
  }
}

TEST_CASE("shard watermark: a synced store takes the unsynced ones before it along") {
  ShardRig rig;
  rig.store("a", Durability::buffered);
  rig.settle();
  CHECK_FALSE(all_settled(rig));
  rig.store("a", Durability::synced);
  rig.settle();
  CHECK(all_settled(rig));
}

TEST_CASE("shard watermark: positions of refused stores are passed once their records can never come back") {
  ShardRig rig;
  rig.store("a");
  rig.settle();
  rig.fs().set_hook(fail_log_writes(1, 2)); // the group, and the seal behind which the log goes on
  const auto& refused = rig.store("a");
  rig.settle();
  CHECK(refused.code() == Errc::disk_full);
  CHECK_FALSE(all_settled(rig));
  rig.fs().set_hook({});
  rig.pass(milliseconds(1'000));
  CHECK(rig.resets == 1);
  CHECK(all_settled(rig));
  rig.store("a");
  rig.settle();
  CHECK(all_settled(rig));
}

TEST_CASE("shard watermark: a buffered store that no log would take is below it once a segment holds it") {
  ShardRig rig;
  rig.set_flushing(false);
  rig.store("a");
  rig.settle();
  rig.fs().set_hook(fail_log_writes(1, 1));
  const auto& unlogged = rig.store("a", Durability::buffered);
  rig.settle();
  REQUIRE(unlogged.acknowledged());
  rig.pass(milliseconds(1'000));
  CHECK_FALSE(all_settled(rig));
  rig.set_flushing(true);
  rig.pass(milliseconds(1'000));
  CHECK(all_settled(rig));
}

TEST_CASE("shard watermark: what a failed sync leaves in doubt holds it for good") {
  ShardRig rig;
  const Position before = rig.parts.positions->next();
  rig.fs().set_hook([](const io::Call& call) -> std::optional<Error> {
    if (call.operation != io::Operation::sync_data || !call.path.ends_with(".wal"))
      return std::nullopt;
    return fail(Errc::io_error, "made to fail", std::string(call.path));
  });
  rig.store("a");
  rig.settle();
  CHECK(rig.failed.has_value());
  rig.fs().set_hook({});
  rig.store("a");
  rig.pass(milliseconds(1'000));
  CHECK(rig.parts.watermark->now() == before);
}

TEST_CASE("shard watermark: stores that wait for positions hold nobody back") {
  ShardRig rig;
  rig.catalog().fail_with = fail(Errc::io_error, "busy");
  REQUIRE(rig.parts.positions->draw(PositionSource::block).has_value()); // none is left
  const auto& waiting = rig.store("a");
  rig.settle();
  CHECK_FALSE(waiting.answer.has_value());
  CHECK(all_settled(rig));
  rig.catalog().fail_with.reset();
  rig.pass(milliseconds(1'000));
  CHECK(waiting.acknowledged());
  CHECK(all_settled(rig));
}

TEST_CASE("shard watermark: a shard that gives up, and one that is closed, sync and let go") {
  for (const bool close : {false, true}) {
    ShardRig rig;
    rig.store("a", Durability::buffered);
    rig.settle();
    if (close)
      CHECK(rig.close().ok());
    else
      rig.log().give_up(fail(Errc::shard_failed, "enough"));
    rig.settle();
    CHECK(all_settled(rig));
  }
}

TEST_CASE("shard watermark: recovered events are below it from the start") {
  ShardRig rig;
  const auto& call = rig.store("a");
  rig.settle();
  ShardRig again(ShardRig::small_options(), rig.crash(io::CrashPolicy::keep_everything()), 2);
  CHECK(all_settled(again));
  CHECK(again.parts.watermark->now() > call.answer->value().position);
}

} // namespace weir
