#include "segments/block_cache.hpp"

#include "engine/hash.hpp"

namespace weir::segments {

Block::Block(std::size_t size, std::shared_ptr<std::atomic<std::uint64_t>> live_bytes)
    : size_(size), charge_bytes_(size + overhead_bytes), bytes_(std::make_unique_for_overwrite<std::byte[]>(size)),
      live_bytes_(std::move(live_bytes)) {
  if (live_bytes_)
    live_bytes_->fetch_add(charge_bytes(), std::memory_order_relaxed);
}

Block::~Block() {
  if (live_bytes_)
    live_bytes_->fetch_sub(charge_bytes(), std::memory_order_relaxed);
}

std::size_t BlockCache::KeyHash::operator()(const Key& key) const noexcept {
  // A checksum's seed already mixes key and offset; one more multiplication fills the high half.
  return checksum_seed(key.file_key, key.offset) * 0x9E3779B97F4A7C15ULL;
}

BlockCache::BlockCache(std::uint64_t budget_bytes)
    : part_budget_bytes_(budget_bytes / part_count), live_bytes_(std::make_shared<std::atomic<std::uint64_t>>(0)) {
}

std::shared_ptr<Block> BlockCache::make_block(std::size_t size) const {
  return std::make_shared<Block>(size, live_bytes_);
}

BlockPtr BlockCache::find(std::uint64_t file_key, std::uint64_t offset) {
  const Key key{file_key, offset};
  Part& part = part_of(key);
  const std::lock_guard lock(part.mutex);
  const auto found = part.entries.find(key);
  if (found == part.entries.end()) {
    ++part.misses;
    return nullptr;
  }
  ++part.hits;
  part.recent.splice(part.recent.begin(), part.recent, found->second);
  return found->second->block;
}

BlockPtr BlockCache::insert(std::uint64_t file_key, std::uint64_t offset, BlockPtr block) {
  const std::uint64_t bytes = block->charge_bytes();
  if (bytes > part_budget_bytes_)
    return block; // it would push out everything else and then itself
  const Key key{file_key, offset};
  Part& part = part_of(key);
  std::list<Entry> evicted; // destroyed after the lock is released
  const std::lock_guard lock(part.mutex);
  if (const auto found = part.entries.find(key); found != part.entries.end())
    return found->second->block;
  while (part.bytes + bytes > part_budget_bytes_) {
    part.bytes -= part.recent.back().block->charge_bytes();
    part.entries.erase(part.recent.back().key);
    evicted.splice(evicted.end(), part.recent, std::prev(part.recent.end()));
  }
  part.recent.push_front({key, block});
  part.entries.emplace(key, part.recent.begin());
  part.bytes += bytes;
  return block;
}

BlockCacheStats BlockCache::stats() const {
  BlockCacheStats stats;
  for (const Part& part : parts_) {
    const std::lock_guard lock(part.mutex);
    stats.hits += part.hits;
    stats.misses += part.misses;
    stats.cached_bytes += part.bytes;
  }
  const std::uint64_t live = live_bytes_->load(std::memory_order_relaxed);
  stats.pinned_bytes = live > stats.cached_bytes ? live - stats.cached_bytes : 0;
  return stats;
}

} // namespace weir::segments
