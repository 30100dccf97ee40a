#include "trust/simulation/removals.hpp"

#include "actors/engine_core.hpp"
#include "engine/shard_view.hpp"
#include "engine/text.hpp"
#include "trust/simulation/clients.hpp"

#include <algorithm>
#include <utility>

namespace weir::trust {

namespace {

/// By how the ledger writes payloads.
bool is_of_one_call(const Row& one, const Row& other) {
  const std::size_t end = one.payload.find(",\"event\"");
  return one.payload.compare(0, end, other.payload, 0, other.payload.find(",\"event\"")) == 0;
}

} // namespace

Result<Rows> Removals::replay_whole(const std::string& context) {
  const auto live = replay_now(machine_.engine(), context, 1'024);
  if (!live)
    return live.error();
  auto rows = whole(context, *live);
  if (!rows)
    return fail(Errc::io_error, "the mark of " + context + " cannot be read");
  return *std::move(rows);
}

void Removals::act(const std::string& context) {
  auto read = replay_whole(context);
  if (!read)
    return journal_.refused("a replay of " + context, read.error());
  Rows rows = *std::move(read);
  if (rows.empty())
    return;
  RemovalRequest request;
  request.before = 1 + chance_.pick(rows.size() + 1);
  if (chance_.one_in(4) && !is_under_way(context)) { // of all there is: nobody may know more of it than was read
    request.before = sequence_max;
    request.closes = context == Journal::mortal && chance_.one_in(3);
  }
  asked_.push_back({context, std::move(rows)});
  StorePtr command = journal_.ledger().removal(context, request);
  if (planted_.now(Mistake::removal_lost)) {
    const Sequence last = asked_.back().before.back().sequence;
    return command->done(Receipt{std::min(request.before, last + 1), 1, 0, Durability::synced});
  }
  command->durability = Durability::synced;
  const std::uint64_t number = journal_.ask("a removal of events of " + context);
  command->done = Completion(
      [this, number, context, life = life_, tell = std::move(command->done)](Result<Receipt> answer) mutable {
        journal_.told(number);
        if (life != life_)
          return;
        if (!answer && answer.code() != Errc::overloaded && !journal_.was_closed(context, answer.error()))
          journal_.refused("a removal of events of " + context, answer.error());
        tell(std::move(answer));
      });
  machine_.core().submit(std::move(command), WhenFull::park);
}

Completion Removals::expect(const std::string& context, Rows all, Sequence below) {
  asked_.push_back({context, std::move(all)});
  return std::move(journal_.ledger().removal(context, {below, false})->done);
}

bool Removals::is_under_way(const std::string& context) const {
  const auto& calls = journal_.ledger().calls();
  return std::any_of(calls.begin() + static_cast<std::ptrdiff_t>(journal_.ledger().life_began()), calls.end(),
                     [&](const StoredCall& call) { return call.context_id == context && !call.answer; });
}

Result<ContextMark> Removals::mark(const std::string& context) {
  const auto views = machine_.core().queue_views();
  if (!views)
    return views.error();
  return find_mark((*views)[machine_.engine().shard_of(context)], context);
}

std::optional<Rows> Removals::whole(const std::string& context, const Rows& read) {
  const auto asked = [&](const Asked& each) { return each.context == context; };
  if (std::none_of(asked_.begin(), asked_.end(), asked))
    return read;
  const auto found = mark(context);
  if (!found)
    return std::nullopt;
  const std::size_t removed = found->first_live - 1;
  // The last request that saw so much: what an earlier one saw may have been lost, and its sequences given again.
  const auto saw = std::find_if(asked_.rbegin(), asked_.rend(), [&](const Asked& each) {
    return each.context == context && each.before.size() >= removed;
  });
  if (saw == asked_.rend())
    return read;
  Rows rows;
  auto next = read.begin();
  for (std::size_t i = 0; i < removed; ++i)
    rows.push_back(next != read.end() && next->sequence == i + 1 ? *next++ : saw->before[i]);
  // A read of an earlier moment is shown as of a later one, and never a part of a call.
  if (next == read.end() && removed != 0)
    for (std::size_t i = removed; i < saw->before.size() && is_of_one_call(rows.back(), saw->before[i]); ++i)
      rows.push_back(saw->before[i]);
  rows.insert(rows.end(), next, read.end());
  return rows;
}

} // namespace weir::trust
