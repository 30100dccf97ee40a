#include "engine/io/slab_pool.hpp"

#include <algorithm>
#include <cstddef>
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
    for (char* const stretch : stretches_) {
      for (std::size_t i = 0; i < stretch_slabs; ++i)
        allow(stretch + i * slab_bytes); // the addresses may be given to others
      ::munmap(stretch, stretch_slabs * slab_bytes);
    }
  }

  char* take() {
    char* slab = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (!slabs_.empty()) {
        slab = slabs_.back();
        slabs_.pop_back();
        cold_ = std::min(cold_, slabs_.size());
        allow(slab);
        return slab;
      }
      if (left_ == 0)
        map_more();
      slab = stretches_.back() + --left_ * slab_bytes;
    }
#ifdef MADV_POPULATE_WRITE
    static_cast<void>(::madvise(slab, slab_bytes, MADV_POPULATE_WRITE)); // all at once is cheaper; advice only
#endif
    return slab;
  }

  void give_back(char* slab) {
    forbid(slab);
    {
      const std::lock_guard lock(mutex_);
      slabs_.push_back(slab);
    }
    cool();
  }

  void keep() {
    const std::lock_guard lock(mutex_);
    ++keepers_;
  }

  void let_go() {
    {
      const std::lock_guard lock(mutex_);
      --keepers_;
    }
    cool();
  }

private:
  // Threads fill their slabs at the same time, but none while another one changes what is mapped.
  static constexpr std::size_t stretch_slabs = 64;

  void map_more() {
    void* const mapped = ::mmap(nullptr, stretch_slabs * slab_bytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED)
      throw std::bad_alloc();
    stretches_.push_back(static_cast<char*>(mapped));
    left_ = stretch_slabs;
  }

  /// Tells the kernel of what it has not been told of. It lies at the end, where slabs are taken from.
  void cool() {
    while (true) {
      const std::lock_guard lock(mutex_); // each time anew: a slab takes 0.1 ms, and there may be hundreds
      if (keepers_ != 0 || cold_ == slabs_.size())
        return;
      static_cast<void>(::madvise(slabs_[cold_++], slab_bytes, MADV_FREE)); // advice only
    }
  }

  std::mutex mutex_;
  std::vector<char*> stretches_; ///< Of address space, which costs nothing by itself.
  std::size_t left_ = 0;         ///< So many slabs of the last one were never used.
  std::vector<char*> slabs_;
  std::size_t cold_ = 0; ///< So many of the first ones are the kernel's to take.
  std::size_t keepers_ = 0;
};

SlabPool::SlabPool() : idle_(std::make_shared<Idle>()) {
}

std::shared_ptr<char[]> SlabPool::take() {
  return std::shared_ptr<char[]>(idle_->take(), [idle = idle_](char* slab) { idle->give_back(slab); });
}

std::shared_ptr<const void> SlabPool::keep_warm() const {
  idle_->keep();
  return std::shared_ptr<const void>(idle_.get(), [idle = idle_](const void*) { idle->let_go(); });
}

} // namespace weir::io
