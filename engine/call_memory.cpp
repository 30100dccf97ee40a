#include "engine/call_memory.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace weir {

namespace {

// Who looks for memory that is used after it was freed must see each piece by itself.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool in_slabs = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool in_slabs = false;
#else
constexpr bool in_slabs = true;
#endif
#else
constexpr bool in_slabs = true;
#endif

/// Begins every slab; the pieces follow.
struct alignas(64) Slab {
  /// Pieces that are not freed; while the slab is its thread's, far more than there are.
  std::atomic<std::uint32_t> left;
};
constexpr std::uint32_t thread_holds_it = 1u << 30;
constexpr std::size_t piece_alignment = alignof(std::max_align_t);
static_assert(CallMemory::slab_bytes / piece_alignment < thread_holds_it);

struct IdleSlabs {
  std::mutex mutex;
  std::vector<Slab*> slabs;
};

/// Never destroyed: threads that outlive main() may still free.
IdleSlabs& idle_slabs_of_all() {
  static IdleSlabs* const idle = new IdleSlabs;
  return *idle;
}

constexpr std::align_val_t slab_alignment{CallMemory::slab_bytes};

Slab* take_slab() {
  IdleSlabs& idle = idle_slabs_of_all();
  Slab* slab = nullptr;
  {
    const std::lock_guard lock(idle.mutex);
    if (!idle.slabs.empty()) {
      slab = idle.slabs.back();
      idle.slabs.pop_back();
    }
  }
  if (slab == nullptr)
    slab = new (::operator new(CallMemory::slab_bytes, slab_alignment)) Slab;
  slab->left.store(thread_holds_it, std::memory_order_relaxed);
  return slab;
}

void give_back(Slab* slab) noexcept {
  IdleSlabs& idle = idle_slabs_of_all();
  {
    const std::lock_guard lock(idle.mutex);
    if (idle.slabs.size() < CallMemory::idle_max) {
      try {
        idle.slabs.push_back(slab);
        return;
      } catch (const std::bad_alloc&) { // then it does not wait
      }
    }
  }
  slab->~Slab();
  ::operator delete(static_cast<void*>(slab), slab_alignment);
}

void drop(Slab* slab, std::uint32_t count) noexcept {
  if (slab->left.fetch_sub(count, std::memory_order_acq_rel) == count)
    give_back(slab);
}

/// The slab that a thread takes pieces from. Never destroyed, for what is destroyed when a thread ends may allocate.
class Current {
public:
  void* take(std::size_t bytes) {
    bytes = (bytes + piece_alignment - 1) / piece_alignment * piece_alignment;
    if (slab_ == nullptr || CallMemory::slab_bytes - used_ < bytes) {
      Slab* const next = take_slab();
      retire();
      slab_ = next;
      used_ = sizeof(Slab);
    }
    void* const piece = reinterpret_cast<char*>(slab_) + used_;
    used_ += bytes;
    ++given_;
    if (ended_) // nobody would retire it later
      retire();
    return piece;
  }
  /// True for the first call of the thread.
  bool begin() noexcept { return !std::exchange(begun_, true); }
  void end() noexcept {
    retire();
    ended_ = true;
  }

private:
  void retire() noexcept {
    if (slab_ != nullptr)
      drop(std::exchange(slab_, nullptr), thread_holds_it - std::exchange(given_, 0));
  }

  Slab* slab_ = nullptr;
  std::size_t used_ = 0;
  std::uint32_t given_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};
static_assert(std::is_trivially_destructible_v<Current>);
constinit thread_local Current current_slab;

struct AtThreadEnd {
  ~AtThreadEnd() { current_slab.end(); }
  void arm() const noexcept {} // its first use
};
thread_local const AtThreadEnd at_thread_end;

} // namespace

void* CallMemory::allocate(std::size_t bytes) {
  if (!in_slabs || bytes > piece_bytes_max)
    return ::operator new(bytes);
  if (current_slab.begin())
    at_thread_end.arm();
  return current_slab.take(bytes);
}

void CallMemory::free(void* piece, std::size_t bytes) noexcept {
  if (!in_slabs || bytes > piece_bytes_max)
    return ::operator delete(piece);
  drop(reinterpret_cast<Slab*>(reinterpret_cast<std::uintptr_t>(piece) & ~std::uintptr_t{slab_bytes - 1}), 1);
}

std::size_t CallMemory::idle_slabs() {
  IdleSlabs& idle = idle_slabs_of_all();
  const std::lock_guard lock(idle.mutex);
  return idle.slabs.size();
}

} // namespace weir
