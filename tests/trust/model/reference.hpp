// The reference: an engine too simple to be wrong.
//
// Purpose: says what every read must answer and what a crash may take. Owner: one runner. Threading: one thread.
// Invariants: the calls of a shard are kept in the order of their positions, the events of a context by sequence.
#pragma once

#include <weir/event.hpp>
#include <weir/expectation.hpp>
#include <weir/query.hpp>
#include <weir/removal.hpp>
#include <weir/replay_options.hpp>
#include <weir/result.hpp>
#include <weir/retention.hpp>

#include "engine/condition.hpp"
#include "tests/engine/query/random_data.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace weir::trust {

/// The engine did what the reference does not.
struct Mismatch : std::runtime_error {
  explicit Mismatch(const std::string& what, bool acknowledged_lost = false)
      : std::runtime_error(what), lost(acknowledged_lost) {}
  bool lost; ///< Something acknowledged is gone.
};

/// Planted into the reference to see that a difference is found, and shrunk.
enum class Mistake : std::uint8_t {
  none,
  power_cuts_lose_nothing,
  backward_from_excluded,
  uncounted_condition,
  ids_are_forgotten,
  removals_are_ignored,
  tags_are_ignored,
  checks_always_hold,
  payloads_stay_as_stored,
  views_miss_the_newest,
  backups_are_of_now,
  snapshots_are_one_late,
  parking_settles,
  resets_are_ignored,
};

enum class Crash : std::uint8_t { power_cut, kill };

class Reference {
public:
  using Events = std::vector<test::KnownEvent>;
  /// In an event to be stored: it has none, and gets its recorded_at.
  static constexpr Timestamp no_timestamp{};

  Reference(std::size_t shards, Mistake mistake) : shards_(shards), mistake_(mistake) {}

  /// One call that was stored, in the order of positions. `safe_as`: what its caller was told before the crash that
  /// follows, if one does. `joined`: it was one call with the one before, for another context.
  void stored(ShardId shard, Events events, const Receipt& receipt, Durability safe_as, Timestamp now,
              bool joined = false);
  /// A call that was stored before, and must have been as it is now.
  void duplicate(ShardId shard, const Events& events, const Receipt& receipt, Durability safe_as);
  /// A call that was refused for its ids, and had to be.
  void id_conflict(const Events& events, const Error& error) const;
  /// A call whose expectation was found to fail, or (without an error) a check whose expectation held when the context
  /// had come to `current`. Of the context `at_least` had been acknowledged before the call was made.
  void judged(const std::string& context, Expectation expect, Sequence current, Sequence at_least,
              const Error* error) const;
  /// The first event that the condition speaks of, of all that are left by now.
  [[nodiscard]] std::optional<Match> in_the_way(const FailIf& condition) const;
  /// A call's condition was judged: it held (no `error`, or one of something else), or failed. Positions had come to
  /// `had_come_to` when the call was made; its own events begin at `stored_at`, 0 if none were stored.
  void judged_condition(const FailIf& condition, bool stores, Position had_come_to, Position stored_at,
                        const Error* error) const;
  /// Payloads of a type mean something else by now: `apply` makes what all reads hand out of what they did before.
  void upcast(const std::string& event_type, const std::function<std::string(const std::string&)>& apply);
  /// What was stored, where that is not what is handed out by now.
  [[nodiscard]] const std::string& as_stored(const test::StoredEvent& event) const;
  /// A backup made when all was as in `earlier` takes its place; positions given since are not given again.
  void go_back_to(const Reference& earlier);
  /// The context was truncated, or deleted: every event below `before` is gone, and what the shard stored so far is
  /// synced. `closes`: for good.
  void removed(ShardId shard, const std::string& context, Sequence before, bool closes, const Removal& answer,
               Timestamp now);
  /// Contexts were truncated by `rules`, judged at the point of `report`.
  void retained(const std::vector<RetentionRule>& rules, const RetentionReport& report,
                const std::function<ShardId(const std::string&)>& shard_of, Timestamp now);
  /// The first sequence that is not removed.
  [[nodiscard]] Sequence first_live(const std::string& context) const;
  [[nodiscard]] bool closed(const std::string& context) const;
  /// All there is survives a crash: after a flush, a clean close, a recovery.
  void all_safe();
  /// After a crash `lengths` events are left of each context: throws unless that is whole calls, a beginning of each
  /// shard, and all that had to survive. Forgets the rest.
  void crashed(Crash crash, const std::map<std::string, Sequence>& lengths);

  [[nodiscard]] const std::map<std::string, Events>& contexts() const { return contexts_; }
  [[nodiscard]] Sequence length(const std::string& context) const;
  [[nodiscard]] std::uint64_t events_of(ShardId shard) const;
  /// How many of these are removed: they may still take space.
  [[nodiscard]] std::uint64_t removed_of(ShardId shard) const;
  [[nodiscard]] std::vector<const test::StoredEvent*> replay(const std::string& context,
                                                             const ReplayOptions& options) const;
  [[nodiscard]] std::vector<std::vector<Value>> query(Query query) const;
  [[nodiscard]] Position position_max() const { return position_max_; }
  /// The events of some call that is stored; none if there is no call.
  [[nodiscard]] Events some_call(test::Random& random) const;

private:
  [[nodiscard]] const test::StoredEvent* find_id(const std::string& context, const std::string& event_id) const;
  /// The first event from `first_live` on that the rules do not let go.
  [[nodiscard]] static Sequence first_to_stay(const std::string& context, const Events& events, Sequence first_live,
                                              const std::vector<RetentionRule>& rules, const RetentionPoint& point);
  /// Whether `events` stand at `first` and behind it, as one call stores them.
  [[nodiscard]] bool stands_at(const Events& events, Sequence first) const;

  struct Call {
    std::string context;
    Sequence first = 0, last = 0;
    std::uint64_t events = 0;
    Position position = 0;
    bool joined = false; ///< With the one before: both survive, or neither.
  };
  struct Shard {
    std::vector<Call> calls;
    std::size_t written = 0, synced = 0; ///< So many calls survive a kill, a power cut.
    Timestamp recorded_at_max{};
    Timestamp removed_at_max{}; ///< Of removals alone, which no crash takes.
  };

  std::vector<Shard> shards_;
  struct Mark {
    Sequence first_live = 1;
    bool closed = false;
  };

  std::map<std::string, Events> contexts_;
  std::map<std::string, Mark> marks_;
  std::map<Position, std::string> as_stored_; ///< Payloads, of events that were upcast.
  Mistake mistake_;
  Position position_max_ = 0;
};

/// "context-3 sequence 5 position 17 ...": for messages.
[[nodiscard]] std::string describe(const EventView& event);
[[nodiscard]] bool same(const EventView& a, const EventView& b);
/// As a caller gives it to the engine.
[[nodiscard]] Event as_given(const test::StoredEvent& event);

} // namespace weir::trust
