// How far the contexts have come that a shard has stored to lately.
//
// Purpose: a store is numbered from here, so this is looked into for every call of the write path: open addressing, and
// slots that can be fetched ahead of their use. Owner: ShardState; not thread-safe.
// Invariants: an entry stays where it is until it is evicted; one whose `keep` says so is not evicted. Eviction gives
// entries used since it last came by another round (second chance): nearly as good as least recently used, without
// moving an entry at every use. The hash is seeded per directory: ids cannot be chosen to collide.
#pragma once

#include <weir/event.hpp>

#include "engine/context_mark.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

class ContextCache {
public:
  struct Entry {
    std::string context_id;
    std::uint64_t hash = 0;
    Sequence last = 0;
    Sequence first_live = 1; ///< As ContextHead has it.
    bool closed = false;     ///< The same.
    std::uint64_t group = 0; ///< Last group with a call of this context.
    std::uint32_t ready = 0; ///< Calls on their way into a group, which point here.
    bool used = false;       ///< Since eviction last came by.
    bool live = false;
  };

  ContextCache(std::size_t entries_max, std::uint64_t hash_seed);

  [[nodiscard]] std::uint64_t hash(std::string_view context_id) const noexcept;
  /// Fetches what find() will look at first.
  void prefetch(std::uint64_t hash) const noexcept { __builtin_prefetch(&slots_[hash & mask_]); }
  /// Fetches what find() most likely looks at next; some time after prefetch().
  void prefetch_entry(std::uint64_t hash) const noexcept {
    if (const Entry* const entry = slots_[hash & mask_].entry) {
      __builtin_prefetch(entry);
      __builtin_prefetch(reinterpret_cast<const char*>(entry) + 64);
    }
  }
  /// Marks the entry as used. Null if the context is unknown. `hash` is hash(context_id).
  [[nodiscard]] Entry* find(std::string_view context_id, std::uint64_t hash) noexcept;
  /// Precondition: not there yet.
  Entry& add(std::string_view context_id, std::uint64_t hash, const ContextHead& head);
  /// Looks at up to `steps` entries as long as there are more than entries_max, and drops those that need not stay:
  /// unused since the last visit, no call ready, and no group after `applied`.
  void evict(std::size_t steps, std::uint64_t applied);
  void clear();
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Calls `visit` with every entry.
  template <class Visit> void for_each(Visit&& visit) {
    for (std::size_t i = 0; i < made_; ++i)
      if (at(i).live)
        visit(at(i));
  }

private:
  static constexpr std::size_t page_entries = 256;
  struct Slot {
    std::uint64_t hash = 0;
    Entry* entry = nullptr;
  };

  Entry& at(std::size_t i) noexcept { return pages_[i / page_entries][i % page_entries]; }
  void place(Entry& entry) noexcept;
  void erase(Entry& entry) noexcept;
  void grow();

  const std::size_t entries_max_;
  const std::uint64_t hash_seed_;
  std::vector<Slot> slots_; // a power of two, at most half full
  std::size_t mask_;
  std::vector<std::unique_ptr<Entry[]>> pages_;
  std::size_t made_ = 0; // entries of pages_ that were ever used
  std::size_t size_ = 0;
  std::size_t hand_ = 0; // where eviction goes on
  std::vector<Entry*> free_;
};

} // namespace weir
