#include "actors/projector.hpp"

#include "engine/callback_scope.hpp"
#include "engine/consumers/lag.hpp"
#include "engine/models/model_set.hpp"
#include "engine/sqlite/connections.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace weir {

namespace {

/// A batch of more is committed by itself: it has enough to share.
constexpr std::size_t joined_events_max = 16;
/// Applied again at most when the process is killed.
constexpr std::size_t left_open_events_max = 256;

Error projection_closed() {
  return fail(Errc::closing, "the projection is closed");
}

} // namespace

Projector::Projector(std::shared_ptr<EngineCore> core, EventSourcingOptions options)
    : core_(std::move(core)), options_(std::move(options)), file_("models/" + options_.name + ".db"),
      only_ours_(ModelSet::calls_no_function(options_.models)), quick_(only_ours_) {
}

Result<std::shared_ptr<Projector>> Projector::open(std::shared_ptr<EngineCore> core, EventSourcingOptions options) {
  WEIR_TRY(options.validate());
  std::shared_ptr<Projector> projector(new Projector(std::move(core), std::move(options)));
  WEIR_TRY(projector->core_->claim_projection(projector->options_.name));
  projector->claimed_ = true;
  projector->lane_ = projector->core_->make_projection_lane();
  projector->watch_lane_ = projector->core_->make_read_lane();
  if (!projector->lane_ || !projector->watch_lane_)
    return projection_closed();
  WEIR_TRY(projector->open_database());
  auto started = projector->in_lane<bool>([self = projector.get()]() -> Result<bool> {
    WEIR_TRY(self->start_intake());
    return true;
  });
  if (!started)
    return std::move(started).error();
  return projector;
}

Projector::~Projector() {
  close();
}

void Projector::close() {
  if (closed_.exchange(true))
    return;
  if (!lane_) { // it never came so far
    if (std::exchange(claimed_, false))
      core_->release_projection(options_.name);
    return;
  }
  (void)in_lane<bool>([this]() -> Result<bool> {
    stop_intake();
    return true;
  }).ok(); // where the lane runs no more, neither does the intake
  Waiters waiters;
  {
    const std::lock_guard lock(mutex_);
    state_ = ProjectionState::closed;
    failure_ = projection_closed();
    waiters = std::exchange(waiters_, {});
  }
  answer(std::move(waiters), projection_closed());
  if (database_)
    (void)database_->close().ok();
  if (std::exchange(claimed_, false))
    core_->release_projection(options_.name);
}

Status Projector::may_wait() const {
  if (!CallbackScope::active())
    return {};
  return fail(Errc::invalid_argument,
              format("projection {}: a callback cannot wait for it: it may wait for itself", options_.name));
}

// --- the intake ---

Status Projector::start_intake() {
  SubscribeOptions events;
  events.from = QueueStart::at(projection_->position());
  events.batch_events_max = options_.batch_events_max;
  auto cursor = core_->subscribe(std::move(events));
  if (!cursor)
    return std::move(cursor).error();
  const std::uint64_t number = ++intake_number_;
  intake_ = PushedQueue::start(
      lane_, std::move(*cursor),
      [weak = weak_from_this(), number](QueueBatch&& batch) {
        if (const auto self = weak.lock(); self && self->intake_number_ == number)
          self->on_batch(std::move(batch));
      },
      [weak = weak_from_this(), number](const Status& status) {
        if (const auto self = weak.lock(); self && self->intake_number_ == number)
          self->on_end(status);
      },
      1);
  return {};
}

void Projector::stop_intake() {
  ++intake_number_;
  if (intake_)
    intake_->cancel();
  intake_.reset();
}

void Projector::on_batch(QueueBatch&& batch) {
  Projection::Progress progress;
  if (!batch.events.empty() && batch.events[batch.events.size() - 1].position >= projection_->position()) {
    const Projection::Commits when = commits(batch.events.size());
    begin_transaction();
    auto done = projection_->apply({batch.events.begin(), batch.events.end()}, batch.next, when);
    end_transaction();
    if (!done) {
      stopped(ProjectionState::failing, std::move(done).error(), 0);
      return;
    }
    progress = std::move(*done);
    if (when == Projection::Commits::later)
      plan_commit(batch.events.size());
  }
  const bool halted = progress.halted.has_value();
  tell_listener(progress);
  applied(std::move(progress), batch.next);
  if (events_left_open_ >= left_open_events_max)
    commit_now();
  if (!halted && intake_)
    intake_->request(1);
}

Projection::Commits Projector::commits(std::size_t events) const {
  // Who reads waits for the transaction under way to which what he may have been told of belongs: never for a function
  // of the service's, nor for many events.
  return quick_ && events <= joined_events_max && options_.commit_within_ms.count() != 0 ? Projection::Commits::later
                                                                                         : Projection::Commits::now;
}

void Projector::plan_commit(std::size_t events) {
  events_left_open_ += events;
  if (std::exchange(commit_planned_, true))
    return;
  lane_->post_after(options_.commit_within_ms, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->closed_.load()) // closing commits
      return;
    self->commit_planned_ = false;
    self->commit_now();
  });
}

void Projector::commit_now() {
  events_left_open_ = 0;
  if (Status done = projection_->commit(); !done)
    stopped(ProjectionState::failing, std::move(done).error(), 0);
}

void Projector::tell_listener(const Projection::Progress& progress) {
  std::shared_ptr<const OnOutcome> listener;
  {
    const std::lock_guard lock(mutex_);
    listener = listener_;
  }
  if (listener)
    for (const auto& [position, outcome] : progress.outcomes)
      if (!outcome.error)
        tell(*listener, outcome);
}

/// Runs the service's code.
void Projector::tell(const OnOutcome& listener, const Projection::Outcome& outcome) {
  try {
    listener(outcome);
  } catch (const std::exception& e) {
    core_->warn(format("projection {}: a listener threw: {}", options_.name, e.what()));
  } catch (...) {
    core_->warn(format("projection {}: a listener threw something that is no std::exception", options_.name));
  }
}

void Projector::keep_outcomes(Projection::Progress& progress) {
  if (!interest_from_.empty())
    for (auto& [position, outcome] : progress.outcomes)
      if (position >= reached_)
        outcomes_.insert_or_assign(position, std::move(outcome));
}

void Projector::note(Projection::Progress& progress) {
  keep_outcomes(progress);
  reached_ = std::max(reached_, projection_->position());
  events_applied_ = projection_->events_applied();
  if (!progress.quarantined.empty())
    quarantined_ = projection_->quarantined();
}

void Projector::applied(Projection::Progress&& progress, Position seen) {
  Waiters waiters;
  bool caught_up = false;
  {
    const std::lock_guard lock(mutex_);
    note(progress);
    if (!progress.halted) {
      reached_ = std::max(reached_, seen); // an end without events is dealt with, too
      caught_up = behind_until_ != 0 && reached_ >= behind_until_;
      if (caught_up)
        behind_until_ = 0;
      retry_delay_ = std::chrono::milliseconds(0);
      attempts_ = 0;
      if (state_ == ProjectionState::late) {
        state_ = ProjectionState::running;
        failure_.reset();
      }
    }
    waiters = take_waiters(reached_);
  }
  if (caught_up)
    database_->connections().caught_up();
  for (const ProjectionFailure& failure : progress.quarantined)
    core_->warn(format("projection {}: context {} is quarantined at its event {}: {}", options_.name,
                       failure.context_id, failure.sequence, to_string(failure.error)));
  answer(std::move(waiters), std::nullopt);
  if (progress.halted)
    stopped(ProjectionState::halted, std::move(progress.halted->error), progress.halted->position);
}

void Projector::on_end(const Status& status) {
  const Error why = status ? projection_closed() : status.error();
  const bool over = why.code == Errc::closing || why.code == Errc::shard_failed || why.code == Errc::cancelled;
  stopped(over ? ProjectionState::closed : ProjectionState::failing, why, 0);
}

void Projector::stopped(ProjectionState state, Error error, Position position) {
  stop_intake();
  if (error.code == Errc::corruption && state == ProjectionState::failing &&
      error.where.find(file_) != std::string::npos)
    if (const Status anew = start_over(error); anew)
      return;
  if (state != ProjectionState::closed)
    core_->warn(format("projection {} has stopped: {}", options_.name, to_string(error)));
  Waiters waiters;
  std::optional<Error> told;
  {
    const std::lock_guard lock(mutex_);
    if (state_ != ProjectionState::closed) {
      state_ = state;
      failure_ = std::move(error);
      failed_position_ = position != 0 ? position : projection_->position();
      ++attempts_;
    }
    told = stop_error();
    waiters = std::exchange(waiters_, {});
  }
  answer(std::move(waiters), told);
  if (state != ProjectionState::closed)
    plan_retry();
}

void Projector::plan_retry() {
  if (std::exchange(retry_planned_, true))
    return;
  retry_delay_ =
      retry_delay_.count() == 0 ? options_.retry_first_ms : std::min(2 * retry_delay_, options_.retry_longest_ms);
  lane_->post_after(retry_delay_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self)
      return;
    self->retry_planned_ = false;
    if (const Status resumed = self->resume(); !resumed)
      self->stopped(ProjectionState::failing, resumed.error(), 0);
  });
}

Status Projector::resume() {
  bool reopen = false;
  if (closed_.load()) // close() has had its turn in the lane, and closes the database
    return {};
  {
    const std::lock_guard lock(mutex_);
    if (state_ == ProjectionState::closed)
      return {}; // nobody waits for it
    if (state_ == ProjectionState::running)
      return {};
    reopen = state_ == ProjectionState::failing;
  }
  if (reopen) {
    // What the last commit came to is known only once it is read again.
    WEIR_TRY(database_->close());
    auto again = make_projection(*database_);
    if (!again)
      return std::move(again).error();
    const std::lock_guard lock(mutex_);
    projection_ = std::move(*again);
    if (database_->connections().is_behind())
      go_back();
  }
  WEIR_TRY(load_corrections(*projection_));
  {
    const std::lock_guard lock(mutex_);
    state_ = ProjectionState::running;
    failure_.reset();
  }
  return start_intake();
}

void Projector::go_back() {
  behind_until_ = std::max(behind_until_, reached_);
  reached_ = projection_->position();
}

Status Projector::retry() {
  auto position = in_lane<Position>([this]() -> Result<Position> {
    Position failed = 0;
    {
      const std::lock_guard lock(mutex_);
      if (state_ == ProjectionState::running)
        return Position{0};
      if (state_ == ProjectionState::closed)
        return *failure_;
      failed = failed_position_;
    }
    WEIR_TRY(resume());
    return failed;
  });
  if (!position)
    return std::move(position).error();
  if (*position == 0)
    return {};
  const auto last = core_->last_synced_position();
  if (!last)
    return last.error();
  if (*position > *last) // it failed before it came to an event
    return {};
  const auto outcome = wait_applied(*position, std::nullopt);
  return outcome ? Status() : Status(outcome.error());
}

} // namespace weir
