#include "trust/model/reference.hpp"

#include "engine/text.hpp"

#include <algorithm>

namespace weir::trust {

namespace {

/// As a caller would give it: a timestamp left out is like any other.
bool same_content(const test::StoredEvent& given, const test::StoredEvent& stored) {
  return given.event_id == stored.event_id && given.event_type == stored.event_type &&
         given.payload == stored.payload && given.metadata == stored.metadata &&
         (given.timestamp == Reference::no_timestamp || given.timestamp == stored.timestamp);
}

} // namespace

const test::StoredEvent* Reference::find_id(const std::string& context, const std::string& event_id) const {
  const auto found = contexts_.find(context);
  if (found == contexts_.end() || event_id.empty())
    return nullptr;
  const auto at = std::find_if(found->second.begin(), found->second.end(),
                               [&](const test::KnownEvent& known) { return known.event.event_id == event_id; });
  return at == found->second.end() ? nullptr : &at->event;
}

bool Reference::stands_at(const Events& events, Sequence first) const {
  const auto found = contexts_.find(events.front().event.context_id);
  if (first == 0 || found == contexts_.end() || first - 1 + events.size() > found->second.size())
    return false;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const test::StoredEvent& stored = found->second[first - 1 + i].event;
    if (!same_content(events[i].event, stored) || stored.position != found->second[first - 1].event.position + i)
      return false;
  }
  return true;
}

void Reference::duplicate(ShardId shard_id, const Events& events, const Receipt& receipt, Durability safe_as) {
  const std::string who = format("{}: a duplicate at sequence {}", events.front().event.context_id, receipt.sequence);
  const bool with_id = std::any_of(events.begin(), events.end(),
                                   [](const test::KnownEvent& known) { return !known.event.event_id.empty(); });
  if (mistake_ == Mistake::ids_are_forgotten || closed(events.front().event.context_id) || !with_id ||
      receipt.events != events.size() || !stands_at(events, receipt.sequence))
    throw Mismatch(who + " is none");
  const test::StoredEvent& first = contexts_[events.front().event.context_id][receipt.sequence - 1].event;
  if (first.position != receipt.position)
    throw Mismatch(format("{} has position {}, not {}", who, first.position, receipt.position));
  Shard& shard = shards_.at(shard_id);
  const auto end = std::partition_point(shard.calls.begin(), shard.calls.end(),
                                        [&](const Call& call) { return call.position <= receipt.last_position(); });
  const auto calls = static_cast<std::size_t>(end - shard.calls.begin());
  if (safe_as >= Durability::written)
    shard.written = std::max(shard.written, calls);
  if (safe_as == Durability::synced)
    shard.synced = std::max(shard.synced, calls);
}

void Reference::id_conflict(const Events& events, const Error& error) const {
  const std::string& context = events.front().event.context_id;
  if (error.conflicts.empty())
    throw Mismatch(format("{}: a conflict of no id", context));
  Sequence first = 0;
  for (const Conflict& conflict : error.conflicts) {
    const auto given = std::find_if(events.begin(), events.end(), [&](const test::KnownEvent& known) {
      return known.event.event_id == conflict.event_id;
    });
    const test::StoredEvent* const stored = find_id(context, conflict.event_id);
    if (given == events.end() || stored == nullptr || conflict.context_id != context || !conflict.receipt ||
        conflict.receipt->sequence != stored->sequence || conflict.receipt->position != stored->position)
      throw Mismatch(format("{}: a conflict of id '{}' that is none", context, conflict.event_id));
    if (first == 0 && stored->sequence > static_cast<Sequence>(given - events.begin()))
      first = stored->sequence - static_cast<Sequence>(given - events.begin());
  }
  if (stands_at(events, first))
    throw Mismatch(format("{}: a duplicate at sequence {} was called a conflict", context, first));
}

void Reference::judged(const std::string& context, Expectation expect, Sequence current, Sequence at_least,
                       const Error* error) const {
  const std::string who = format("{}: expected {}, judged at sequence {}", context, to_string(expect), current);
  if (expect.holds(current, first_live(context)) == (error != nullptr) || closed(context))
    throw Mismatch(who + ", and judged wrong");
  if (current < at_least || current > length(context))
    throw Mismatch(format("{}, when it had {} to {}", who, at_least, length(context)));
  if (error == nullptr || current == 0)
    return;
  const std::optional<Receipt>& last = error->conflicts.at(0).receipt;
  if (!last && current < first_live(context))
    return; // nobody may know any more where it was
  if (!last || last->sequence != current || last->position != contexts_.at(context)[current - 1].event.position)
    throw Mismatch(who + ", with the receipt of another event");
}

Reference::Events Reference::some_call(test::Random& random) const {
  const Shard& shard = shards_[test::pick(random, shards_.size())];
  if (shard.calls.empty())
    return {};
  const Call& call = shard.calls[test::pick(random, shard.calls.size())];
  const Events& context = contexts_.at(call.context);
  return {context.begin() + static_cast<std::ptrdiff_t>(call.first - 1),
          context.begin() + static_cast<std::ptrdiff_t>(call.last)};
}

} // namespace weir::trust
