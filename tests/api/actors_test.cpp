// The engine as an actor of the service's own system.
#include "tests/api/opened.hpp"
#include "tests/api/queue_service.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/why.hpp"

#include <weir/actors.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <latch>
#include <optional>
#include <thread>

using namespace weir;
using namespace weir::test;

namespace {

// A service's own actor system, which ends after the engines it speaks to have closed.
struct OwnSystem {
  caf::actor_system_config config;
  std::optional<caf::actor_system> system;
  OwnSystem() {
    config.set("scheduler.max-threads", std::size_t{2});
    system.emplace(config);
  }
};

// As ask(), of a request whose answer holds nothing.
template <class Handle, class... Args> Status command(caf::scoped_actor& self, const Handle& handle, Args&&... args) {
  Status status = fail(Errc::io_error, "no answer at all");
  self->request(handle, caf::infinite, std::forward<Args>(args)...)
      .receive([&] { status = {}; }, [&](const caf::error& error) { status = to_error(error); });
  return status;
}

EventList batch_of(const std::string& context, std::uint64_t first, std::uint64_t count) {
  EventList events;
  for (std::uint64_t i = 0; i < count; ++i)
    events.push_back(numbered_event(context, 1, first + i));
  return events;
}

// Brings a shard with a held sync to where it takes no more from its inbox.
std::array<Ticket, 2> fill_groups(Engine& engine, Gate& gate) {
  Ticket first = engine.store_async(numbered_event("filler", 9, 1));
  gate.wait_until_n_waiting(1);
  Ticket second = engine.store_async(numbered_event("filler", 9, 2)); // the other group in flight
  REQUIRE(eventually([&] { return engine.stats().shards[0].inbox_commands == 0; }));
  return {first, second};
}

// Actors that all store to one context, each expecting what it was told last.
struct ActorRace {
  static constexpr Sequence rounds = 40;
  const EngineActor& store;
  const Engine& engine;
  std::latch done;
  std::array<std::atomic<unsigned>, rounds + 1> winners{};
  std::atomic<unsigned> untrue{0}, others{0};

  ActorRace(const EngineActor& with, const Engine& of, unsigned racers) : store(with), engine(of), done(racers) {}

  void next(caf::event_based_actor* me, Sequence expected) {
    if (expected >= rounds)
      return done.count_down();
    me->request(store, caf::infinite, store_atom_v, std::string("c"), batch_of("c", 1, 1),
                StoreOptions{.expect = Expectation::exactly(expected)})
        .then(
            [this, me, expected](const Receipt& receipt) {
              untrue += receipt.sequence == expected + 1 ? 0 : 1;
              winners.at(receipt.sequence).fetch_add(1);
              next(me, receipt.sequence);
            },
            [this, me, expected](const caf::error& error) {
              const Error ours = to_error(error);
              if (ours.code != Errc::sequence_conflict || ours.conflicts.size() != 1) {
                ++others;
                return next(me, rounds);
              }
              const Conflict& told = ours.conflicts.front();
              const bool holds = told.current > expected && event_told(engine, told);
              untrue += holds ? 0 : 1;
              next(me, holds ? told.current : rounds); // or it could go on for ever
            });
  }
};

// Sends `calls` stores of its own context at once and counts the answers.
struct Counts {
  std::atomic<std::uint64_t> stored{0}, refused{0}, closing{0}, other{0};
  [[nodiscard]] std::uint64_t all() const { return stored + refused + closing + other; }
};

void send_stores(caf::event_based_actor* self, const EngineActor& store, std::uint64_t sender, std::uint64_t calls,
                 Counts& counts) {
  for (std::uint64_t i = 1; i <= calls; ++i)
    self->request(store, caf::infinite, store_atom_v, numbered_event("c" + std::to_string(sender), sender, i))
        .then(
            [&counts](const Receipt&) {
              ++counts.stored;
              tell_waiting();
            },
            [&counts](const caf::error& error) {
              switch (to_error(error).code) {
              case Errc::overloaded: ++counts.refused; break;
              case Errc::closing: ++counts.closing; break;
              default: ++counts.other;
              }
              tell_waiting();
            });
}

} // namespace

TEST_CASE("actors: store, batch store, query and flush as typed messages, and weir's own errors") {
  OwnSystem service;
  SimulatedDisk disk;
  Engine engine = opened(disk);
  const EngineActor store = spawn_engine_actor(*service.system, engine);
  caf::scoped_actor self(*service.system);

  const auto one = ask<Receipt>(self, store, store_atom_v, numbered_event("c", 1, 1));
  REQUIRE_MESSAGE(one.ok(), why(one));
  CHECK(one->sequence == 1);
  CHECK(one->durability == Durability::synced);
  StoreOptions options;
  options.durability = Durability::buffered;
  const auto batch = ask<Receipt>(self, store, store_atom_v, std::string("c"), batch_of("c", 2, 3), options);
  REQUIRE_MESSAGE(batch.ok(), why(batch));
  CHECK(batch->sequence == 2);
  CHECK(batch->events == 3);

  const auto answer = ask<QueryResultPtr>(self, store, query_atom_v, std::string("QUERY * COUNT"));
  REQUIRE_MESSAGE(answer.ok(), why(answer));
  CHECK((*answer)->rows.at(0).at(0) == Value(4));
  CHECK(command(self, store, flush_atom_v).ok());
  std::uint64_t in_segments = 0;
  for (const ShardStats& shard : engine.stats().shards)
    in_segments += shard.segment_events;
  CHECK(in_segments == 4);

  const auto unparsed = ask<QueryResultPtr>(self, store, query_atom_v, std::string("QUERY noted WHERE"));
  const auto direct = engine.query("QUERY noted WHERE");
  CHECK(unparsed.code() == Errc::parse_error);
  CHECK(why(unparsed) == why(direct)); // message and place cross the border
  Event bad = numbered_event("c", 1, 1);
  bad.payload = "[]";
  CHECK(ask<Receipt>(self, store, store_atom_v, bad).code() == Errc::invalid_argument);
  CHECK(ask<Receipt>(self, store, store_atom_v, std::string("c"), EventList{}, StoreOptions{}).code() ==
        Errc::invalid_argument);
  CHECK(ask<ReplayActor>(self, store, replay_atom_v, std::string(), ReplayOptions{}).code() == Errc::invalid_argument);
  CHECK(to_error(caf::make_error(caf::sec::request_timeout)).code == Errc::io_error);
  CHECK(read_dense(engine, "c").size() == 4);

  // The message stays the sender's, if he keeps it.
  const caf::message kept = caf::make_message(store_atom_v, numbered_event("c", 1, 5));
  for (Sequence next = 5; next <= 6; ++next)
    self->request(caf::actor_cast<caf::actor>(store), caf::infinite, kept)
        .receive([&](const Receipt& receipt) { CHECK(receipt.sequence == next); },
                 [](const caf::error& error) { FAIL_CHECK(to_string(to_error(error))); });
  // A plain send asks for no answer and is stored all the same.
  self->send(store, store_atom_v, numbered_event("c", 1, 7));
  const auto after = ask<Receipt>(self, store, store_atom_v, numbered_event("c", 1, 8));
  REQUIRE_MESSAGE(after.ok(), why(after));
  CHECK(after->sequence == 8);
  CHECK(self->mailbox().empty());
}

TEST_CASE("actors: stores with expectations, conditions and ids are judged, and every conflict comes through") {
  OwnSystem service;
  SimulatedDisk disk;
  Engine engine = opened(disk);
  const EngineActor store = spawn_engine_actor(*service.system, engine);
  caf::scoped_actor self(*service.system);
  const auto send = [&](const std::string& context, EventList events, const StoreOptions& options) {
    return ask<Receipt>(self, store, store_atom_v, context, std::move(events), options);
  };
  const auto event = [](const std::string& type, const std::string& id) {
    return Event{.event_type = type, .payload = "{}", .event_id = id, .metadata = R"({"tags":["row-7"]})"};
  };
  const auto first = send("a-{1}", {event("booked", "b-1"), event("paid", "p-1")},
                          {.expect = Expectation::no_context(), .fail_if = FailIf{.group = "1"}});
  REQUIRE_MESSAGE(first.ok(), why(first));
  const Receipt booked{1, first->position, 1, Durability::synced, false};
  const Receipt paid{2, first->position + 1, 1, Durability::synced, false};

  const StoreOptions stale{.expect = Expectation::exactly(1)};
  const auto conflict = send("a-{1}", {event("tried", "")}, stale);
  CHECK(conflict.code() == Errc::sequence_conflict);
  CHECK(conflict.error().conflicts == std::vector<Conflict>{{"a-{1}", "", 2, paid}});
  const auto check = send("a-{1}", {}, stale);
  CHECK(check.code() == Errc::sequence_conflict);
  CHECK(check.error().conflicts == conflict.error().conflicts);
  CHECK(send("a-{1}", {}, {.expect = Expectation::exactly(2)})->last_sequence() == 2);

  const StoreOptions condition{.fail_if = FailIf{.group = "1", .tags = {"row-7"}}};
  const auto failed = send("b-{1}", {event("booked", "b-2")}, condition);
  CHECK(failed.code() == Errc::condition_failed);
  CHECK(failed.error().conflicts == std::vector<Conflict>{{"a-{1}", "b-1", 1, booked, true}});
  const auto both = send("b-{1}", {event("booked", "b-2")},
                         {.expect = Expectation::exists(), .fail_if = FailIf{.group = "1", .types = {"paid"}}});
  CHECK(both.code() == Errc::sequence_conflict);
  CHECK(both.error().conflicts ==
        std::vector<Conflict>{{"b-{1}", "", 0, std::nullopt}, {"a-{1}", "p-1", 2, paid, true}});
  CHECK(send("b-{1}", {}, {.fail_if = FailIf{.group = "2"}}).code() == Errc::unsupported);

  const auto again = send("a-{1}", {event("booked", "b-1"), event("paid", "p-1")}, stale);
  REQUIRE_MESSAGE(again.ok(), why(again));
  CHECK(again->duplicate);
  CHECK(again->position == first->position);
  const auto taken = send("a-{1}", {event("paid", "b-1")}, {});
  REQUIRE(taken.code() == Errc::event_id_conflict);
  REQUIRE(taken.error().conflicts.size() == 1);
  CHECK(taken.error().conflicts[0].event_id == "b-1");
  CHECK(taken.error().conflicts[0].receipt->position == booked.position);
  // As the engine itself tells them.
  const auto direct = engine.store("a-{1}", {event("tried", "")}, stale);
  CHECK(why(direct) == why(conflict));
  CHECK(direct.error().conflicts == conflict.error().conflicts);
  CHECK(read_dense(engine, "a-{1}").size() == 2);
  CHECK(read_dense(engine, "b-{1}").empty());
}

TEST_CASE("actors: eight actors race with exactly(n): one wins for each n, and every loser is told the true sequence") {
  OwnSystem service;
  SimulatedDisk disk;
  Engine engine = opened(disk);
  const EngineActor store = spawn_engine_actor(*service.system, engine);
  constexpr unsigned racers = 8;
  ActorRace race(store, engine, racers);
  for (unsigned racer = 0; racer < racers; ++racer)
    service.system->spawn([&race](caf::event_based_actor* me, int) { race.next(me, 0); }, 0);
  race.done.wait();
  CHECK(race.untrue == 0);
  CHECK(race.others == 0);
  for (Sequence sequence = 1; sequence <= ActorRace::rounds; ++sequence)
    CHECK(race.winners.at(sequence) == 1);
  CHECK(read_dense(engine, "c").size() == ActorRace::rounds);
}

TEST_CASE("actors: a replay answers each request with a batch, in order, and with an empty one at the end") {
  OwnSystem service;
  SimulatedDisk disk;
  Engine engine = opened(disk);
  for (std::uint64_t i = 1; i <= 25; ++i) {
    REQUIRE(engine.store(numbered_event("c", 1, i)).ok());
    if (i == 10)
      REQUIRE(engine.flush().ok());
  }
  const EngineActor store = spawn_engine_actor(*service.system, engine);
  caf::scoped_actor self(*service.system);
  ReplayOptions options;
  options.batch_events_max = 5;
  auto replay = ask<ReplayActor>(self, store, replay_atom_v, std::string("c"), options);
  REQUIRE_MESSAGE(replay.ok(), why(replay));

  // Two requests under way at any time; an answer is taken in the order asked.
  using Answers = std::vector<EventBatchPtr>;
  Answers answers;
  std::latch done(1);
  const caf::actor reader = service.system->spawn(
      [&](caf::event_based_actor* me, int) {
        const auto next = std::make_shared<std::function<void()>>();
        const auto outstanding = std::make_shared<int>(2);
        *next = [&, me, next, outstanding] {
          me->request(*replay, caf::infinite, next_atom_v)
              .then(
                  [&, next, outstanding](const EventBatchPtr& batch) {
                    answers.push_back(batch);
                    if (!batch->empty())
                      return (*next)();
                    if (--*outstanding == 0) {
                      *next = nullptr;
                      done.count_down();
                    }
                  },
                  [&](const caf::error& error) {
                    FAIL_CHECK(to_string(to_error(error)));
                    done.count_down();
                  });
        };
        (*next)();
        (*next)();
      },
      0);
  done.wait();
  Sequence due = 1;
  for (const EventBatchPtr& batch : answers)
    for (const EventView& event : *batch) {
      CHECK(event.sequence == due);
      CHECK(sender_number(event.payload).number == due++);
    }
  CHECK(due == 26);
  REQUIRE(answers.size() == 7); // five full ones and an end for each request
  CHECK(answers[5]->empty());
  CHECK(answers[6]->empty());

  CHECK(command(self, *replay, detach_atom_v).ok());
  self->wait_for(*replay);
  CHECK(ask<EventBatchPtr>(self, *replay, next_atom_v).ok()); // answered, though the actor has ended
}

TEST_CASE("actors: detach ends the actor and not the engine") {
  OwnSystem service;
  SimulatedDisk disk;
  Engine engine = opened(disk);
  const EngineActor store = spawn_engine_actor(*service.system, engine);
  caf::scoped_actor self(*service.system);
  CHECK(command(self, store, detach_atom_v).ok());
  self->wait_for(store);
  CHECK(engine.store(numbered_event("c", 1, 1)).ok());
  const EngineActor another = spawn_engine_actor(*service.system, engine);
  CHECK(ask<Receipt>(self, another, store_atom_v, numbered_event("c", 1, 2))->sequence == 2);
}

TEST_CASE("actors: requests to a closed engine are answered closing, also after it is gone") {
  OwnSystem service;
  SimulatedDisk disk;
  std::optional<Engine> engine = opened(disk);
  REQUIRE(engine->store(numbered_event("c", 1, 1)).ok());
  const EngineActor store = spawn_engine_actor(*service.system, *engine);
  caf::scoped_actor self(*service.system);
  const auto replay = ask<ReplayActor>(self, store, replay_atom_v, std::string("c"), ReplayOptions{});
  REQUIRE_MESSAGE(replay.ok(), why(replay));
  const auto all_closing = [&] {
    CHECK(ask<Receipt>(self, store, store_atom_v, numbered_event("c", 1, 2)).code() == Errc::closing);
    CHECK(ask<Receipt>(self, store, store_atom_v, std::string("c"), batch_of("c", 2, 2), StoreOptions{}).code() ==
          Errc::closing);
    CHECK(ask<QueryResultPtr>(self, store, query_atom_v, std::string("QUERY *")).code() == Errc::closing);
    CHECK(ask<ReplayActor>(self, store, replay_atom_v, std::string("c"), ReplayOptions{}).code() == Errc::closing);
    CHECK(ask<EventBatchPtr>(self, *replay, next_atom_v).code() == Errc::closing);
    CHECK(command(self, store, flush_atom_v).code() == Errc::closing);
  };
  REQUIRE(engine->close().ok());
  all_closing();
  engine.reset();
  all_closing();
}

TEST_CASE("actors: four actors before a full inbox are parked, refused beyond the bound, and all answered") {
  OwnSystem service;
  SimulatedDisk disk;
  EngineOptions options;
  options.shards = 1;
  options.inbox_commands_max = 8;
  options.inbox_parked_max = 16;
  Gate gate;
  Engine engine = opened(disk, options);
  const OpenAtEnd opener(gate);
  const EngineActor store = spawn_engine_actor(*service.system, engine);
  for (std::uint64_t sender = 1; sender <= 4; ++sender)
    REQUIRE(engine.store(numbered_event("c" + std::to_string(sender), sender, 0)).ok());
  gate.close();
  disk.fs().set_hook(hold(gate, io::Operation::sync_data, "wal/000/"));
  const auto fillers = fill_groups(engine, gate);
  Counts counts;
  constexpr std::uint64_t calls = 50;
  for (std::uint64_t sender = 1; sender <= 4; ++sender)
    service.system->spawn(
        [&](caf::event_based_actor* me, std::uint64_t mine) { send_stores(me, store, mine, calls, counts); }, sender);
  constexpr std::uint64_t refused = 4 * calls - 8 - 16;
  CHECK(eventually([&] { return counts.refused == refused; }));
  CHECK(engine.stats().shards[0].inbox_commands == options.inbox_commands_max);
  CHECK(engine.stats().shards[0].inbox_waiting == options.inbox_parked_max);
  CHECK(counts.all() == refused);
  gate.open();
  REQUIRE(eventually([&] { return counts.all() == 4 * calls; }));
  CHECK(counts.stored == 8 + 16);
  CHECK(counts.refused == refused);
  for (const Ticket& filler : fillers)
    CHECK(filler.wait().ok());
  std::uint64_t stored = 0;
  for (std::uint64_t sender = 1; sender <= 4; ++sender) {
    std::uint64_t last = 0;
    for (const StoredEvent& event : read_dense(engine, "c" + std::to_string(sender))) {
      const std::uint64_t number = sender_number(event.payload).number;
      CHECK((event.sequence == 1 || number > last));
      last = number;
      ++stored;
    }
  }
  CHECK(stored == counts.stored + 4);
}

TEST_CASE("actors: one that dies with answers outstanding harms nobody, and its stores are stored") {
  OwnSystem service;
  SimulatedDisk disk;
  EngineOptions options;
  options.shards = 1;
  Gate gate;
  Engine engine = opened(disk, options);
  const OpenAtEnd opener(gate);
  const EngineActor store = spawn_engine_actor(*service.system, engine);
  REQUIRE(engine.store(numbered_event("c1", 1, 0)).ok());
  gate.close();
  disk.fs().set_hook(hold(gate, io::Operation::sync_data, "wal/000/"));
  Counts counts;
  std::latch sent(1);
  constexpr std::uint64_t calls = 20;
  const caf::actor doomed = service.system->spawn(
      [&](caf::event_based_actor* me, std::uint64_t mine) -> caf::behavior {
        send_stores(me, store, mine, calls, counts);
        me->request(store, caf::infinite, replay_atom_v, std::string("c1"), ReplayOptions{})
            .then([](const ReplayActor&) {}, [](const caf::error&) {});
        me->request(store, caf::infinite, flush_atom_v).then([] {}, [](const caf::error&) {});
        sent.count_down();
        return {[](int) {}};
      },
      std::uint64_t{1});
  sent.wait();
  gate.wait_until_n_waiting(1);
  caf::scoped_actor self(*service.system);
  self->send_exit(doomed, caf::exit_reason::kill);
  self->wait_for(doomed);
  gate.open();
  const auto receipt = engine.store(numbered_event("c1", 2, 1));
  REQUIRE_MESSAGE(receipt.ok(), why(receipt));
  CHECK(receipt->sequence == 1 + calls + 1);
  CHECK(counts.stored == 0);
  CHECK(engine.flush().ok());
  CHECK(engine.close().ok());
}

TEST_CASE("actors: an engine that closes answers the actors that still wait") {
  OwnSystem service;
  SimulatedDisk disk;
  EngineOptions options;
  options.shards = 1;
  options.inbox_commands_max = 4;
  options.inbox_parked_max = 1'000;
  Gate gate;
  Engine engine = opened(disk, options);
  const OpenAtEnd opener(gate);
  const EngineActor store = spawn_engine_actor(*service.system, engine);
  REQUIRE(engine.store(numbered_event("c1", 1, 0)).ok());
  gate.close();
  disk.fs().set_hook(hold(gate, io::Operation::sync_data, "wal/000/"));
  const auto fillers = fill_groups(engine, gate);
  Counts counts;
  std::latch sent(1);
  constexpr std::uint64_t calls = 100;
  service.system->spawn(
      [&](caf::event_based_actor* me, std::uint64_t mine) {
        send_stores(me, store, mine, calls, counts);
        sent.count_down();
      },
      std::uint64_t{1});
  sent.wait();
  Status closed = fail(Errc::io_error, "not run");
  std::thread closer([&] { closed = engine.close(); });
  CHECK(eventually([&] { return counts.closing == calls - 4; })); // those that were parked know already
  gate.open();
  closer.join();
  CHECK_MESSAGE(closed.ok(), why(closed));
  REQUIRE(eventually([&] { return counts.all() == calls; }));
  CHECK(counts.stored == 4);
  for (const Ticket& filler : fillers)
    CHECK(filler.wait().ok());
  CHECK(read_dense(opened(disk), "c1").size() == 4 + 1);
}
