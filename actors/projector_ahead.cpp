// A lone caller's event is applied between the log's write of it and its sync, while the disk works.
//
// The transaction that is left open, and the projection's lane, are held until the sync is over: so nobody commits the
// event, reads it or builds on it before it is safe. If the sync fails all that was left open is given up, and what of
// it is safe comes from the log again.
#include "actors/projector.hpp"

#include "engine/event_codec.hpp"
#include "engine/sabotage.hpp"
#include "engine/sqlite/connections.hpp"
#include "engine/text.hpp"

#include <optional>
#include <utility>

namespace weir {

namespace {

/// A larger event would hold up the log: others wait for its next sync.
constexpr std::size_t ahead_bytes_max = 16'384;

/// The event of a record of one; nothing if there are several.
std::optional<EventView> only_event(std::string_view record) {
  if (has_several_calls(record))
    return std::nullopt;
  auto call = CallReader::open(record);
  EventView event;
  if (!call || call->header().events != 1)
    return std::nullopt;
  const auto found = call->next(event);
  return found && *found ? std::optional(event) : std::nullopt;
}

} // namespace

StoreCommand::Meanwhile Projector::ahead_of_sync() {
  if (!quick_ || options_.commit_within_ms.count() == 0)
    return {};
  return [self = shared_from_this()](std::string_view record) { return self->apply_ahead(record); };
}

StoreCommand::WhenSynced Projector::apply_ahead(std::string_view record) {
  if (!quick_ || record.size() > ahead_bytes_max || core_->schemas().upcasts())
    return {};
  const std::optional<EventView> event = only_event(record);
  auto lane = lane_->borrow();
  if (!event || !lane)
    return {};
  // Where a reader has just committed what was left open, others may come: who reads shall not wait for syncs.
  std::optional<sqlite::Lease> held = database_->connections().hold_left_open();
  if (!held)
    return {};
  const Position position = event->position;
  {
    const std::lock_guard lock(mutex_);
    // All before it must be applied. Positions have no gaps but where stores have failed, or the engine was opened.
    if (state_ != ProjectionState::running || behind_until_ != 0 || position != reached_)
      return {};
  }
  ahead_.store(position);
  auto done = projection_->apply({&*event, 1}, position + 1, Projection::Commits::held);
  if (!done) { // nothing has happened, or all that was open is lost: the event comes again, by the intake
    ahead_.store(nothing_ahead);
    return {};
  }
  if (sabotaged(Sabotage::commit_ahead_of_sync)) {
    held.reset();
    (void)projection_->commit().ok();
  }
  struct Applied {
    io::BorrowedLane lane; // goes last: who has it next finds the transaction free
    std::optional<sqlite::Lease> held;
    Projection::Progress progress;
  };
  return [self = shared_from_this(), position,
          kept = Applied{std::move(lane), std::move(held), std::move(*done)}](bool synced) mutable {
    Applied applied = std::move(kept);
    if (synced)
      self->synced_ahead(std::move(applied.progress), position);
    else
      self->lost_ahead();
  };
}

void Projector::synced_ahead(Projection::Progress&& progress, Position position) {
  ahead_.store(nothing_ahead);
  plan_commit(1);
  applied(std::move(progress), position + 1);
}

void Projector::lost_ahead() {
  stop_intake(); // it would say that the queue has ended, before what is safe of it is there again
  Error why = fail(Errc::shard_failed, "a sync of the log failed, and with it what was applied to the models");
  database_->connections().lose_left_open(why); // ahead_ stays: until this projection is replaced it lies behind it
  {
    const std::lock_guard lock(mutex_);
    state_ = ProjectionState::failing;
    failed_position_ = reached_;
    failure_ = std::move(why);
  }
  lane_->post([weak = weak_from_this()] { // not here, where the log waits
    const auto self = weak.lock();
    if (!self)
      return;
    if (const Status resumed = self->resume(); !resumed)
      self->stopped(ProjectionState::failing, resumed.error(), 0);
  });
}

} // namespace weir
