// Serial work that is done by whichever thread asks for it, one at a time.
//
// Purpose: see ShardTurns. A thread that asks while another is at the work does not wait: that one goes round once
// more. One that has gone round often enough passes the turn on, so that nobody serves the others for long. Owner:
// whoever has the work. Threading: take from any thread, also from inside the work; go_on by whoever the turn was
// passed on to. Invariants: the work is done by one thread at a time, and sees what its predecessors and those who
// asked have written; after a take() it will be done once more at least.
#pragma once

#include "engine/unique_function.hpp"

#include <atomic>
#include <cstdint>
#include <utility>

namespace weir {

class Turns {
public:
  /// Rounds in a row before a turn is passed on.
  static constexpr unsigned rounds_max = 8;

  /// `pass_on` has another thread call go_on(), soon; false: there is none, and this one goes on.
  Turns(UniqueFunction<void()> work, UniqueFunction<bool()> pass_on)
      : work_(std::move(work)), pass_on_(std::move(pass_on)) {}

  void take() {
    if (asked_.fetch_add(1) == 0)
      go_on();
  }
  void go_on() {
    do {
      for (unsigned rounds = 0; rounds < rounds_max; ++rounds) {
        const std::uint32_t answered = asked_.load();
        work_();
        if (asked_.fetch_sub(answered) == answered)
          return;
      }
    } while (!pass_on_());
  }

private:
  UniqueFunction<void()> work_;
  UniqueFunction<bool()> pass_on_;
  alignas(64) std::atomic<std::uint32_t> asked_{0}; // rounds asked for and not over; not 0 while the turn is somebody's
};

} // namespace weir
