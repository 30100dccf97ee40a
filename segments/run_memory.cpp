#include "segments/run_memory.hpp"

#include <weir/limits.hpp>

namespace weir::segments {

/// Begins another chunk, of which `size` bytes are wanted at once.
void RunMemory::grow(std::size_t size) {
  constexpr std::size_t small_chunk_bytes = 16 * KiB;
  if (slabs_ != nullptr && size <= io::SlabPool::slab_bytes) {
    chunks_.push_back(slabs_->take());
    left_ = io::SlabPool::slab_bytes;
  } else {
    left_ = std::max(size, small_chunk_bytes);
    chunks_.push_back(std::make_shared_for_overwrite<char[]>(left_));
  }
  bytes_ += left_;
  at_ = reinterpret_cast<std::byte*>(chunks_.back().get());
}

} // namespace weir::segments
