#include "actors/messages.hpp"

namespace weir {

void Gather::answer(Status status) {
  FlushQueue::Waiter done;
  Status worst;
  {
    std::lock_guard lock(mutex_);
    if (!status && worst_)
      worst_ = std::move(status);
    if (left_ == 0 || --left_ != 0)
      return;
    done = std::exchange(done_, FlushQueue::Waiter{});
    worst = std::move(worst_);
  }
  done(std::move(worst));
}

} // namespace weir
