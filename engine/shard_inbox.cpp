#include "engine/shard_inbox.hpp"

namespace weir {

ShardInbox::ShardInbox(InboxBounds bounds, UniqueFunction<void()> wake) : bounds_(bounds), wake_(std::move(wake)) {
}

bool ShardInbox::has_room(std::size_t bytes) const noexcept {
  return queued() == 0 || (queued() < bounds_.commands_max && bytes_ + bytes <= bounds_.bytes_max);
}

bool ShardInbox::admit(StorePtr command) {
  bytes_ += command->bytes();
  queue_.push_back(std::move(command));
  return std::exchange(armed_, false);
}

Admission ShardInbox::try_push(StorePtr&& command) {
  std::unique_lock lock(mutex_);
  if (closed_)
    return Admission::closed;
  if (unserved_ != 0 || !has_room(command->bytes())) {
    ++refused_;
    return Admission::full;
  }
  const bool wake = admit(std::move(command));
  lock.unlock();
  if (wake)
    wake_();
  return Admission::accepted;
}

Admission ShardInbox::push_or_park(StorePtr&& command) {
  std::unique_lock lock(mutex_);
  if (closed_)
    return Admission::closed;
  if (unserved_ != 0 || !has_room(command->bytes())) {
    if (parked_ >= bounds_.parked_max) {
      ++refused_;
      return Admission::full;
    }
    ++waited_;
    ++parked_;
    ++unserved_;
    waiting_.emplace_back().parked = std::move(command);
    return Admission::accepted;
  }
  const bool wake = admit(std::move(command));
  lock.unlock();
  if (wake)
    wake_();
  return Admission::accepted;
}

Admission ShardInbox::push_until(StorePtr&& command, std::optional<std::chrono::steady_clock::time_point> deadline) {
  std::unique_lock lock(mutex_);
  if (closed_)
    return Admission::closed;
  if (unserved_ == 0 && has_room(command->bytes())) {
    const bool wake = admit(std::move(command));
    lock.unlock();
    if (wake)
      wake_();
    return Admission::accepted;
  }
  ++waited_;
  ++unserved_;
  std::condition_variable turn;
  const auto self = waiting_.insert(waiting_.end(), Queued{});
  self->command = &command;
  self->turn = &turn;
  const auto decided = [&] { return self->admitted || closed_; };
  if (deadline)
    turn.wait_until(lock, *deadline, decided);
  else
    turn.wait(lock, decided);
  const bool admitted = self->admitted;
  waiting_.erase(self);
  if (admitted)
    return Admission::accepted;
  --unserved_;
  // Leaving the line unserved: those behind may fit where this one did not.
  const bool wake = !closed_ && let_waiting_in();
  const bool closed = closed_;
  lock.unlock();
  if (wake)
    wake_();
  return closed ? Admission::closed : Admission::timed_out;
}

bool ShardInbox::let_waiting_in() {
  bool wake = false;
  for (auto waiter = waiting_.begin(); waiter != waiting_.end();) {
    if (waiter->admitted) { // its thread has not run yet
      ++waiter;
      continue;
    }
    StorePtr& command = waiter->parked ? waiter->parked : *waiter->command;
    if (!has_room(command->bytes()))
      break;
    wake |= admit(std::move(command));
    --unserved_;
    if (waiter->command == nullptr) {
      --parked_;
      waiter = waiting_.erase(waiter);
    } else {
      waiter->admitted = true;
      waiter->turn->notify_one();
      ++waiter;
    }
  }
  return wake;
}

bool ShardInbox::drain(std::vector<StorePtr>& out, std::size_t max) {
  std::lock_guard lock(mutex_);
  if (out.empty() && head_ == 0 && queue_.size() <= max) { // the usual case: senders wait for a swap, not for moves
    out.swap(queue_);
    bytes_ = 0;
  } else {
    for (std::size_t i = 0; i < max && queued() != 0; ++i) {
      bytes_ -= queue_[head_]->bytes();
      out.push_back(std::move(queue_[head_++]));
    }
    if (queued() == 0) {
      queue_.clear();
      head_ = 0;
    }
  }
  armed_ = false; // nobody needs waking while the shard is here
  if (!closed_)
    let_waiting_in();
  armed_ = queued() == 0;
  return !armed_;
}

std::vector<StorePtr> ShardInbox::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  std::vector<StorePtr> parked;
  for (auto waiter = waiting_.begin(); waiter != waiting_.end();) {
    if (waiter->command == nullptr) {
      parked.push_back(std::move(waiter->parked));
      --unserved_;
      waiter = waiting_.erase(waiter);
    } else {
      waiter->turn->notify_one();
      ++waiter;
    }
  }
  parked_ = 0;
  return parked;
}

InboxStats ShardInbox::stats() const {
  std::lock_guard lock(mutex_);
  return {queued(), bytes_, unserved_, refused_, waited_};
}

} // namespace weir
