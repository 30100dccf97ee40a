#include "actors/compaction_control.hpp"

#include "engine/sabotage.hpp"

#include <algorithm>
#include <utility>

namespace weir {

namespace {
// Held back for longer, a merge asks whether it may go on: others may have used up the disk, which nobody tells it.
constexpr std::chrono::milliseconds held_back_max{100};
} // namespace

void CompactionControl::begin(const io::Clock& clock, std::uint64_t bytes_per_second_max, Wait wait) {
  clock_ = &clock;
  wait_ = std::move(wait);
  rate_.set(bytes_per_second_max, clock.steady_now());
}

void CompactionControl::set_rate(std::uint64_t bytes_per_second_max) {
  const std::lock_guard lock(mutex_);
  rate_.set(bytes_per_second_max, clock_->steady_now());
  ++wakes_;
  changed_.notify_all();
}

std::uint64_t CompactionControl::bytes_per_second_max() const {
  const std::lock_guard lock(mutex_);
  return rate_.bytes_per_second_max();
}

void CompactionControl::pause() {
  paused_.store(true);
  wake();
}

void CompactionControl::resume() {
  paused_.store(false);
}

void CompactionControl::wake() {
  const std::lock_guard lock(mutex_);
  ++wakes_;
  changed_.notify_all();
}

CompactionControl::TurnPtr CompactionControl::take_in_background() {
  const std::lock_guard lock(mutex_);
  if (taken_ || claims_ != 0 || (paused_.load() && !sabotaged(Sabotage::ignore_pause)))
    return nullptr;
  taken_ = true;
  return std::make_shared<Turn>(*this);
}

bool CompactionControl::free_for_background() const {
  const std::lock_guard lock(mutex_);
  return !taken_ && claims_ == 0 && !paused_.load();
}

bool CompactionControl::taken() const {
  const std::lock_guard lock(mutex_);
  return taken_;
}

bool CompactionControl::claimed() const {
  const std::lock_guard lock(mutex_);
  return claims_ != 0;
}

void CompactionControl::give_back() {
  const std::lock_guard lock(mutex_);
  taken_ = false;
  changed_.notify_all();
}

CompactionControl::Claim::Claim(CompactionControl& control) : control_(control) {
  const std::lock_guard lock(control_.mutex_);
  ++control_.claims_;
}

CompactionControl::Claim::~Claim() {
  const std::lock_guard lock(control_.mutex_);
  --control_.claims_;
}

CompactionControl::TurnPtr CompactionControl::Claim::take(std::chrono::milliseconds time) {
  std::unique_lock lock(control_.mutex_);
  const std::uint64_t wakes = control_.wakes_;
  control_.changed_.wait_for(lock, time, [&] { return !control_.taken_ || control_.wakes_ != wakes; });
  if (control_.taken_)
    return nullptr;
  control_.taken_ = true;
  return std::make_shared<Turn>(control_);
}

Status CompactionControl::before_read(std::uint64_t bytes) {
  WEIR_TRY(hold_back(bytes));
  read_.fetch_add(bytes, std::memory_order_relaxed);
  return {};
}

Status CompactionControl::before_write(std::uint64_t bytes) {
  WEIR_TRY(hold_back(bytes));
  written_.fetch_add(bytes, std::memory_order_relaxed);
  return {};
}

Status CompactionControl::hold_back(std::uint64_t bytes) {
  std::unique_lock lock(mutex_);
  while (rate_.bytes_per_second_max() != 0 && !sabotaged(Sabotage::ignore_compaction_rate)) {
    const auto wait = std::min<std::chrono::nanoseconds>(rate_.wait(clock_->steady_now()), held_back_max);
    if (wait.count() == 0) {
      rate_.moved(bytes, clock_->steady_now());
      break;
    }
    const std::uint64_t wakes = wakes_; // before the question: what changes from now on is heard
    lock.unlock();
    if (may_go_on_ != nullptr)
      WEIR_TRY((*may_go_on_)());
    if (wait_) {
      wait_(wait);
      lock.lock();
    } else {
      lock.lock();
      changed_.wait_for(lock, wait, [&] { return wakes_ != wakes; });
    }
  }
  return {};
}

} // namespace weir
