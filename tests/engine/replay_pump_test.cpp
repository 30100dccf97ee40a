#include "engine/callback_scope.hpp"
#include "engine/io/manual_executor.hpp"
#include "engine/replay_pump.hpp"
#include "tests/support/calls.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir {

namespace {

/// Ten events of context "a", read by a pump in batches of two, and a log of its callbacks.
struct Pumped {
  explicit Pumped(std::uint64_t credit) {
    test::apply_calls(*memtable, {test::encoded_call("a", 1, 10)});
    memtable->publish();
    pump = ReplayPump::start(
        executor.make_lane(io::LaneKind::pooled, "replay"),
        ReplayCursor(
            [this]() -> Result<ShardView> {
              return ShardView{0, no_segments, {MemtableView(memtable)}};
            },
            budget, "a", {.batch_events_max = 2}),
        [this](const EventBatch& batch) {
          CHECK(CallbackScope::active());
          inside = true;
          log += std::to_string(batch[0].sequence) + " ";
          if (on_batch)
            on_batch();
          inside = false;
        },
        [this](const Status& status) {
          CHECK(CallbackScope::active());
          CHECK_FALSE(inside); // after the last batch, not in the middle of it
          log += to_string(status.code());
          log += ". ";
        },
        credit);
  }

  std::shared_ptr<const SegmentList> no_segments = std::make_shared<SegmentList>();
  std::shared_ptr<Memtable> memtable = std::make_shared<Memtable>(1);
  std::shared_ptr<PinnedBudget> budget = std::make_shared<PinnedBudget>(1u << 20);
  io::ManualExecutor executor;
  std::shared_ptr<ReplayPump> pump;
  std::function<void()> on_batch;
  bool inside = false;
  std::string log;
};

} // namespace

TEST_CASE("replay pump: each credit is one batch, and the end needs one too") {
  Pumped it(0);
  it.executor.run_all();
  CHECK(it.log.empty());
  it.pump->request(2);
  it.executor.run_all();
  CHECK(it.log == "1 3 ");
  CHECK(it.budget->used() == 0); // the batch is let go after its callback
  it.pump->request(3);
  it.executor.run_all();
  CHECK(it.log == "1 3 5 7 9 ");
  it.pump->request(UINT64_MAX);
  it.pump->request(UINT64_MAX);
  it.executor.run_all();
  CHECK(it.log == "1 3 5 7 9 ok. ");
  it.pump->request(1);
  it.pump->cancel();
  it.pump.reset();
  it.executor.run_all();
  CHECK(it.log == "1 3 5 7 9 ok. ");
}

TEST_CASE("replay pump: replays that share a lane take turns") {
  Pumped it(10);
  int others = 0;
  const auto count = it.executor.run_one();
  CHECK(count);
  CHECK(it.log == "1 ");
  it.executor.post_read([&] { ++others; });
  CHECK(it.executor.pending() == 2); // one job, not one for each credit
  it.executor.run_all();
  CHECK(others == 1);
  CHECK(it.log == "1 3 5 7 9 ok. ");
}

TEST_CASE("replay pump: credit may be given from inside a batch") {
  Pumped it(1);
  it.on_batch = [&] { it.pump->request(1); };
  it.executor.run_all();
  CHECK(it.log == "1 3 5 7 9 ok. ");
}

TEST_CASE("replay pump: cancel ends it before the next batch, with and without credit") {
  for (const std::uint64_t credit : {1U, 2U, 100U}) {
    CAPTURE(credit);
    Pumped it(credit);
    CHECK(it.executor.run_one());
    it.pump->cancel();
    it.pump->cancel();
    it.executor.run_all();
    CHECK(it.log == "1 cancelled. ");
  }
  Pumped it(5);
  it.on_batch = [&] { it.pump->cancel(); };
  it.executor.run_all();
  CHECK(it.log == "1 cancelled. ");
}

TEST_CASE("replay pump: an error of the cursor is the end") {
  Pumped it(0);
  it.budget = nullptr; // the cursor has its own
  io::ManualExecutor executor;
  std::string log;
  const auto pump = ReplayPump::start(
      executor.make_lane(io::LaneKind::pooled, "replay"),
      ReplayCursor([]() -> Result<ShardView> { return fail(Errc::shard_failed, "gone"); },
                   std::make_shared<PinnedBudget>(1), "a", {}),
      [](const EventBatch&) { FAIL("no batch"); }, [&](const Status& status) { log += to_string(status.code()); }, 3);
  executor.run_all();
  CHECK(log == "shard_failed");
}

TEST_CASE("replay pump: dropped by everybody it still tells its end, once") {
  Pumped it(0);
  it.pump.reset();
  CHECK(it.log == "closing. ");
  Pumped busy(2);
  busy.pump.reset(); // its job keeps it until the credit is used up
  CHECK(busy.log.empty());
  busy.executor.run_all();
  CHECK(busy.log == "1 3 closing. ");
}

TEST_CASE("replay pump: after the executor's end the answer is closing, once") {
  Pumped it(2);
  it.executor.shutdown(); // runs what was posted; what that posts is dropped
  CHECK(it.log == "1 closing. ");
  it.pump->request(1);
  it.pump->cancel();
  it.pump.reset();
  CHECK(it.log == "1 closing. ");

  Pumped idle(0);
  idle.executor.shutdown();
  CHECK(idle.log.empty()); // nothing was asked for
  idle.pump->request(1);
  CHECK(idle.log == "closing. ");
}

TEST_CASE("replay pump: credit given inside a batch while the executor stops does not end the replay inside it") {
  Pumped it(1);
  it.on_batch = [&] { it.pump->request(5); };
  it.executor.shutdown();
  CHECK(it.log == "1 closing. ");

  Pumped cancelled(1);
  cancelled.on_batch = [&] { cancelled.pump->cancel(); };
  cancelled.executor.shutdown();
  CHECK(cancelled.log == "1 closing. ");
}

} // namespace weir
