#include "engine/event_queue/watermark.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

using namespace weir;

namespace {

struct Two {
  PositionSource positions{1'000, 2'000'000'000};
  Watermark watermark{positions, 2};

  Position draw(ShardId shard, std::uint64_t group, std::uint64_t count) {
    watermark.publish(shard, group);
    return *positions.draw(count);
  }
};

} // namespace

TEST_CASE("watermark: without groups under way everything drawn is below it") {
  Two two;
  CHECK(two.watermark.now() == 1'000);
  (void)two.positions.draw(5);
  CHECK(two.watermark.now() == 1'005);
}

TEST_CASE("watermark: the oldest group under way of any shard holds it, and it goes on to the next one") {
  Two two;
  REQUIRE(two.draw(0, 1, 10) == 1'000);
  REQUIRE(two.draw(1, 1, 10) == 1'010);
  REQUIRE(two.draw(0, 2, 10) == 1'020);
  CHECK(two.watermark.now() == 1'000);
  two.watermark.settle(1, 1);
  CHECK(two.watermark.now() == 1'000);
  two.watermark.settle(0, 1);
  CHECK(two.watermark.now() == 1'020);
  two.watermark.settle(0, 1); // nothing new
  CHECK(two.watermark.now() == 1'020);
  two.watermark.settle(0, 2);
  CHECK(two.watermark.now() == 1'030);
}

TEST_CASE("watermark: one word settles all groups up to it") {
  Two two;
  for (std::uint64_t group = 1; group <= 100; ++group)
    (void)two.draw(0, group, 1);
  two.watermark.settle(0, 99);
  CHECK(two.watermark.now() == 1'099);
}

TEST_CASE("watermark: a shard that could not draw holds nothing") {
  Two two;
  two.watermark.publish(0, 1);
  (void)two.draw(1, 1, 10);
  two.watermark.settle(1, 1);
  CHECK(two.watermark.now() == 1'000);
  two.watermark.abandon(0, 1);
  CHECK(two.watermark.now() == 1'010);
  (void)two.draw(0, 1, 10); // the same group, later
  CHECK(two.watermark.now() == 1'010);
}

TEST_CASE("watermark: who waits is woken once, when it passes the position and not before") {
  Two two;
  (void)two.draw(0, 1, 10);
  (void)two.draw(1, 1, 10);
  Watermark::Waiter low, high;
  unsigned low_woken = 0, high_woken = 0;
  two.watermark.wait(low, 1'000, [&] { ++low_woken; });
  two.watermark.wait(high, 1'019, [&] { ++high_woken; });
  two.watermark.settle(1, 1);
  CHECK(low_woken == 0);
  two.watermark.settle(0, 1);
  CHECK(low_woken == 1);
  CHECK(high_woken == 1);
  (void)two.draw(0, 2, 10);
  two.watermark.settle(0, 2);
  CHECK(low_woken == 1);
}

TEST_CASE("watermark: who waits for what is there already is woken at once") {
  Two two;
  Watermark::Waiter waiter;
  bool woken = false;
  two.watermark.wait(waiter, 999, [&] { woken = true; });
  CHECK(woken);
}

TEST_CASE("watermark: who has stopped waiting is not woken, and the end wakes all others, and later ones at once") {
  Two two;
  Watermark::Waiter gone, there, later;
  unsigned woken = 0;
  two.watermark.wait(gone, 5'000, [&] { woken += 100; });
  gone.stop();
  two.watermark.wait(there, 5'000, [&] { ++woken; });
  two.watermark.end();
  CHECK(woken == 1);
  two.watermark.wait(later, 5'000, [&] { ++woken; });
  CHECK(woken == 2);
}

TEST_CASE("watermark: threads that draw and settle never leave a position unsettled below it") {
  constexpr unsigned shards = 4;
  constexpr std::uint64_t groups = 5'000;
  PositionSource positions{1, UINT64_MAX};
  Watermark watermark(positions, shards);
  std::vector<std::atomic<bool>> settled(shards * groups * 3 + 1);
  std::vector<std::thread> threads;
  for (unsigned shard = 0; shard < shards; ++shard)
    threads.emplace_back([&, shard] {
      for (std::uint64_t group = 1; group <= groups; ++group) {
        watermark.publish(shard, group);
        const Position first = *positions.draw(3);
        for (Position position = first; position < first + 3; ++position)
          settled[position].store(true, std::memory_order_relaxed); // a later load may see it only through settle()
        watermark.settle(shard, group);
      }
    });
  Position checked = 1;
  std::uint64_t unsettled = 0, waits = 0;
  while (checked <= shards * groups * 3) {
    Watermark::Waiter waiter;
    std::atomic<bool> woken{false};
    watermark.wait(waiter, checked, [&] {
      woken.store(true);
      woken.notify_one();
    });
    woken.wait(false);
    waiter.stop();
    ++waits;
    for (const Position now = watermark.now(); checked < now; ++checked)
      unsettled += settled[checked].load(std::memory_order_relaxed) ? 0 : 1;
  }
  for (std::thread& thread : threads)
    thread.join();
  CHECK(unsettled == 0);
  CHECK(waits > 0);
}
