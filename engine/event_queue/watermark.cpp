#include "engine/event_queue/watermark.hpp"

#include "engine/check.hpp"
#include "engine/sabotage.hpp"

#include <algorithm>
#include <utility>

namespace weir {

Watermark::Watermark(const PositionSource& positions, std::size_t shards)
    : positions_(positions), shards_(std::make_unique<Shard[]>(shards)), shard_count_(shards) {
}

Watermark::~Watermark() {
  WEIR_CHECK(waiters_.empty());
}

void Watermark::store_floor(Shard& shard) {
  shard.floor.store(shard.unsettled.empty() ? none : shard.unsettled.front().at, std::memory_order_seq_cst);
}

void Watermark::publish(ShardId id, std::uint64_t group) {
  Shard& shard = shards_[id];
  const std::lock_guard lock(shard.mutex);
  shard.unsettled.push_back({group, positions_.next()});
  if (shard.unsettled.size() == 1)
    store_floor(shard);
}

void Watermark::abandon(ShardId id, std::uint64_t group) {
  Shard& shard = shards_[id];
  {
    const std::lock_guard lock(shard.mutex);
    WEIR_CHECK(!shard.unsettled.empty() && shard.unsettled.back().group == group);
    shard.unsettled.pop_back();
    store_floor(shard);
  }
  if (waiting_.load(std::memory_order_seq_cst) != 0)
    wake_waiting();
}

void Watermark::settle(ShardId id, std::uint64_t group) {
  Shard& shard = shards_[id];
  {
    const std::lock_guard lock(shard.mutex);
    if (shard.unsettled.empty() || shard.unsettled.front().group > group)
      return;
    while (!shard.unsettled.empty() && shard.unsettled.front().group <= group)
      shard.unsettled.pop_front();
    store_floor(shard);
  }
  if (waiting_.load(std::memory_order_seq_cst) != 0)
    wake_waiting();
}

Position Watermark::now() const noexcept {
  // The counter first: a group that drew below it had published its floor before, so the floors read afterwards hold it
  // back unless it is settled.
  Position least = positions_.next();
  for (std::size_t i = 0; i < shard_count_; ++i)
    least = std::min(least, shards_[i].floor.load(std::memory_order_seq_cst));
  return least;
}

void Watermark::wait(Waiter& waiter, Position beyond, UniqueFunction<void()> wake) {
  waiter.stop();
  const std::lock_guard lock(waiters_mutex_);
  // Counted before the look: a shard that settles after it sees that somebody waits.
  waiting_.fetch_add(1, std::memory_order_seq_cst);
  if (ended_ || now() > beyond) {
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    wake();
    return;
  }
  waiter.watermark_ = this;
  waiter.beyond_ = beyond;
  waiter.wake_ = std::move(wake);
  waiters_.push_back(&waiter);
}

void Watermark::Waiter::stop() {
  if (watermark_ == nullptr)
    return;
  const std::lock_guard lock(watermark_->waiters_mutex_);
  const auto end = std::remove(watermark_->waiters_.begin(), watermark_->waiters_.end(), this);
  if (end != watermark_->waiters_.end()) {
    watermark_->waiters_.erase(end, watermark_->waiters_.end());
    watermark_->waiting_.fetch_sub(1, std::memory_order_relaxed);
  }
  watermark_ = nullptr;
  wake_ = {};
}

void Watermark::wake_waiting() {
  const std::lock_guard lock(waiters_mutex_);
  const Position reached = ended_ ? none : now();
  const auto woken = std::partition(waiters_.begin(), waiters_.end(),
                                    [reached](const Waiter* waiter) { return waiter->beyond_ >= reached; });
  waiting_.fetch_sub(static_cast<std::size_t>(waiters_.end() - woken), std::memory_order_relaxed);
  // The owner may go as soon as it is told and the lock is free: until then its stop() waits for us.
  for (auto waiter = woken; waiter != waiters_.end(); ++waiter)
    (*waiter)->wake_();
  waiters_.erase(woken, waiters_.end());
}

void Watermark::end() {
  {
    const std::lock_guard lock(waiters_mutex_);
    ended_ = true;
  }
  wake_waiting();
}

} // namespace weir
