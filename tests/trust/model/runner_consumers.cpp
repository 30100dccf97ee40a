// Consumers and snapshots in random sequences: what was acknowledged never comes again, what was not comes in order.
#include "trust/model/runner.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <set>

namespace weir::trust {

using test::pick;

namespace {

constexpr const char* single = "single";
constexpr const char* group = "group";
constexpr const char* schema_tag = "v1";
constexpr std::chrono::milliseconds delivery_patience{120'000}; ///< For what must come.

std::string why(const Status& status) {
  return status ? std::string() : to_string(status.error());
}

} // namespace

std::map<Position, std::string> Runner::expected_queue(Position from, Position to,
                                                       const std::map<Position, std::string>& given) const {
  std::map<Position, std::string> expected; // what is removed may be there still
  for (const auto& [context, events] : reference_->contexts())
    for (const test::KnownEvent& known : events)
      if (known.event.position >= from && known.event.position < to &&
          (known.event.sequence >= reference_->first_live(context) || given.contains(known.event.position)))
        expected.emplace(known.event.position, describe(known.event.view()));
  return expected;
}

void Runner::consume() {
  settle();
  ++tally_.consumed;
  auto consumer = engine_->consumers().open(single, {.batch_events_max = 1 + pick(random_, 64)});
  if (!consumer)
    throw Mismatch("consumer: " + to_string(consumer.error()));
  expect(consumer->position() == known_.checkpoint,
         format("consumer: goes on at {}, its checkpoint was {}", consumer->position(), known_.checkpoint));
  Position from = known_.checkpoint;
  for (std::size_t batches = 1 + pick(random_, 8); batches != 0; --batches) {
    const auto batch = consumer->next(std::chrono::milliseconds(0));
    if (!batch)
      throw Mismatch("consumer: " + to_string(batch.error()));
    std::map<Position, std::string> given;
    for (const EventView& event : batch->events)
      given.emplace(event.position, describe(event));
    expect(given == expected_queue(from, batch->next, given), format("consumer: wrong events from {} on", from));
    from = batch->next;
    if (pick(random_, 3) != 0)
      continue;
    note(format("checkpoint {}", from));
    const Status kept = consumer->checkpoint(from);
    expect(kept.ok(), "checkpoint: " + why(kept));
    known_.checkpoint = from;
  }
}

std::uint64_t Runner::unsettled() const {
  std::uint64_t sum = 0;
  for (const auto& [context, events] : reference_->contexts()) {
    if (known_.parked.contains(context))
      continue;
    const auto done = known_.done.find(context);
    for (Sequence sequence = reference_->first_live(context); sequence <= events.size(); ++sequence)
      sum += done == known_.done.end() || !done->second.contains(sequence) ? 1 : 0;
  }
  return sum;
}

/// One of the group's events: what the reference has, once, and not before the ones before it.
void Runner::check_delivery(const Delivery& delivery) {
  const EventView& event = delivery.event();
  const std::string context(event.context_id);
  const auto found = reference_->contexts().find(context);
  expect(found != reference_->contexts().end() && event.sequence <= found->second.size() &&
             same(event, found->second[event.sequence - 1].event.view()),
         "group: an event that was never stored: " + describe(event));
  const std::set<Sequence>& done = known_.done[context];
  expect(!done.contains(event.sequence), "group: an event that was acknowledged comes again: " + describe(event));
  expect(!known_.parked.contains(context),
         "group: an event comes before a parked one of its context: " + describe(event));
  for (Sequence before = reference_->first_live(context); before < event.sequence; ++before)
    expect(done.contains(before), format("group: {} comes before sequence {}", describe(event), before));
}

void Runner::settle_delivery(GroupMember& member, const Delivery& delivery) {
  const std::string context(delivery.event().context_id);
  Status settled;
  switch (pick(random_, 16)) {
  case 0: settled = member.nack(delivery); break;
  case 1:
    settled = member.park(delivery, "at random");
    if (mistake_ == Mistake::parking_settles)
      known_.done[context].insert(delivery.event().sequence);
    else
      known_.parked[context] = delivery.event().position;
    break;
  case 2: return; // until the member is gone
  default: settled = member.ack(delivery); known_.done[context].insert(delivery.event().sequence);
  }
  expect(settled.ok(), "group: " + why(settled));
}

void Runner::work_in_group() {
  settle();
  ++tally_.group_turns;
  const Consumers consumers = engine_->consumers();
  if (!known_.parked.empty() && pick(random_, 4) == 0) {
    note("replay what is parked");
    const auto replayed = consumers.replay_parked(group);
    expect(replayed.ok(), "replay of parked events: " + why(replayed ? Status() : Status(replayed.error())));
    known_.parked.clear();
  }
  std::vector<GroupMember> members;
  for (std::size_t count = 1 + pick(random_, 3); count != 0; --count) {
    auto member = consumers.join(group, {.deliveries_max = 1'000});
    if (!member)
      throw Mismatch("group: " + to_string(member.error()));
    members.push_back(std::move(*member));
  }
  for (std::size_t turns = 1 + pick(random_, 8); turns != 0; --turns) {
    GroupMember& member = members[pick(random_, members.size())];
    const auto deliveries = member.next(1 + pick(random_, 16), std::chrono::milliseconds(0));
    if (!deliveries)
      throw Mismatch("group: " + to_string(deliveries.error()));
    std::set<std::string> contexts;
    for (const Delivery& delivery : *deliveries) {
      expect(contexts.emplace(delivery.event().context_id).second, "group: two events of a context at a time");
      check_delivery(delivery);
    }
    for (const Delivery& delivery : *deliveries) {
      ++tally_.deliveries;
      settle_delivery(member, delivery);
    }
  }
}

/// Everything synced that is left comes, and then nothing more.
void Runner::drain_group() {
  const Consumers consumers = engine_->consumers();
  auto member = consumers.join(group, {.deliveries_max = 1'000});
  if (!member)
    throw Mismatch("group: " + to_string(member.error()));
  const auto replayed = consumers.replay_parked(group);
  expect(replayed.ok(), "replay of parked events: " + why(replayed ? Status() : Status(replayed.error())));
  known_.parked.clear();
  while (true) {
    const bool more = unsettled() != 0;
    const auto deliveries = member->next(256, more ? delivery_patience : std::chrono::milliseconds(0));
    if (!deliveries)
      throw Mismatch("group: " + to_string(deliveries.error()));
    expect(!more || !deliveries->empty(), format("group: {} events never come", unsettled()));
    if (deliveries->empty())
      return;
    for (const Delivery& delivery : *deliveries) {
      check_delivery(delivery);
      known_.done[std::string(delivery.event().context_id)].insert(delivery.event().sequence);
      ++tally_.deliveries;
    }
    const Status settled = member->ack(*deliveries);
    expect(settled.ok(), "group: " + why(settled));
  }
}

void Runner::snapshot() {
  settle();
  ++tally_.snapshots;
  const std::string context = random_context();
  const Sequence length = reference_->length(context);
  const Sequence first = reference_->first_live(context);
  if (pick(random_, 2) == 0) {
    const Sequence sequence = pick(random_, length + 2);
    const std::string state = format("state {} of {}", ++ids_, context);
    note(format("snapshot of {} at {}", context, sequence));
    const Status saved = engine_->save_snapshot(context, sequence, state, schema_tag);
    if (sequence < std::max<Sequence>(first, 1) || sequence > length) {
      expect(!saved.ok(), "a snapshot of no event was saved");
    } else {
      expect(saved.ok(), "snapshot: " + why(saved));
      const Position position = reference_->contexts().at(context)[sequence - 1].event.position;
      const Sequence late = mistake_ == Mistake::snapshots_are_one_late ? 1 : 0;
      snapshots_[context].emplace(state, std::pair(sequence + late, position));
    }
  } else if (pick(random_, 8) == 0) {
    note("drop the snapshot of " + context);
    const Status dropped = engine_->drop_snapshot(context);
    expect(dropped.ok(), "drop: " + why(dropped));
    snapshots_.erase(context);
  }
  auto loaded = engine_->load(context, schema_tag);
  if (!loaded)
    throw Mismatch("load: " + to_string(loaded.error()));
  Sequence after = 0;
  if (loaded->snapshot) {
    after = loaded->snapshot->sequence;
    const auto saved = snapshots_[context].find(loaded->snapshot->state);
    expect(saved != snapshots_[context].end() && saved->second.first == after && after >= first && after <= length &&
               saved->second.second == reference_->contexts().at(context)[after - 1].event.position,
           format("load: {} has another snapshot at {}", context, after));
    ++tally_.snapshots_given;
  }
  std::vector<std::string> expected, given;
  for (const test::StoredEvent* event : reference_->replay(context, {.from = after + 1}))
    expected.push_back(describe(event->view()));
  while (true) {
    const auto batch = loaded->events.next();
    if (!batch)
      throw Mismatch("load: " + to_string(batch.error()));
    if (batch->empty())
      break;
    for (const EventView& event : *batch)
      given.push_back(describe(event));
  }
  expect(given == expected, format("load: {} goes on from {} with other events", context, after));
}

} // namespace weir::trust
