#include "engine/shard_state.hpp"

#include "engine/check.hpp"
#include "engine/hash.hpp"

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

ShardState::Entry& ShardState::remember(std::string_view context_id, std::uint64_t hash, Sequence last) {
  Entry& entry = cache_.add(context_id, hash, last);
  entry.ready = 1;           // it is about to be used
  cache_.evict(8, applied_); // a few steps each time keep up with one more entry each time
  entry.ready = 0;
  return entry;
}

void ShardState::make_ready(StorePtr command, Entry& entry) {
  ++entry.ready;
  ready_.push_back({std::move(command), &entry});
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
  const std::string& context_id = command->context_id;
  const bool waits = !held_.empty() && (held_contexts_.contains(context_id) || held_senders_.contains(command->sender));
  Entry* entry = cache_.find(context_id, hash);
  if (!waits) {
    if (entry == nullptr)
      if (const auto last = lookup(context_id))
        entry = &remember(context_id, hash, *last);
    if (entry != nullptr) {
      make_ready(std::move(command), *entry);
      return;
    }
  }
  // Also for a call that only waits for its sender: its context is known by the time its turn comes.
  if (entry == nullptr && pending_.insert(context_id).second)
    wanted_.push_back(context_id);
  ++held_contexts_[context_id];
  ++held_senders_[command->sender];
  held_.push_back(std::move(command));
}

ShardState::Lookups ShardState::take_lookups() {
  return {round_, std::exchange(wanted_, {})};
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
  std::deque<StorePtr> still;
  held_contexts_.clear();
  held_senders_.clear();
  for (StorePtr& command : held_) {
    if (const auto failure = failed.find(command->context_id); failure != failed.end()) {
      bytes_ -= command->bytes();
      command->done(*failure->second);
      continue;
    }
    Entry* entry = find(command->context_id);
    const bool waits =
        entry == nullptr || held_contexts_.contains(command->context_id) || held_senders_.contains(command->sender);
    if (!waits) {
      make_ready(std::move(command), *entry);
      continue;
    }
    if (entry == nullptr && pending_.insert(command->context_id).second)
      wanted_.push_back(command->context_id);
    ++held_contexts_[command->context_id];
    ++held_senders_[command->sender];
    still.push_back(std::move(command));
  }
  held_ = std::move(still);
  for (const std::string_view context_id : pinned)
    --find(context_id)->ready;
  cache_.evict(2 * cache_.size(), applied_); // the first round only finds out who was used
}

std::vector<ShardState::Numbered> ShardState::form_group(std::size_t commands_max, std::size_t bytes_max,
                                                         std::uint64_t group) {
  std::vector<Numbered> numbered;
  std::size_t bytes = 0;
  while (!ready_.empty() && numbered.size() < commands_max) {
    StorePtr& command = ready_.front().command;
    if (!numbered.empty() && bytes + command->bytes() > bytes_max)
      break;
    bytes += command->bytes();
    bytes_ -= command->bytes();
    Entry& entry = *ready_.front().entry;
    WEIR_CHECK(entry.ready != 0);
    --entry.ready;
    entry.group = group;
    numbered.push_back({std::move(command), entry.last + 1});
    entry.last += numbered.back().command->events;
    ready_.pop_front();
  }
  return numbered;
}

void ShardState::applied(std::uint64_t group) noexcept {
  applied_ = std::max(applied_, group);
  cache_.evict(2 * cache_.size(), applied_); // the first round only finds out who was used
}

void ShardState::rollback(const MemoryLookup& lookup) {
  std::vector<StorePtr> again = take_all();
  cache_.clear();
  accept(std::move(again), lookup);
}

std::vector<StorePtr> ShardState::take_all() {
  std::vector<StorePtr> all;
  all.reserve(ready_.size() + held_.size());
  for (Ready& ready : ready_)
    all.push_back(std::move(ready.command));
  for (StorePtr& command : held_)
    all.push_back(std::move(command));
  ready_.clear();
  held_.clear();
  bytes_ = 0;
  cache_.for_each([](Entry& entry) { entry.ready = 0; });
  held_contexts_.clear();
  held_senders_.clear();
  pending_.clear();
  wanted_.clear();
  ++round_;
  return all;
}

} // namespace weir
