// Where work that may wait is done, so that no actor ever does it.
//
// Purpose: actors post jobs here and get completion messages. The threaded executor runs them on real threads, the
// manual one when a test says so, in the order a test chooses. Owner: the engine; lanes are shared with those who post
// to them. Threading: everything here may be called from any thread; jobs of one lane never run at the same time and
// run in the order posted. Invariants: every job posted before shutdown() returns has run or has been destroyed unrun;
// a job posted afterwards is destroyed unrun (its destructor must answer whoever waits).
#pragma once

#include "engine/unique_function.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace weir::io {

/// A lane that runs nothing while this lives, so that the thread which has borrowed it may do its work in its place.
/// Empty: it had something to do. Goes in the thread that borrowed; an urgent job that came meanwhile is then left to
/// that thread's HelpingHand, if it has a free one.
class BorrowedLane {
public:
  BorrowedLane() = default;
  explicit BorrowedLane(Job give_back) : give_back_(std::move(give_back)) {}
  BorrowedLane(BorrowedLane&&) noexcept = default;
  BorrowedLane& operator=(BorrowedLane&&) = delete;
  ~BorrowedLane() {
    if (give_back_)
      give_back_();
  }
  explicit operator bool() const noexcept { return static_cast<bool>(give_back_); }

private:
  Job give_back_;
};

/// A serial queue of jobs.
class Lane {
public:
  virtual ~Lane() = default;
  virtual void post(Job job) = 0;
  /// As post. If the calling thread has offered a HelpingHand and the lane has nothing to do, that thread runs the job.
  virtual void post_urgent(Job job) { post(std::move(job)); }
  /// Does not wait. Lanes that share their threads are never lent.
  [[nodiscard]] virtual BorrowedLane borrow() { return {}; }
  /// Runs `job` in the lane once `delay` has passed; jobs already due go first. At shutdown delayed jobs are destroyed
  /// unrun.
  virtual void post_after(std::chrono::nanoseconds delay, Job job) = 0;
};

enum class LaneKind {
  dedicated, ///< A thread of its own (a shard's log).
  yielding,  ///< A thread of its own that gets little of the processors while others want them (merges).
  pooled,    ///< Serial, but runs on the read threads (a projection, a cursor for an actor).
};

class IoExecutor {
public:
  virtual ~IoExecutor() = default;
  /// `name` shows up as the thread's name, at most 15 characters.
  virtual std::shared_ptr<Lane> make_lane(LaneKind kind, std::string name) = 0;
  /// Runs `job` on one of the read threads, in no particular order.
  virtual void post_read(Job job) = 0;
  /// Runs everything already posted (not what is delayed), then joins the threads. Idempotent.
  virtual void shutdown() = 0;
};

/// Real threads: one per dedicated or yielding lane, `read_threads` (>= 1) shared by the rest.
[[nodiscard]] std::unique_ptr<IoExecutor> make_threaded_executor(std::size_t read_threads);

} // namespace weir::io
