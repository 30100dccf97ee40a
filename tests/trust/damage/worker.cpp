#include "trust/damage/worker.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <vector>

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

using Check = std::function<void(std::uint64_t, WorkCounts&, const Announce&)>;

/// A value that a process and those it forks have in common.
template <class Value> class InCommon {
public:
  InCommon() : value_(new (map()) Value()) {}
  InCommon(const InCommon&) = delete;
  InCommon& operator=(const InCommon&) = delete;
  ~InCommon() { ::munmap(value_, sizeof(Value)); }
  Value& operator*() const noexcept { return *value_; }
  Value* operator->() const noexcept { return value_; }

private:
  static void* map() {
    void* const memory = ::mmap(nullptr, sizeof(Value), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
      throw std::runtime_error("no shared memory");
    return memory;
  }

  Value* const value_;
};

/// What a child and who watches it have in common.
struct Shared {
  std::atomic<std::uint64_t> next{0}; ///< The check under way.
  WorkCounts counts;                  ///< Written by the child, read once it has ended.
  char what[1024] = {};
};

/// What a worker leaves behind.
struct Done {
  WorkCounts counts;
  std::uint64_t crashes = 0;
  bool all = false;
};

/// Runs `work` in a child, which ends with its parent.
template <class Work> pid_t start_child(Work work) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0)
    throw std::runtime_error("cannot fork");
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    work();
    std::fflush(nullptr);
    ::_exit(0);
  }
  return child;
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

/// Every `step`-th check from `first` on.
std::uint64_t run_share(std::uint64_t first, std::uint64_t step, std::uint64_t count, const Check& check,
                        WorkCounts& counts) {
  const InCommon<Shared> shared;
  shared->next = first;
  const Announce announce = [&shared](const std::string& what) {
    std::snprintf(shared->what, sizeof shared->what, "%s", what.c_str());
  };
  std::uint64_t crashes = 0;
  while (shared->next < count) {
    const pid_t child = start_child([&] {
      for (; shared->next < count; shared->next += step) {
        check(shared->next, shared->counts, announce);
        ++shared->counts.done;
      }
    });
    int status = 0;
    const bool ended = watch(child, *shared, status);
    if (ended && WIFEXITED(status) && WEXITSTATUS(status) == 0)
      break;
    ++crashes;
    std::fprintf(stderr, "\n%s: %s\n", ended ? "CRASH" : "HANG", shared->what);
    ++shared->counts.done;
    shared->next += step;
  }
  counts.add(shared->counts);
  return crashes;
}

} // namespace

void WorkCounts::add(const WorkCounts& more) {
  done += more.done;
  wrong += more.wrong;
  refused += more.refused;
  cut += more.cut;
  found += more.found;
  harmless += more.harmless;
  salvaged_events += more.salvaged_events;
  salvage_losses += more.salvage_losses;
}

std::uint64_t run_watched(std::uint64_t count, unsigned workers, const Check& check, WorkCounts& counts) {
  if (workers == 1)
    return run_share(0, 1, count, check, counts);
  struct Worker {
    InCommon<Done> done;
    pid_t process = 0;
  };
  std::vector<std::unique_ptr<Worker>> all;
  for (unsigned i = 0; i < workers; ++i) {
    Worker& worker = *all.emplace_back(std::make_unique<Worker>());
    worker.process = start_child([&] {
      worker.done->crashes = run_share(i, workers, count, check, worker.done->counts);
      worker.done->all = true;
    });
  }
  std::uint64_t crashes = 0;
  for (const auto& worker : all) {
    ::waitpid(worker->process, nullptr, 0);
    if (!worker->done->all)
      throw std::runtime_error("a worker of the stage has died");
    counts.add(worker->done->counts);
    crashes += worker->done->crashes;
  }
  return crashes;
}

} // namespace weir::trust
