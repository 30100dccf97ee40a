#include "actors/freeing.hpp"

namespace weir {
namespace {

/// A flag that cancels a query wakes nobody, so it is looked at so often.
constexpr std::chrono::milliseconds look_every{5};

} // namespace

std::shared_ptr<void> Freeing::begin(const std::shared_ptr<Freeing>& freeing) {
  {
    const std::lock_guard lock(freeing->mutex_);
    ++freeing->pending_;
  }
  return {freeing.get(), [freeing](Freeing*) {
            {
              const std::lock_guard lock(freeing->mutex_);
              --freeing->pending_;
            }
            freeing->changed_.notify_all();
          }};
}

Status Freeing::wait_for_room(const query::QueryControl& control) {
  std::unique_lock lock(mutex_);
  for (auto waited = look_every; pending_ >= pending_max && waited <= wait_max; waited += look_every) {
    WEIR_TRY(query::check(control));
    changed_.wait_for(lock, look_every);
  }
  return {};
}

} // namespace weir
