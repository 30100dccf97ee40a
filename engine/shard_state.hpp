// Everything a shard decides about order, and nothing it does: no actor, no file, no clock.
//
// Purpose: numbers store calls and judges what they expect. A call whose context was stored to recently, and whose
// event ids are certainly new, is decided at once; one whose context is cold, or whose ids may have been stored before,
// waits, with whatever must not overtake it (its context's and its sender's later calls), until that has been looked
// up. Everybody else goes past it. Decisions 0001 and 0008 say why. Owner: the shard actor, which calls everything
// here; not thread-safe. Invariants: sequences of a context are dense in the order of groups; a context with a call in
// a group that is not applied yet stays in the cache, so a look-up never races with the log; an event id is on its way
// at most once; commands held are bounded by what the shard drains (room()).
#pragma once

#include "engine/condition.hpp"
#include "engine/context_cache.hpp"
#include "engine/event_ids.hpp"
#include "engine/id_set.hpp"
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
    std::size_t asked_events_max = 16'384; ///< Events in questions that are not answered yet; one call may go beyond.
    /// Says from memory alone that no event that is applied has one of the command's ids; false: they must be looked
    /// up. Empty: there are no ids.
    std::function<bool(const StoreCommand&)> rules_out_ids{};
    /// Whether memory alone can tell, and soon, if one of the applied events behind a command's `looked_to` fails its
    /// condition. A flush may change that at any moment. Empty: nothing is applied.
    std::function<bool(const StoreCommand&)> memory_tells{};
    /// Which is the first of them, as long as memory tells. Empty: there is none.
    std::function<MemoryVerdict(const StoreCommand&)> match_in_memory{};
  };
  explicit ShardState(Options options);

  /// Answers from memory alone how far the context has come, or nothing if segments must be asked.
  using MemoryLookup = std::function<std::optional<ContextHead>(std::string_view context_id)>;

  /// How many more commands may be taken from the inbox now.
  [[nodiscard]] std::size_t room() const noexcept;
  /// Takes commands in the order they came.
  void accept(std::vector<StorePtr>&& commands, const MemoryLookup& lookup);

  /// Contexts and event ids to look up, and the round of questions they belong to.
  struct Lookups {
    std::uint64_t round = 0;
    std::vector<std::string> contexts;
    std::vector<IdQuestion> ids;
    [[nodiscard]] bool empty() const noexcept { return contexts.empty() && ids.empty(); }
  };
  /// What waits for a look-up nobody has started yet; from now on somebody has. Event ids gather while others
  /// are looked up: many of a context cost hardly more than one, and what is stored again in order is found in order.
  [[nodiscard]] Lookups take_lookups();
  struct Answers {
    std::uint64_t round = 0; ///< Of the questions.
    std::vector<std::pair<std::string, Result<ContextHead>>> last_sequences;
    std::vector<IdAnswer> ids{};
  };
  /// The answers to a look-up. A failed one fails the context's waiting calls with its error. Those of an earlier round
  /// are ignored: take_all() and rollback() begin a new one, since what such a look-up saw may be long past.
  void resolved(Answers answers);
  [[nodiscard]] std::size_t held_back() const noexcept { return held_.size(); }
  [[nodiscard]] std::size_t ready() const noexcept { return ready_.size(); }

  struct Numbered {
    StorePtr command; ///< With a verdict: nothing of it is stored. Its receipts, if it has some, have their sequences;
                      ///< a removal is encoded by now.
    Sequence first_sequence = 0; ///< In its first context. Of a removal: that of the event that comes next.
  };
  /// Takes ready commands, in order, up to the bounds (but at least one if there is one), judges and numbers them as
  /// group `group`; groups count up from 1. None if the first has a condition and groups are in flight: what it must
  /// not overlook may be in them. Then waits_for_groups().
  std::vector<Numbered> form_group(std::size_t commands_max, std::size_t bytes_max, std::uint64_t group);
  /// Group `group` and all before it are visible to look-ups, or were refused.
  void applied(std::uint64_t group);
  /// Some call waits for one with the same event id, which is on its way, or for a condition's turn: applied() will
  /// move it on.
  [[nodiscard]] bool waits_for_groups() const noexcept { return id_waiters_ != 0 || condition_waits_; }
  /// The groups after the last applied one were lost: forgets every number given, and looks them up again.
  void rollback(const MemoryLookup& lookup);
  /// Takes every command held, unanswered, in order (the shard has failed or closes).
  std::vector<StorePtr> take_all();

private:
  using Entry = ContextCache::Entry;
  // The entries of a call's contexts, in their order; null: not known. One stays while its `ready` is not 0.
  struct Entries {
    Entry* first = nullptr;
    std::vector<Entry*> more{};
    [[nodiscard]] bool known() const noexcept;
    void pin() const noexcept;
    void unpin() const noexcept;
  };
  struct Ready {
    StorePtr command;
    Entries entries;
  };
  struct Held {
    StorePtr command;
    enum class Ids : std::uint8_t { nothing, wanted, asked, wait_for_group } ids = Ids::nothing;
    std::uint64_t question = 0; // its number, when asked
    Entries entries{};          // stay while this waits, or look-ups of contexts and ids could chase each other
  };
  enum class IdState : std::uint8_t { decided, on_their_way, unknown };
  struct GroupIds {
    std::uint64_t group = 0;
    std::vector<std::uint64_t> hashes;
  };
  struct Hash {
    std::uint64_t seed = 0;
    std::size_t operator()(std::string_view text) const noexcept;
  };

  Entry* find(std::string_view context_id) { return cache_.find(context_id, cache_.hash(context_id)); }
  Entry& remember(std::string_view context_id, std::uint64_t hash, const ContextHead& head);
  void accept_one(StorePtr command, std::uint64_t hash, const MemoryLookup& lookup);
  Entry* find_or_remember(std::string_view context_id, std::uint64_t hash, const MemoryLookup& lookup);
  void find_unknown(const StoreCommand& command, Entries& entries);
  void make_ready(StorePtr command, Entries entries);
  [[nodiscard]] bool overtakes(const StoreCommand& command) const;
  [[nodiscard]] IdState id_state(const StoreCommand& command, const Entries& entries) const;
  void hold(Held held);
  static void judge_removal(StoreCommand& command, const Entry& entry);
  static bool refuse_closed(StoreCommand& command, const Entries& entries);
  static void judge(StoreCommand& command, const Entries& entries);
  enum class Turn : std::uint8_t { now, later, look_up };
  /// If it is now, `in_memory` becomes the first applied event in the way.
  [[nodiscard]] Turn turn_of(const StoreCommand& command, const std::vector<Numbered>& before,
                             std::optional<Match>& in_memory) const;
  static void condition_fails(StoreCommand& command, Error why);
  void judge_condition(StoreCommand& command, const std::vector<Numbered>& before,
                       std::optional<Match> in_memory) const;
  void look_at_held();
  void forget_held();

  Options options_;
  ContextCache cache_;
  std::deque<Ready> ready_;
  std::deque<Held> held_;
  std::uint64_t bytes_ = 0;                                                           // of ready_ and held_
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> held_contexts_; // calls held back
  std::unordered_map<std::uint64_t, std::size_t> held_senders_;
  std::unordered_set<std::string> pending_; // contexts being looked up in this round
  std::vector<std::string> wanted_;
  IdSet ids_on_their_way_;         // of calls that are ready or in a group
  std::deque<GroupIds> group_ids_; // of those in a group
  std::size_t id_waiters_ = 0;     // of held_: Ids::wait_for_group
  std::size_t ids_wanted_ = 0;     // of held_: Ids::wanted
  std::size_t asked_events_ = 0;
  bool ids_asked_ = false; // in this round, and not answered yet
  std::uint64_t questions_ = 0;
  std::uint64_t round_ = 0;
  std::uint64_t applied_ = 0;
  std::uint64_t formed_ = 0; // the last group
  bool condition_waits_ = false;
};

} // namespace weir
