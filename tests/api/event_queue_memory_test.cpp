// Subscribers that keep their batches: memory is bounded by pinned_bytes_max, and nobody else is held up for good.
#include "tests/api/queue_readers.hpp"
#include "tests/api/queue_service.hpp"

#include <weir/consumers.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

constexpr std::uint64_t event_bytes = 60'000;

EngineOptions little_memory() {
  EngineOptions options;
  options.shards = 1;
  options.pinned_bytes_max = 1 * MiB;
  return options;
}

/// Several times what may be pinned.
void store_large(Engine& engine, std::uint64_t first, std::uint64_t count) {
  for (std::uint64_t i = first; i < first + count; ++i) {
    Event event = numbered_event("c", 1, i);
    event.metadata = R"({"a":")" + std::string(event_bytes, 'x') + R"("})";
    const auto receipt = engine.store(std::move(event));
    REQUIRE_MESSAGE(receipt.ok(), why(receipt));
  }
}

/// Copies of the batches a callback was given. Threads: any.
class Kept {
public:
  explicit Kept(const Engine& engine) : engine_(engine) {}
  void keep(const QueueBatch& batch) {
    const std::lock_guard lock(mutex_);
    batches_.push_back(batch.events);
    most_ = std::max(most_, engine_.stats().pinned_bytes);
  }
  /// Outside the lock: dropping a batch wakes who waits for it.
  void drop(std::size_t count = SIZE_MAX) {
    std::vector<EventBatch> dropped;
    const std::lock_guard lock(mutex_);
    const auto end = batches_.begin() + static_cast<std::ptrdiff_t>(std::min(count, batches_.size()));
    dropped.assign(batches_.begin(), end);
    batches_.erase(batches_.begin(), end);
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return batches_.size();
  }
  /// Pinned at any time a batch came.
  [[nodiscard]] std::uint64_t most() const {
    const std::lock_guard lock(mutex_);
    return most_;
  }

private:
  const Engine& engine_;
  mutable std::mutex mutex_;
  std::vector<EventBatch> batches_;
  std::uint64_t most_ = 0;
};

constexpr std::uint64_t one_batch_more =
    event_bytes + 64 * KiB; // what is counted for a batch of one event, at the most

} // namespace

TEST_CASE("event queue memory: pushes wait while kept batches pin too much, and go on as soon as some are dropped") {
  SimulatedDisk disk;
  Engine engine = opened(disk, little_memory());
  constexpr std::uint64_t count = 60;
  store_large(engine, 0, count);
  PushListener listener;
  Kept kept(engine);
  auto pushed =
      engine.subscribe({.batch_events_max = 1}, listener.on_batch([&](const QueueBatch& batch) { kept.keep(batch); }),
                       listener.on_end(), UINT64_MAX);
  REQUIRE_MESSAGE(pushed.ok(), why(pushed));
  const auto exhausted = [&] { return engine.stats().pinned_bytes >= 1 * MiB; };
  listener.wait_until([&](const PushListener&) { return exhausted(); });
  const std::size_t pushed_by_then = listener.batches();
  CHECK(pushed_by_then < count / 2);
  // Nobody who comes for a batch gets one; stores and groups go on.
  CHECK(subscribed(engine).next().code() == Errc::overloaded);
  store_large(engine, count, 5);
  auto member = engine.consumers().join("group");
  REQUIRE_MESSAGE(member.ok(), why(member));
  const auto delivery = member->next();
  REQUIRE_MESSAGE(delivery.ok(), why(delivery));
  REQUIRE(delivery->size() == 1);
  REQUIRE(member->ack(*delivery).ok());
  pushed->request(1); // more credit is no reason to go on
  CHECK(listener.batches() == pushed_by_then);
  while (listener.batches() < count + 5) {
    const std::size_t before = listener.batches();
    kept.drop(5);
    listener.wait_for_events(std::min<std::size_t>(before + 1, count + 5));
  }
  // One batch more for each subscriber: the one of the group, which reads ahead for its members, may have several
  // events.
  CHECK(kept.most() < 1 * MiB + one_batch_more + SubscribeOptions{}.batch_bytes_max + 64 * KiB);
  kept.drop();
  std::vector<std::uint64_t> seen;
  for (const StoredEvent& event : listener.seen())
    seen.push_back(sender_number(event.payload).number);
  REQUIRE(seen.size() == count + 5);
  for (std::uint64_t i = 0; i < seen.size(); ++i)
    CHECK(seen[i] == i);
  // The group reads ahead as soon as it may; once its member has all, it holds no batch either.
  for (std::size_t acknowledged = 1; acknowledged < count + 5;) {
    const auto more = member->next();
    REQUIRE_MESSAGE(more.ok(), why(more));
    REQUIRE_FALSE(more->empty());
    REQUIRE(member->ack(*more).ok());
    acknowledged += more->size();
  }
  pushed->cancel();
  CHECK(listener.wait_for_end().code() == Errc::cancelled);
  CHECK(engine.stats().pinned_bytes == 0);
}

TEST_CASE("event queue memory: a push that waits for memory can be cancelled, and ends when the engine closes") {
  SimulatedDisk disk;
  Engine engine = opened(disk, little_memory());
  store_large(engine, 0, 40);
  PushListener first, second;
  Kept kept(engine);
  const auto subscribe = [&](PushListener& listener) {
    auto pushed =
        engine.subscribe({.batch_events_max = 1}, listener.on_batch([&](const QueueBatch& batch) { kept.keep(batch); }),
                         listener.on_end(), UINT64_MAX);
    REQUIRE_MESSAGE(pushed.ok(), why(pushed));
    return std::move(*pushed);
  };
  PushSubscription pushed = subscribe(first);
  first.wait_until([&](const PushListener&) { return engine.stats().pinned_bytes >= 1 * MiB; });
  const std::size_t kept_by_then = kept.size();
  PushSubscription other = subscribe(second);
  pushed.cancel();
  CHECK(first.wait_for_end().code() == Errc::cancelled);
  CHECK(engine.close().ok());
  CHECK(second.wait_for_end().code() == Errc::closing);
  CHECK(second.batches() == 0);
  CHECK(kept.size() == kept_by_then);
  kept.drop(); // batches outlive the engine
}

TEST_CASE("event queue memory: an actor that keeps its batches gets no more until it drops some") {
  Service service(little_memory());
  caf::scoped_actor self(*service.system);
  constexpr std::uint64_t count = 40;
  store_large(*service.engine, 0, count);
  const auto subscription = subscribed(self, service.door, {.batch_events_max = 1});
  std::vector<QueueBatchPtr> kept;
  std::uint64_t next = 0;
  const auto take = [&](const QueueBatchPtr& batch) {
    for (const EventView& event : batch->events)
      CHECK(sender_number(event.payload).number == next++);
    kept.push_back(batch);
  };
  const auto failed = [](const caf::error& error) { FAIL(to_string(to_error(error))); };
  while (service.engine->stats().pinned_bytes < 1 * MiB)
    self->request(subscription, caf::infinite, next_atom_v).receive(take, failed);
  CHECK(next < count / 2);
  // As many as it likes to ask for.
  std::vector<decltype(self->request(subscription, caf::infinite, next_atom_v))> asked;
  for (std::uint64_t i = next; i < count; ++i)
    asked.push_back(self->request(subscription, caf::infinite, next_atom_v));
  const std::uint64_t pinned = service.engine->stats().pinned_bytes;
  store_large(*service.engine, count, 5);
  CHECK(service.engine->stats().pinned_bytes == pinned); // nothing in the mailbox either
  for (auto& each : asked) {
    kept.clear();
    each.receive(take, failed);
    CHECK(service.engine->stats().pinned_bytes < 1 * MiB + one_batch_more);
  }
  CHECK(next == count);
  kept.clear();
  CHECK(service.engine->stats().pinned_bytes == 0);
}

TEST_CASE("event queue memory: a subscription holds so many requests and refuses further ones at once") {
  Service service;
  caf::scoped_actor self(*service.system);
  const auto subscription = subscribed(self, service.door, {});
  REQUIRE(ask<QueueBatchPtr>(self, subscription, next_atom_v).ok()); // caught up: from now on all wait
  const auto request = [&] { return self->request(subscription, caf::infinite, next_atom_v); };
  std::vector<decltype(request())> waiting;
  for (std::size_t i = 0; i < subscription_requests_max; ++i)
    waiting.push_back(request());
  const auto refused = ask<QueueBatchPtr>(self, subscription, next_atom_v);
  CHECK(refused.code() == Errc::overloaded);
  CHECK(why(refused).find("1024") != std::string::npos);
  // Those that wait are none the worse, and each answer makes room for one more.
  REQUIRE(service.engine->store(numbered_event("c", 1, 1)).ok());
  std::size_t events = 0;
  waiting.front().receive([&](const QueueBatchPtr& batch) { events = batch->events.size(); },
                          [](const caf::error& error) { FAIL(to_string(to_error(error))); });
  CHECK(events == 1);
  waiting.push_back(request());
  CHECK(ask<QueueBatchPtr>(self, subscription, next_atom_v).code() == Errc::overloaded);
  CHECK(service.engine->close().ok());
  for (std::size_t i = 1; i < waiting.size(); ++i) {
    Errc code = Errc::ok;
    waiting[i].receive([](const QueueBatchPtr&) {}, [&](const caf::error& error) { code = to_error(error).code; });
    CHECK(code == Errc::closing);
  }
}
