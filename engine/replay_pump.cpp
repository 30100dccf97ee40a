#include "engine/replay_pump.hpp"

#include "engine/callback_scope.hpp"

#include <utility>

namespace weir {

std::shared_ptr<ReplayPump> ReplayPump::start(std::shared_ptr<io::Lane> lane, ReplayCursor cursor, OnBatch on_batch,
                                              OnEnd on_end, std::uint64_t credit) {
  std::shared_ptr<ReplayPump> pump(
      new ReplayPump(std::move(lane), std::move(cursor), std::move(on_batch), std::move(on_end)));
  pump->request(credit);
  return pump;
}

ReplayPump::ReplayPump(std::shared_ptr<io::Lane> lane, ReplayCursor cursor, OnBatch on_batch, OnEnd on_end)
    : lane_(std::move(lane)), cursor_(std::move(cursor)), on_batch_(std::move(on_batch)), on_end_(std::move(on_end)) {
}

ReplayPump::~ReplayPump() {
  // Nobody can ask for more: either the subscription was dropped or the executor has stopped.
  finish(fail(Errc::closing, "the replay was dropped before its end"));
}

void ReplayPump::request(std::uint64_t batches) {
  std::unique_lock lock(mutex_);
  credit_ = batches > UINT64_MAX - credit_ ? UINT64_MAX : credit_ + batches;
  const bool post = needs_job();
  lock.unlock();
  if (post)
    post_job();
}

void ReplayPump::cancel() {
  std::unique_lock lock(mutex_);
  cancelled_ = true;
  const bool post = needs_job();
  lock.unlock();
  if (post)
    post_job();
}

bool ReplayPump::needs_job() {
  if (scheduled_ || ended_ || (credit_ == 0 && !cancelled_))
    return false;
  scheduled_ = true;
  return true;
}

void ReplayPump::post_job() {
  // A job that is destroyed unrun (the executor has stopped) still owes the reader its end.
  struct Step {
    std::shared_ptr<ReplayPump> pump;
    explicit Step(std::shared_ptr<ReplayPump> p) : pump(std::move(p)) {}
    Step(Step&&) noexcept = default;
    ~Step() {
      if (pump)
        pump->finish(fail(Errc::closing, "the engine is closing"));
    }
    void operator()() { std::exchange(pump, nullptr)->step(); }
  };
  lane_->post(Step(shared_from_this()));
}

void ReplayPump::step() {
  if (cancelled()) {
    finish(fail(Errc::cancelled, "the replay was cancelled"));
    return;
  }
  auto batch = cursor_.next();
  if (batch && batch->empty() && batch->removed()) { // it says nothing else; no credit is asked for the end
    CallbackScope inside;
    on_batch_(*batch);
  }
  if (!batch || batch->empty()) {
    finish(batch ? Status{} : Status{std::move(batch).error()});
    return;
  }
  {
    std::lock_guard lock(mutex_);
    --credit_;
    if (cancelled_) // while we were reading
      batch->clear();
  }
  if (!batch->empty()) {
    CallbackScope inside;
    on_batch_(*batch);
  }
  batch->clear();
  std::unique_lock lock(mutex_);
  scheduled_ = false;            // not before: a job posted during on_batch might end the replay inside it
  const bool post = needs_job(); // one batch a job, so that replays take turns
  lock.unlock();
  if (post)
    post_job();
}

bool ReplayPump::cancelled() {
  std::lock_guard lock(mutex_);
  return cancelled_;
}

void ReplayPump::finish(Status status) {
  {
    std::lock_guard lock(mutex_);
    if (ended_)
      return;
    ended_ = true;
  }
  CallbackScope inside;
  on_end_(std::move(status));
  on_batch_ = nullptr; // callbacks often hold their owner: let go of it now
  on_end_ = nullptr;
}

} // namespace weir
