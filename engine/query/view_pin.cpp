#include "engine/query/view_pin.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::query {

std::optional<std::vector<ShardView>> ViewPin::views() const {
  const std::lock_guard lock(mutex_);
  return views_;
}

void ViewPin::release() noexcept {
  std::optional<std::vector<ShardView>> views; // freed without the lock
  const std::lock_guard lock(mutex_);
  views.swap(views_);
}

bool ViewPins::add(const std::shared_ptr<ViewPin>& pin, Time deadline) {
  const std::lock_guard lock(mutex_);
  pins_.emplace(deadline, pin);
  return !std::exchange(timed_, true);
}

bool ViewPins::release_expired(Time now) {
  std::vector<std::shared_ptr<ViewPin>> expired;
  bool again = false;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = pins_.begin(); at != pins_.end();) {
      auto pin = at->second.lock();
      const bool over = at->first <= now;
      if (pin != nullptr && over)
        expired.push_back(std::move(pin));
      at = pin == nullptr || over ? pins_.erase(at) : std::next(at);
    }
    again = timed_ = !pins_.empty();
  }
  for (const auto& pin : expired)
    pin->release();
  return again;
}

std::chrono::nanoseconds ViewPins::wait(Time now) const {
  const std::lock_guard lock(mutex_);
  const std::chrono::nanoseconds most = lateness_max;
  if (pins_.empty())
    return most;
  return pins_.begin()->first <= now ? std::chrono::nanoseconds(0) : std::min(most, pins_.begin()->first - now);
}

void ViewPins::release_all() {
  std::multimap<Time, std::weak_ptr<ViewPin>> pins;
  {
    const std::lock_guard lock(mutex_);
    pins.swap(pins_);
  }
  for (const auto& [deadline, weak] : pins)
    if (const auto pin = weak.lock())
      pin->release();
}

} // namespace weir::query
