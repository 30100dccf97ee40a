#include <weir/ticket.hpp>

namespace weir {

void Ticket::State::set(Result<Receipt> result) {
  {
    std::lock_guard lock(mutex);
    answer = std::move(result);
  }
  answered.notify_all();
}

Result<Receipt> Ticket::wait() const {
  std::unique_lock lock(state_->mutex);
  state_->answered.wait(lock, [this] { return state_->answer.has_value(); });
  return *state_->answer;
}

std::optional<Result<Receipt>> Ticket::wait_for(std::chrono::milliseconds timeout_ms) const {
  std::unique_lock lock(state_->mutex);
  state_->answered.wait_for(lock, timeout_ms, [this] { return state_->answer.has_value(); });
  return state_->answer;
}

bool Ticket::ready() const {
  std::lock_guard lock(state_->mutex);
  return state_->answer.has_value();
}

} // namespace weir
