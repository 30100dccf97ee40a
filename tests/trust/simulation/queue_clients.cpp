// Clients that go beyond a context: calls for several, conditions on what is stored, the event queue.
#include "trust/simulation/clients.hpp"

#include "engine/text.hpp"

#include <iterator>
#include <set>
#include <utility>

namespace weir::trust {

void Clients::expect_something(const Call& call, const std::string& context, StoreOptions& options) {
  if (planted_.is(Mistake::receipt_made_up)) // which would be found at once, and as something else
    return;
  if (chance_.one_in(4)) {
    ++counts_.conditions;
    const Sequence known = journal_.last_sequence(context);
    const Sequence expected = chance_.one_in(4) ? chance_.pick(20) : known;
    options.expect = Expectation::exactly(expected);
    journal_.expects(call.number, expected);
  }
  const bool in_group = context.ends_with('}');
  if (in_group && chance_.one_in(2)) {
    ++counts_.conditions;
    const Position after = chance_.one_in(8) ? 0 : journal_.last_in_group();
    options.fail_if = FailIf{Journal::group, {"stored"}, {}, after};
    journal_.forbids(call.number, after);
  }
}

void Clients::store_together() {
  if (!may_store(std::size(Journal::grouped)))
    return;
  ++counts_.together;
  StoreOptions options;
  std::vector<ContextEvents> parts;
  std::vector<Call> calls;
  for (const char* const context : Journal::grouped) {
    ContextEvents& part = parts.emplace_back();
    part.context_id = context;
    calls.push_back(new_call(context, options, part.events, Journal::nobody));
  }
  for (Call& call : calls)
    call.asked = options.durability.value_or(machine_.engine().options().durability);
  journal_.ledger().tie_last_two();
  if (chance_.one_in(3)) {
    ++counts_.conditions;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const Sequence known = journal_.last_sequence(parts[i].context_id);
      parts[i].expect = Expectation::exactly(known);
      journal_.expects(calls[i].number, known);
    }
  }
  machine_.engine().store_async(
      std::move(parts),
      [this, calls](const Result<std::vector<Receipt>>& answer) {
        for (std::size_t i = 0; i < calls.size(); ++i)
          answered(calls[i], answer ? Result<Receipt>((*answer)[i]) : Result<Receipt>(answer.error()), true);
      },
      options);
}

void Clients::read_queue() {
  ++counts_.queue_reads;
  if (!subscription_) {
    SubscribeOptions options;
    options.from = QueueStart::at(journal_.ledger().checkpoint());
    options.batch_events_max = 1 + chance_.pick(16);
    auto subscription = machine_.engine().subscribe(std::move(options));
    if (!subscription)
      return journal_.refused("a subscription", subscription.error());
    subscription_.emplace(std::move(*subscription));
  }
  const auto batch = subscription_->next(std::chrono::milliseconds(0));
  if (batch)
    return journal_.read_queue(*batch);
  journal_.refused("the event queue", batch.error());
  subscription_.reset();
}

void Clients::probe() {
  std::vector<std::string> names; // by shard
  for (unsigned i = 0; names.size() < machine_.engine().options().shards; ++i)
    if (std::string name = "probe" + std::to_string(i); machine_.engine().shard_of(name) == names.size())
      names.push_back(std::move(name));
  for (const std::string& context : names) {
    const std::size_t number = journal_.ledger().calls().size();
    const ShardId shard = machine_.engine().shard_of(context);
    const std::uint64_t request = journal_.ask("a probe of shard " + std::to_string(shard));
    machine_.engine().store_async(context, journal_.ledger().send(context, shard, 1, 0),
                                  [this, number, request](const Result<Receipt>& answer) {
                                    journal_.told(request);
                                    journal_.stored(number, Durability::synced, answer, true);
                                    if (!answer)
                                      journal_.wrong("I9: a store into an engine opened again: " +
                                                     to_string(answer.error()));
                                  },
                                  {.durability = Durability::synced, .timeout_ms = {}});
  }
}

void Clients::remove() {
  const std::string context = any_context();
  if (!context.ends_with('}')) // conditions on groups are judged by positions in receipts
    removals_.act(context);
}

bool Clients::read_contexts(Journal::Queued& stored, Journal::Queued& all) {
  std::set<std::string> names;
  for (const StoredCall& call : journal_.ledger().calls())
    names.insert(call.context_id);
  for (const std::string& context : names) {
    const auto rows = replay_now(machine_.engine(), context, 1'024);
    const auto whole = rows ? removals_.whole(context, *rows) : std::nullopt;
    if (!whole) {
      journal_.wrong("I8: a replay of " + context + ": " + (rows ? "no mark" : to_string(rows.error())));
      return false;
    }
    for (const Row& row : *rows)
      stored[row.position] = row.payload;
    for (const Row& row : *whole)
      all[row.position] = row.payload;
  }
  return true;
}

void Clients::drain_consumers() {
  Journal::Queued stored, all;
  if (!read_contexts(stored, all))
    return;
  consumers_.drain(stored);
  consumers_.check(all, stored);
}

void Clients::check_queue() {
  Journal::Queued queued, stored, all;
  if (!read_contexts(stored, all))
    return;
  SubscribeOptions options;
  options.follow = false;
  auto events = machine_.engine().subscribe(std::move(options));
  if (!events)
    return journal_.wrong("I12: a subscription: " + to_string(events.error()));
  for (bool more = true; more;) {
    const auto batch = events->next(std::chrono::milliseconds(0));
    if (!batch)
      return journal_.wrong("I12: the event queue: " + to_string(batch.error()));
    for (const EventView& event : batch->events) {
      if (!queued.empty() && event.position <= queued.rbegin()->first)
        journal_.wrong("I12: the event queue is out of order");
      queued[event.position] = event.payload;
    }
    more = !batch->ended;
  }
  journal_.check_queue(queued, stored, all);
  consumers_.check(all, stored);
}

} // namespace weir::trust
