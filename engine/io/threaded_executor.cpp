#include "engine/check.hpp"
#include "engine/io/executor.hpp"
#include "engine/io/helping_hand.hpp"
#include "engine/io/work_queue.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <pthread.h>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace weir::io {

namespace {

// A seventieth of the weight that threads have as a rule: who wakes goes first, and beside many it still moves on.
constexpr int yielding_nice = 19;

class DedicatedLane final : public Lane {
public:
  explicit DedicatedLane(std::shared_ptr<WorkQueue> queue) : queue_(std::move(queue)) {}
  // Only a notice, so that a job of the lane may drop the last handle: the thread ends by itself.
  ~DedicatedLane() override { queue_->retire(); }

  void post(Job job) override { queue_->post(std::move(job)); }
  void post_urgent(Job job) override {
    HelpingHand* const hand = HelpingHand::free();
    if (hand != nullptr && queue_->lend())
      hand->take(std::move(job), [queue = queue_] { queue->give_back(); });
    else
      queue_->post(std::move(job), nullptr, WorkQueue::Urgent::yes);
  }
  BorrowedLane borrow() override {
    if (!queue_->lend())
      return {};
    return BorrowedLane([queue = queue_] {
      HelpingHand* const hand = HelpingHand::free();
      if (Job next = hand != nullptr ? queue->take_urgent() : Job{})
        hand->take(std::move(next), [queue] { queue->give_back(); });
      else
        queue->give_back();
    });
  }
  void post_after(std::chrono::nanoseconds delay, Job job) override { queue_->post_after(delay, std::move(job)); }

private:
  std::shared_ptr<WorkQueue> queue_;
};

class PooledLane final : public Lane {
public:
  explicit PooledLane(std::shared_ptr<WorkQueue> pool) : pool_(std::move(pool)) {}

  void post(Job job) override { pool_->post(std::move(job), serial_); }
  void post_after(std::chrono::nanoseconds delay, Job job) override {
    pool_->post_after(delay, std::move(job), serial_);
  }

private:
  std::shared_ptr<WorkQueue> pool_;
  std::shared_ptr<WorkQueue::SerialJobs> serial_ = std::make_shared<WorkQueue::SerialJobs>();
};

/// From now on the calling thread runs where nobody else wants to. Needs no rights, and cannot be taken back without
/// them, so it is for threads that stay that way. Should the system refuse, the thread works as any other.
void yield_to_others() {
  const auto self = static_cast<id_t>(::gettid());
  const int now = ::getpriority(PRIO_PROCESS, self); // the service may run at a lower priority than that already
  static_cast<void>(::setpriority(PRIO_PROCESS, self, std::max(now, yielding_nice)));
}

/// A thread that works a queue off.
class Worker {
public:
  Worker(std::shared_ptr<WorkQueue> queue, std::string name, bool yields = false)
      : queue_(std::move(queue)), thread_([this, yields, name = std::move(name)] {
          if (yields)
            yield_to_others();
          ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
          queue_->run();
          finished_.store(true);
        }) {}
  ~Worker() {
    // A thread cannot wait for itself: neither the executor may be destroyed nor shutdown() called in a job.
    WEIR_CHECK(thread_.get_id() != std::this_thread::get_id());
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void close() { queue_->close(); }
  [[nodiscard]] bool finished() const { return finished_.load(); }

private:
  std::shared_ptr<WorkQueue> queue_;
  std::atomic<bool> finished_ = false;
  std::thread thread_; // Last: it uses the others.
};

class ThreadedExecutor final : public IoExecutor {
public:
  explicit ThreadedExecutor(std::size_t read_threads) {
    WEIR_CHECK(read_threads >= 1);
    for (std::size_t i = 0; i < read_threads; ++i)
      workers_.push_back(std::make_unique<Worker>(pool_, format("weir-read-{}", i)));
  }
  ~ThreadedExecutor() override { shutdown(); }

  std::shared_ptr<Lane> make_lane(LaneKind kind, std::string name) override;
  void post_read(Job job) override { pool_->post(std::move(job)); }
  void shutdown() override;

private:
  std::shared_ptr<WorkQueue> pool_ = std::make_shared<WorkQueue>();
  std::mutex mutex_; // Guards what follows; never held while a thread is waited for.
  std::vector<std::unique_ptr<Worker>> workers_;
  bool stopping_ = false;
  std::once_flag shutdown_once_;
};

std::shared_ptr<Lane> ThreadedExecutor::make_lane(LaneKind kind, std::string name) {
  if (kind == LaneKind::pooled)
    return std::make_shared<PooledLane>(pool_);
  auto queue = std::make_shared<WorkQueue>();
  queue->look_before_sleeping();
  auto lane = std::make_shared<DedicatedLane>(queue);
  const std::lock_guard guard(mutex_);
  if (stopping_) {
    queue->close();
    return lane;
  }
  // Threads of lanes dropped since: they are past their last job, so this waits for nothing.
  std::erase_if(workers_, [](const auto& worker) { return worker->finished(); });
  workers_.push_back(std::make_unique<Worker>(std::move(queue), std::move(name), kind == LaneKind::yielding));
  return lane;
}

void ThreadedExecutor::shutdown() {
  // A second caller waits for the first to be done.
  std::call_once(shutdown_once_, [this] {
    std::vector<std::unique_ptr<Worker>> workers;
    {
      const std::lock_guard guard(mutex_);
      stopping_ = true;
      workers.swap(workers_);
    }
    // All at once, so that no lane accepts what another, already gone, would have answered.
    for (const auto& worker : workers)
      worker->close();
  });
}

} // namespace

std::unique_ptr<IoExecutor> make_threaded_executor(std::size_t read_threads) {
  return std::make_unique<ThreadedExecutor>(read_threads);
}

} // namespace weir::io
