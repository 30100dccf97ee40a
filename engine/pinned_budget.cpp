#include "engine/pinned_budget.hpp"

#include "engine/check.hpp"

#include <algorithm>
#include <utility>

namespace weir {

PinnedBudget::~PinnedBudget() {
  WEIR_CHECK(waiters_.empty());
}

std::shared_ptr<const void> PinnedBudget::pin(std::shared_ptr<PinnedBudget> budget, std::uint64_t bytes) {
  budget->used_.fetch_add(bytes, std::memory_order_seq_cst);
  PinnedBudget* const raw = budget.get();
  return {raw, [keep = std::move(budget), bytes](const void*) { keep->give_back(bytes); }};
}

void PinnedBudget::give_back(std::uint64_t bytes) {
  used_.fetch_sub(bytes, std::memory_order_seq_cst);
  if (waiting_.load(std::memory_order_seq_cst) != 0)
    wake_waiting();
}

void PinnedBudget::wait(Waiter& waiter, UniqueFunction<void()> wake) {
  waiter.stop();
  const std::lock_guard lock(waiters_mutex_);
  // Counted before the look: who gives back after it sees that somebody waits.
  waiting_.fetch_add(1, std::memory_order_seq_cst);
  if (ended() || !exhausted()) {
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    wake();
    return;
  }
  waiter.budget_ = this;
  waiter.wake_ = std::move(wake);
  waiters_.push_back(&waiter);
}

void PinnedBudget::Waiter::stop() {
  if (budget_ == nullptr)
    return;
  const std::lock_guard lock(budget_->waiters_mutex_);
  const auto here = std::find(budget_->waiters_.begin(), budget_->waiters_.end(), this);
  if (here != budget_->waiters_.end()) {
    budget_->waiters_.erase(here);
    budget_->waiting_.fetch_sub(1, std::memory_order_relaxed);
  }
  budget_ = nullptr;
  wake_ = {};
}

void PinnedBudget::wake_waiting() {
  const std::lock_guard lock(waiters_mutex_);
  if (!ended() && exhausted())
    return;
  // The owner may go as soon as it is told and the lock is free: until then its stop() waits for us.
  for (Waiter* waiter : waiters_)
    waiter->wake_();
  waiting_.fetch_sub(waiters_.size(), std::memory_order_relaxed);
  waiters_.clear();
}

void PinnedBudget::end() {
  {
    const std::lock_guard lock(waiters_mutex_);
    ended_.store(true, std::memory_order_relaxed);
  }
  wake_waiting();
}

} // namespace weir
