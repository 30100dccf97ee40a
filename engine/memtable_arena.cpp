#include "engine/memtable_arena.hpp"

#include <weir/limits.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace weir {

namespace {

struct IdleBlocks {
  std::mutex mutex;
  std::vector<io::LargeBuffer> blocks;
};

/// Never destroyed: memtables may outlive main() in its threads.
IdleBlocks& idle_arena_blocks() {
  static IdleBlocks* const idle = new IdleBlocks;
  return *idle;
}

io::LargeBuffer take_block(std::size_t size) {
  if (size == io::large_page_bytes) {
    IdleBlocks& idle = idle_arena_blocks();
    const std::lock_guard lock(idle.mutex);
    if (!idle.blocks.empty()) {
      io::LargeBuffer block = std::move(idle.blocks.back());
      idle.blocks.pop_back();
      return block;
    }
  }
  return io::make_large_buffer(size);
}

} // namespace

Memtable::Arena::~Arena() {
  IdleBlocks& idle = idle_arena_blocks();
  const std::lock_guard lock(idle.mutex);
  for (Block& block : blocks_)
    if (block.size == io::large_page_bytes && idle.blocks.size() < idle_max)
      idle.blocks.push_back(std::move(block.memory));
}

void* Memtable::Arena::add_block(std::size_t size, std::size_t alignment) {
  const std::size_t block_max = bytes_ < 2 * io::large_page_bytes ? 256 * KiB : io::large_page_bytes;
  const std::size_t block_size = std::max(size + alignment, std::clamp<std::size_t>(bytes_, 8 * KiB, block_max));
  blocks_.push_back({take_block(block_size), block_size});
  bytes_ += block_size;
  used_ = size;
  return blocks_.back().memory.get();
}

std::size_t Memtable::Arena::idle_blocks() {
  IdleBlocks& idle = idle_arena_blocks();
  const std::lock_guard lock(idle.mutex);
  return idle.blocks.size();
}

} // namespace weir
