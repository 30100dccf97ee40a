// One shard's sync is held for 5 s: readers of every kind wait, skip nothing and go on afterwards.
#include "engine/io/manual_clock.hpp"
#include "tests/api/queue_readers.hpp"
#include "tests/api/queue_service.hpp"
#include "tests/support/gate.hpp"

#include <weir/consumers.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

/// What a test sees of a reader: positions, as they come.
struct Reader {
  const char* kind;
  std::function<void(std::size_t)> read_until; ///< Waits until so many events have come, in all.
  std::vector<Position> seen{};
};

} // namespace

TEST_CASE("event queue: a shard whose sync is held for 5 s holds pushed, CAF and group readers, and none skips") {
  auto owned_clock = std::make_unique<io::ManualClock>(Timestamp(1'700'000'000s));
  io::ManualClock& clock = *owned_clock;
  Gate gate;
  Service service(of_shards(2), std::move(owned_clock));
  Engine& engine = *service.engine;
  const OpenAtEnd opener(gate);
  caf::scoped_actor self(*service.system);
  const std::string slow = context_in_shard(engine, 0), quick = context_in_shard(engine, 1);

  PushListener listener;
  auto push = engine.subscribe({}, listener.on_batch(), listener.on_end(), UINT64_MAX);
  REQUIRE_MESSAGE(push.ok(), why(push));
  Reader pushed{"pushed", [&](std::size_t count) { listener.wait_for_events(count); }};
  const auto subscription = subscribed(self, service.door, {});
  Reader caf_reader{"CAF", nullptr};
  caf_reader.read_until = [&](std::size_t count) {
    while (caf_reader.seen.size() < count) {
      const auto batch = ask<QueueBatchPtr>(self, subscription, next_atom_v);
      REQUIRE_MESSAGE(batch.ok(), why(batch));
      for (const EventView& event : (*batch)->events)
        caf_reader.seen.push_back(event.position);
    }
  };
  auto member = engine.consumers().join("group");
  REQUIRE_MESSAGE(member.ok(), why(member));
  Reader group{"group", nullptr};
  group.read_until = [&](std::size_t count) {
    while (group.seen.size() < count) {
      const auto deliveries = member->next();
      REQUIRE_MESSAGE(deliveries.ok(), why(deliveries));
      for (const Delivery& each : *deliveries)
        group.seen.push_back(each.event().position);
      REQUIRE(member->ack(*deliveries).ok());
    }
  };
  Reader* const readers[] = {&pushed, &caf_reader, &group};

  std::vector<Position> expected;
  const auto store = [&](const std::string& context, std::uint64_t number) {
    const auto receipt = engine.store(numbered_event(context, 1, number));
    REQUIRE_MESSAGE(receipt.ok(), why(receipt));
    return receipt->position;
  };
  expected.push_back(store(slow, 1));
  for (Reader* reader : readers)
    reader->read_until(1);

  gate.close();
  service.disk.fs().set_hook(hold(gate, io::Operation::sync_data, "wal/000/"));
  Ticket held = engine.store_async(numbered_event(slow, 1, 2));
  gate.wait_until_n_waiting(1);
  std::vector<Position> beside;
  for (std::uint64_t i = 1; i <= 50; ++i)
    beside.push_back(store(quick, i));
  auto waiting = self->request(subscription, caf::infinite, next_atom_v);
  clock.advance(5s);
  beside.push_back(store(quick, 51));
  CHECK(listener.seen().size() == 1);
  CHECK(member->next(100, 0ms)->empty());
  const auto now = subscribed(engine, {.from = QueueStart::at(expected.front() + 1)}).next();
  REQUIRE(now.ok());
  CHECK(now->events.empty());
  CHECK(now->next <= beside.front());

  gate.open();
  const auto late = held.wait();
  REQUIRE_MESSAGE(late.ok(), why(late));
  CHECK(late->position < beside.front());
  expected.push_back(late->position);
  expected.insert(expected.end(), beside.begin(), beside.end());
  waiting.receive(
      [&](const QueueBatchPtr& batch) {
        for (const EventView& event : batch->events)
          caf_reader.seen.push_back(event.position);
      },
      [](const caf::error& error) { FAIL(to_string(to_error(error))); });
  expected.push_back(store(slow, 3)); // and live again
  expected.push_back(store(quick, 52));
  for (Reader* reader : readers)
    reader->read_until(expected.size());
  pushed.seen = positions(listener.seen());
  // A group keeps the order of each context.
  const std::vector<Position> of_slow{expected[0], expected[1], expected[expected.size() - 2]};
  const auto is_of_slow = [&](Position position) {
    return std::find(of_slow.begin(), of_slow.end(), position) != of_slow.end();
  };
  const auto end_of_slow = std::stable_partition(group.seen.begin(), group.seen.end(), is_of_slow);
  CHECK(std::vector(group.seen.begin(), end_of_slow) == of_slow);
  CHECK(std::is_sorted(end_of_slow, group.seen.end()));
  std::sort(group.seen.begin(), group.seen.end());
  for (const Reader* reader : readers) {
    CAPTURE(reader->kind);
    CHECK(reader->seen == expected);
  }
  push->cancel();
  CHECK(listener.wait_for_end().code() == Errc::cancelled);
}
