#include "engine/id_set.hpp"

#include <algorithm>
#include <utility>

namespace weir {

std::size_t IdSet::place_of(std::uint64_t key) const noexcept {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = key & mask;
  while (slots_[at] != free_slot && slots_[at] != key)
    at = (at + 1) & mask;
  return at;
}

bool IdSet::contains(std::uint64_t hash) const noexcept {
  return size_ != 0 && slots_[place_of(key_of(hash))] != free_slot;
}

bool IdSet::insert(std::uint64_t hash) {
  if (2 * (size_ + 1) > slots_.size())
    grow();
  std::uint64_t& slot = slots_[place_of(key_of(hash))];
  if (slot != free_slot)
    return false;
  slot = key_of(hash);
  ++size_;
  return true;
}

void IdSet::erase(std::uint64_t hash) noexcept {
  std::size_t hole = place_of(key_of(hash));
  if (slots_[hole] == free_slot)
    return;
  const std::size_t mask = slots_.size() - 1;
  // Those behind it that the hole would hide move up (Knuth, The Art of Computer Programming 3, 6.4, algorithm R).
  for (std::size_t at = (hole + 1) & mask; slots_[at] != free_slot; at = (at + 1) & mask)
    if (((at - slots_[at]) & mask) >= ((at - hole) & mask)) {
      slots_[hole] = slots_[at];
      hole = at;
    }
  slots_[hole] = free_slot;
  --size_;
}

void IdSet::clear() noexcept {
  std::fill(slots_.begin(), slots_.end(), free_slot);
  size_ = 0;
}

void IdSet::grow() {
  std::vector<std::uint64_t> old(2 * slots_.size(), free_slot);
  old.swap(slots_);
  for (const std::uint64_t key : old)
    if (key != free_slot)
      slots_[place_of(key)] = key;
}

} // namespace weir
