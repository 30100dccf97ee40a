#include "engine/query/scan_queue.hpp"

#include <algorithm>
#include <tuple>

namespace weir::query {
namespace {

bool has_parts(const ScanQueue::Piece& piece) noexcept {
  return piece.kind == ScanQueue::Piece::Kind::shard || piece.kind == ScanQueue::Piece::Kind::segment;
}

/// Of the heap, whose front is the piece that no other comes before.
bool comes_behind(const ScanQueue::Piece& a, const ScanQueue::Piece& b) noexcept {
  return std::tie(a.order, a.kind, a.shard, a.source, a.first) > std::tie(b.order, b.kind, b.shard, b.source, b.first);
}

} // namespace

void ScanQueue::add(std::vector<Piece> pieces) {
  if (pieces.empty())
    return;
  {
    const std::lock_guard lock(mutex_);
    for (const Piece& piece : pieces) {
      heap_.push_back(piece);
      std::push_heap(heap_.begin(), heap_.end(), comes_behind);
    }
  }
  changed_.notify_all();
}

bool ScanQueue::take(Piece& piece) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopped_ || !heap_.empty() || in_parts_ == 0; });
  if (stopped_ || heap_.empty())
    return false;
  std::pop_heap(heap_.begin(), heap_.end(), comes_behind);
  piece = heap_.back();
  heap_.pop_back();
  in_parts_ += has_parts(piece) ? 1 : 0;
  return true;
}

void ScanQueue::release(const Piece& piece) {
  if (!has_parts(piece))
    return;
  bool last = false;
  {
    const std::lock_guard lock(mutex_);
    last = --in_parts_ == 0 && heap_.empty();
  }
  if (last)
    changed_.notify_all();
}

void ScanQueue::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

bool ScanQueue::empty() const {
  const std::lock_guard lock(mutex_);
  return stopped_ || (heap_.empty() && in_parts_ == 0);
}

} // namespace weir::query
