#include "trust/simulation/snapshot_clients.hpp"

#include "engine/hash.hpp"
#include "engine/text.hpp"
#include "trust/simulation/clients.hpp"

#include <algorithm>
#include <utility>

namespace weir::trust {

namespace {

/// What a service makes of a context, event by event.
std::uint64_t fold(std::uint64_t state, const Row& row) {
  return hash64(row.payload, state ^ row.position);
}

std::uint64_t fold(const Rows& rows, Sequence to) {
  std::uint64_t state = 0;
  for (Sequence i = 0; i < to; ++i)
    state = fold(state, rows[i]);
  return state;
}

} // namespace

void SnapshotClients::act(const std::string& context) {
  switch (chance_.pick(16)) {
  case 0: return drop(context);
  case 1:
  case 2:
  case 3:
  case 4:
  case 5:
  case 6: return save(context);
  default: return load(context);
  }
}

void SnapshotClients::save(const std::string& context) {
  const auto rows = removals_.replay_whole(context);
  if (!rows)
    return journal_.refused("a replay of " + context, rows.error());
  if (rows->empty())
    return;
  const Row& row = (*rows)[chance_.one_in(2) ? rows->size() - 1 : chance_.pick(rows->size())];
  Saved saved{row.sequence, row.position, std::to_string(fold(*rows, row.sequence)),
              chance_.one_in(6) ? "other" : "tag"};
  saved.state.append(1, ' ').append(chance_.any_of<std::size_t>({0, 100, 5'000}), 's');
  ++counts_.saved;
  const Status status = machine_.wait_for(
      [&] { return machine_.engine().save_snapshot(context, saved.sequence, saved.state, saved.tag); });
  std::vector<Saved>& attempts = saved_[context];
  // One of an earlier life that stands on a later event may be there, and stays.
  const bool newest =
      std::all_of(attempts.begin(), attempts.end(), [&](const Saved& each) { return each.position <= saved.position; });
  attempts.push_back(saved);
  const auto before = newest_.find(context);
  if (status) {
    if (newest)
      newest_[context] = std::move(saved);
    return;
  }
  if (before != newest_.end())
    newest_.erase(before);
  if (status.code() == Errc::not_found) {
    const auto mark = removals_.mark(context);
    if (mark && saved.sequence >= mark->first_live && !journal_.excused())
      journal_.wrong(
          format("I16: sequence {} of {} is there, and no snapshot may stand on it", saved.sequence, context));
    return;
  }
  journal_.refused("a snapshot of " + context, status.error());
}

void SnapshotClients::load(const std::string& context) {
  ++counts_.loaded;
  const std::string tag = chance_.one_in(8) ? "other" : "tag";
  auto loaded = machine_.wait_for([&] { return machine_.engine().load(context, tag); });
  if (!loaded)
    return journal_.refused("a load of " + context, loaded.error());
  Rows after;
  while (true) {
    const auto batch = loaded->events.next();
    if (!batch)
      return journal_.refused("the events of " + context, batch.error());
    if (batch->empty())
      break;
    for (const EventView& event : *batch)
      after.push_back({event.sequence, event.position, std::string(event.payload)});
  }
  const auto all = removals_.replay_whole(context);
  const auto mark = removals_.mark(context);
  if (!all || !mark)
    return journal_.refused("a replay of " + context, all ? mark.error() : all.error());
  std::vector<Saved>& saved = saved_[context];
  if (loaded->snapshot && loaded->snapshot->state != saved.front().state && planted_.now(Mistake::snapshot_stale))
    loaded->snapshot->state = saved.front().state;
  if (loaded->snapshot && planted_.now(Mistake::snapshot_lost))
    loaded->snapshot.reset();
  const Snapshot* const given = loaded->snapshot ? &*loaded->snapshot : nullptr;
  check_missing(context, tag, given, mark->first_live);
  if (given != nullptr)
    check_snapshot(context, tag, *given, *all);
  const Sequence first = std::max(mark->first_live, (given == nullptr ? 0 : given->sequence) + 1);
  if (first > all->size()
          ? !after.empty()
          : !std::equal(all->begin() + static_cast<std::ptrdiff_t>(first) - 1, all->end(), after.begin(), after.end()))
    journal_.wrong(
        format("I16: what a load of {} gives from sequence {} on is not what a replay gives", context, first));
}

/// It is one that was saved, and applying the rest to it gives what all events give.
void SnapshotClients::check_snapshot(const std::string& context, const std::string& tag, const Snapshot& given,
                                     const Rows& all) {
  ++counts_.found;
  const std::vector<Saved>& saved = saved_[context];
  const bool known = std::any_of(saved.begin(), saved.end(), [&](const Saved& each) {
    return each.sequence == given.sequence && each.state == given.state && each.tag == tag &&
           given.sequence <= all.size() && each.position == all[given.sequence - 1].position;
  });
  if (!known)
    return journal_.wrong(
        format("I16: the snapshot of {} at sequence {} is none that was made of its events", context, given.sequence));
  std::uint64_t state = std::stoull(given.state);
  for (auto row = all.begin() + static_cast<std::ptrdiff_t>(given.sequence); row != all.end(); ++row)
    state = fold(state, *row);
  if (state != fold(all, all.size()))
    journal_.wrong(format("I16: a load of {} gives another state than its events", context));
}

/// While nothing fails, what was saved is there.
void SnapshotClients::check_missing(const std::string& context, const std::string& tag, const Snapshot* given,
                                    Sequence first_live) {
  const auto newest = newest_.find(context);
  if (newest == newest_.end() || journal_.excused() || newest->second.sequence < first_live)
    return;
  const bool there = given != nullptr && given->sequence == newest->second.sequence;
  if (there != (tag == newest->second.tag))
    journal_.wrong(format("I16: the snapshot of {} at sequence {} with tag {} is {} with tag {}", context,
                          newest->second.sequence, newest->second.tag, there ? "given" : "not given", tag));
}

void SnapshotClients::drop(const std::string& context) {
  newest_.erase(context);
  const Status status = machine_.wait_for([&] { return machine_.engine().drop_snapshot(context); });
  if (!status)
    return journal_.refused("dropping a snapshot of " + context, status.error());
}

} // namespace weir::trust
