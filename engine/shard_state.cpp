#include "engine/shard_state.hpp"

#include "engine/check.hpp"
#include "engine/hash.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <array>

namespace weir {

std::size_t ShardState::Hash::operator()(std::string_view text) const noexcept {
  return hash64(text, seed); // seeded per directory: ids cannot be chosen to collide
}

ShardState::ShardState(Options options)
    : options_(options), cache_(options.cache_entries_max, options.cache_hash_seed),
      held_contexts_(16, Hash{options.cache_hash_seed}) {
}

std::size_t ShardState::room() const noexcept {
  const std::size_t used = ready_.size() + held_.size();
  return used >= options_.held_max || bytes_ >= options_.held_bytes_max ? 0 : options_.held_max - used;
}

ShardState::Entry& ShardState::remember(std::string_view context_id, std::uint64_t hash, const ContextHead& head) {
  Entry& entry = cache_.add(context_id, hash, head);
  entry.ready = 1;           // it is about to be used
  cache_.evict(8, applied_); // a few steps each time keep up with one more entry each time
  entry.ready = 0;
  return entry;
}

bool ShardState::Entries::known() const noexcept {
  return first != nullptr && std::find(more.begin(), more.end(), nullptr) == more.end();
}

void ShardState::Entries::pin() const noexcept {
  if (first != nullptr)
    ++first->ready;
  for (Entry* const entry : more)
    if (entry != nullptr)
      ++entry->ready;
}

void ShardState::Entries::unpin() const noexcept {
  if (first != nullptr)
    --first->ready;
  for (Entry* const entry : more)
    if (entry != nullptr)
      --entry->ready;
}

void ShardState::make_ready(StorePtr command, Entries entries) {
  if (!command->verdict)
    for (const std::uint64_t hash : command->id_hashes)
      ids_on_their_way_.insert(hash);
  entries.pin();
  ready_.push_back({std::move(command), std::move(entries)});
}

bool ShardState::overtakes(const StoreCommand& command) const {
  return held_contexts_.contains(command.context_id) || held_senders_.contains(command.sender) ||
         std::any_of(command.more.begin(), command.more.end(),
                     [&](const StorePart& part) { return held_contexts_.contains(part.context_id); });
}

ShardState::IdState ShardState::id_state(const StoreCommand& command, const Entries& entries) const {
  if (command.verdict)
    return IdState::decided;
  if (command.fail_if && options_.memory_tells && !options_.memory_tells(command))
    return IdState::unknown;
  if (command.id_hashes.empty())
    return IdState::decided;
  for (const std::uint64_t hash : command.id_hashes)
    if (ids_on_their_way_.contains(hash) && !sabotaged(Sabotage::overlook_ids_on_their_way))
      return IdState::on_their_way;
  const auto empty = [](const Entry* entry) { return entry != nullptr && entry->last == 0; };
  if ((empty(entries.first) && std::all_of(entries.more.begin(), entries.more.end(), empty)) ||
      !options_.rules_out_ids || options_.rules_out_ids(command))
    return IdState::decided;
  return IdState::unknown;
}

/// Also what only waits for its sender is looked up now: so all is known by the time its turn comes.
void ShardState::hold(Held held) {
  const StoreCommand& command = *held.command;
  if (held.ids != Held::Ids::asked) {
    switch (id_state(command, held.entries)) {
    case IdState::decided: held.ids = Held::Ids::nothing; break;
    case IdState::on_their_way: held.ids = Held::Ids::wait_for_group; break;
    case IdState::unknown: held.ids = Held::Ids::wanted; break;
    }
  }
  const auto want = [this](const std::string& context_id, const Entry* entry) {
    if (entry == nullptr && pending_.insert(context_id).second)
      wanted_.push_back(context_id);
    ++held_contexts_[context_id];
  };
  want(command.context_id, held.entries.first);
  for (std::size_t i = 0; i < command.more.size(); ++i)
    want(command.more[i].context_id, held.entries.more[i]);
  held.entries.pin();
  id_waiters_ += held.ids == Held::Ids::wait_for_group ? 1 : 0;
  ids_wanted_ += held.ids == Held::Ids::wanted ? 1 : 0;
  ++held_senders_[command.sender];
  held_.push_back(std::move(held));
}

void ShardState::accept(std::vector<StorePtr>&& commands, const MemoryLookup& lookup) {
  // Commands come from other processors' caches, and their contexts' entries from memory: both are fetched ahead.
  constexpr std::size_t ahead = 8;
  std::array<std::uint64_t, ahead> hashes;
  const std::size_t count = commands.size();
  for (std::size_t i = 0; i < count + ahead; ++i) {
    if (i + ahead < count)
      __builtin_prefetch(commands[i + ahead].get());
    if (i >= ahead / 2 && i - ahead / 2 < count)
      cache_.prefetch_entry(hashes[(i - ahead / 2) % ahead]);
    if (i >= ahead)
      accept_one(std::move(commands[i - ahead]), hashes[i % ahead], lookup);
    if (i < count) {
      hashes[i % ahead] = cache_.hash(commands[i]->context_id);
      cache_.prefetch(hashes[i % ahead]);
    }
  }
  commands.clear();
}

ShardState::Entry* ShardState::find_or_remember(std::string_view context_id, std::uint64_t hash,
                                                const MemoryLookup& lookup) {
  if (Entry* const entry = cache_.find(context_id, hash))
    return entry;
  const auto last = lookup(context_id);
  return last ? &remember(context_id, hash, *last) : nullptr;
}

void ShardState::accept_one(StorePtr command, std::uint64_t hash, const MemoryLookup& lookup) {
  bytes_ += command->bytes();
  Entries entries;
  if (held_.empty() || !overtakes(*command)) {
    entries.first = find_or_remember(command->context_id, hash, lookup);
    for (const StorePart& part : command->more) {
      entries.pin(); // or remembering the next would drop those before
      Entry* const entry = find_or_remember(part.context_id, cache_.hash(part.context_id), lookup);
      entries.unpin();
      entries.more.push_back(entry);
    }
    if (entries.known() && id_state(*command, entries) == IdState::decided) {
      make_ready(std::move(command), std::move(entries));
      return;
    }
  } else {
    find_unknown(*command, entries);
  }
  hold({std::move(command), Held::Ids::nothing, 0, std::move(entries)});
}

void ShardState::find_unknown(const StoreCommand& command, Entries& entries) {
  if (entries.first == nullptr)
    entries.first = find(command.context_id);
  entries.more.resize(command.more.size(), nullptr);
  for (std::size_t i = 0; i < command.more.size(); ++i)
    if (entries.more[i] == nullptr)
      entries.more[i] = find(command.more[i].context_id);
}

ShardState::Lookups ShardState::take_lookups() {
  Lookups lookups{round_, std::exchange(wanted_, {}), {}};
  if (ids_asked_)
    return lookups;
  for (auto held = held_.begin(); ids_wanted_ != 0 && asked_events_ < options_.asked_events_max; ++held) {
    if (held->ids != Held::Ids::wanted)
      continue;
    --ids_wanted_;
    held->ids = Held::Ids::asked;
    held->question = ++questions_;
    asked_events_ += held->command->all_events();
    lookups.ids.push_back(id_question(*held->command, held->question));
  }
  ids_asked_ = !lookups.ids.empty();
  return lookups;
}

void ShardState::resolved(Answers answers) {
  if (answers.round != round_)
    return;
  ids_asked_ = ids_asked_ && answers.ids.empty();
  std::unordered_map<std::string_view, const Error*> failed;
  std::vector<std::string_view> pinned; // kept in the cache until their calls below are ready
  for (auto& [context_id, answer] : answers.last_sequences) {
    pending_.erase(context_id);
    if (!answer) {
      failed.emplace(context_id, &answer.error());
    } else if (find(context_id) == nullptr) {
      remember(context_id, cache_.hash(context_id), *answer).ready = 1;
      pinned.push_back(context_id);
    }
  }
  std::unordered_map<std::uint64_t, IdAnswer*> by_question;
  for (IdAnswer& answer : answers.ids)
    by_question.emplace(answer.number, &answer);
  for (Held& held : held_) {
    const Error* failure = nullptr;
    if (!failed.empty())
      held.command->for_each_part([&](const std::string& context_id, auto&&...) {
        if (const auto found = failed.find(context_id); failure == nullptr && found != failed.end())
          failure = found->second;
      });
    if (failure != nullptr) {
      bytes_ -= held.command->bytes();
      asked_events_ -= held.ids == Held::Ids::asked ? held.command->all_events() : 0;
      std::exchange(held.command, nullptr)->done(*failure);
      continue;
    }
    const auto answer = held.ids == Held::Ids::asked ? by_question.find(held.question) : by_question.end();
    if (answer == by_question.end())
      continue;
    held.ids = Held::Ids::nothing;
    asked_events_ -= held.command->all_events();
    if (answer->second->verdict) { // which may be dropped with its group: then all is asked again
      held.command->verdict = std::make_unique<Result<Receipt>>(*std::move(answer->second->verdict));
      if (held.command->receipts)
        *held.command->receipts = std::move(answer->second->receipts);
    } else {
      held.command->ids_checked_to = std::max(held.command->ids_checked_to, answer->second->checked_to);
      held.command->looked_to = std::max(held.command->looked_to, answer->second->checked_to);
    }
  }
  look_at_held();
  for (const std::string_view context_id : pinned)
    --find(context_id)->ready;
  cache_.evict(2 * cache_.size(), applied_); // the first round only finds out who was used
}

/// Moves on what need not wait any more, in the order it came.
void ShardState::look_at_held() {
  std::deque<Held> before = std::exchange(held_, {});
  forget_held();
  for (Held& held : before) {
    held.entries.unpin();
    if (!held.command)
      continue; // answered
    find_unknown(*held.command, held.entries);
    const bool known = held.entries.known() && held.ids != Held::Ids::asked;
    if (known && !overtakes(*held.command) && id_state(*held.command, held.entries) == IdState::decided)
      make_ready(std::move(held.command), std::move(held.entries));
    else
      hold(std::move(held));
  }
}

std::vector<ShardState::Numbered> ShardState::form_group(std::size_t commands_max, std::size_t bytes_max,
                                                         std::uint64_t group) {
  std::vector<Numbered> numbered;
  GroupIds ids{group, {}};
  std::size_t bytes = 0;
  Turn turn = Turn::now;
  while (!ready_.empty() && numbered.size() < commands_max) {
    StorePtr& command = ready_.front().command;
    if (!numbered.empty() && bytes + command->bytes() > bytes_max)
      break;
    std::optional<Match> in_memory;
    if (command->fail_if && !command->verdict && (turn = turn_of(*command, numbered, in_memory)) != Turn::now)
      break;
    bytes_ -= command->bytes();
    Entries& entries = ready_.front().entries;
    Entry& entry = *entries.first;
    WEIR_CHECK(entry.ready != 0);
    entries.unpin();
    entry.group = group;
    for (Entry* const other : entries.more)
      other->group = group;
    if (!command->verdict)
      ids.hashes.insert(ids.hashes.end(), command->id_hashes.begin(), command->id_hashes.end());
    if (command->removal) {
      judge_removal(*command, entry);
    } else if (!refuse_closed(*command, entries) && !command->verdict) {
      judge(*command, entries);
      if (command->fail_if)
        judge_condition(*command, numbered, std::move(in_memory));
    } else if (command->verdict->code() == Errc::condition_failed) { // what it expects comes first all the same
      const auto looked_up = std::move(command->verdict);
      judge(*command, entries);
      condition_fails(*command, std::move(*looked_up).error());
    }
    if (command->verdict) {
      numbered.push_back({std::move(command), 0});
    } else {
      bytes += command->bytes();
      numbered.push_back({std::move(command), entry.last + 1});
      const StoreCommand& stored = *numbered.back().command;
      if (stored.removal) {
        entry.first_live = std::max(entry.first_live, std::clamp<Sequence>(stored.removal->before, 1, entry.last + 1));
        entry.closed |= stored.removal->closes;
      }
      entry.last += stored.events;
      for (std::size_t i = 0; i < stored.more.size(); ++i)
        entries.more[i]->last += stored.more[i].events;
    }
    ready_.pop_front();
  }
  if (!ids.hashes.empty())
    group_ids_.push_back(std::move(ids));
  if (!numbered.empty())
    formed_ = group;
  condition_waits_ = turn == Turn::later;
  if (turn == Turn::look_up) // a flush came between: it waits again, and so does who must not overtake it
    accept(take_all(), [](std::string_view) { return std::optional<ContextHead>(); });
  return numbered;
}

void ShardState::applied(std::uint64_t group) {
  applied_ = std::max(applied_, group);
  cache_.evict(2 * cache_.size(), applied_); // the first round only finds out who was used
  const std::size_t before = group_ids_.size();
  for (; !group_ids_.empty() && group_ids_.front().group <= applied_; group_ids_.pop_front())
    for (const std::uint64_t hash : group_ids_.front().hashes)
      ids_on_their_way_.erase(hash);
  if (id_waiters_ != 0 && group_ids_.size() != before)
    look_at_held();
}

void ShardState::rollback(const MemoryLookup& lookup) {
  std::vector<StorePtr> again = take_all();
  cache_.clear();
  ids_on_their_way_.clear();
  group_ids_.clear();
  accept(std::move(again), lookup);
}

std::vector<StorePtr> ShardState::take_all() {
  std::vector<StorePtr> all;
  all.reserve(ready_.size() + held_.size());
  for (Ready& ready : ready_) {
    if (!ready.command->verdict)
      for (const std::uint64_t hash : ready.command->id_hashes)
        ids_on_their_way_.erase(hash);
    all.push_back(std::move(ready.command));
  }
  for (Held& held : held_)
    all.push_back(std::move(held.command));
  ready_.clear();
  held_.clear();
  bytes_ = 0;
  forget_held();
  cache_.for_each([](Entry& entry) { entry.ready = 0; });
  pending_.clear();
  wanted_.clear();
  asked_events_ = 0;
  ids_asked_ = false;
  condition_waits_ = false;
  ++round_;
  return all;
}

void ShardState::forget_held() {
  held_contexts_.clear();
  held_senders_.clear();
  id_waiters_ = 0;
  ids_wanted_ = 0;
}

} // namespace weir
