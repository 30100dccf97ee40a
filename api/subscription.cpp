#include <weir/subscription.hpp>

#include "engine/event_queue/pulled_queue.hpp"
#include "engine/event_queue/pushed_queue.hpp"

#include <algorithm>

namespace weir {

Subscription::Subscription(std::unique_ptr<PulledQueue> queue) : queue_(std::move(queue)) {
}
Subscription::Subscription(Subscription&&) noexcept = default;
Subscription& Subscription::operator=(Subscription&&) noexcept = default;
Subscription::~Subscription() = default;

Result<QueueBatch> Subscription::next(std::optional<std::chrono::milliseconds> timeout_ms) {
  if (timeout_ms) // "for ever" is not to wrap around when it is added to a clock
    timeout_ms =
        std::clamp<std::chrono::milliseconds>(*timeout_ms, std::chrono::milliseconds(0), std::chrono::years(10));
  return queue_->next(timeout_ms);
}

Position Subscription::position() const {
  return queue_->position();
}

void Subscription::cancel() {
  queue_->cancel();
}

PushSubscription::PushSubscription(std::shared_ptr<PushedQueue> queue) : queue_(std::move(queue)) {
}
PushSubscription::PushSubscription(PushSubscription&&) noexcept = default;
PushSubscription& PushSubscription::operator=(PushSubscription&& other) noexcept {
  if (this != &other) {
    if (queue_)
      queue_->cancel();
    queue_ = std::move(other.queue_);
  }
  return *this;
}
PushSubscription::~PushSubscription() {
  if (queue_)
    queue_->cancel();
}

void PushSubscription::request(std::uint64_t batches) {
  queue_->request(batches);
}

void PushSubscription::cancel() {
  queue_->cancel();
}

} // namespace weir
