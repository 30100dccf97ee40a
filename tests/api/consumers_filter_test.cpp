// Groups that want only some events, and what is told of how far a consumer has come.
#include "engine/io/manual_clock.hpp"
#include "tests/api/opened.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/why.hpp"

#include <weir/consumers.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

/// Every fourth event is one that each of the filters lets pass; the last ones are not.
std::vector<Position> store_mixed(Engine& engine, std::uint64_t count) {
  std::vector<Position> wanted;
  for (std::uint64_t i = 0; i < count; ++i) {
    const bool want = i % 4 == 0 && i + 10 < count;
    Event event = numbered_event((want ? "wanted-" : "other-") + std::to_string(i % 5), want ? 1 : 2, i);
    event.event_type = want ? "wanted" : "other";
    const auto receipt = engine.store(std::move(event));
    REQUIRE_MESSAGE(receipt.ok(), why(receipt));
    if (want)
      wanted.push_back(receipt->position);
  }
  return wanted;
}

/// Hands all that is there out to the member, and acknowledges it.
std::vector<Position> take_all(GroupMember& member) {
  std::vector<Position> taken;
  while (true) {
    const auto deliveries = member.next(7, 0ms);
    REQUIRE_MESSAGE(deliveries.ok(), why(deliveries));
    for (const Delivery& each : *deliveries) {
      CHECK(each.deliveries() == 1);
      taken.push_back(each.event().position);
    }
    if (deliveries->empty())
      return taken;
    REQUIRE(member.ack(*deliveries).ok());
  }
}

std::vector<Position> take(GroupMember& member, std::size_t count) {
  std::vector<Position> taken;
  while (taken.size() < count) {
    const auto deliveries = member.next(7);
    REQUIRE_MESSAGE(deliveries.ok(), why(deliveries));
    for (const Delivery& each : *deliveries)
      taken.push_back(each.event().position);
    REQUIRE(member.ack(*deliveries).ok());
  }
  return taken;
}

ConsumerStatus status_of(const Engine& engine, const std::string& name) {
  auto status = engine.consumers().status(name);
  REQUIRE_MESSAGE(status.ok(), why(status));
  return *std::move(status);
}

} // namespace

TEST_CASE("consumers: a group with a filter gets what passes it, and its checkpoint is behind what was dropped, too") {
  std::vector<std::pair<const char*, GroupOptions>> filters(3);
  filters[0].first = "types";
  filters[0].second.types = {"wanted", "never seen"};
  filters[1].first = "context prefix";
  filters[1].second.context_prefix = "wanted-";
  filters[2].first = "where";
  filters[2].second.where = field("payload.sender") == 1;
  for (const auto& filter : filters) {
    CAPTURE(filter.first);
    const GroupOptions& options = filter.second;
    SimulatedDisk disk;
    constexpr std::uint64_t count = 90;
    std::vector<Position> later;
    {
      Engine engine = opened(disk, of_shards(2));
      const auto wanted = store_mixed(engine, count);
      auto member = engine.consumers().join("group", options);
      REQUIRE_MESSAGE(member.ok(), why(member));
      auto taken = take(*member, wanted.size());
      std::sort(taken.begin(), taken.end()); // contexts take turns
      CHECK(taken == wanted);
      CHECK(member->next(1, 0ms)->empty());
      const ConsumerStatus done = status_of(engine, "group");
      CHECK(done.lag_events == 0); // those dropped behind the last one are dealt with, too
      CHECK(done.checkpoint > wanted.back() + 9);
      CHECK(done.done_above == 0);
      // Live, over more that is dropped.
      later = store_mixed(engine, count);
      taken = take(*member, later.size());
      std::sort(taken.begin(), taken.end());
      CHECK(taken == later);
      CHECK(status_of(engine, "group").checkpoint > later.back());
      CHECK(engine.close().ok());
    }
    Engine engine = opened(disk, of_shards(2));
    CHECK(status_of(engine, "group").checkpoint > later.back());
    auto member = engine.consumers().join("group", options);
    REQUIRE_MESSAGE(member.ok(), why(member));
    const auto more = store_mixed(engine, count);
    auto taken = take(*member, more.size());
    std::sort(taken.begin(), taken.end());
    CHECK(taken == more);
    CHECK(take_all(*member).empty());
  }
}

TEST_CASE("consumers: the lag in time is the age of the oldest event that is not dealt with") {
  SimulatedDisk disk;
  auto owned = std::make_unique<io::ManualClock>(Timestamp(1'700'000'000s));
  io::ManualClock& clock = *owned;
  Engine engine = opened(disk, of_shards(2), std::move(owned));
  const auto store = [&](std::uint64_t number) {
    const auto receipt = engine.store(numbered_event("a", 1, number));
    REQUIRE_MESSAGE(receipt.ok(), why(receipt));
    return receipt->position;
  };
  auto reader = engine.consumers().open("reader");
  auto member = engine.consumers().join("group");
  REQUIRE_MESSAGE(reader.ok(), why(reader));
  REQUIRE_MESSAGE(member.ok(), why(member));
  CHECK(status_of(engine, "reader").lag_ms == 0ms);
  CHECK(status_of(engine, "group").lag_ms == 0ms);
  std::vector<Position> stored{store(1)};
  clock.advance(7s);
  stored.push_back(store(2));
  clock.advance(250ms);
  for (const char* name : {"reader", "group"}) {
    CHECK(status_of(engine, name).lag_events == 2);
    CHECK(status_of(engine, name).lag_ms == 7'250ms);
  }
  // What was handed out is dealt with once that was said.
  const auto batch = reader->next();
  REQUIRE_MESSAGE(batch.ok(), why(batch));
  REQUIRE(batch->events.size() == 2);
  CHECK(status_of(engine, "reader").lag_ms == 7'250ms);
  REQUIRE(reader->checkpoint(stored[0] + 1).ok());
  CHECK(status_of(engine, "reader").lag_events == 1);
  CHECK(status_of(engine, "reader").lag_ms == 250ms);
  const auto first = member->next();
  REQUIRE_MESSAGE(first.ok(), why(first));
  CHECK(status_of(engine, "group").lag_ms == 7'250ms);
  CHECK(status_of(engine, "group").in_flight == 1);
  REQUIRE(member->ack(*first).ok());
  CHECK(status_of(engine, "group").lag_ms == 250ms);
  // From a segment, too.
  REQUIRE(engine.flush().ok());
  clock.advance(1h);
  CHECK(status_of(engine, "reader").lag_ms == 1h + 250ms);
  CHECK(status_of(engine, "group").lag_ms == 1h + 250ms);
  REQUIRE(reader->checkpoint(batch->next).ok());
  CHECK(take(*member, 1) == std::vector{stored[1]});
  for (const char* name : {"reader", "group"}) {
    CHECK(status_of(engine, name).lag_events == 0);
    CHECK(status_of(engine, name).lag_ms == 0ms);
  }
}

TEST_CASE("consumers: what a member skips is dealt with: its context goes on and it never comes again") {
  SimulatedDisk disk;
  {
    Engine engine = opened(disk, of_shards(2));
    for (std::uint64_t i = 1; i <= 3; ++i)
      REQUIRE(engine.store(numbered_event("a", 1, i)).ok());
    auto member = engine.consumers().join("group");
    REQUIRE_MESSAGE(member.ok(), why(member));
    const auto first = member->next();
    REQUIRE_MESSAGE(first.ok(), why(first));
    REQUIRE(first->size() == 1);
    CHECK(first->front().event().sequence == 1);
    REQUIRE(member->skip(first->front()).ok());
    CHECK(member->skip(first->front()).code() == Errc::not_found); // it is settled
    CHECK(member->nack(first->front()).code() == Errc::not_found);
    const ConsumerStatus status = status_of(engine, "group");
    CHECK(status.lag_events == 2);
    CHECK(status.parked == 0);
    CHECK(status.checkpoint == first->front().event().position + 1);
    const auto second = member->next();
    REQUIRE_MESSAGE(second.ok(), why(second));
    REQUIRE(second->size() == 1);
    CHECK(second->front().event().sequence == 2);
    REQUIRE(member->skip(second->front()).ok());
    CHECK(*engine.consumers().replay_parked("group") == 0); // nor is it put aside
    CHECK(engine.close().ok());
  }
  Engine engine = opened(disk, of_shards(2));
  auto member = engine.consumers().join("group");
  REQUIRE_MESSAGE(member.ok(), why(member));
  const auto third = member->next(10);
  REQUIRE_MESSAGE(third.ok(), why(third));
  REQUIRE(third->size() == 1);
  CHECK(third->front().event().sequence == 3);
  REQUIRE(member->ack(*third).ok());
  CHECK(member->next(10, 0ms)->empty());
  CHECK(status_of(engine, "group").lag_events == 0);
}
