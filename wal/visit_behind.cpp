#include "wal/visit_behind.hpp"

#include <system_error>
#include <utility>

namespace weir::wal {

VisitBehind::~VisitBehind() {
  end_thread();
}

Status VisitBehind::visit(std::uint64_t first_record, std::span<const std::string_view> bodies,
                          std::shared_ptr<const void> owner, std::uint64_t owner_bytes) {
  if (!thread_.joinable()) {
    if (owner_bytes < batch_bytes_worth_a_thread || !start_thread())
      return visitor_(first_record, bodies, std::move(owner), owner_bytes);
  }
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.size() < batches_ahead_max || !status_ || thrown_; });
  if (!status_ || thrown_) // finish() says what was thrown
    return status_;
  waiting_.push_back({first_record, {bodies.begin(), bodies.end()}, std::move(owner), owner_bytes});
  changed_.notify_all();
  return {};
}

Status VisitBehind::finish() {
  end_thread();
  if (thrown_)
    std::rethrow_exception(thrown_);
  return status_;
}

bool VisitBehind::start_thread() {
  try {
    thread_ = std::thread([this] { run(); });
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

void VisitBehind::end_thread() {
  if (!thread_.joinable())
    return;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void VisitBehind::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ended_ || !waiting_.empty(); });
    if (waiting_.empty())
      return;
    Batch batch = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    changed_.notify_all();
    Status visited;
    std::exception_ptr thrown;
    try {
      visited = visitor_(batch.first_record, batch.bodies, std::move(batch.owner), batch.owner_bytes);
    } catch (...) {
      thrown = std::current_exception();
    }
    lock.lock();
    if (visited && !thrown)
      continue;
    status_ = std::move(visited);
    thrown_ = std::move(thrown);
    waiting_.clear();
    lock.unlock();
    changed_.notify_all();
    return;
  }
}

} // namespace weir::wal
