// Wakes many waiting threads with one system call.
//
// Purpose: a commit group answers up to a thousand blocked callers at once; waking them one by one would cost the log's
// thread more than the disk. Callers whose calls were drained together wait on one bell, which is rung once per group.
// Owner: a shard's inbox owns the bells, a blocked caller's stack the Waiter. Threading: as said at each member.
// Invariants: a Waiter is not touched any more once `answered` is set: its thread may be gone; the bell lives as long
// as the shard.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "engine/io/futex.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace weir {

class Bell {
public:
  /// Blocks until `done` says so; looks again each time the bell is rung.
  template <class Done> void wait(Done&& done) {
    if (done())
      return;
    waiting_.fetch_add(1); // before the stroke is read that ring() changes before it looks here
    for (;;) {
      const std::uint32_t heard = strokes_.load();
      if (done())
        break;
      io::futex_wait(strokes_, heard);
    }
    waiting_.fetch_sub(1);
  }
  void ring() {
    strokes_.fetch_add(1);
    if (waiting_.load() != 0)
      io::futex_wake_all(strokes_);
  }

private:
  alignas(64) std::atomic<std::uint32_t> strokes_{0};
  std::atomic<std::uint32_t> waiting_{0};
};

/// While one is in scope, the bells that this thread is to ring are rung at its end, each once.
class RingLater {
public:
  RingLater() : outer_(std::exchange(current(), this)) {}
  ~RingLater() {
    current() = outer_;
    for (Bell* bell : bells_)
      bell->ring();
  }
  RingLater(const RingLater&) = delete;
  RingLater& operator=(const RingLater&) = delete;

  static void ring(Bell& bell) {
    RingLater* const scope = current();
    if (scope == nullptr)
      bell.ring();
    else if (std::find(scope->bells_.begin(), scope->bells_.end(), &bell) == scope->bells_.end())
      scope->bells_.push_back(&bell);
  }

private:
  static RingLater*& current() noexcept {
    thread_local RingLater* scope = nullptr;
    return scope;
  }
  RingLater* outer_;
  std::vector<Bell*> bells_;
};

/// A thread blocked in a store.
struct Waiter {
  Bell* bell = nullptr; ///< Set when the call is admitted; before, nobody waits.
  std::optional<Result<Receipt>> answer;
  std::atomic<bool> answered{false};

  /// Any thread, once.
  void set(Result<Receipt> result) {
    answer = std::move(result);
    Bell* const rung = bell;
    answered.store(true, std::memory_order_release);
    if (rung != nullptr)
      RingLater::ring(*rung);
  }
  /// The blocked thread, once the call was admitted or refused.
  Result<Receipt> wait() {
    const auto done = [this] { return answered.load(std::memory_order_acquire); };
    if (bell != nullptr)
      bell->wait(done);
    return std::move(*answer);
  }
};

} // namespace weir
