// A thread that would only wait offers to do the work it waits for.
//
// Purpose: waking a lane's thread and being woken by it costs a lone caller a quarter of the time of the disk. While a
// HelpingHand is in scope, a job that the thread posts with post_urgent to an idle lane is kept back, and the thread
// runs it itself when the scope ends. Owner: the thread's stack. Threading: one thread; the lane is lent to it
// meanwhile. Invariants: a lane lent out runs no other job; at most one job is taken.
#pragma once

#include "engine/unique_function.hpp"

#include <functional>
#include <utility>

namespace weir::io {

class HelpingHand {
public:
  HelpingHand() noexcept : outer_(std::exchange(current(), this)) {}
  /// Runs the job, if there is one, and gives the lane back.
  ~HelpingHand() {
    current() = outer_;
    if (!job_)
      return;
    job_();
    job_ = {}; // before the lane's next job may start: what it holds is part of it
    give_back_();
  }
  HelpingHand(const HelpingHand&) = delete;
  HelpingHand& operator=(const HelpingHand&) = delete;

  /// This thread's free hand, if it has offered one.
  static HelpingHand* free() noexcept {
    HelpingHand* const hand = current();
    return hand != nullptr && !hand->job_ ? hand : nullptr;
  }
  /// For lanes. Precondition: free() returned this; the lane runs nothing until `give_back` is called.
  void take(Job job, Job give_back) {
    job_ = std::move(job);
    give_back_ = std::move(give_back);
  }

private:
  static HelpingHand*& current() noexcept {
    thread_local HelpingHand* hand = nullptr;
    return hand;
  }
  HelpingHand* outer_;
  Job job_;
  Job give_back_;
};

} // namespace weir::io
