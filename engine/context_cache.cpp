#include "engine/context_cache.hpp"

#include "engine/hash.hpp"

#include <utility>

namespace weir {

namespace {

constexpr std::size_t slots_min = 64;

} // namespace

ContextCache::ContextCache(std::size_t entries_max, std::uint64_t hash_seed)
    : entries_max_(entries_max), hash_seed_(hash_seed), slots_(slots_min), mask_(slots_min - 1) {
}

std::uint64_t ContextCache::hash(std::string_view context_id) const noexcept {
  return hash64(context_id, hash_seed_);
}

ContextCache::Entry* ContextCache::find(std::string_view context_id, std::uint64_t hash) noexcept {
  for (std::size_t i = hash & mask_;; i = (i + 1) & mask_) {
    const Slot& slot = slots_[i];
    if (slot.entry == nullptr)
      return nullptr;
    if (slot.hash == hash && slot.entry->context_id == context_id) {
      slot.entry->used = true;
      return slot.entry;
    }
  }
}

ContextCache::Entry& ContextCache::add(std::string_view context_id, std::uint64_t hash, const ContextHead& head) {
  if (2 * (size_ + 1) > slots_.size())
    grow();
  Entry* entry = nullptr;
  if (!free_.empty()) {
    entry = free_.back();
    free_.pop_back();
  } else {
    if (made_ == pages_.size() * page_entries)
      pages_.push_back(std::make_unique<Entry[]>(page_entries));
    entry = &at(made_++);
  }
  entry->context_id = context_id;
  entry->hash = hash;
  entry->last = head.last;
  entry->first_live = head.first_live;
  entry->closed = head.closed;
  entry->group = 0;
  entry->ready = 0;
  entry->used = true;
  entry->live = true;
  ++size_;
  place(*entry);
  return *entry;
}

void ContextCache::place(Entry& entry) noexcept {
  std::size_t i = entry.hash & mask_;
  while (slots_[i].entry != nullptr)
    i = (i + 1) & mask_;
  slots_[i] = {entry.hash, &entry};
}

void ContextCache::grow() {
  slots_.assign(slots_.size() * 2, Slot{});
  mask_ = slots_.size() - 1;
  for_each([this](Entry& entry) { place(entry); });
}

void ContextCache::erase(Entry& entry) noexcept {
  std::size_t hole = entry.hash & mask_;
  while (slots_[hole].entry != &entry)
    hole = (hole + 1) & mask_;
  // Those behind it that the hole would hide move up (Knuth, The Art of Computer Programming 3, 6.4, algorithm R).
  for (std::size_t i = (hole + 1) & mask_; slots_[i].entry != nullptr; i = (i + 1) & mask_)
    if (((i - slots_[i].hash) & mask_) >= ((i - hole) & mask_)) {
      slots_[hole] = slots_[i];
      hole = i;
    }
  slots_[hole] = {};
  entry.live = false;
  --size_;
  free_.push_back(&entry);
}

void ContextCache::evict(std::size_t steps, std::uint64_t applied) {
  for (; size_ > entries_max_ && steps != 0; --steps) {
    Entry& entry = at(hand_);
    hand_ = (hand_ + 1) % made_;
    if (!entry.live || std::exchange(entry.used, false) || entry.ready != 0 || entry.group > applied)
      continue;
    erase(entry);
  }
}

void ContextCache::clear() {
  slots_.assign(slots_min, Slot{});
  mask_ = slots_min - 1;
  pages_.clear();
  free_.clear();
  made_ = size_ = hand_ = 0;
}

} // namespace weir
