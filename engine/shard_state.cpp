#include "engine/shard_state.hpp"

#include "engine/check.hpp"
#include "engine/hash.hpp"

#include <algorithm>

namespace weir {

std::size_t ShardState::Hash::operator()(std::string_view text) const noexcept {
  return hash64(text, seed); // seeded per directory: ids cannot be chosen to collide
}

ShardState::ShardState(Options options)
    : options_(options), index_(16, Hash{options.cache_hash_seed}), held_contexts_(16, Hash{options.cache_hash_seed}) {
}

std::size_t ShardState::room() const noexcept {
  const std::size_t used = ready_.size() + held_.size();
  return used >= options_.held_max ? 0 : options_.held_max - used;
}

ShardState::Entry* ShardState::find(std::string_view context_id) {
  const auto found = index_.find(context_id);
  if (found == index_.end())
    return nullptr;
  found->second->used = true;
  return &*found->second;
}

ShardState::Entry& ShardState::remember(std::string_view context_id, Sequence last) {
  entries_.push_front(Entry{std::string(context_id), last, 0, 0, true});
  index_.emplace(entries_.front().context_id, entries_.begin());
  Entry& entry = entries_.front();
  entry.ready = 1; // it is about to be used
  evict(8);        // a few steps each time keep up with one more entry each time
  entry.ready = 0;
  return entry;
}

void ShardState::evict(std::size_t steps) {
  // An entry with a call on its way must stay; those are bounded by the groups
  // in flight and by room().
  while (entries_.size() > options_.cache_entries_max && steps-- != 0) {
    const auto last = std::prev(entries_.end());
    if (std::exchange(last->used, false) || last->ready != 0 || last->group > applied_) {
      entries_.splice(entries_.begin(), entries_, last);
      continue;
    }
    index_.erase(last->context_id);
    entries_.erase(last);
  }
}

void ShardState::make_ready(StoreCommand&& command, Entry& entry) {
  ++entry.ready;
  ready_.push_back({std::move(command), &entry});
}

void ShardState::accept(std::vector<StoreCommand>&& commands, const MemoryLookup& lookup) {
  for (StoreCommand& command : commands) {
    const bool waits = held_contexts_.contains(command.context_id) || held_senders_.contains(command.sender);
    if (!waits) {
      Entry* entry = find(command.context_id);
      if (entry == nullptr)
        if (const auto last = lookup(command.context_id))
          entry = &remember(command.context_id, *last);
      if (entry != nullptr) {
        make_ready(std::move(command), *entry);
        continue;
      }
    }
    // Also for a call that only waits for its sender: its context is known by the time its turn comes.
    if (find(command.context_id) == nullptr && pending_.insert(command.context_id).second)
      wanted_.push_back(command.context_id);
    ++held_contexts_[command.context_id];
    ++held_senders_[command.sender];
    held_.push_back(std::move(command));
  }
  commands.clear();
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
      remember(context_id, *answer).ready = 1;
      pinned.push_back(context_id);
    }
  }
  std::deque<StoreCommand> still;
  held_contexts_.clear();
  held_senders_.clear();
  for (StoreCommand& command : held_) {
    if (const auto failure = failed.find(command.context_id); failure != failed.end()) {
      command.done(*failure->second);
      continue;
    }
    Entry* entry = find(command.context_id);
    const bool waits =
        entry == nullptr || held_contexts_.contains(command.context_id) || held_senders_.contains(command.sender);
    if (!waits) {
      make_ready(std::move(command), *entry);
      continue;
    }
    if (entry == nullptr && pending_.insert(command.context_id).second)
      wanted_.push_back(command.context_id);
    ++held_contexts_[command.context_id];
    ++held_senders_[command.sender];
    still.push_back(std::move(command));
  }
  held_ = std::move(still);
  for (const std::string_view context_id : pinned)
    --index_.find(context_id)->second->ready;
  evict(2 * entries_.size()); // the first round only finds out who was used
}

std::vector<ShardState::Numbered> ShardState::form_group(std::size_t commands_max, std::size_t bytes_max,
                                                         std::uint64_t group) {
  std::vector<Numbered> numbered;
  std::size_t bytes = 0;
  while (!ready_.empty() && numbered.size() < commands_max) {
    StoreCommand& command = ready_.front().command;
    if (!numbered.empty() && bytes + command.bytes() > bytes_max)
      break;
    bytes += command.bytes();
    Entry& entry = *ready_.front().entry;
    WEIR_CHECK(entry.ready != 0);
    --entry.ready;
    entry.group = group;
    numbered.push_back({std::move(command), entry.last + 1});
    entry.last += numbered.back().command.events;
    ready_.pop_front();
  }
  return numbered;
}

void ShardState::applied(std::uint64_t group) noexcept {
  applied_ = std::max(applied_, group);
  evict(2 * entries_.size()); // the first round only finds out who was used
}

void ShardState::rollback(const MemoryLookup& lookup) {
  std::vector<StoreCommand> again = take_all();
  index_.clear();
  entries_.clear();
  accept(std::move(again), lookup);
}

std::vector<StoreCommand> ShardState::take_all() {
  std::vector<StoreCommand> all;
  all.reserve(ready_.size() + held_.size());
  for (Ready& ready : ready_)
    all.push_back(std::move(ready.command));
  for (StoreCommand& command : held_)
    all.push_back(std::move(command));
  ready_.clear();
  held_.clear();
  for (Entry& entry : entries_)
    entry.ready = 0;
  held_contexts_.clear();
  held_senders_.clear();
  pending_.clear();
  wanted_.clear();
  ++round_;
  return all;
}

} // namespace weir
