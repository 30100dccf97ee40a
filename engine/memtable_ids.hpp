// Which rows of a memtable have an event id with a given hash.
//
// Purpose: an id that is new must be found to be so at the price of one look into memory. Owner: Memtable; one thread
// adds, any number read. Threading: insert-only; a slot is one word, published with a release store; a table that was
// outgrown lives on for readers that are inside. Invariants: every row that was added is found by its hash; a row whose
// hash differs may be found as well (a slot keeps half of it), so who finds one compares.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace weir {

class MemtableIds {
public:
  /// Precondition: row < 2^32 - 1.
  void add(std::uint64_t hash, std::uint64_t row);

  /// Calls `visit` with each row whose id may have this hash, until it returns true; then so does this.
  template <class Visit> bool find(std::uint64_t hash, Visit&& visit) const {
    const Table* const table = table_.load(std::memory_order_acquire);
    if (table == nullptr)
      return false;
    for (std::size_t at = place_of(tag_of(hash), table->mask);; at = (at + 1) & table->mask) {
      const std::uint64_t slot = table->slots[at].load(std::memory_order_acquire);
      if (slot == 0)
        return false;
      if (slot >> 32U == tag_of(hash) && visit((slot & UINT32_MAX) - 1))
        return true;
    }
  }

  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

private:
  struct Table {
    explicit Table(std::size_t size) : mask(size - 1), slots(std::make_unique<std::atomic<std::uint64_t>[]>(size)) {}
    std::size_t mask;
    std::unique_ptr<std::atomic<std::uint64_t>[]> slots; // tag, row + 1; 0: free
  };

  static constexpr std::uint64_t tag_of(std::uint64_t hash) noexcept { return hash >> 32U; }
  static constexpr std::size_t place_of(std::uint64_t tag, std::size_t mask) noexcept {
    return static_cast<std::size_t>(tag) & mask;
  }
  void grow();
  static void insert(Table& table, std::uint64_t slot) noexcept;

  std::vector<std::unique_ptr<Table>> tables_; // the last is in use
  std::atomic<Table*> table_{nullptr};
  std::size_t size_ = 0;
  std::uint64_t bytes_ = 0;
};

} // namespace weir
