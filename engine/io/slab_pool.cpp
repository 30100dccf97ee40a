#include "engine/io/slab_pool.hpp"

#include <mutex>
#include <new>
#include <sys/mman.h>
#include <vector>

// What nobody uses is nobody's to read, and the address sanitizer is told so.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEIR_ADDRESS_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define WEIR_ADDRESS_SANITIZER
#endif
#ifdef WEIR_ADDRESS_SANITIZER
extern "C" void __asan_poison_memory_region(const volatile void* address, std::size_t size);
extern "C" void __asan_unpoison_memory_region(const volatile void* address, std::size_t size);
#endif

namespace weir::io {

namespace {

void forbid([[maybe_unused]] char* slab) {
#ifdef WEIR_ADDRESS_SANITIZER
  __asan_poison_memory_region(slab, SlabPool::slab_bytes);
#endif
}

void allow([[maybe_unused]] char* slab) {
#ifdef WEIR_ADDRESS_SANITIZER
  __asan_unpoison_memory_region(slab, SlabPool::slab_bytes);
#endif
}

} // namespace

/// Those that nobody uses.
class SlabPool::Idle {
public:
  Idle() = default;
  Idle(const Idle&) = delete;
  Idle& operator=(const Idle&) = delete;
  ~Idle() {
    for (char* const slab : slabs_) {
      allow(slab); // the addresses may be given to others
      ::munmap(slab, slab_bytes);
    }
  }

  char* take() {
    {
      const std::lock_guard lock(mutex_);
      if (!slabs_.empty()) {
        char* const slab = slabs_.back();
        slabs_.pop_back();
        allow(slab);
        return slab;
      }
    }
    void* const slab = ::mmap(nullptr, slab_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (slab == MAP_FAILED)
      throw std::bad_alloc();
#ifdef MADV_POPULATE_WRITE
    static_cast<void>(::madvise(slab, slab_bytes, MADV_POPULATE_WRITE)); // all at once is cheaper; advice only
#endif
    return static_cast<char*>(slab);
  }

  void give_back(char* slab) {
    static_cast<void>(::madvise(slab, slab_bytes, MADV_FREE)); // advice only
    forbid(slab);
    const std::lock_guard lock(mutex_);
    slabs_.push_back(slab);
  }

private:
  std::mutex mutex_;
  std::vector<char*> slabs_;
};

SlabPool::SlabPool() : idle_(std::make_shared<Idle>()) {
}

std::shared_ptr<char[]> SlabPool::take() {
  return std::shared_ptr<char[]>(idle_->take(), [idle = idle_](char* slab) { idle->give_back(slab); });
}

} // namespace weir::io
