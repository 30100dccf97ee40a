// The event queue as messages: one batch for each request, live, and an end that everybody is told.
#include "tests/api/queue_service.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace weir;
using namespace weir::test;

TEST_CASE("event queue actors: each request is answered with the next batch, once there is one") {
  Service service;
  caf::scoped_actor self(*service.system);
  for (std::uint64_t i = 0; i < 30; ++i)
    REQUIRE(service.engine->store(numbered_event("c" + std::to_string(i % 3), 1, i)).ok());
  const auto subscription = subscribed(self, service.door, {.batch_events_max = 7});
  std::vector<std::uint64_t> seen;
  const auto take = [&](const QueueBatch& batch) {
    for (const EventView& event : batch.events)
      seen.push_back(sender_number(event.payload).number);
  };
  while (seen.size() < 30) {
    const auto batch = ask<QueueBatchPtr>(self, subscription, next_atom_v);
    REQUIRE_MESSAGE(batch.ok(), why(batch));
    take(**batch);
  }
  // Two requests before there is anything; they are answered in order.
  auto first = self->request(subscription, caf::infinite, next_atom_v);
  auto second = self->request(subscription, caf::infinite, next_atom_v);
  REQUIRE(service.engine->store(numbered_event("live", 1, 30)).ok());
  const auto failed = [](const caf::error& error) { FAIL(to_string(to_error(error))); };
  first.receive([&](const QueueBatchPtr& batch) { take(*batch); }, failed);
  CHECK(seen.size() == 31);
  REQUIRE(service.engine->store(numbered_event("live", 1, 31)).ok());
  second.receive([&](const QueueBatchPtr& batch) { take(*batch); }, failed);
  REQUIRE(seen.size() == 32);
  for (std::uint64_t i = 0; i < seen.size(); ++i)
    CHECK(seen[i] == i);
}

TEST_CASE("event queue actors: the end of a subscription is an empty batch that says so, as often as it is asked") {
  Service service;
  caf::scoped_actor self(*service.system);
  REQUIRE(service.engine->store(numbered_event("c", 1, 1)).ok());
  const auto subscription = subscribed(self, service.door, {.follow = false});
  const auto all = ask<QueueBatchPtr>(self, subscription, next_atom_v);
  REQUIRE(all.ok());
  CHECK((*all)->events.size() == 1);
  CHECK((*all)->ended);
  for (int i = 0; i < 2; ++i) {
    const auto end = ask<QueueBatchPtr>(self, subscription, next_atom_v);
    REQUIRE(end.ok());
    CHECK((*end)->events.empty());
    CHECK((*end)->ended);
  }
}

TEST_CASE("event queue actors: wrong options are refused, and a closed engine answers closing to all who wait") {
  Service service;
  caf::scoped_actor self(*service.system);
  CHECK(ask<SubscriptionActor>(self, service.door, subscribe_atom_v, SubscribeOptions{.batch_events_max = 0}).code() ==
        Errc::invalid_argument);
  const auto subscription = subscribed(self, service.door, {});
  REQUIRE(ask<QueueBatchPtr>(self, subscription, next_atom_v).ok()); // caught up
  auto waiting = self->request(subscription, caf::infinite, next_atom_v);
  CHECK(service.engine->close().ok());
  Errc code = Errc::ok;
  waiting.receive([](const QueueBatchPtr&) {}, [&](const caf::error& error) { code = to_error(error).code; });
  CHECK(code == Errc::closing);
  CHECK(ask<QueueBatchPtr>(self, subscription, next_atom_v).code() == Errc::closing);
  CHECK(ask<SubscriptionActor>(self, service.door, subscribe_atom_v, SubscribeOptions{}).code() == Errc::closing);
}

TEST_CASE("event queue actors: a subscription whose actor is detached answers what it owes") {
  Service service;
  caf::scoped_actor self(*service.system);
  auto subscription = subscribed(self, service.door, {});
  REQUIRE(ask<QueueBatchPtr>(self, subscription, next_atom_v).ok());
  auto waiting = self->request(subscription, caf::infinite, next_atom_v);
  self->send(subscription, detach_atom_v);
  self->wait_for(subscription);
  subscription = nullptr;
  REQUIRE(service.engine->store(numbered_event("c", 1, 1)).ok()); // also answers whoever still waits
  bool answered = false;
  waiting.receive([&](const QueueBatchPtr&) { answered = true; }, [&](const caf::error&) { answered = true; });
  CHECK(answered);
}

TEST_CASE("event queue actors: an actor that dies with requests outstanding ends its subscription, and only its own") {
  Service service;
  caf::scoped_actor self(*service.system);
  const auto survivor = subscribed(self, service.door, {});
  REQUIRE(ask<QueueBatchPtr>(self, survivor, next_atom_v).ok()); // caught up
  auto doomed = subscribed(self, service.door, {});
  self->monitor(doomed);
  // The only one to hold the handle: it asks for more than there is, and dies of the first answer.
  const auto subscriber = self->spawn(
      [](caf::event_based_actor* actor, SubscriptionActor handle) {
        const auto quit = [actor](const QueueBatchPtr&) { actor->quit(caf::exit_reason::kill); };
        for (int i = 0; i < 10; ++i)
          actor->request(handle, caf::infinite, next_atom_v).then(quit);
        return caf::behavior{[held = std::move(handle)](flush_atom) {}};
      },
      std::exchange(doomed, nullptr));
  self->wait_for(subscriber);
  bool down = false;
  self->receive([&](const caf::down_msg&) { down = true; }); // the subscription has gone with it
  CHECK(down);
  for (std::uint64_t i = 0; i < 20; ++i)
    REQUIRE(service.engine->store(numbered_event("c", 1, i)).ok());
  std::vector<std::uint64_t> seen;
  while (seen.size() < 20) {
    const auto batch = ask<QueueBatchPtr>(self, survivor, next_atom_v);
    REQUIRE_MESSAGE(batch.ok(), why(batch));
    for (const EventView& event : (*batch)->events)
      seen.push_back(sender_number(event.payload).number);
  }
  for (std::uint64_t i = 0; i < 20; ++i)
    CHECK(seen[i] == i);
  CHECK(service.engine->stats().pinned_bytes == 0);
}
