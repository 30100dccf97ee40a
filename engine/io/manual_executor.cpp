#include "engine/io/manual_executor.hpp"

#include "engine/check.hpp"

#include <algorithm>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace weir::io {

/// All jobs in the order they became runnable; a lane is a number they share.
class ManualSteps {
public:
  using Nanoseconds = std::chrono::nanoseconds;

  std::size_t add_lane(std::string name) {
    names_.push_back(std::move(name));
    return names_.size() - 1;
  }

  void post(Job job, std::optional<std::size_t> lane) {
    if (!closed_)
      runnable_.push_back({std::move(job), lane});
  }

  void post_after(Nanoseconds delay, Job job, std::optional<std::size_t> lane) {
    const auto due = now_ + std::clamp(delay, Nanoseconds::zero(), Nanoseconds::max() - now_);
    if (!closed_)
      delayed_.emplace(due, Step{std::move(job), lane});
  }

  void advance(Nanoseconds by) {
    now_ += by;
    while (!delayed_.empty() && delayed_.begin()->first <= now_)
      runnable_.push_back(std::move(delayed_.extract(delayed_.begin()).mapped()));
  }

  bool run_first() {
    if (runnable_.empty())
      return false;
    run(runnable_.begin());
    return true;
  }

  bool run_random(Random& random) {
    // The choices: what is first of its lane, and every read job.
    std::vector<std::list<Step>::iterator> choices;
    std::set<std::size_t> lanes;
    for (auto step = runnable_.begin(); step != runnable_.end(); ++step)
      if (!step->lane || lanes.insert(*step->lane).second)
        choices.push_back(step);
    if (choices.empty())
      return false;
    run(choices[random.next() % choices.size()]);
    return true;
  }

  bool run_named(std::string_view name) {
    const auto step = std::find_if(runnable_.begin(), runnable_.end(),
                                   [&](const Step& each) { return each.lane && names_[*each.lane] == name; });
    if (step == runnable_.end())
      return false;
    run(step);
    return true;
  }

  void close() {
    closed_ = true;
    // Destroyed after the swap: what a job's destructor posts must find a list in order.
    std::multimap<Nanoseconds, Step> unrun;
    unrun.swap(delayed_);
  }

  [[nodiscard]] std::size_t runnable() const { return runnable_.size(); }
  [[nodiscard]] std::size_t delayed() const { return delayed_.size(); }

private:
  struct Step {
    Job job;
    std::optional<std::size_t> lane; // None: a read job.
  };

  void run(std::list<Step>::iterator step) {
    // A lane's next job inside this one would break the promise that they never overlap.
    WEIR_CHECK(!step->lane || running_.insert(*step->lane).second);
    const auto lane = step->lane;
    {
      std::list<Step> taken; // The job ends before its lane is free: what it holds is part of it.
      taken.splice(taken.begin(), runnable_, step);
      taken.front().job();
    }
    if (lane)
      running_.erase(*lane);
  }

  std::vector<std::string> names_;
  std::list<Step> runnable_;
  std::multimap<Nanoseconds, Step> delayed_; // Jobs due at the same time keep their order.
  std::set<std::size_t> running_;
  Nanoseconds now_{0};
  bool closed_ = false;
};

namespace {

class ManualLane final : public Lane {
public:
  ManualLane(std::shared_ptr<ManualSteps> steps, std::string name)
      : steps_(std::move(steps)), lane_(steps_->add_lane(std::move(name))) {}

  void post(Job job) override { steps_->post(std::move(job), lane_); }
  void post_after(std::chrono::nanoseconds delay, Job job) override {
    steps_->post_after(delay, std::move(job), lane_);
  }

private:
  std::shared_ptr<ManualSteps> steps_;
  std::size_t lane_;
};

} // namespace

ManualExecutor::ManualExecutor(ManualClock* clock) : steps_(std::make_shared<ManualSteps>()), clock_(clock) {
}

ManualExecutor::~ManualExecutor() {
  shutdown();
}

std::shared_ptr<Lane> ManualExecutor::make_lane(LaneKind, std::string name) {
  return std::make_shared<ManualLane>(steps_, std::move(name));
}

void ManualExecutor::post_read(Job job) {
  steps_->post(std::move(job), std::nullopt);
}

void ManualExecutor::shutdown() {
  steps_->close();
  run_all();
}

bool ManualExecutor::run_one() {
  return steps_->run_first();
}

bool ManualExecutor::run_one(Random& random) {
  return steps_->run_random(random);
}

bool ManualExecutor::run_lane(std::string_view name) {
  return steps_->run_named(name);
}

std::size_t ManualExecutor::run_all() {
  std::size_t count = 0;
  while (steps_->run_first())
    ++count;
  return count;
}

void ManualExecutor::advance(std::chrono::nanoseconds by) {
  WEIR_CHECK(by >= std::chrono::nanoseconds::zero());
  if (clock_ != nullptr)
    clock_->advance(by);
  steps_->advance(by);
}

std::size_t ManualExecutor::pending() const {
  return steps_->runnable();
}

std::size_t ManualExecutor::delayed() const {
  return steps_->delayed();
}

} // namespace weir::io
