#include "trust/simulation/blocking.hpp"

#include <cstddef>
#include <utility>

namespace weir::trust {

namespace {

/// Counts itself among the jobs that are left as long as it is there.
class LeftToDo {
public:
  explicit LeftToDo(std::shared_ptr<std::size_t> left) : left_(std::move(left)) { ++*left_; }
  LeftToDo(LeftToDo&&) noexcept = default;
  LeftToDo& operator=(LeftToDo&&) = delete;
  ~LeftToDo() {
    if (left_)
      --*left_;
  }

private:
  std::shared_ptr<std::size_t> left_;
};

class BlockingLane final : public io::Lane {
public:
  BlockingLane(std::shared_ptr<io::Lane> lane, Blocking& blocking) : lane_(std::move(lane)), blocking_(blocking) {}

  void post(Job job) override {
    lane_->post([here = LeftToDo(left_), job = std::move(job)]() mutable { job(); });
    if (!std::exchange(blocking_.blocked, false))
      return;
    const auto wait = std::exchange(blocking_.wait, {});
    while (*left_ != 0 && blocking_.step()) {
    }
    if (wait.count() != 0)
      blocking_.let_pass(wait);
    blocking_.blocked = true; // a call may ask twice
  }
  void post_after(std::chrono::nanoseconds delay, Job job) override { lane_->post_after(delay, std::move(job)); }

private:
  const std::shared_ptr<io::Lane> lane_;
  Blocking& blocking_;
  const std::shared_ptr<std::size_t> left_ = std::make_shared<std::size_t>(0);
};

/// Who waits for this one takes steps himself (Stepped), and is blocked no more.
class LaneToStepFor final : public io::Lane {
public:
  LaneToStepFor(std::shared_ptr<io::Lane> lane, Blocking& blocking) : lane_(std::move(lane)), blocking_(blocking) {}

  void post(Job job) override {
    blocking_.blocked = false;
    lane_->post(std::move(job));
  }
  void post_after(std::chrono::nanoseconds delay, Job job) override { lane_->post_after(delay, std::move(job)); }

private:
  const std::shared_ptr<io::Lane> lane_;
  Blocking& blocking_;
};

} // namespace

std::shared_ptr<io::Lane> BlockingExecutor::make_lane(io::LaneKind kind, std::string name) {
  const bool waited_for = name == "weir-consumers" || name == "weir-snapshots";
  const bool stepped_for = name == "weir-flush";
  auto lane = steps_->make_lane(kind, std::move(name));
  if (stepped_for)
    return std::make_shared<LaneToStepFor>(std::move(lane), blocking_);
  return waited_for ? std::make_shared<BlockingLane>(std::move(lane), blocking_) : std::move(lane);
}

} // namespace weir::trust
