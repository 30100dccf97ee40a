// Memory for store calls on their way: senders allocate it, logs free it.
//
// Why: pieces that one thread allocates and another frees one by one cost both of them, and lie about in memory. Here a
// thread takes pieces from a slab of its own by moving a pointer, so that calls lie in the order they were made, and
// whoever frees one counts; the slab is used again as a whole. Owner: nobody; slabs that wait for use are the
// process's. Threading: any thread allocates, any other frees. Invariants: a slab is used again only when its thread
// has turned to another and nothing is left in it; large pieces are ordinary memory; at most `idle_max` slabs wait.
#pragma once

#include <cstddef>
#include <string>

namespace weir {

class CallMemory {
public:
  static constexpr std::size_t slab_bytes = 16 * 1024;
  static constexpr std::size_t piece_bytes_max = slab_bytes / 8; ///< Larger pieces are allocated by themselves.
  static constexpr std::size_t idle_max = 256;

  [[nodiscard]] static void* allocate(std::size_t bytes);
  /// `bytes` as they were asked for.
  static void free(void* piece, std::size_t bytes) noexcept;
  /// How many slabs wait for use.
  [[nodiscard]] static std::size_t idle_slabs();
};

template <class T> struct CallAllocator {
  using value_type = T;
  CallAllocator() = default;
  template <class U> CallAllocator(const CallAllocator<U>&) noexcept {}
  [[nodiscard]] T* allocate(std::size_t count) { return static_cast<T*>(CallMemory::allocate(count * sizeof(T))); }
  void deallocate(T* piece, std::size_t count) noexcept { CallMemory::free(piece, count * sizeof(T)); }
  friend bool operator==(const CallAllocator&, const CallAllocator&) noexcept { return true; }
};

/// The bytes of an encoded call.
using CallBytes = std::basic_string<char, std::char_traits<char>, CallAllocator<char>>;

} // namespace weir
