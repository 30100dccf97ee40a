#include "engine/event_queue/event_queue.hpp"

namespace weir {

void EventQueue::end(Error why) {
  {
    const std::lock_guard lock(mutex_);
    if (!ended_)
      ended_ = std::move(why);
  }
  watermark_.end();
}

std::optional<Error> EventQueue::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

} // namespace weir
