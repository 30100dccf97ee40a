#include "tests/support/happenings.hpp"

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>

namespace weir::test {
namespace {

struct Board {
  std::mutex mutex;
  std::condition_variable told;
  std::uint64_t times = 0;
};

Board& board() {
  static Board the_board;
  return the_board;
}

/// A job that tells when it is gone: what it holds may be what somebody waits for.
class WatchedJob {
public:
  explicit WatchedJob(Job job) : job_(std::move(job)) {}
  WatchedJob(WatchedJob&& other) noexcept : teller_(std::move(other.teller_)), job_(std::move(other.job_)) {}
  void operator()() { job_(); }

private:
  struct Teller {
    Teller() = default;
    Teller(Teller&& other) noexcept : armed(std::exchange(other.armed, false)) {}
    ~Teller() {
      if (armed)
        tell_waiting();
    }
    bool armed = true;
  };
  Teller teller_; // before the job, so that it goes after it
  Job job_;
};

class WatchedLane final : public io::Lane {
public:
  explicit WatchedLane(std::shared_ptr<io::Lane> lane) : lane_(std::move(lane)) {}
  void post(Job job) override { lane_->post(WatchedJob(std::move(job))); }
  void post_urgent(Job job) override { lane_->post_urgent(WatchedJob(std::move(job))); }
  io::BorrowedLane borrow() override { return lane_->borrow(); }
  void post_after(std::chrono::nanoseconds delay, Job job) override {
    lane_->post_after(delay, WatchedJob(std::move(job)));
  }

private:
  std::shared_ptr<io::Lane> lane_;
};

class WatchedExecutor final : public io::IoExecutor {
public:
  explicit WatchedExecutor(std::size_t read_threads) : executor_(io::make_threaded_executor(read_threads)) {}
  std::shared_ptr<io::Lane> make_lane(io::LaneKind kind, std::string name) override {
    return std::make_shared<WatchedLane>(executor_->make_lane(kind, std::move(name)));
  }
  void post_read(Job job) override { executor_->post_read(WatchedJob(std::move(job))); }
  void shutdown() override { executor_->shutdown(); }

private:
  std::unique_ptr<io::IoExecutor> executor_;
};

} // namespace

void tell_waiting() {
  const std::lock_guard lock(board().mutex);
  ++board().times;
  board().told.notify_all();
}

std::uint64_t times_told() {
  const std::lock_guard lock(board().mutex);
  return board().times;
}

bool wait_to_be_told(std::uint64_t seen, std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(board().mutex);
  return board().told.wait_until(lock, deadline, [seen] { return board().times > seen; });
}

std::unique_ptr<io::IoExecutor> make_watched_executor(std::size_t read_threads) {
  return std::make_unique<WatchedExecutor>(read_threads);
}

} // namespace weir::test
