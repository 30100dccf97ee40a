#include "trust/damage/worker.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

/// No damaged length may ever make the engine ask for more than this at once.
constexpr std::size_t allocation_bytes_max = std::size_t{64} << 20;

void* allocate(std::size_t bytes) {
  if (bytes > allocation_bytes_max) {
    std::fprintf(stderr, "an allocation of %zu bytes\n", bytes);
    std::abort();
  }
  void* const memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr)
    std::abort();
  return memory;
}

} // namespace

void* operator new(std::size_t bytes) {
  return allocate(bytes);
}
void* operator new[](std::size_t bytes) {
  return allocate(bytes);
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate(bytes);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace weir::trust {

namespace {

constexpr std::chrono::milliseconds patience{60'000};

struct Shared {
  std::atomic<std::uint64_t> next{0}; ///< The check under way.
  WorkCounts counts;                  ///< Written by the child, read once it has ended.
  char what[1024] = {};
};

Shared* make_shared_memory() {
  void* const memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    throw std::runtime_error("no shared memory");
  return new (memory) Shared();
}

/// True once the child has ended by itself; false if it had to be killed, because one check took all of `patience`.
bool watch(pid_t child, const Shared& shared, int& status) {
  pollfd ended = {static_cast<int>(::syscall(SYS_pidfd_open, child, 0)), POLLIN, 0};
  if (ended.fd < 0)
    throw std::runtime_error("a child process cannot be watched");
  bool by_itself = false;
  for (std::uint64_t last = UINT64_MAX;;) {
    const std::uint64_t next = shared.next.load(std::memory_order_relaxed);
    by_itself = ::poll(&ended, 1, static_cast<int>(patience.count())) > 0;
    if (by_itself || next == last)
      break;
    last = next;
  }
  ::close(ended.fd);
  if (!by_itself)
    ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  return by_itself;
}

} // namespace

std::uint64_t run_watched(std::uint64_t count,
                          const std::function<void(std::uint64_t, WorkCounts&, const Announce&)>& check,
                          WorkCounts& counts) {
  Shared* const shared = make_shared_memory();
  shared->counts = counts;
  const Announce announce = [shared](const std::string& what) {
    std::snprintf(shared->what, sizeof shared->what, "%s", what.c_str());
  };
  std::uint64_t crashes = 0;
  while (shared->next < count) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child < 0)
      throw std::runtime_error("cannot fork");
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (; shared->next < count; ++shared->next) {
        check(shared->next, shared->counts, announce);
        ++shared->counts.done;
      }
      std::fflush(nullptr);
      ::_exit(0);
    }
    int status = 0;
    const bool ended = watch(child, *shared, status);
    if (ended && WIFEXITED(status) && WEXITSTATUS(status) == 0)
      break;
    ++crashes;
    std::fprintf(stderr, "\n%s: %s\n", ended ? "CRASH" : "HANG", shared->what);
    ++shared->counts.done;
    ++shared->next;
  }
  counts = shared->counts;
  ::munmap(shared, sizeof(Shared));
  return crashes;
}

} // namespace weir::trust
