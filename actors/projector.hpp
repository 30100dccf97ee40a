// A projection at work: event queue, lane and waiting callers round what Projection decides.
//
// Purpose: feeds one Projection from the event queue, tells callers when their events are applied, retries what failed,
// swaps in what was rebuilt. Owner: EventSourcingDB. Threading: thread-safe; the projection itself is used in its own
// dedicated lane only (user functions may be slow, and must not hold up anybody's reads), or by who has borrowed that;
// a rebuild in its caller's thread. Invariants: every waiter is answered exactly once: when its event is applied or has
// failed, when the projection stops, or with `closing`.
#pragma once

#include "actors/engine_core.hpp"
#include "engine/consumers/reply.hpp"
#include "engine/event_queue/pushed_queue.hpp"
#include "engine/io/executor.hpp"
#include "engine/models/projection.hpp"
#include "engine/store_command.hpp"
#include "engine/unique_function.hpp"

#include <weir/model_database.hpp>
#include <weir/projection_types.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

class Projector : public std::enable_shared_from_this<Projector> {
public:
  /// Opens or makes models/NAME.db and begins to apply events. Errors: `invalid_argument`, `locked` (the engine has one
  /// of this name already), `closing`, those of the database.
  static Result<std::shared_ptr<Projector>> open(std::shared_ptr<EngineCore> core, EventSourcingOptions options);
  ~Projector();

  /// Answers who waits, and lets go of the database. Waits for a transaction under way. Idempotent.
  void close();

  [[nodiscard]] const EventSourcingOptions& options() const noexcept { return options_; }
  [[nodiscard]] ModelDatabase& database() const noexcept { return *database_; }
  [[nodiscard]] EngineCore& core() const noexcept { return *core_; }
  /// Whether only weir's own code runs for an event: then it cannot take long, and whoever waits may run it.
  [[nodiscard]] bool is_quick() const noexcept { return quick_; }
  /// See Projection::preprocess(); functions of a service's are called one at a time.
  Status preprocess(ModelEvent& event);

  /// What becomes of a context's events is remembered while one of these is alive.
  class Interest {
  public:
    /// `object`: the object behind a write is wanted, too.
    Interest(std::shared_ptr<Projector> projector, std::string context_id, bool object);
    Interest(Interest&&) noexcept = default;
    Interest& operator=(Interest&&) = delete;
    ~Interest();

  private:
    friend class Projector;
    std::shared_ptr<Projector> projector_;
    std::string context_id_;
    bool object_ = false;
    Position from_ = 0; // its events lie here or behind
  };

  /// For StoreCommand::meanwhile: applies a lone caller's event while the disk works for it, where that cannot be slow
  /// and nobody reads the models meanwhile. Nobody sees it before it is synced. Null: never possible here.
  [[nodiscard]] StoreCommand::Meanwhile ahead_of_sync();

  /// `projection_failed` and the like if the event at the position, or one before it that holds it up, failed. The
  /// outcome is there if the event's context was of interest before it was stored.
  using Done = UniqueFunction<void(Result<std::optional<Projection::Outcome>>)>;
  /// Calls `done` once everything up to `position` is applied; in the projection's lane, or before this returns.
  /// Of those who wait for one position, one may take the outcome.
  enum class Takes : std::uint8_t { nothing, outcome };
  void when_applied(Position position, Takes takes, Done done);
  /// `invalid_argument` from inside a callback, which may be what would be waited for.
  [[nodiscard]] Status may_wait() const;
  /// When_applied() and a wait. Errors: also `deadline_exceeded`; `invalid_argument` from inside a callback.
  Result<std::optional<Projection::Outcome>>
  wait_applied(Position position, std::optional<std::chrono::steady_clock::time_point> deadline);
  /// Called in the lane for each event that is applied from now on, until there is another one.
  using OnOutcome = std::function<void(const Projection::Outcome&)>;
  void on_outcome(OnOutcome listener);

  [[nodiscard]] Result<ProjectionHealth> health() const;
  [[nodiscard]] Result<std::vector<DeadLetter>> dead_letters(std::string_view context_id, std::size_t limit);
  /// Tries the event again at which the projection stands; returns what came of it. Success if it does not stand.
  Status retry();
  /// Applies the context's dead letters; returns how many worked. The first that fails again is the error.
  Result<std::uint64_t> retry_context(const std::string& context_id);
  Result<RebuildReport> rebuild(const RebuildOptions& options);

private:
  struct Waiting {
    Takes takes;
    Done done;
  };
  using Waiters = std::multimap<Position, Waiting>;

  Projector(std::shared_ptr<EngineCore> core, EventSourcingOptions options);
  Status open_database();
  Result<std::unique_ptr<ModelDatabase>> make_database(const std::string& file) const;
  Result<std::shared_ptr<Projection>> make_projection(ModelDatabase& database);
  Status load_corrections(Projection& projection) const;

  // In the lane, or while it is borrowed: projector_ahead.cpp.
  StoreCommand::WhenSynced apply_ahead(std::string_view record);
  void synced_ahead(Projection::Progress&& progress, Position position);
  void lost_ahead();

  // In the lane:
  Status start_intake();
  void stop_intake();
  void on_batch(QueueBatch&& batch);
  void on_end(const Status& status);
  void applied(Projection::Progress&& progress, Position seen);
  void stopped(ProjectionState state, Error error, Position position);
  Status resume();
  void plan_retry();
  /// When the batch's changes are to be committed; see EventSourcingOptions::commit_within_ms.
  [[nodiscard]] Projection::Commits commits(std::size_t events) const;
  void plan_commit(std::size_t events);
  void commit_now();
  Status start_over(const Error& why);
  Status apply_all(Projection& made, QueueCursor& cursor, const RebuildOptions& options);
  /// False: an event is applied already that the queue does not show yet.
  Result<bool> catch_up(Projection& made, QueueCursor& cursor);
  Result<std::optional<RebuildReport>> swap_in(ModelDatabase& rebuilt, Projection& made, QueueCursor& cursor);
  /// Has `work` done in the lane, and waits for it.
  template <class T, class Work> Result<T> in_lane(Work work) {
    WEIR_TRY(may_wait());
    const auto awaited = std::make_shared<Awaited<T>>();
    lane_->post([work = std::move(work), reply = Reply<T>(awaited)]() mutable { reply(work()); });
    return awaited->wait();
  }

  void begin_transaction();
  void end_transaction();
  void watch(std::uint64_t begun);
  [[nodiscard]] bool is_wanted(std::string_view context_id) const;
  [[nodiscard]] bool is_object_wanted(std::string_view context_id) const;
  void tell_listener(const Projection::Progress& progress);
  void tell(const OnOutcome& listener, const Projection::Outcome& outcome);
  void note(Projection::Progress& progress);          // with the mutex held
  void keep_outcomes(Projection::Progress& progress); // for those who wait; with the mutex held
  void go_back();                                     // who waits, waits for what was lost; with the mutex held
  [[nodiscard]] Waiters take_waiters(Position below); // with the mutex held
  [[nodiscard]] std::optional<Projection::Outcome> take_outcome(Position position); // with the mutex held
  void answer(Waiters&& waiters, const std::optional<Error>& error);
  [[nodiscard]] Error stop_error() const; // with the mutex held

  const std::shared_ptr<EngineCore> core_;
  const EventSourcingOptions options_;
  const std::string file_;
  const bool only_ours_; // no function of the service's runs for an event
  bool claimed_ = false; // the name, among the engine's projections
  std::atomic<bool> closed_{false};
  std::atomic<bool> quick_; // and none is called when it is applied
  std::unique_ptr<ModelDatabase> database_;
  std::shared_ptr<io::Lane> lane_;
  std::shared_ptr<io::Lane> watch_lane_; // sees that the other one is late

  // In the lane only.
  std::shared_ptr<PushedQueue> intake_;
  std::uint64_t intake_number_ = 0; // batches of an earlier one come to nothing
  std::chrono::milliseconds retry_delay_{0};
  bool retry_planned_ = false;
  std::size_t events_left_open_ = 0; // at least; of a transaction that commit_now() is planned for
  bool commit_planned_ = false;

  std::mutex preprocess_mutex_;
  std::mutex rebuild_mutex_;
  mutable std::mutex mutex_;
  std::shared_ptr<Projection> projection_; // replaced under the mutex, used in the lane
  Position reached_ = 0;                   // everything below is dealt with
  Position behind_until_ = 0;              // and once was, before what was applied was lost; 0: nothing was
  ProjectionState state_ = ProjectionState::running;
  std::optional<Error> failure_;
  Position failed_position_ = 0;
  std::uint32_t attempts_ = 0;
  std::uint64_t events_applied_ = 0;
  std::vector<std::string> quarantined_;
  bool rebuilding_ = false;
  Waiters waiters_;
  struct Interests {
    std::size_t all = 0, in_objects = 0;
  };
  std::map<std::string, Interests, std::less<>> interest_;
  std::multiset<Position> interest_from_;            // of each Interest: what lies below the lowest nobody asks for
  std::map<Position, Projection::Outcome> outcomes_; // of contexts of interest
  std::atomic<std::size_t> interests_{0};            // spares those the mutex who find none
  std::shared_ptr<const OnOutcome> listener_;
  bool watch_planned_ = false;

  static constexpr Position nothing_ahead = UINT64_MAX;
  std::atomic<Position> ahead_{nothing_ahead}; // an event that is applied, and not synced yet
  std::atomic<std::uint64_t> events_begun_{0};
  std::atomic<bool> in_transaction_{false};
};

} // namespace weir
