#include "engine/shard_state.hpp"

#include "engine/check.hpp"
#include "engine/event_codec.hpp"
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

void ShardState::make_ready(StorePtr command, Entry& entry) {
  if (!command->verdict)
    for (const std::uint64_t hash : command->id_hashes)
      ids_on_their_way_.insert(hash);
  ++entry.ready;
  ready_.push_back({std::move(command), &entry});
}

bool ShardState::overtakes(const StoreCommand& command) const {
  return held_contexts_.contains(command.context_id) || held_senders_.contains(command.sender);
}

ShardState::IdState ShardState::id_state(const StoreCommand& command, const Entry* entry) const {
  if (command.id_hashes.empty() || command.verdict)
    return IdState::decided;
  for (const std::uint64_t hash : command.id_hashes)
    if (ids_on_their_way_.contains(hash) && !sabotaged(Sabotage::overlook_ids_on_their_way))
      return IdState::on_their_way;
  if ((entry != nullptr && entry->last == 0) || !options_.rules_out_ids || options_.rules_out_ids(command))
    return IdState::decided;
  return IdState::unknown;
}

/// Also what only waits for its sender is looked up now: so all is known by the time its turn comes.
void ShardState::hold(Held held, Entry* entry) {
  const std::string& context_id = held.command->context_id;
  if (entry == nullptr && pending_.insert(context_id).second)
    wanted_.push_back(context_id);
  if (held.ids != Held::Ids::asked) {
    switch (id_state(*held.command, entry)) {
    case IdState::decided: held.ids = Held::Ids::nothing; break;
    case IdState::on_their_way: held.ids = Held::Ids::wait_for_group; break;
    case IdState::unknown: held.ids = Held::Ids::wanted; break;
    }
  }
  held.entry = entry;
  if (entry != nullptr)
    ++entry->ready;
  id_waiters_ += held.ids == Held::Ids::wait_for_group ? 1 : 0;
  ids_wanted_ += held.ids == Held::Ids::wanted ? 1 : 0;
  ++held_contexts_[context_id];
  ++held_senders_[held.command->sender];
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
    if (i >= ahead)
      accept_one(std::move(commands[i - ahead]), hashes[i % ahead], lookup);
    if (i < count) {
      hashes[i % ahead] = cache_.hash(commands[i]->context_id);
      cache_.prefetch(hashes[i % ahead]);
    }
  }
  commands.clear();
}

void ShardState::accept_one(StorePtr command, std::uint64_t hash, const MemoryLookup& lookup) {
  bytes_ += command->bytes();
  Entry* entry = cache_.find(command->context_id, hash);
  if (held_.empty() || !overtakes(*command)) {
    if (entry == nullptr)
      if (const auto head = lookup(command->context_id))
        entry = &remember(command->context_id, hash, *head);
    if (entry != nullptr && id_state(*command, entry) == IdState::decided) {
      make_ready(std::move(command), *entry);
      return;
    }
  }
  hold({std::move(command)}, entry);
}

ShardState::Lookups ShardState::take_lookups() {
  Lookups lookups{round_, std::exchange(wanted_, {}), {}};
  for (auto held = held_.begin(); ids_wanted_ != 0 && asked_events_ < options_.asked_events_max; ++held) {
    if (held->ids != Held::Ids::wanted)
      continue;
    --ids_wanted_;
    held->ids = Held::Ids::asked;
    held->question = ++questions_;
    asked_events_ += held->command->events;
    lookups.ids.push_back(id_question(held->command->encoded, held->question));
  }
  return lookups;
}

void ShardState::resolved(Answers answers) {
  if (answers.round != round_)
    return;
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
    if (const auto failure = failed.find(held.command->context_id); failure != failed.end()) {
      bytes_ -= held.command->bytes();
      asked_events_ -= held.ids == Held::Ids::asked ? held.command->events : 0;
      std::exchange(held.command, nullptr)->done(*failure->second);
      continue;
    }
    const auto answer = held.ids == Held::Ids::asked ? by_question.find(held.question) : by_question.end();
    if (answer == by_question.end())
      continue;
    held.ids = Held::Ids::nothing;
    asked_events_ -= held.command->events;
    held.command->ids_checked_to = std::max(held.command->ids_checked_to, answer->second->checked_to);
    if (answer->second->verdict)
      held.command->verdict = std::make_unique<Result<Receipt>>(*std::move(answer->second->verdict));
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
    if (held.entry != nullptr)
      --held.entry->ready;
    if (!held.command)
      continue; // answered
    Entry* const entry = held.entry != nullptr ? held.entry : find(held.command->context_id);
    const bool known = entry != nullptr && held.ids != Held::Ids::asked;
    if (known && !overtakes(*held.command) && id_state(*held.command, entry) == IdState::decided)
      make_ready(std::move(held.command), *entry);
    else
      hold(std::move(held), entry);
  }
}

namespace {

/// Decides removals that change nothing, with all groups before in mind; encodes the others.
void judge_removal(StoreCommand& command, const ContextCache::Entry& entry) {
  const RemovalRequest& removal = *command.removal;
  const Sequence first_live = std::clamp<Sequence>(removal.before, 1, entry.last + 1);
  if (entry.closed || (!removal.closes && first_live <= entry.first_live)) {
    command.verdict = std::make_unique<Result<Receipt>>(Receipt{first_live, 0, 0, command.durability, true});
    return;
  }
  command.encoded.clear();
  encode_removal(command.context_id, first_live, removal.closes, command.encoded);
}

/// Decides calls that store nothing, with all groups before in mind.
void judge(StoreCommand& command, const ContextCache::Entry& entry) {
  const Sequence last = entry.last;
  if (command.removal) {
    judge_removal(command, entry);
  } else if (entry.closed && !sabotaged(Sabotage::forget_tombstone)) { // whatever was found out before
    command.verdict = std::make_unique<Result<Receipt>>(fail(
        Errc::context_deleted, "the context is deleted for good; nothing can be stored to it", command.context_id));
  } else if (command.verdict) {
    return;
  } else if (!command.expect.holds(last, entry.first_live) && !sabotaged(Sabotage::believe_expectations)) {
    Error error =
        fail(Errc::sequence_conflict,
             last < entry.first_live
                 ? format("the context has no event, expected was: {}", to_string(command.expect))
                 : format("the context has come to sequence {}, expected was: {}", last, to_string(command.expect)),
             command.context_id);
    error.conflicts.push_back({command.context_id, {}, last, std::nullopt});
    command.verdict = std::make_unique<Result<Receipt>>(std::move(error));
  } else if (command.events == 0) {
    command.verdict = std::make_unique<Result<Receipt>>(Receipt{last + 1, 0, 0, command.durability, false});
  }
}

} // namespace

std::vector<ShardState::Numbered> ShardState::form_group(std::size_t commands_max, std::size_t bytes_max,
                                                         std::uint64_t group) {
  std::vector<Numbered> numbered;
  GroupIds ids{group, {}};
  std::size_t bytes = 0;
  while (!ready_.empty() && numbered.size() < commands_max) {
    StorePtr& command = ready_.front().command;
    if (!numbered.empty() && bytes + command->bytes() > bytes_max)
      break;
    bytes_ -= command->bytes();
    Entry& entry = *ready_.front().entry;
    WEIR_CHECK(entry.ready != 0);
    --entry.ready;
    entry.group = group;
    if (!command->verdict)
      ids.hashes.insert(ids.hashes.end(), command->id_hashes.begin(), command->id_hashes.end());
    judge(*command, entry);
    if (command->verdict) {
      numbered.push_back({std::move(command), 0});
    } else {
      bytes += command->bytes();
      if (const auto& removal = command->removal) {
        entry.first_live = std::max(entry.first_live, std::clamp<Sequence>(removal->before, 1, entry.last + 1));
        entry.closed |= removal->closes;
      }
      numbered.push_back({std::move(command), entry.last + 1});
      entry.last += numbered.back().command->events;
    }
    ready_.pop_front();
  }
  if (!ids.hashes.empty())
    group_ids_.push_back(std::move(ids));
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
