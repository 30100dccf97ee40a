#include "trust/model/reference.hpp"

#include "engine/text.hpp"
#include "tests/engine/query/reference.hpp"

#include <algorithm>

namespace weir::trust {

void Reference::stored(ShardId shard_id, Events events, const Receipt& receipt, Durability safe_as, Timestamp now,
                       bool joined) {
  Shard& shard = shards_.at(shard_id);
  const std::string name = events.front().event.context_id;
  Events& context = contexts_[name];
  const std::string who = format("{}, call of {} events, sequence {}, position {}", name, events.size(),
                                 receipt.sequence, receipt.position);
  if (receipt.events != events.size())
    throw Mismatch(format("{}: the receipt says {} events", who, receipt.events));
  if (receipt.sequence != context.size() + 1)
    throw Mismatch(format("{}: expected sequence {}", who, context.size() + 1));
  if (!shard.calls.empty() && receipt.position < shard.calls.back().position + shard.calls.back().events)
    throw Mismatch(format("{}: the shard's positions had come to {}", who, shard.calls.back().position));
  for (const test::KnownEvent& known : events)
    if (find_id(name, known.event.event_id) != nullptr)
      throw Mismatch(format("{}: id '{}' was stored a second time", who, known.event.event_id));
  shard.recorded_at_max = std::max(shard.recorded_at_max, now);
  position_max_ = std::max(position_max_, receipt.last_position());
  for (std::size_t i = 0; i < events.size(); ++i) {
    test::KnownEvent& known = events[i];
    known.event.sequence = receipt.sequence + i;
    known.event.position = receipt.position + i;
    known.event.recorded_at = shard.recorded_at_max;
    if (known.event.timestamp == no_timestamp)
      known.event.timestamp = shard.recorded_at_max;
    test::name_core_fields(known);
    context.push_back(std::move(known));
  }
  shard.calls.push_back({name, receipt.sequence, receipt.last_sequence(), receipt.events, receipt.position, joined});
  if (safe_as >= Durability::written)
    shard.written = shard.calls.size();
  if (safe_as == Durability::synced)
    shard.synced = shard.calls.size();
}

void Reference::removed(ShardId shard_id, const std::string& context, Sequence before, bool closes,
                        const Removal& answer, Timestamp now) {
  Mark& mark = marks_[context];
  const Sequence first_live = std::clamp<Sequence>(before, 1, length(context) + 1);
  const bool already = mark.closed || (!closes && first_live <= mark.first_live);
  const std::string who = format("{}: removed before {}", context, first_live);
  if (answer.removed_before != first_live || answer.durability != Durability::synced)
    throw Mismatch(format("{}, and told so before {}, {}", who, answer.removed_before, to_string(answer.durability)));
  // What was removed long ago need not be known to who removes less.
  if (answer.already ? !already : mark.closed)
    throw Mismatch(format("{}, already: {}", who, answer.already));
  if (answer.already ? answer.position != 0 : answer.position <= position_max_)
    throw Mismatch(format("{}, at position {} after {}", who, answer.position, position_max_));
  position_max_ = std::max(position_max_, answer.position);
  mark.first_live = std::max(mark.first_live, first_live);
  mark.closed |= closes;
  Shard& shard = shards_.at(shard_id);
  shard.written = shard.synced = shard.calls.size();
  if (answer.already)
    return;
  shard.recorded_at_max = std::max(shard.recorded_at_max, now);
  shard.removed_at_max = shard.recorded_at_max;
}

Sequence Reference::first_live(const std::string& context) const {
  const auto found = marks_.find(context);
  return found == marks_.end() || mistake_ == Mistake::removals_are_ignored ? 1 : found->second.first_live;
}

bool Reference::closed(const std::string& context) const {
  const auto found = marks_.find(context);
  return found != marks_.end() && found->second.closed;
}

void Reference::all_safe() {
  for (Shard& shard : shards_)
    shard.written = shard.synced = shard.calls.size();
}

void Reference::crashed(Crash crash, const std::map<std::string, Sequence>& lengths) {
  for (Shard& shard : shards_) {
    const std::size_t certain = crash == Crash::kill || mistake_ == Mistake::power_cuts_lose_nothing
                                    ? std::max(shard.written, shard.synced)
                                    : shard.synced;
    std::size_t survivors = 0;
    shard.recorded_at_max = shard.removed_at_max;
    for (std::size_t i = 0; i < shard.calls.size(); ++i) {
      const Call& call = shard.calls[i];
      const auto found = lengths.find(call.context);
      const Sequence length = found == lengths.end() ? 0 : found->second;
      const std::string who =
          format("{} sequences {} to {}, position {}", call.context, call.first, call.last, call.position);
      if (length >= call.first && length < call.last)
        throw Mismatch(format("{}: only the first {} events of the call are left", who, length - call.first + 1));
      if (length < call.first && i < certain)
        throw Mismatch(
            format("{}: acknowledged, and gone after a {}", who, crash == Crash::kill ? "kill" : "power cut"), true);
      if (length < call.first && call.joined && survivors == i)
        throw Mismatch(format("{}: is gone, and what was stored with it is left", who));
      if (length < call.first)
        continue;
      if (survivors != i)
        throw Mismatch(format("{}: is left although an earlier call of its shard is not", who));
      ++survivors;
      shard.recorded_at_max =
          std::max(shard.recorded_at_max, contexts_[call.context][call.first - 1].event.recorded_at);
    }
    shard.calls.resize(survivors);
  }
  for (auto& [name, events] : contexts_) {
    const auto found = lengths.find(name);
    events.resize(std::min<std::size_t>(events.size(), found == lengths.end() ? 0 : found->second));
  }
  all_safe();
}

Sequence Reference::length(const std::string& context) const {
  const auto found = contexts_.find(context);
  return found == contexts_.end() ? 0 : found->second.size();
}

std::uint64_t Reference::events_of(ShardId shard) const {
  std::uint64_t events = 0;
  for (const Call& call : shards_.at(shard).calls)
    events += call.events;
  return events;
}

std::uint64_t Reference::removed_of(ShardId shard) const {
  std::uint64_t events = 0;
  for (const Call& call : shards_.at(shard).calls)
    if (const Sequence first = first_live(call.context); first > call.first)
      events += std::min(first - call.first, call.events);
  return events;
}

std::vector<const test::StoredEvent*> Reference::replay(const std::string& context,
                                                        const ReplayOptions& options) const {
  std::vector<const test::StoredEvent*> answer;
  const auto found = contexts_.find(context);
  if (found == contexts_.end())
    return answer;
  const Events& events = found->second;
  const Sequence from = std::max(options.from, first_live(context)) +
                        (options.backward && mistake_ == Mistake::backward_from_excluded ? 1 : 0);
  const Sequence to = std::min<Sequence>(options.to, events.size());
  for (Sequence i = from; i <= to && (options.limit == 0 || answer.size() < options.limit); ++i) {
    const test::StoredEvent& event = events[(options.backward ? to - (i - from) : i) - 1].event;
    const auto& types = options.types;
    if (types.empty() || std::find(types.begin(), types.end(), event.event_type) != types.end())
      answer.push_back(&event);
  }
  return answer;
}

std::vector<std::vector<Value>> Reference::query(Query query) const {
  if (mistake_ == Mistake::uncounted_condition && query.is_grouped() && query.group_by.empty())
    query.condition.reset();
  std::vector<const test::KnownEvent*> events;
  for (const auto& [name, context] : contexts_)
    if (const auto& ids = query.context_ids; ids.empty() || std::find(ids.begin(), ids.end(), name) != ids.end())
      for (const test::KnownEvent& known : context)
        if (known.event.sequence >= first_live(name))
          events.push_back(&known);
  std::sort(events.begin(), events.end(),
            [](const auto* a, const auto* b) { return a->event.position < b->event.position; });
  return test::reference_rows(query, events);
}

std::string describe(const EventView& event) {
  return format("{} sequence {} position {} recorded {} timestamp {} type {} id '{}' metadata {} payload {}",
                event.context_id, event.sequence, event.position, event.recorded_at.time_since_epoch().count(),
                event.timestamp.time_since_epoch().count(), event.event_type, event.event_id, event.metadata,
                event.payload.substr(0, 100));
}

bool same(const EventView& a, const EventView& b) {
  return a.context_id == b.context_id && a.sequence == b.sequence && a.position == b.position &&
         a.recorded_at == b.recorded_at && a.timestamp == b.timestamp && a.event_type == b.event_type &&
         a.event_id == b.event_id && a.metadata == b.metadata && a.payload == b.payload;
}

Event as_given(const test::StoredEvent& event) {
  Event out{
      .event_type = event.event_type, .payload = event.payload, .event_id = event.event_id, .metadata = event.metadata};
  if (event.timestamp != Reference::no_timestamp)
    out.timestamp = event.timestamp;
  return out;
}

} // namespace weir::trust
