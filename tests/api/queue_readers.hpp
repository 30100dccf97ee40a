// Readers of the event queue for tests: pulled ones, and one to which batches are pushed.
#pragma once

#include "tests/api/stored.hpp"
#include "tests/support/why.hpp"

#include <weir/engine.hpp>

#include <doctest/doctest.h>

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace weir::test {

[[nodiscard]] inline Subscription subscribed(const Engine& engine, SubscribeOptions options = {}) {
  auto subscription = engine.subscribe(std::move(options));
  REQUIRE_MESSAGE(subscription.ok(), why(subscription));
  return std::move(*subscription);
}

[[nodiscard]] inline SubscribeOptions no_follow(SubscribeOptions options = {}) {
  options.follow = false;
  return options;
}

/// All events until the end.
[[nodiscard]] inline std::vector<StoredEvent> all_of(Subscription subscription) {
  std::vector<StoredEvent> all;
  while (true) {
    auto batch = subscription.next();
    REQUIRE_MESSAGE(batch.ok(), why(batch));
    for (StoredEvent& event : copy(batch->events))
      all.push_back(std::move(event));
    if (batch->ended)
      return all;
  }
}

[[nodiscard]] inline std::vector<Position> positions(const std::vector<StoredEvent>& events) {
  std::vector<Position> all;
  for (const StoredEvent& event : events)
    all.push_back(event.position);
  return all;
}

/// Notes what it is pushed. Outlives the subscription's end, which a test waits for with wait_for_end().
class PushListener {
public:
  /// `also` is called with every batch, before it is noted.
  [[nodiscard]] PushSubscription::OnBatch on_batch(std::function<void(const QueueBatch&)> also = nullptr) {
    return [this, also = std::move(also)](const QueueBatch& batch) {
      if (also)
        also(batch);
      note(batch);
    };
  }
  [[nodiscard]] PushSubscription::OnEnd on_end() {
    return [this](Status status) {
      const std::lock_guard lock(mutex_);
      end_ = std::move(status);
      ++ends_;
      changed_.notify_all();
    };
  }
  void note(const QueueBatch& batch) {
    const std::lock_guard lock(mutex_);
    for (StoredEvent& event : copy(batch.events))
      seen_.push_back(std::move(event));
    checkpoint_ = batch.next;
    ++batches_;
    changed_.notify_all();
  }
  /// Waits until the listener's state is as wanted; looked at with every batch.
  void wait_until(const std::function<bool(const PushListener&)>& wanted) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return wanted(*this); });
  }
  void wait_for_events(std::size_t count) {
    wait_until([count](const PushListener& it) { return it.seen_.size() >= count; });
  }
  /// The end's status; a failed check if there was more than one.
  [[nodiscard]] Status wait_for_end() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ends_ != 0; });
    CHECK(ends_ == 1);
    return end_;
  }
  [[nodiscard]] std::vector<StoredEvent> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  [[nodiscard]] std::size_t batches() const {
    const std::lock_guard lock(mutex_);
    return batches_;
  }
  // For wait_until() only.
  [[nodiscard]] Position checkpoint_there() const noexcept { return checkpoint_; }

private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<StoredEvent> seen_;
  std::size_t batches_ = 0, ends_ = 0;
  Position checkpoint_ = 0;
  Status end_;
};

} // namespace weir::test
