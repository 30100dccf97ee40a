// The projector's health: functions that do not come back, and what it says of itself.
#include "actors/projector.hpp"

#include "engine/consumers/lag.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <utility>

namespace weir {

void Projector::begin_transaction() {
  in_transaction_.store(true);
  const std::lock_guard lock(mutex_);
  if (std::exchange(watch_planned_, true))
    return;
  watch_lane_->post_after(options_.event_time_max_ms, [weak = weak_from_this(), begun = events_begun_.load()] {
    if (const auto self = weak.lock())
      self->watch(begun);
  });
}

void Projector::end_transaction() {
  in_transaction_.store(false);
}

void Projector::watch(std::uint64_t begun) {
  const std::uint64_t now = events_begun_.load();
  Waiters waiters;
  std::optional<Error> late;
  {
    const std::lock_guard lock(mutex_);
    if (!in_transaction_.load()) {
      watch_planned_ = false;
      return;
    }
    if (now == begun && state_ == ProjectionState::running) {
      state_ = ProjectionState::late;
      failed_position_ = projection_->position();
      failure_ = fail(Errc::projection_failed,
                      format("the functions of an event run for more than {} ms", options_.event_time_max_ms.count()));
      late = stop_error();
      waiters = std::exchange(waiters_, {});
    }
  }
  if (late) {
    core_->warn(late->message);
    answer(std::move(waiters), late);
  }
  watch_lane_->post_after(options_.event_time_max_ms, [weak = weak_from_this(), now] {
    if (const auto self = weak.lock())
      self->watch(now);
  });
}

// --- what it says of itself ---

Result<ProjectionHealth> Projector::health() const {
  ProjectionHealth health;
  {
    const std::lock_guard lock(mutex_);
    health.name = options_.name;
    health.state = state_;
    health.position = std::min(projection_->position(), ahead_.load());
    health.events_applied = events_applied_;
    health.failure = failure_;
    if (state_ != ProjectionState::running)
      health.failed_position = failed_position_;
    health.attempts = attempts_;
    health.quarantined = quarantined_;
    health.rebuilding = rebuilding_;
  }
  if (health.state == ProjectionState::closed)
    return health;
  const auto views = core_->queue_views();
  if (!views)
    return views.error();
  Position from = health.position;
  {
    const std::lock_guard lock(mutex_);
    from = std::max(from, reached_);
  }
  const auto lag = lag_from(*views, from);
  if (!lag)
    return lag.error();
  health.lag_events = lag->events;
  if (lag->oldest)
    health.lag_ms =
        std::max(std::chrono::milliseconds(0),
                 std::chrono::duration_cast<std::chrono::milliseconds>(core_->clock().now() - *lag->oldest));
  return health;
}

} // namespace weir
