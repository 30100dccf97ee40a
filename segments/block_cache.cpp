#include "segments/block_cache.hpp"

#include "engine/hash.hpp"

#include <algorithm>

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

std::uint64_t BlockCache::hash_of(const Key& key) noexcept {
  // A checksum's seed already mixes key and offset; one more multiplication fills the high half.
  return checksum_seed(key.file_key, key.offset) * 0x9E3779B97F4A7C15ULL;
}

void BlockCache::Popularity::count(std::uint64_t hash) noexcept {
  std::uint8_t& counter = counters_[place_of(hash)];
  if (counter < counter_max)
    ++counter;
  if (++requests_ < requests_until_halved)
    return;
  requests_ = 0;
  for (std::uint8_t& each : counters_)
    each /= 2;
}

std::size_t BlockCache::Part::place_of(const Key& key, std::uint64_t hash) const noexcept {
  const std::size_t mask = table_.size() - 1;
  std::size_t place = static_cast<std::size_t>(hash >> 36) & mask; // lower bits of it chose the part
  while (table_[place] != nothing && slots_[table_[place] - 1].key != key)
    place = (place + 1) & mask;
  return place;
}

BlockPtr BlockCache::Part::find(const Key& key, std::uint64_t hash) {
  const std::lock_guard lock(mutex_);
  popularity_.count(hash);
  const std::uint32_t number = table_[place_of(key, hash)];
  if (number == nothing) {
    ++misses_;
    return nullptr;
  }
  ++hits_;
  return slots_[number - 1].block;
}

BlockPtr BlockCache::Part::insert(const Key& key, std::uint64_t hash, BlockPtr block, Worth worth,
                                  std::uint64_t budget_bytes, std::vector<BlockPtr>& evicted) {
  const std::uint64_t bytes = block->charge_bytes();
  const std::lock_guard lock(mutex_);
  if (const std::uint32_t number = table_[place_of(key, hash)]; number != nothing)
    return slots_[number - 1].block;
  // This request is counted already, the next one of the others is not. Of blocks that are asked for in turn each would
  // else push out one whose turn is still to come.
  const unsigned popularity = std::max(popularity_.of(hash), 1U) - 1;
  while (bytes_ + bytes > budget_bytes) {
    const std::size_t victim = choose_victim();
    if (popularity * worth <= value_of(slots_[victim]))
      return block;
    evicted.push_back(evict(victim));
  }
  if (free_.empty()) {
    slots_.emplace_back();
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    if (slots_.size() > table_.size() / 2)
      grow_table();
  }
  const std::uint32_t number = free_.back();
  free_.pop_back();
  slots_[number - 1] = {key, block, worth};
  table_[place_of(key, hash)] = number;
  bytes_ += bytes;
  return block;
}

std::size_t BlockCache::Part::choose_victim() {
  constexpr int candidates = 4;
  std::size_t victim = slots_.size();
  unsigned least = 0;
  for (int seen = 0; seen < candidates; ++hand_) {
    if (hand_ >= slots_.size())
      hand_ = 0;
    if (!slots_[hand_].block)
      continue;
    ++seen;
    const unsigned value = value_of(slots_[hand_]);
    if (victim == slots_.size() || value < least) {
      victim = hand_;
      least = value;
    }
  }
  return victim;
}

BlockPtr BlockCache::Part::evict(std::size_t victim) {
  Slot& slot = slots_[victim];
  const std::size_t mask = table_.size() - 1;
  std::size_t hole = place_of(slot.key, hash_of(slot.key));
  // Whoever was pushed on by the one that goes moves up, so that no search ends too early.
  for (std::size_t place = (hole + 1) & mask; table_[place] != nothing; place = (place + 1) & mask) {
    const std::size_t home = static_cast<std::size_t>(hash_of(slots_[table_[place] - 1].key) >> 36) & mask;
    if (((place - home) & mask) >= ((place - hole) & mask)) {
      table_[hole] = table_[place];
      hole = place;
    }
  }
  table_[hole] = nothing;
  free_.push_back(static_cast<std::uint32_t>(victim + 1));
  bytes_ -= slot.block->charge_bytes();
  return std::move(slot.block);
}

void BlockCache::Part::grow_table() {
  table_.assign(table_.size() * 2, nothing);
  for (std::uint32_t i = 0; i < slots_.size(); ++i)
    if (slots_[i].block)
      table_[place_of(slots_[i].key, hash_of(slots_[i].key))] = i + 1;
}

void BlockCache::Part::add_to(BlockCacheStats& stats) const {
  const std::lock_guard lock(mutex_);
  stats.hits += hits_;
  stats.misses += misses_;
  stats.cached_bytes += bytes_;
}

BlockCache::BlockCache(std::uint64_t budget_bytes)
    : part_budget_bytes_(budget_bytes / part_count), live_bytes_(std::make_shared<std::atomic<std::uint64_t>>(0)) {
}

std::shared_ptr<Block> BlockCache::make_block(std::size_t size) const {
  return std::make_shared<Block>(size, live_bytes_);
}

BlockPtr BlockCache::find(std::uint64_t file_key, std::uint64_t offset) {
  const Key key{file_key, offset};
  const std::uint64_t hash = hash_of(key);
  return part_of(hash).find(key, hash);
}

BlockCache::Worth BlockCache::worth_of_read(std::uint64_t read_bytes) noexcept {
  constexpr std::uint64_t read_costs_bytes = 16 * 1'024;
  constexpr std::uint64_t unit = 8; // of a read that is so long that nothing else counts
  return static_cast<Worth>(
      std::min<std::uint64_t>(unit + unit * read_costs_bytes / std::max<std::uint64_t>(read_bytes, 1), worth_max));
}

BlockPtr BlockCache::insert(std::uint64_t file_key, std::uint64_t offset, BlockPtr block, Worth worth) {
  if (block->charge_bytes() > part_budget_bytes_)
    return block; // it would push out everything else and then itself
  const Key key{file_key, offset};
  const std::uint64_t hash = hash_of(key);
  std::vector<BlockPtr> evicted;
  return part_of(hash).insert(key, hash, std::move(block), worth, part_budget_bytes_, evicted);
}

BlockCacheStats BlockCache::stats() const {
  BlockCacheStats stats;
  for (const Part& part : parts_)
    part.add_to(stats);
  const std::uint64_t live = live_bytes_->load(std::memory_order_relaxed);
  stats.pinned_bytes = live > stats.cached_bytes ? live - stats.cached_bytes : 0;
  return stats;
}

} // namespace weir::segments
