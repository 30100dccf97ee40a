// The event ids of calls that are admitted and not applied yet, by their hashes.
//
// Purpose: asked for every id that is stored, so it is one array: open addressing, no allocation once grown.
// Owner: ShardState; not thread-safe. Invariants: each hash is in it at most once; what it holds is bounded by what a
// shard has on its way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir {

class IdSet {
public:
  [[nodiscard]] bool contains(std::uint64_t hash) const noexcept;
  /// False if it was there.
  bool insert(std::uint64_t hash);
  /// Does nothing if it is not there.
  void erase(std::uint64_t hash) noexcept;
  void clear() noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
  static constexpr std::uint64_t free_slot = 0;
  /// Zero stands for a free slot, so the hash that is zero has another in its place.
  static constexpr std::uint64_t key_of(std::uint64_t hash) noexcept { return hash == free_slot ? 1 : hash; }
  /// Where the key is, or the free slot that ends its search.
  [[nodiscard]] std::size_t place_of(std::uint64_t key) const noexcept;
  void grow();

  std::vector<std::uint64_t> slots_ = std::vector<std::uint64_t>(64, free_slot); // a power of two, at most half full
  std::size_t size_ = 0;
};

} // namespace weir
