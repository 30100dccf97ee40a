// Turns, pauses and the pace of merges, with a clock that moves when it is told to.
#include "actors/compaction_control.hpp"

#include "engine/io/manual_clock.hpp"

#include <weir/limits.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <future>

using namespace weir;
using namespace std::chrono_literals;

TEST_CASE("compaction control: one turn at a time, and none for the background while it is claimed or paused") {
  CompactionControl control;
  auto turn = control.take_in_background();
  REQUIRE(turn);
  CHECK(control.taken());
  CHECK_FALSE(control.free_for_background());
  CHECK_FALSE(control.take_in_background());
  {
    CompactionControl::Claim claim(control);
    CHECK(control.claimed());
    CHECK_FALSE(claim.take(0ms));
    turn.reset();
    CHECK_FALSE(control.free_for_background());
    CHECK_FALSE(control.take_in_background());
    const auto claimed = claim.take(0ms);
    REQUIRE(claimed);
    CHECK(control.taken());
  }
  CHECK_FALSE(control.taken());
  control.pause();
  control.pause();
  CHECK_FALSE(control.take_in_background());
  CHECK(CompactionControl::Claim(control).take(0ms)); // who asks is not the background
  control.resume();
  CHECK(control.take_in_background());
}

TEST_CASE("compaction control: who waits for the turn gets it as soon as it is free") {
  CompactionControl control;
  auto turn = control.take_in_background();
  std::promise<void> waits;
  auto taken = std::async(std::launch::async, [&] {
    CompactionControl::Claim claim(control);
    waits.set_value();
    return claim.take(std::chrono::hours(1)) != nullptr;
  });
  waits.get_future().wait();
  turn.reset();
  CHECK(taken.get());
}

TEST_CASE("compaction control: what moves is counted, and takes the time that the bound gives it") {
  io::ManualClock clock;
  CompactionControl control;
  control.begin(clock, 1 * MiB, [&](std::chrono::nanoseconds time) { clock.advance(time); });
  const auto began = clock.steady_now();
  for (int i = 0; i < 20; ++i) {
    REQUIRE(control.before_read(256 * KiB).ok());
    REQUIRE(control.before_write(256 * KiB).ok());
  }
  CHECK(control.moved().read == 5 * MiB);
  CHECK(control.moved().written == 5 * MiB);
  CHECK(clock.steady_now() - began >= 9'750ms); // the last piece is still to be paid for
  CHECK(clock.steady_now() - began <= 10s);
  control.set_rate(0);
  const auto unbound = clock.steady_now();
  REQUIRE(control.before_read(100 * MiB).ok());
  REQUIRE(control.before_read(100 * MiB).ok());
  CHECK(clock.steady_now() == unbound);
}

TEST_CASE("compaction control: a merge that is held back ends once it is told so, and goes on once it may go faster") {
  io::ManualClock clock; // stands still: only another bound, or an end, gets anybody through
  CompactionControl control;
  control.begin(clock, 1);
  std::atomic<bool> ended{false};
  std::atomic<int> asked{0};
  const MayGoOn may_go_on = [&]() -> Status {
    ++asked;
    asked.notify_all();
    return ended ? Status(fail(Errc::cancelled, "ended")) : Status();
  };
  const CompactionControl::Task task(control, may_go_on);
  REQUIRE(control.before_write(1'000'000).ok()); // paid for afterwards
  auto second = std::async(std::launch::async, [&] { return control.before_write(1'000'000).code(); });
  asked.wait(0);
  SUBCASE("ended") {
    ended = true;
    control.wake();
    CHECK(second.get() == Errc::cancelled);
    CHECK(control.moved().written == 1'000'000);
  }
  SUBCASE("no bound any more") {
    control.set_rate(0);
    CHECK(second.get() == Errc::ok);
    CHECK(control.moved().written == 2'000'000);
  }
}
