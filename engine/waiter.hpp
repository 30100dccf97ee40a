// Threads blocked until their answer is there, and how hundreds of them are woken by one.
//
// Purpose: a commit group answers up to a thousand blocked callers at once, a projection as many; whoever wakes them
// one by one is kept from its work for longer than the disk takes, and is preempted by those it wakes. So it wakes one
// of them, and each who is woken first of all wakes two others. Who is to wait lets others run a few times before he
// sleeps: among many callers his answer is there by then, and falling asleep and being woken costs each of them twice
// as much as all else. Owner: the blocked caller's stack. Threading: as said at each member. Invariants: a Sleeper is
// not touched any more once it is released: its thread may be gone. Only threads that are asleep are given others to
// wake: one that is still at work would keep them waiting.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "engine/io/futex.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace weir {

class Sleeper {
public:
  /// The blocked thread, once. Returns when it has been released.
  void wait() noexcept {
    for (unsigned i = 0; i < yields_max && state_.load(std::memory_order_acquire) != released; ++i)
      std::this_thread::yield();
    std::uint32_t state = awake;
    if (!state_.compare_exchange_strong(state, asleep))
      return; // released before it fell asleep
    do
      io::futex_wait(state_, asleep);
    while (state_.load() == asleep);
    for (Sleeper* const next : wakes_)
      if (next != nullptr)
        next->release();
  }
  /// For tests, while it waits.
  [[nodiscard]] bool sleeps() const noexcept { return state_.load() == asleep; }
  /// Any thread, once. What it did before is seen by the thread that waits.
  void release() noexcept {
    if (state_.exchange(released) == asleep)
      io::futex_wake_one(state_); // by its address alone, which may be nobody's by now
  }

private:
  friend class WakeLater;
  /// True: it has not fallen asleep, and will not any more.
  bool release_awake() noexcept {
    std::uint32_t state = awake;
    return state_.compare_exchange_strong(state, released);
  }

  // Where nobody else wants to run a yield takes half a microsecond: all of them are little beside a sync.
  static constexpr unsigned yields_max = 16;
  static constexpr std::uint32_t awake = 0, asleep = 1, released = 2;
  std::atomic<std::uint32_t> state_{awake};
  std::array<Sleeper*, 2> wakes_{}; // written while it sleeps, by who releases it
};

/// While one is in scope, those whom this thread is to release are released at its end, together.
class WakeLater {
public:
  WakeLater() : outer_(std::exchange(current(), this)) {}
  ~WakeLater() {
    current() = outer_;
    std::erase_if(sleepers_, [](Sleeper* sleeper) { return sleeper->release_awake(); });
    if (sleepers_.empty())
      return;
    for (std::size_t i = 0; i < sleepers_.size(); ++i)
      for (std::size_t n = 0; n < 2; ++n)
        if (const std::size_t child = 2 * i + 1 + n; child < sleepers_.size())
          sleepers_[i]->wakes_[n] = sleepers_[child];
    sleepers_.front()->release();
  }
  WakeLater(const WakeLater&) = delete;
  WakeLater& operator=(const WakeLater&) = delete;

  /// Releases `sleeper`, at the end of the scope if this thread has one.
  static void release(Sleeper& sleeper) {
    if (WakeLater* const scope = current())
      scope->sleepers_.push_back(&sleeper);
    else
      sleeper.release();
  }

private:
  static WakeLater*& current() noexcept {
    thread_local WakeLater* scope = nullptr;
    return scope;
  }
  WakeLater* outer_;
  std::vector<Sleeper*> sleepers_;
};

/// A thread blocked until it has an answer.
template <class Answer> class Waiter {
public:
  /// Any thread, once.
  void set(Answer answer) {
    answer_.emplace(std::move(answer));
    WakeLater::release(sleeper_);
  }
  /// The blocked thread, once.
  Answer wait() {
    sleeper_.wait();
    return *std::move(answer_);
  }

private:
  std::optional<Answer> answer_;
  Sleeper sleeper_;
};

} // namespace weir
