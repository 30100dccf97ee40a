#include "engine/memtable_ids.hpp"

#include "engine/check.hpp"

namespace weir {

namespace {
constexpr std::size_t slots_min = 256;
}

void MemtableIds::add(std::uint64_t hash, std::uint64_t row) {
  WEIR_CHECK(row < UINT32_MAX);
  Table* const table = table_.load(std::memory_order_relaxed);
  if (table == nullptr || 2 * (size_ + 1) > table->mask + 1)
    grow();
  insert(*table_.load(std::memory_order_relaxed), tag_of(hash) << 32U | (row + 1));
  ++size_;
}

void MemtableIds::insert(Table& table, std::uint64_t slot) noexcept {
  std::size_t at = place_of(slot >> 32U, table.mask);
  while (table.slots[at].load(std::memory_order_relaxed) != 0)
    at = (at + 1) & table.mask;
  table.slots[at].store(slot, std::memory_order_release);
}

void MemtableIds::grow() {
  const Table* const old = table_.load(std::memory_order_relaxed);
  auto table = std::make_unique<Table>(old == nullptr ? slots_min : 2 * (old->mask + 1));
  if (old != nullptr)
    for (std::size_t i = 0; i <= old->mask; ++i)
      if (const std::uint64_t slot = old->slots[i].load(std::memory_order_relaxed); slot != 0)
        insert(*table, slot);
  bytes_ += (table->mask + 1) * sizeof(std::uint64_t);
  table_.store(table.get(), std::memory_order_release);
  tables_.push_back(std::move(table));
}

} // namespace weir
