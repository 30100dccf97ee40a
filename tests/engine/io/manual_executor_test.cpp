#include "engine/io/manual_executor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>

namespace weir::io {

namespace {

using std::chrono::milliseconds;

/// Lets a test see that a job is gone: the count of its captured token falls.
using Token = std::shared_ptr<int>;

Token make_token() {
  return std::make_shared<int>(0);
}

} // namespace

TEST_CASE("manual executor: nothing runs by itself, then everything in the order posted") {
  ManualExecutor executor;
  const auto a = executor.make_lane(LaneKind::dedicated, "a");
  const auto b = executor.make_lane(LaneKind::pooled, "b");
  std::string order;
  a->post([&] { order += '1'; });
  b->post([&] { order += '2'; });
  executor.post_read([&] { order += '3'; });
  a->post([&] {
    order += '4';
    b->post([&] { order += '5'; });
  });
  CHECK(order.empty());
  CHECK(executor.pending() == 4);
  CHECK(executor.run_one());
  CHECK(order == "1");
  CHECK(executor.run_all() == 4);
  CHECK(order == "12345");
  CHECK_FALSE(executor.run_one());
}

TEST_CASE("manual executor: one lane can be run alone") {
  std::string order; // outlives the executor, whose end runs what is left
  ManualExecutor executor;
  const auto a = executor.make_lane(LaneKind::dedicated, "a");
  const auto b = executor.make_lane(LaneKind::dedicated, "b");
  for (const auto letter : {'1', '2'}) {
    a->post([&order, letter] { order += letter; });
    b->post([&order] { order += 'b'; });
  }
  CHECK(executor.run_lane("a"));
  CHECK(executor.run_lane("a"));
  CHECK_FALSE(executor.run_lane("a"));
  CHECK_FALSE(executor.run_lane("none"));
  CHECK(order == "12");
  CHECK(executor.pending() == 2);
}

TEST_CASE("manual executor: random steps mix lanes and reads in every order, but keep that of each lane") {
  std::set<std::string> orders;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    const auto random = make_seeded_random(seed);
    ManualExecutor executor;
    const auto lane = executor.make_lane(LaneKind::pooled, "lane");
    std::string order;
    for (const auto letter : {'1', '2'})
      lane->post([&order, letter] { order += letter; });
    for (const auto letter : {'x', 'y'})
      executor.post_read([&order, letter] { order += letter; });
    while (executor.run_one(*random)) {
    }
    REQUIRE(order.size() == 4);
    CHECK(order.find('1') < order.find('2'));
    orders.insert(order);
  }
  CHECK(orders.size() == 12); // 4! orders, half of them with 1 before 2.
}

TEST_CASE("manual executor: delayed jobs become runnable when their time has come, in order of time") {
  ManualClock clock(Timestamp(std::chrono::hours(1)));
  ManualExecutor executor(&clock);
  const auto lane = executor.make_lane(LaneKind::dedicated, "lane");
  std::string order;
  lane->post_after(milliseconds(20), [&] { order += '3'; });
  lane->post_after(milliseconds(10), [&] { order += '1'; });
  lane->post_after(milliseconds(10), [&] { order += '2'; });
  lane->post_after(std::chrono::nanoseconds::max(), [&] { order += 'n'; });
  executor.advance(milliseconds(9));
  CHECK(executor.run_all() == 0);
  CHECK(executor.delayed() == 4);
  executor.advance(milliseconds(11));
  CHECK(order.empty());
  CHECK(executor.pending() == 3);
  executor.run_all();
  CHECK(order == "123");
  CHECK(clock.now() == Timestamp(std::chrono::hours(1) + milliseconds(20)));
}

TEST_CASE("manual executor: shutdown runs what was posted and destroys what is delayed or comes later") {
  auto executor = std::make_unique<ManualExecutor>();
  const auto lane = executor->make_lane(LaneKind::dedicated, "lane");
  const auto token = make_token();
  lane->post([&, token] {
    ++*token;
    lane->post([token] { *token += 100; });
  });
  lane->post_after(milliseconds(1), [token] { *token += 100; });
  executor->shutdown();
  CHECK(*token == 1);
  executor->post_read([token] { *token += 100; });
  lane->post_after(milliseconds(0), [token] { *token += 100; });
  CHECK(token.use_count() == 1);
  executor.reset();
  lane->post([token] { *token += 100; });
  CHECK(*token == 1);
  CHECK(token.use_count() == 1);
}

TEST_CASE("manual executor: a dropped lane still runs its jobs") {
  ManualExecutor executor;
  const auto token = make_token();
  executor.make_lane(LaneKind::dedicated, "lane")->post([token] { ++*token; });
  executor.run_all();
  CHECK(*token == 1);
}

} // namespace weir::io
