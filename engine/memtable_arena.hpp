// Where a memtable's rows and index lie. For its own .cpp files only.
//
// Purpose: bump allocation in growing blocks; everything goes at once with the memtable. Why blocks are used again: the
// first touch of fresh memory took a fifteenth of the log thread's time. Owner: Memtable. Threading: one thread at a
// time; blocks that wait for the next memtable are the process's. Invariants: no more blocks wait than were in use at
// one time, and at most `idle_max`.
#pragma once

#include "engine/io/large_buffer.hpp"
#include "engine/memtable.hpp"

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <vector>

namespace weir {

class Memtable::Arena {
public:
  static constexpr std::size_t idle_max = 16; ///< Of io::large_page_bytes each.

  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  template <class T> T* make_array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    auto* memory = static_cast<T*>(allocate(count * sizeof(T), alignof(T)));
    for (std::size_t i = 0; i < count; ++i)
      new (memory + i) T();
    return memory;
  }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  /// How many blocks wait for the next memtable.
  [[nodiscard]] static std::size_t idle_blocks();

private:
  struct Block {
    io::LargeBuffer memory;
    std::size_t size;
  };

  void* allocate(std::size_t size, std::size_t alignment) {
    const std::size_t at = (used_ + alignment - 1) & ~(alignment - 1);
    if (blocks_.empty() || at + size > blocks_.back().size)
      return add_block(size, alignment);
    used_ = at + size;
    return blocks_.back().memory.get() + at;
  }
  void* add_block(std::size_t size, std::size_t alignment);

  std::vector<Block> blocks_;
  std::size_t used_ = 0;
  std::uint64_t bytes_ = 0;
};

} // namespace weir
