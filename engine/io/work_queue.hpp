// Jobs waiting for threads: the part that the lanes and the read pool of the threaded executor share.
//
// Purpose: a queue that one thread (a dedicated lane) or several (the read pool, which also serves pooled lanes) work
// off. Owner: the executor and the lanes together, so either may go first. Threading: thread-safe. Invariants: jobs are
// run and destroyed without the mutex, because they may post again; at most one job of a lane is out at a time.
#pragma once

#include "engine/unique_function.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace weir::io {

class WorkQueue {
public:
  /// The serial jobs of one pooled lane; guarded by the mutex of the queue it is used with.
  class SerialJobs {
    friend class WorkQueue;
    std::deque<Job> jobs_;
    bool scheduled_ = false; // In `ready_`, or a thread is at it.
  };

  /// An urgent job may be run by who borrows the queue.
  enum class Urgent : bool { no, yes };
  /// Jobs posted with `serial` run one after another; those without, in no particular order.
  void post(Job job, std::shared_ptr<SerialJobs> serial = nullptr, Urgent urgent = Urgent::no);
  void post_after(std::chrono::nanoseconds delay, Job job, std::shared_ptr<SerialJobs> serial = nullptr);

  /// From now on a thread that has run out of jobs looks on for a moment before it sleeps, if jobs have lately come
  /// that soon: waking a sleeping thread takes as long as a small job. For queues with one thread.
  void look_before_sleeping() { looks_ = true; }
  /// For queues with one thread: if it has nothing to do, it is kept from work until give_back(), and the caller may
  /// run a job in its place. False: it is busy, or the queue is closed.
  [[nodiscard]] bool lend();
  void give_back();
  /// Of a queue that is lent: the job that is next, if it is urgent, for the borrower to run; else nothing.
  [[nodiscard]] Job take_urgent();
  /// Works jobs off until the queue is closed, or retired, and nothing is left for this thread.
  void run();
  /// From now on posted jobs are destroyed unrun, and so are the delayed ones; the rest is still run. Idempotent.
  void close();
  /// Nobody will post any more: once even the delayed jobs are done the queue closes itself.
  void retire();

private:
  using Time = std::chrono::steady_clock::time_point;
  struct Ready {
    Job job; // Empty: the next one of `serial`.
    std::shared_ptr<SerialJobs> serial;
    Urgent urgent = Urgent::no;
  };

  void enqueue(Job job, std::shared_ptr<SerialJobs> serial, Urgent urgent = Urgent::no);
  void notify(bool all);
  void promote_due();
  bool wait_for_work(std::unique_lock<std::mutex>& guard);
  void sleep(std::unique_lock<std::mutex>& guard);
  bool look(std::unique_lock<std::mutex>& guard);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Ready> ready_;
  std::multimap<Time, Ready> delayed_; // Jobs due at the same time keep their order.
  std::size_t sleeping_ = 0;           // Threads that need waking.
  Time sleeping_until_{};              // The one that slept last, of its own accord.
  bool working_ = false;               // A job runs in its thread; only told apart where there is one.
  bool lent_ = false;
  bool looks_ = false;
  Time::duration last_wait_ = Time::duration::max(); // How long the thread of a queue that looks last had no job.
  std::atomic<std::uint64_t> changes_ = 0;           // Grows with every notice, so that looking needs no lock.
  bool closed_ = false;
  bool retired_ = false;
};

} // namespace weir::io
