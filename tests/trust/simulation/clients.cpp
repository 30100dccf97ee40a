#include "trust/simulation/clients.hpp"

#include "engine/check.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <utility>

namespace weir::trust {

namespace {

constexpr std::size_t contexts = 6;

Rows rows_of(const EventBatch& batch) {
  Rows rows;
  for (const EventView& event : batch)
    rows.push_back({event.sequence, event.position, std::string(event.payload)});
  return rows;
}

void append(Rows& to, Rows&& more) {
  std::move(more.begin(), more.end(), std::back_inserter(to));
}

} // namespace

Result<Rows> replay_now(const Engine& engine, const std::string& context, std::size_t batch_events_max) {
  auto stream = engine.replay(context, {.batch_events_max = batch_events_max});
  if (!stream)
    return std::move(stream).error();
  Rows rows;
  while (true) {
    const auto batch = stream->next();
    if (!batch)
      return batch.error();
    if (batch->empty())
      return rows;
    append(rows, rows_of(*batch));
  }
}

std::string query_text(const std::string& context) {
  return "QUERY * FOR \"" + context + "\" RETURN sequence, position, payload ORDER BY sequence";
}

Rows rows_of(const QueryResult& result) {
  Rows rows;
  for (const auto& row : result.rows)
    rows.push_back({*row[0].as_uint64(), *row[1].as_uint64(), std::string(*row[2].as_json())});
  return rows;
}

Clients::Clients(Machine& machine, Journal& journal, std::uint64_t seed, Mistake mistake)
    : machine_(machine), journal_(journal), chance_(seed), planted_(mistake, chance_.pick(20)),
      removing_(chance_.one_in(2) || mistake == Mistake::removal_lost || planted_.about_retention()),
      removals_(machine, journal, chance_.next(), mistake),
      retention_(machine, journal, removals_, chance_.next(), mistake),
      schemas_(machine, journal, chance_.next(), mistake),
      backups_(machine, journal, removals_, chance_.next(), mistake),
      consumers_(machine, journal, removals_, chance_.next(), mistake),
      snapshots_(machine, journal, removals_, chance_.next(), mistake) {
}

void Clients::start() {
  retention_.begin();
  schemas_.begin();
  for (std::size_t place = 0; place < actors_max; ++place)
    spawn(place);
}

void Clients::end() {
  ++life_;
  for (const caf::actor& actor : std::exchange(actors_, {}))
    if (actor)
      caf::anon_send_exit(actor, caf::exit_reason::kill);
  for (int client = 0; client <= incarnations_; ++client)
    journal_.forget(client);
  let_go();
  held_back_.reset();
  removals_.end();
  schemas_.end();
  snapshots_.end();
}

void Clients::act_blocked() {
  if (removing_ && chance_.one_in(4))
    retention_.act();
  else if (chance_.one_in(4))
    backups_.act();
  else if (chance_.one_in(4))
    snapshots_.act("c0");
  else
    consumers_.act();
}

void Clients::die() {
  ++life_;
  removals_.end();
  schemas_.end();
  journal_.closing();
  machine_.die();
}

void Clients::let_go() {
  pulls_.clear();
  subscription_.reset();
  consumers_.end();
  pushes_.clear(); // a pushed replay without credit ends when its subscription goes
}

std::string Clients::any_context() {
  if (chance_.one_in(8))
    return Journal::grouped[chance_.pick(std::size(Journal::grouped))];
  if (chance_.one_in(16))
    return Journal::mortal;
  const std::size_t one = chance_.pick(contexts), other = chance_.pick(contexts);
  return format("c{}", std::min(one, other));
}

bool Clients::may_store(std::size_t calls) const {
  constexpr std::size_t left_for_probes = 8;
  return journal_.ledger().calls().size() + calls + left_for_probes <= calls_max;
}

Clients::Call Clients::new_call(const std::string& context, StoreOptions& options, std::vector<Event>& events,
                                int client) {
  ++counts_.stores;
  if (const std::size_t durability = chance_.pick(5); durability < 3)
    options.durability = static_cast<Durability>(durability);
  Call call;
  call.number = journal_.ledger().calls().size();
  call.life = life_;
  call.client = client;
  call.asked = options.durability.value_or(machine_.engine().options().durability);
  call.request = journal_.ask("store " + std::to_string(call.number) + " into " + context, client);
  const auto count = static_cast<unsigned>(chance_.any_of({1, 1, 1, 2, 4}));
  events = journal_.ledger().send(context, machine_.engine().shard_of(context), count,
                                  chance_.any_of<std::size_t>({0, 0, 60, 300, 1'500}));
  for (Event& event : events)
    if (removing_ && !context.ends_with('}') && chance_.one_in(3))
      event.event_type = RetentionClients::other_type;
  schemas_.sent(call.number, events);
  return call;
}

void Clients::answered(const Call& call, const Result<Receipt>& answer, bool in_turn) {
  if (call.life != life_) {
    if (call.client == Journal::nobody) // it is counted, though nobody is there to use it
      journal_.told(call.request);
    return;
  }
  if (mistake_now(Mistake::answer_lost))
    return;
  if (answer.ok() && held_back_) {
    const auto [other, receipt] = *std::exchange(held_back_, std::nullopt);
    note_answer(other, *answer, false);
    note_answer(call, receipt, false);
    return;
  }
  if (answer.ok() && mistake_now(Mistake::receipts_swapped)) {
    held_back_ = {call, *answer};
    return;
  }
  note_answer(call, answer, in_turn);
  if (mistake_now(Mistake::answer_twice))
    note_answer(call, answer, in_turn);
}

void Clients::note_answer(const Call& call, const Result<Receipt>& answer, bool in_turn) {
  journal_.told(call.request);
  journal_.stored(call.number, call.asked, answer, in_turn);
  schemas_.answered(call.number, answer);
}

bool Clients::told(std::uint64_t request, std::uint64_t life) {
  if (life == life_)
    journal_.told(request);
  return life == life_;
}

void Clients::act() {
  poll();
  // What a planted mistake is about happens more often.
  if (planted_.about_consumers() && chance_.one_in(2))
    return consumers_.act();
  if (planted_.about_snapshots() && chance_.one_in(2))
    return snapshots_.act("c0");
  if (planted_.about_retention() && chance_.one_in(2))
    return retention_.act();
  if (planted_.about_schemas() && chance_.one_in(2))
    return schemas_.act(any_context());
  if (planted_.about_backups() && chance_.one_in(6))
    return backups_.act();
  switch (chance_.pick(31)) {
  case 16:
  case 17:
  case 18:
  case 19:
  case 20: return consumers_.act();
  case 21:
  case 22: return snapshots_.act(chance_.one_in(2) ? "c0" : any_context());
  case 23: return removing_ ? remove() : pull();
  case 24:
  case 25: return removing_ ? retention_.act() : pull();
  case 26:
  case 27:
  case 28:
  case 29: return schemas_.at_work() ? schemas_.act(any_context()) : store_with_callback();
  case 30: return chance_.one_in(3) ? backups_.act() : pull();
  case 0:
  case 1:
  case 2:
  case 3: return store_with_callback();
  case 4:
  case 5: return store_with_ticket(false);
  case 6:
  case 7: return store_with_ticket(true);
  case 8: return push();
  case 9: return read_twice();
  case 10: return store_together();
  case 11:
  case 12: return read_queue();
  default: return pull();
  }
}

void Clients::store_with_callback() {
  if (!may_store())
    return;
  const std::string context = any_context();
  StoreOptions options;
  std::vector<Event> events;
  const Call call = new_call(context, options, events, Journal::nobody);
  if (mistake_now(Mistake::receipt_made_up))
    return note_answer(call, Receipt{1, 1, static_cast<std::uint32_t>(events.size()), Durability::synced}, false);
  expect_something(call, context, options);
  const auto done = [this, call](const Result<Receipt>& answer) {
    answered(call, answer, true);
    if (call.life == life_ && chance_.one_in(12)) // from inside the engine
      store_with_callback();
  };
  if (events.size() == 1) {
    events.front().context_id = context;
    machine_.engine().store_async(std::move(events.front()), done, options);
  } else {
    machine_.engine().store_async(context, std::move(events), done, options);
  }
}

void Clients::store_with_ticket(bool refuse_when_full) {
  if (!may_store())
    return;
  const std::string context = any_context();
  StoreOptions options;
  std::vector<Event> events;
  const Call call = new_call(context, options, events, Journal::nobody);
  expect_something(call, context, options);
  tickets_.push_back({refuse_when_full ? machine_.engine().try_store(context, std::move(events), options)
                                       : machine_.engine().store_async(context, std::move(events), options),
                      call});
}

void Clients::poll() {
  for (auto each = tickets_.begin(); each != tickets_.end();) {
    if (!each->ticket.ready()) {
      ++each;
      continue;
    }
    const WaitingTicket ticket = std::move(*each);
    each = tickets_.erase(each);
    answered(ticket.call, ticket.ticket.wait(), false);
  }
}

void Clients::end_read(const Journal::Read& read, const Rows& live) {
  auto whole = removals_.whole(read.context, live);
  if (!whole)
    return;
  Rows rows = *std::move(whole);
  if (!rows.empty() && mistake_now(Mistake::read_short)) {
    // Its last call, so that no call is torn.
    std::size_t events = 1;
    for (const StoredCall& call : journal_.ledger().calls())
      if (call.payloads.back() == rows.back().payload)
        events = call.payloads.size();
    rows.resize(rows.size() - std::min(events, rows.size()));
  }
  journal_.end_read(read, rows);
}

void Clients::pull() {
  if (pulls_.size() < 3 && chance_.one_in(3)) {
    ++counts_.replays;
    const std::string context = any_context();
    Journal::Read read = journal_.begin_read(context);
    auto stream = machine_.engine().replay(context, {.batch_events_max = 1 + chance_.pick(8)});
    if (stream)
      pulls_.push_back({std::move(*stream), std::move(read), {}});
    else
      journal_.refused("a replay of " + context, stream.error());
    return;
  }
  if (pulls_.empty())
    return;
  const auto one = std::next(pulls_.begin(), static_cast<std::ptrdiff_t>(chance_.pick(pulls_.size())));
  const auto batch = one->stream.next();
  if (batch && !batch->empty())
    return append(one->rows, rows_of(*batch));
  if (batch)
    end_read(one->read, one->rows);
  else
    journal_.refused("a replay of " + one->read.context, batch.error());
  pulls_.erase(one);
}

void Clients::push() {
  if (!pushes_.empty() && chance_.one_in(2)) {
    const auto one = std::next(pushes_.begin(), static_cast<std::ptrdiff_t>(chance_.pick(pushes_.size())));
    if ((*one)->ended)
      pushes_.erase(one);
    else if (chance_.one_in(6))
      (*one)->subscription->cancel();
    else
      (*one)->subscription->request(1 + chance_.pick(2));
    return;
  }
  ++counts_.replays;
  const std::string context = any_context();
  const auto state = std::make_shared<PushReplay>();
  const auto rows = std::make_shared<Rows>();
  const std::uint64_t request = journal_.ask("the end of a pushed replay of " + context);
  const std::size_t batch_events_max = 1 + chance_.pick(8);
  const std::size_t credit = chance_.pick(3);
  auto subscription = machine_.engine().replay(
      context, {.batch_events_max = batch_events_max},
      [this, rows, weak = std::weak_ptr(state)](const EventBatch& batch) {
        append(*rows, rows_of(batch));
        if (const auto alive = weak.lock(); alive && alive->subscription && chance_.one_in(2))
          alive->subscription->request(1); // from inside the callback
      },
      [this, rows, request, life = life_, weak = std::weak_ptr(state),
       read = journal_.begin_read(context)](const Status& status) {
        journal_.told(request);
        if (const auto alive = weak.lock())
          alive->ended = true;
        if (life != life_)
          return;
        if (status.ok())
          end_read(read, *rows);
        else if (status.code() != Errc::cancelled)
          journal_.refused("a pushed replay of " + read.context, status.error());
      },
      credit);
  if (!subscription) {
    journal_.told(request);
    return journal_.refused("a pushed replay of " + context, subscription.error());
  }
  state->subscription = std::move(*subscription);
  pushes_.push_back(state);
}

void Clients::read_twice() {
  ++counts_.queries;
  ++counts_.replays;
  const std::string context = any_context();
  const Journal::Read read = journal_.begin_read(context);
  const auto replayed = replay_now(machine_.engine(), context, 1 + chance_.pick(64));
  const auto queried = machine_.engine().query(query_text(context));
  if (!replayed || !queried) {
    journal_.refused("a read of " + context, replayed ? queried.error() : replayed.error());
    return;
  }
  if (rows_of(*queried) != *replayed)
    journal_.wrong("I6: query and replay of " + context + " differ at one moment");
  end_read(read, *replayed);
}

void Clients::finish() {
  poll();
  for (const auto& each : pushes_)
    if (!each->ended)
      each->subscription->request(1'000'000);
  while (!pulls_.empty())
    pull();
}

} // namespace weir::trust
