#include "engine/io/slab_pool.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

using weir::io::SlabPool;

TEST_CASE("slab pool: what was given back is used again, and there are never more than were in use at once") {
  SlabPool pool;
  std::set<const char*> seen;
  for (int round = 0; round < 5; ++round) {
    std::vector<std::shared_ptr<char[]>> slabs;
    for (int i = 0; i < 3; ++i) {
      slabs.push_back(pool.take());
      std::fill_n(slabs.back().get(), SlabPool::slab_bytes, static_cast<char>('a' + i));
      seen.insert(slabs.back().get());
    }
    for (int i = 0; i < 3; ++i)
      CHECK(std::count(slabs[i].get(), slabs[i].get() + SlabPool::slab_bytes, static_cast<char>('a' + i)) ==
            SlabPool::slab_bytes);
  }
  CHECK(seen.size() == 3);
}

namespace {

/// How much of the process's memory the kernel may take whenever it runs short.
std::size_t lazily_free_bytes() {
  std::ifstream map("/proc/self/smaps_rollup");
  for (std::string word; map >> word;)
    if (std::size_t kibibytes = 0; word == "LazyFree:" && map >> kibibytes)
      return kibibytes * 1024;
  return 0;
}

} // namespace

TEST_CASE("slab pool: what nobody uses is the kernel's to take, but for what somebody will need again") {
  constexpr std::size_t slabs = 16, half_bytes = slabs * SlabPool::slab_bytes / 2; // the kernel is a few pages late
  SlabPool pool;
  auto warm = pool.keep_warm();
  const auto use_all = [&] {
    std::vector<std::shared_ptr<char[]>> used;
    for (std::size_t i = 0; i < slabs; ++i) {
      used.push_back(pool.take());
      std::fill_n(used.back().get(), SlabPool::slab_bytes, 'x');
    }
  };
  const std::size_t before = lazily_free_bytes();
  use_all();
  CHECK(lazily_free_bytes() < before + half_bytes);
  auto also_warm = pool.keep_warm();
  warm.reset();
  CHECK(lazily_free_bytes() < before + half_bytes);
  also_warm.reset();
  CHECK(lazily_free_bytes() >= before + half_bytes);
  use_all(); // nobody keeps it warm
  CHECK(lazily_free_bytes() >= before + half_bytes);
  warm = pool.keep_warm(); // of those that were told before, too
  use_all();
  CHECK(lazily_free_bytes() < before + half_bytes);
}

TEST_CASE("slab pool: a slab outlives its pool") {
  auto pool = std::make_unique<SlabPool>();
  const auto slab = pool->take();
  const auto other = pool->take();
  pool.reset();
  std::fill_n(slab.get(), SlabPool::slab_bytes, 'x');
  CHECK(slab[SlabPool::slab_bytes - 1] == 'x');
}

TEST_CASE("slab pool: threads take and give back slabs of their own") {
  SlabPool pool;
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (std::size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&pool, &mine = wrong[t], t] {
      for (int round = 0; round < 50; ++round) {
        const auto slab = pool.take();
        slab[0] = slab[SlabPool::slab_bytes - 1] = static_cast<char>('a' + t);
        mine += slab[0] != static_cast<char>('a' + t) || slab[SlabPool::slab_bytes - 1] != slab[0] ? 1 : 0;
      }
    });
  for (std::thread& thread : threads)
    thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}
