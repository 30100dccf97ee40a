#include "trust/kills/oracle.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <utility>

namespace weir::trust {

namespace {

constexpr std::size_t complaints_max = 20; // one loss usually shows in many places

std::string name(const CallId& id) {
  return format("call {}-{}-{}", id.life, id.writer, id.number);
}

std::string name(const EventOrigin& origin) {
  return format("event {} of {}", origin.index, name(origin.call));
}

} // namespace

KillOracle::KillOracle(std::uint64_t seed, KillTotals& totals)
    : seed_(seed), totals_(totals), contexts_(kill_contexts), next_(kill_contexts, 1),
      queue_(totals.queue, [this](std::string what) { complain(std::move(what)); }),
      views_(totals.views, [this](std::string what) { complain(std::move(what)); }),
      removals_(seed, totals.removals, [this](std::string what) { complain(std::move(what)); }),
      handler_(totals.handler, [this](std::string what) { complain(std::move(what)); }),
      snapshots_(
          totals.snapshots, [this](std::uint32_t context, Sequence sequence) { return position_of(context, sequence); },
          [this](std::string what) { complain(std::move(what)); }),
      schemas_(totals.schemas, [this](std::string what) { complain(std::move(what)); }),
      backups_(
          totals.backups, [this] { return synced(); }, [this](std::string what) { complain(std::move(what)); }) {
  for (std::uint32_t context = 0; context < kill_contexts; ++context)
    context_numbers_[kill_context_name(context)] = context;
}

void KillOracle::complain(std::string what) {
  if (complaints_.size() < complaints_max)
    complaints_.push_back(std::move(what));
}

const Call& KillOracle::call(const CallId& id) {
  if (id != cached_id_) {
    cached_call_ = make_call(seed_, id);
    cached_id_ = id;
  }
  return cached_call_;
}

void KillOracle::own_position(Position position, const EventOrigin& origin) {
  const auto [owner, first] = position_owners_.try_emplace(position, origin);
  if (!first && owner->second != origin)
    complain(format("position {} was given to {} and to {}", position, name(owner->second), name(origin)));
}

void KillOracle::placed(std::vector<ShardId> shards) {
  if (shards.size() != kill_contexts || (!placed_.empty() && shards != placed_))
    return complain("contexts are in other shards than before");
  placed_ = std::move(shards);
  durable_up_to_.resize(1 + *std::max_element(placed_.begin(), placed_.end()));
  synced_up_to_.resize(durable_up_to_.size());
}

void KillOracle::acknowledged(const CallId& id, const std::vector<Told>& told) {
  const Call& submitted = call(id);
  if (told.size() != submitted.parts.size())
    return complain(format("{} was acknowledged with {} receipts", name(id), told.size()));
  for (std::size_t i = 0; i < told.size(); ++i) {
    const auto& [context, receipt] = told[i];
    const Call::Part& part = submitted.parts[i];
    if (context != part.context || receipt.events != part.events.size() || receipt.sequence == 0)
      return complain(
          format("{} was acknowledged with {} events from sequence {} in context {}, which is not what it stored",
                 name(id), receipt.events, receipt.sequence, context));
    for (std::uint32_t event = 0; event < receipt.events; ++event)
      own_position(receipt.position + event, {id, part.first + event});
    if (submitted.durability != Durability::buffered) {
      Position& up_to = durable_up_to_.at(placed_.at(context));
      up_to = std::max(up_to, receipt.position);
    }
    if (submitted.durability == Durability::synced) {
      Position& up_to = synced_up_to_.at(placed_.at(context));
      up_to = std::max(up_to, receipt.position);
    }
    totals_.acknowledged += receipt.events;
  }
  if (refused_.contains(id) || !acknowledged_.emplace(id, told).second)
    complain(name(id) + " was answered twice");
  unconfirmed_.push_back(id);
}

void KillOracle::refused(const CallId& id) {
  ++totals_.refused;
  if (acknowledged_.contains(id) || !refused_.insert(id).second)
    complain(name(id) + " was answered twice");
}

void KillOracle::ended(bool closed) {
  storing();
  queue_.ended();
  views_.ended();
  removals_.ended();
  snapshots_.ended();
  if (!closed)
    std::erase_if(unconfirmed_, [this](const CallId& id) {
      const Told& told = acknowledged_.at(id).front(); // of several, all are in one shard
      return call(id).durability == Durability::buffered &&
             told.receipt.position > durable_up_to_.at(placed_.at(told.context));
    });
  std::fill(durable_up_to_.begin(), durable_up_to_.end(), Position{0});
  std::fill(synced_up_to_.begin(), synced_up_to_.end(), Position{0});
}

BackupOracle::Least KillOracle::synced() const {
  BackupOracle::Least least{{}, removals_.least()};
  std::vector<Sequence>& last = least.last;
  for (const auto& context : contexts_)
    last.push_back(context.size());
  for (const CallId& id : unconfirmed_)
    for (const auto& [context, receipt] : acknowledged_.at(id))
      if (receipt.position <= synced_up_to_.at(placed_.at(context)))
        last[context] = std::max(last[context], receipt.last_sequence());
  return least;
}

void KillOracle::copied(const std::string& copy, std::uint32_t context, Sequence sequence, const Seen& event) {
  own_position(event.position, event.origin);
  const auto& seen = contexts_[context];
  if (sequence > seen.size())
    dumped_.insert_or_assign(event.position, Dumped{context, sequence, event.origin});
  else if (seen[sequence - 1] != event)
    complain(format("{}: {} sequence {} is {} at position {}, and is another event in the directory itself", copy,
                    kill_context_name(context), sequence, name(event.origin), event.position));
}

Position KillOracle::position_of(std::uint32_t context, Sequence sequence) const {
  const auto& seen = contexts_.at(context);
  return sequence == 0 || sequence > seen.size() ? 0 : seen[sequence - 1].position;
}

std::vector<Sequence> KillOracle::whole() const {
  return std::vector<Sequence>(kill_contexts, 1);
}

std::vector<Sequence> KillOracle::unseen() const {
  std::vector<Sequence> from;
  for (const auto& context : contexts_)
    from.push_back(context.size() + 1);
  return from;
}

void KillOracle::begin_showing(const std::vector<Sequence>& from) {
  next_ = from;
}

std::optional<std::pair<std::uint32_t, EventOrigin>> KillOracle::identify(std::string_view context_name,
                                                                          std::string_view fields) {
  const auto number = context_numbers_.find(context_name);
  const EventOrigin origin = origin_of(fields.substr(fields.rfind('\t') + 1));
  if (number == context_numbers_.end() || origin.call.life == 0) {
    complain(format("nobody stored this in context {}: {}", context_name, fields));
    return std::nullopt;
  }
  const Call& submitted = call(origin.call);
  if (origin.index >= submitted.events() ||
      submitted.parts[submitted.part_of(origin.index)].context != number->second) {
    complain(format("{} is in context {}, where nobody stored it", name(origin), context_name));
    return std::nullopt;
  }
  const Event& event = submitted.event(origin.index);
  if (fields != caller_fields(event.event_type, *event.timestamp, event.event_id, event.metadata, event.payload))
    complain(format("{} came back with other bytes: {}", name(origin), fields));
  return std::pair{number->second, origin};
}

void KillOracle::shown(std::string_view context_name, Sequence sequence, Position position, std::string_view fields) {
  const auto identified = identify(context_name, fields);
  if (!identified)
    return;
  const auto& [context, origin] = *identified;
  if (sequence != next_[context])
    complain(format("context {} goes on with sequence {} where {} was due", context_name, sequence, next_[context]));
  next_[context] = sequence + 1;

  auto& seen = contexts_[context];
  if (sequence > seen.size()) {
    const Seen found{origin, position};
    check_new(context, sequence, found);
    seen.push_back(found);
    const std::uint64_t mark = fingerprint(context_name, sequence, position, fields);
    queue_.stored(position, context, sequence, mark);
    handler_.stored({position, context, sequence, mark});
    if (dump_is_whole_ && position > segments_up_to_.at(placed_.at(context)) && !dumped_.contains(position))
      complain(format("{} was in no segment and, the dumper says, not in the log; now it is there", name(origin)));
  } else if (sequence == 0 || seen[sequence - 1].origin != origin || seen[sequence - 1].position != position) {
    complain(format("context {} sequence {} is {} at position {} now, and was another event before", context_name,
                    sequence, name(origin), position));
  }
}

void KillOracle::dumped(const LogDump& dump) {
  if (!dump.error.empty())
    return complain(dump.error);
  segments_up_to_.clear();
  for (const LogDump::Shard& shard : dump.shards)
    segments_up_to_.push_back(shard.position_max);
  std::map<Position, Dumped> found;
  Position before = 0;
  ShardId shard = 0;
  for (const LogDump::DumpedEvent& event : dump.events) {
    if (event.shard != std::exchange(shard, event.shard))
      before = 0;
    if (const Position last = std::exchange(before, event.position); event.position <= last)
      complain(format("in the log of shard {}, position {} follows {}", shard, event.position, last));
    if (!context_numbers_.contains(event.context)) {
      removals_.dumped_event(event.context, event.sequence, event.position, event.fields);
      continue;
    }
    const auto identified = identify(event.context, event.fields);
    if (!identified)
      continue;
    const auto& [context, origin] = *identified;
    own_position(event.position, origin);
    if (!placed_.empty() && placed_[context] != shard)
      complain(format("{} is in the log of shard {}, but belongs to shard {}", name(origin), shard, placed_[context]));
    found.emplace(event.position, Dumped{context, event.sequence, origin});
  }
  for (const LogDump::DumpedRemoval& removal : dump.removals)
    removals_.dumped_removal(removal.context, removal.position, removal.first_live, removal.closes);
  totals_.dumped += dump.events.size();
  if (!placed_.empty())
    check_in_dump(found);
  for (const auto& [position, event] : found)
    dumped_.insert_or_assign(position, event);
  dump_is_whole_ = !dump.shards.empty();
}

void KillOracle::check_in_dump(const std::map<Position, Dumped>& found) {
  if (segments_up_to_.size() != durable_up_to_.size())
    return complain(format("the catalog has {} shards", segments_up_to_.size()));
  removals_.end_dump(segments_up_to_);
  handler_.dumped([&](Position position) { return found.contains(position); },
                  [&](std::uint32_t context) { return segments_up_to_[placed_[context]]; });
  const auto look = [&](const Dumped& wanted, Position position, const char* because) {
    if (position <= segments_up_to_[placed_[wanted.context]])
      return;
    const auto there = found.find(position);
    if (there != found.end() && there->second == wanted)
      return;
    ++totals_.lost;
    complain(format("{} {}, but the dumper finds {} at position {}, and no segment reaches so far", name(wanted.origin),
                    because, there == found.end() ? "nothing" : name(there->second.origin), position));
  };
  for (const CallId& id : unconfirmed_) {
    if (shown_parts_.contains(id))
      continue;
    std::uint32_t index = 0;
    for (const auto& [context, receipt] : acknowledged_.at(id))
      for (std::uint32_t i = 0; i < receipt.events; ++i)
        look({context, receipt.sequence + i, {id, index++}}, receipt.position + i, "was acknowledged");
  }
  for (std::uint32_t context = 0; context < kill_contexts; ++context)
    for (std::size_t i = contexts_[context].size(); i > 0; --i) {
      const Seen& seen = contexts_[context][i - 1];
      if (seen.position <= segments_up_to_[placed_[context]])
        break;
      look({context, i, seen.origin}, seen.position, "was shown");
    }
  for (const auto& [position, event] : dumped_)
    look(event, position, "was in the log before");
}

void KillOracle::check_new(std::uint32_t context, Sequence sequence, const Seen& event) {
  const EventOrigin& origin = event.origin;
  const CallId& id = origin.call;
  own_position(event.position, origin);
  const auto& before = contexts_[context];
  if (!before.empty() && event.position <= before.back().position)
    complain(format("{} is at position {}, behind one at {}", name(origin), event.position, before.back().position));
  const Call& submitted = call(id);
  const std::size_t part = submitted.part_of(origin.index);
  const std::uint32_t index = origin.index - submitted.parts[part].first;
  if (index == 0) {
    check_end(before);
    begin_part(context, id, part);
  }
  if (index != 0 && (before.empty() || before.back().origin != EventOrigin{id, origin.index - 1}))
    complain(name(origin) + " does not follow the one before it in its call");
  const auto told = acknowledged_.find(id);
  if (told == acknowledged_.end()) {
    ++totals_.unacknowledged_present;
    return;
  }
  const Receipt& receipt = told->second[part].receipt;
  if (sequence != receipt.sequence + index || event.position != receipt.position + index)
    complain(format("{} is sequence {} at position {}, but was acknowledged as sequence {} at position {}",
                    name(origin), sequence, event.position, receipt.sequence + index, receipt.position + index));
}

void KillOracle::begin_part(std::uint32_t context, const CallId& id, std::size_t part) {
  const Call& submitted = call(id);
  std::vector<bool>& shown = shown_parts_.try_emplace(id, submitted.parts.size()).first->second;
  if (shown[part]) {
    totals_.duplicates += submitted.parts[part].events.size();
    complain(name(id) + " is there twice");
  }
  shown[part] = true;
  if (std::find(shown.begin(), shown.end(), false) == shown.end())
    half_shown_.erase(id);
  else
    half_shown_.insert(id);
  std::uint32_t& last = last_number_[{context, {id.life, id.writer}}];
  if (id.number <= last)
    complain(format("{} stands behind number {} of the same writer", name(id), last));
  last = id.number;
  if (refused_.contains(id))
    complain(name(id) + " was refused, and is there");
  if (submitted.claim.empty())
    return;
  const auto [owner, first] = claims_.try_emplace(kill_group(context) + " " + submitted.claim, id);
  if (!first && owner->second != id)
    complain(format("{} was claimed by {} and by {}", owner->first, name(owner->second), name(id)));
}

/// What a context ends with must be the end of a call.
void KillOracle::check_end(const std::vector<Seen>& seen) {
  if (seen.empty())
    return;
  const EventOrigin last = seen.back().origin;
  const Call& submitted = call(last.call);
  const Call::Part& part = submitted.parts[submitted.part_of(last.index)];
  if (last.index + 1 != part.first + part.events.size())
    complain(name(last.call) + " is torn");
}

void KillOracle::end_showing(std::uint64_t count) {
  std::uint64_t known = removals_.end_showing();
  for (std::uint32_t context = 0; context < kill_contexts; ++context) {
    const auto& seen = contexts_[context];
    known += seen.size();
    if (next_[context] <= seen.size()) {
      totals_.lost += seen.size() + 1 - next_[context];
      complain(format("{} ended with sequence {}, and once had {}", kill_context_name(context), next_[context] - 1,
                      seen.size()));
    }
    check_end(seen);
  }
  for (const CallId& id : unconfirmed_)
    if (!shown_parts_.contains(id)) {
      const Told& told = acknowledged_.at(id).front();
      totals_.lost += call(id).events();
      complain(format("{} was acknowledged as sequence {} of {}, and is lost", name(id), told.receipt.sequence,
                      kill_context_name(told.context)));
    }
  unconfirmed_.clear();
  for (const CallId& id : half_shown_)
    complain(name(id) + " is there in one of its contexts only");
  half_shown_.clear();
  for (const auto& [position, event] : dumped_) {
    const auto& seen = contexts_[event.context];
    if (event.sequence <= seen.size() && seen[event.sequence - 1].origin == event.origin &&
        seen[event.sequence - 1].position == position)
      continue;
    ++totals_.lost;
    complain(format("{} was seen in a log or a backup as sequence {} at position {}, where there is another or none",
                    name(event.origin), event.sequence, position));
  }
  dumped_.clear();
  if (count != known)
    complain(format("a query counts {} events, replay gives {}", count, known));
  queue_.end_showing();
  handler_.end_showing();
}

} // namespace weir::trust
