// Everything a shard decides about order, and nothing it does: no actor, no file, no clock.
//
// Purpose: numbers store calls. A call whose context was stored to recently is numbered at once; one whose context is
// cold waits, with whatever must not overtake it (its context's and its sender's later calls), until the context's last
// sequence has been looked up. Everybody else goes past it.
// Owner: the shard actor, which calls everything here; not thread-safe.
// Invariants: sequences of a context are dense in the order of groups; a context with a call in a group that is not
// applied yet stays in the cache, so a look-up never races with the log; commands held are bounded by what the shard
// drains (room()).
#pragma once

#include "engine/context_cache.hpp"
#include "engine/store_command.hpp"

#include <weir/limits.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace weir {

class ShardState {
public:
  struct Options {
    std::size_t cache_entries_max = 65'536;
    std::size_t held_max = 2'048; ///< Commands held back or ready; beyond it room() is 0.
    std::uint64_t cache_hash_seed = 0;
    std::uint64_t held_bytes_max = 2 * limits::group_bytes_max; ///< The same for their bytes: calls may be large.
  };
  explicit ShardState(Options options);

  /// Answers from memory alone: the last sequence (0: none), or nothing if segments must be asked.
  using MemoryLookup = std::function<std::optional<Sequence>(std::string_view context_id)>;

  /// How many more commands may be taken from the inbox now.
  [[nodiscard]] std::size_t room() const noexcept;
  /// Takes commands in the order they came.
  void accept(std::vector<StorePtr>&& commands, const MemoryLookup& lookup);

  /// Contexts to look up, and the round of questions they belong to.
  struct Lookups {
    std::uint64_t round = 0;
    std::vector<std::string> contexts;
  };
  /// Contexts that wait for a look-up nobody has started yet; from now on somebody has.
  [[nodiscard]] Lookups take_lookups();
  struct Answers {
    std::uint64_t round = 0; ///< Of the questions.
    std::vector<std::pair<std::string, Result<Sequence>>> last_sequences;
  };
  /// The answers to a look-up. A failed one fails the context's waiting calls with its error. Those of an earlier round
  /// are ignored: take_all() and rollback() begin a new one, since what such a look-up saw may be long past.
  void resolved(Answers answers);
  [[nodiscard]] std::size_t held_back() const noexcept { return held_.size(); }
  [[nodiscard]] std::size_t ready() const noexcept { return ready_.size(); }

  struct Numbered {
    StorePtr command;
    Sequence first_sequence = 0;
  };
  /// Takes ready commands, in order, up to the bounds (but at least one if there is one), and numbers them as group
  /// `group`; groups count up from 1.
  std::vector<Numbered> form_group(std::size_t commands_max, std::size_t bytes_max, std::uint64_t group);
  /// Group `group` and all before it are visible to look-ups.
  void applied(std::uint64_t group) noexcept;
  /// The groups after the last applied one were lost: forgets every number given, and looks them up again.
  void rollback(const MemoryLookup& lookup);
  /// Takes every command held, unanswered, in order (the shard has failed or closes).
  std::vector<StorePtr> take_all();

private:
  using Entry = ContextCache::Entry;
  struct Ready {
    StorePtr command;
    Entry* entry; // stays while its `ready` is not 0
  };
  struct Hash {
    std::uint64_t seed = 0;
    std::size_t operator()(std::string_view text) const noexcept;
  };

  Entry* find(std::string_view context_id) { return cache_.find(context_id, cache_.hash(context_id)); }
  Entry& remember(std::string_view context_id, std::uint64_t hash, Sequence last);
  void accept_one(StorePtr command, std::uint64_t hash, const MemoryLookup& lookup);
  void make_ready(StorePtr command, Entry& entry);

  Options options_;
  ContextCache cache_;
  std::deque<Ready> ready_;
  std::deque<StorePtr> held_;
  std::uint64_t bytes_ = 0;                                                           // of ready_ and held_
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> held_contexts_; // calls held back
  std::unordered_map<std::uint64_t, std::size_t> held_senders_;
  std::unordered_set<std::string> pending_; // contexts being looked up in this round
  std::vector<std::string> wanted_;
  std::uint64_t round_ = 0;
  std::uint64_t applied_ = 0;
};

} // namespace weir
