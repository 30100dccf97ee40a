// The clients that are actors: they reach the engine by messages alone.
#include "trust/simulation/clients.hpp"

#include "engine/text.hpp"

#include <stdexcept>
#include <utility>

namespace weir::trust {

namespace {

// What a client actor is told.
constexpr int do_next = 0, throw_something = 1;

} // namespace

void Clients::spawn(std::size_t place) {
  const int number = incarnations_++;
  actors_.resize(std::max(actors_.size(), place + 1));
  actors_[place] = machine_.actors().spawn<caf::hidden>(
      [this, place, life = life_](caf::event_based_actor* self, int me) -> caf::behavior {
        self->set_exception_handler([](std::exception_ptr&) -> caf::error { return caf::sec::runtime_error; });
        self->attach_functor([this, place, life, me] {
          if (life != life_)
            return;
          journal_.forget(me);
          actors_[place] = nullptr;
        });
        return {[this, self, me, life](int what) {
          if (what == throw_something)
            throw std::runtime_error("a client's own mistake");
          if (life == life_)
            act_as(self, me);
        }};
      },
      number);
}

void Clients::send_act() {
  const std::size_t place = chance_.pick(actors_.size());
  if (!actors_[place])
    spawn(place);
  caf::anon_send(actors_[place], do_next);
}

void Clients::kill_actor() {
  const caf::actor actor = actors_[chance_.pick(actors_.size())];
  if (!actor)
    return;
  if (chance_.one_in(2))
    caf::anon_send_exit(actor, caf::exit_reason::kill);
  else
    caf::anon_send(actor, throw_something);
}

void Clients::act_as(caf::event_based_actor* self, int number) {
  switch (chance_.pick(10)) {
  case 0:
  case 1: return actor_replays(self, number);
  case 2: return actor_queries(self, number);
  case 3: return actor_flushes(self, number);
  default: return may_store() ? actor_stores(self, number) : actor_queries(self, number);
  }
}

void Clients::actor_stores(caf::event_based_actor* self, int number) {
  const std::string context = any_context();
  StoreOptions options;
  EventList events;
  Call call = new_call(context, options, events, number);
  const auto stored = [this](const Call& which) {
    return [this, which](const Receipt& r) { answered(which, r, false); };
  };
  const auto refused = [this](const Call& which) {
    return [this, which](const caf::error& e) { answered(which, to_error(e), false); };
  };
  if (events.size() == 1) {
    events.front().context_id = context;
    call.asked = machine_.engine().options().durability;
    self->request(machine_.ingress(), caf::infinite, store_atom_v, std::move(events.front()))
        .then(stored(call), refused(call));
  } else {
    self->request(machine_.ingress(), caf::infinite, store_atom_v, context, std::move(events), options)
        .then(stored(call), refused(call));
  }
}

void Clients::actor_replays(caf::event_based_actor* self, int number) {
  ++counts_.replays;
  const auto replay = std::make_shared<ActorReplay>();
  const std::string context = any_context();
  replay->read = journal_.begin_read(context);
  replay->request = journal_.ask("a replay of " + context, number);
  replay->life = life_;
  replay->client = number;
  self->request(machine_.ingress(), caf::infinite, replay_atom_v, context,
                ReplayOptions{.batch_events_max = 1 + chance_.pick(16)})
      .then(
          [this, self, replay](const ReplayActor& from) {
            if (!told(replay->request, replay->life))
              return;
            replay->from = from;
            for (std::size_t i = 1 + chance_.pick(2); i != 0; --i)
              actor_asks_next(self, replay);
          },
          [this, replay](const caf::error& error) {
            if (told(replay->request, replay->life))
              journal_.refused("a replay of " + replay->read.context, to_error(error));
          });
}

void Clients::actor_asks_next(caf::event_based_actor* self, const std::shared_ptr<ActorReplay>& replay) {
  const std::uint64_t request = journal_.ask("a batch of " + replay->read.context, replay->client);
  self->request(replay->from, caf::infinite, next_atom_v)
      .then(
          [this, self, replay, request](const EventBatchPtr& batch) {
            if (!told(request, replay->life) || replay->ended)
              return;
            for (const EventView& event : *batch)
              replay->rows.push_back({event.sequence, event.position, std::string(event.payload)});
            if (!batch->empty())
              return actor_asks_next(self, replay);
            replay->ended = true;
            replay->from = nullptr;
            end_read(replay->read, replay->rows);
          },
          [this, replay, request](const caf::error& error) {
            if (!told(request, replay->life))
              return;
            if (!std::exchange(replay->ended, true))
              journal_.refused("a batch of " + replay->read.context, to_error(error));
            replay->from = nullptr;
          });
}

void Clients::actor_queries(caf::event_based_actor* self, int number) {
  ++counts_.queries;
  const std::string context = any_context();
  const std::uint64_t request = journal_.ask("a query for " + context, number);
  self->request(machine_.ingress(), caf::infinite, query_atom_v, query_text(context))
      .then(
          [this, request, life = life_, read = journal_.begin_read(context)](const QueryResultPtr& result) {
            if (told(request, life))
              end_read(read, rows_of(*result));
          },
          [this, request, life = life_](const caf::error& error) {
            if (told(request, life))
              journal_.refused("a query", to_error(error));
          });
}

void Clients::actor_flushes(caf::event_based_actor* self, int number) {
  ++counts_.flushes;
  const std::uint64_t request = journal_.ask("a flush", number);
  self->request(machine_.ingress(), caf::infinite, flush_atom_v)
      .then(
          [this, request, life = life_, before = journal_.ledger().must_be_seen()] {
            if (told(request, life))
              journal_.ledger().vouch_for(before); // they are in segments
          },
          [this, request, life = life_](const caf::error& error) {
            if (told(request, life))
              journal_.refused("a flush", to_error(error));
          });
}

} // namespace weir::trust
