// The projector's callers: who waits for which position, and what they are told.
#include "actors/projector.hpp"

#include "engine/callback_scope.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"
#include "engine/waiter.hpp"

#include <utility>

namespace weir {

Projector::Interest::Interest(std::shared_ptr<Projector> projector, std::string context_id, bool object)
    : projector_(std::move(projector)), context_id_(std::move(context_id)), object_(object) {
  projector_->interests_.fetch_add(1);
  const std::lock_guard lock(projector_->mutex_);
  from_ = projector_->reached_;
  projector_->interest_from_.insert(from_);
  Interests& interests = projector_->interest_[context_id_];
  ++interests.all;
  interests.in_objects += object_ ? 1 : 0;
}

Projector::Interest::~Interest() {
  if (!projector_)
    return;
  Projector& projector = *projector_;
  const std::lock_guard lock(projector.mutex_);
  projector.interest_from_.erase(projector.interest_from_.find(from_));
  const auto found = projector.interest_.find(context_id_);
  found->second.in_objects -= object_ ? 1 : 0;
  if (--found->second.all == 0)
    projector.interest_.erase(found);
  projector.interests_.fetch_sub(1);
  if (projector.interest_from_.empty())
    projector.outcomes_.clear();
  else
    projector.outcomes_.erase(projector.outcomes_.begin(),
                              projector.outcomes_.lower_bound(*projector.interest_from_.begin()));
}

bool Projector::is_wanted(std::string_view context_id) const {
  if (interests_.load() == 0)
    return false;
  const std::lock_guard lock(mutex_);
  return listener_ || interest_.find(context_id) != interest_.end();
}

Status Projector::preprocess(ModelEvent& event) {
  std::unique_lock one_at_a_time(preprocess_mutex_, std::defer_lock);
  if (!only_ours_)
    one_at_a_time.lock();
  std::shared_ptr<Projection> projection;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == ProjectionState::closed)
      return *failure_;
    projection = projection_;
  }
  return projection->preprocess(event);
}

bool Projector::is_object_wanted(std::string_view context_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = interest_.find(context_id);
  return found != interest_.end() && found->second.in_objects != 0;
}

Error Projector::stop_error() const {
  Error error = failure_.value_or(fail(Errc::closing, "the projection is closed"));
  if (state_ == ProjectionState::closed)
    return error;
  error.message =
      format("projection {} has stopped at position {}: {}", options_.name, failed_position_, error.message);
  error.code = Errc::projection_failed;
  return error;
}

void Projector::when_applied(Position position, Takes takes, Done done) {
  std::optional<Projection::Outcome> outcome;
  {
    std::unique_lock lock(mutex_);
    if (position >= reached_ && !sabotaged(Sabotage::answer_before_applied)) {
      if (state_ == ProjectionState::running) {
        waiters_.emplace(position, Waiting{takes, std::move(done)});
        return;
      }
      Error error = stop_error();
      lock.unlock();
      done(std::move(error));
      return;
    }
    if (takes == Takes::outcome)
      outcome = take_outcome(position);
  }
  done(std::move(outcome));
}

std::optional<Projection::Outcome> Projector::take_outcome(Position position) {
  auto found = outcomes_.extract(position);
  return found ? std::optional(std::move(found.mapped())) : std::nullopt;
}

Result<std::optional<Projection::Outcome>>
Projector::wait_applied(Position position, std::optional<std::chrono::steady_clock::time_point> deadline) {
  WEIR_TRY(may_wait());
  const auto awaited = std::make_shared<Awaited<std::optional<Projection::Outcome>>>();
  when_applied(position, Takes::nothing,
               [reply = Reply<std::optional<Projection::Outcome>>(awaited)](
                   Result<std::optional<Projection::Outcome>> result) mutable { reply(std::move(result)); });
  if (deadline && !awaited->wait_until(*deadline))
    return fail(Errc::deadline_exceeded,
                format("projection {} has not come to position {} in time", options_.name, position));
  return awaited->wait();
}

Projector::Waiters Projector::take_waiters(Position below) {
  Waiters taken;
  const auto end = waiters_.lower_bound(below);
  for (auto at = waiters_.begin(); at != end;)
    taken.insert(waiters_.extract(at++));
  return taken;
}

void Projector::answer(Waiters&& waiters, const std::optional<Error>& error) {
  if (waiters.empty())
    return;
  std::vector<std::optional<Projection::Outcome>> outcomes(waiters.size());
  if (!error) {
    const std::lock_guard lock(mutex_);
    auto outcome = outcomes.begin();
    for (const auto& [position, waiting] : waiters) {
      if (waiting.takes == Takes::outcome)
        *outcome = take_outcome(position);
      ++outcome;
    }
  }
  const CallbackScope inside;
  const WakeLater blocked_callers;
  auto outcome = outcomes.begin();
  for (auto& [position, waiting] : waiters) {
    Done done = std::move(waiting.done); // goes before they are awake, who all want the mutex that this takes
    if (error)
      done(*error);
    else
      done(std::move(*outcome));
    ++outcome;
  }
}

void Projector::on_outcome(OnOutcome listener) {
  const std::lock_guard lock(mutex_);
  interests_.fetch_add(listener ? 1 : 0);
  interests_.fetch_sub(listener_ ? 1 : 0);
  quick_ = quick_ && !listener;
  listener_ = listener ? std::make_shared<const OnOutcome>(std::move(listener)) : nullptr;
}

} // namespace weir
