// An executor that runs nothing until a test says so.
//
// Purpose: tests choose the order in which lanes and read jobs take their steps, and when time passes. Owner: a test;
// lanes may outlive it. Threading: one thread for everything, posting included. Invariants: jobs of one lane run in the
// order posted; every read job is by itself; shutdown() is as with the threaded executor.
#pragma once

#include "engine/io/executor.hpp"
#include "engine/io/manual_clock.hpp"
#include "engine/io/random.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace weir::io {

class ManualSteps;

class ManualExecutor final : public IoExecutor {
public:
  /// `clock`, if given, is moved along by advance(); it must outlive the executor.
  explicit ManualExecutor(ManualClock* clock = nullptr);
  ~ManualExecutor() override; ///< shutdown()

  std::shared_ptr<Lane> make_lane(LaneKind kind, std::string name) override;
  void post_read(Job job) override;
  void shutdown() override;

  /// Runs the job that was runnable first. False if there is none.
  bool run_one();
  /// Runs the next job of a lane, or a read job, that `random` chooses. False if there is none.
  bool run_one(Random& random);
  /// Runs the next job of the lanes called `name`. False if there is none.
  bool run_lane(std::string_view name);
  /// Runs jobs, and those they post, until none is left. Returns how many.
  std::size_t run_all();
  /// Lets time pass: delayed jobs that are due now become runnable, in order of their time. Runs nothing.
  void advance(std::chrono::nanoseconds by);
  /// Runnable jobs.
  [[nodiscard]] std::size_t pending() const;
  /// Jobs still waiting for their time.
  [[nodiscard]] std::size_t delayed() const;

private:
  std::shared_ptr<ManualSteps> steps_; // Shared with the lanes.
  ManualClock* clock_ = nullptr;
};

} // namespace weir::io
