#include "segments/block_cache.hpp"

#include <weir/limits.hpp>

#include <doctest/doctest.h>

#include <random>
#include <thread>
#include <vector>

using namespace weir;
using namespace weir::segments;

namespace {

BlockPtr make(BlockCache& cache, std::size_t size, char fill = 'x') {
  auto block = cache.make_block(size);
  for (std::byte& byte : block->writable())
    byte = static_cast<std::byte>(fill);
  return block;
}

/// As readers do: looks first, and inserts what was not there. True: it was there.
bool ask(BlockCache& cache, std::uint64_t file, std::uint64_t offset, std::size_t size = 4 * KiB) {
  if (cache.find(file, offset) != nullptr)
    return true;
  cache.insert(file, offset, make(cache, size));
  return false;
}

} // namespace

TEST_CASE("block cache: what was inserted is found by its key alone") {
  BlockCache cache(1 * MiB);
  const BlockPtr block = cache.insert(1, 48, make(cache, 100));
  CHECK(cache.find(1, 48) == block);
  CHECK(cache.find(1, 49) == nullptr);
  CHECK(cache.find(2, 48) == nullptr);
  CHECK(cache.stats().hits == 1);
  CHECK(cache.stats().misses == 2);
}

TEST_CASE("block cache: the second of two readers that decoded the same block gets the first one's") {
  BlockCache cache(1 * MiB);
  const BlockPtr first = cache.insert(1, 48, make(cache, 100));
  CHECK(cache.insert(1, 48, make(cache, 100)) == first);
}

TEST_CASE("block cache: the budget holds, and what is handed out beyond it is counted as pinned") {
  BlockCache cache(256 * KiB);
  std::vector<BlockPtr> held;
  for (std::uint64_t i = 0; i < 200; ++i) {
    held.push_back(cache.insert(1, i * 1'000, make(cache, 4 * KiB)));
    CHECK(cache.stats().cached_bytes <= 256 * KiB);
  }
  const BlockCacheStats full = cache.stats();
  CHECK(full.cached_bytes > 128 * KiB);
  CHECK(full.cached_bytes + full.pinned_bytes >= 200 * 4 * KiB);
  held.clear();
  CHECK(cache.stats().pinned_bytes == 0);
}

TEST_CASE("block cache: a block in use stays valid when it is evicted") {
  BlockCache cache(160 * KiB);
  const BlockPtr held = cache.insert(1, 0, make(cache, 4 * KiB, 'h'));
  for (int round = 0; round < 3; ++round)
    for (std::uint64_t i = 1; i < 500; ++i)
      ask(cache, 1, i * 1'000);
  CHECK(cache.find(1, 0) == nullptr);
  CHECK(held->text() == std::string(4 * KiB, 'h'));
}

TEST_CASE("block cache: a popular block outlives many that are read once") {
  BlockCache cache(1 * MiB);
  ask(cache, 9, 9);
  for (std::uint64_t i = 1; i < 2'000; ++i) {
    ask(cache, 1, i * 1'000);
    REQUIRE(ask(cache, 9, 9));
  }
}

TEST_CASE("block cache: of more blocks than it has room for, read over and over, it has some every time") {
  BlockCache cache(1 * MiB);
  constexpr std::uint64_t blocks = 1'000;
  const auto hits = [&cache] {
    std::size_t found = 0;
    for (std::uint64_t i = 0; i < blocks; ++i)
      found += ask(cache, 1, i) ? 1 : 0;
    return found;
  };
  CHECK(hits() == 0);
  constexpr std::size_t room = 1 * MiB / (4 * KiB);
  for (int round = 0; round < 10; ++round)
    CHECK(hits() > room * 3 / 4);
}

TEST_CASE("block cache: what is read now takes the place of what nobody reads any more") {
  BlockCache cache(1 * MiB);
  for (int round = 0; round < 5; ++round)
    for (std::uint64_t i = 0; i < 200; ++i)
      ask(cache, 1, i); // full and popular, and dead from now on
  const auto hits = [&cache] {
    int found = 0;
    for (std::uint64_t i = 0; i < 100; ++i)
      found += ask(cache, 2, i) ? 1 : 0;
    return found;
  };
  CHECK(hits() == 0);
  int rounds = 1;
  while (hits() != 100)
    REQUIRE(++rounds < 20);
}

TEST_CASE("block cache: what came with a short read takes the place of what came with a long one, and keeps it") {
  BlockCache cache(1 * MiB);
  constexpr std::uint64_t room = 1 * MiB / (4 * KiB), blocks = room / 2;
  const auto hits = [&cache](std::uint64_t file, std::uint64_t count, std::uint64_t read_bytes) {
    std::uint64_t found = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (cache.find(file, i) != nullptr)
        ++found;
      else
        cache.insert(file, i, make(cache, 4 * KiB), BlockCache::worth_of_read(read_bytes));
    }
    return found;
  };
  // All are asked for equally often.
  CHECK(hits(1, 2 * room, 1 * MiB) == 0);
  for (int round = 0; round < 10; ++round) {
    hits(2, blocks, 2 * KiB);
    hits(1, 2 * room, 1 * MiB);
  }
  CHECK(hits(2, blocks, 2 * KiB) > blocks * 9 / 10);
  CHECK(hits(1, 2 * room, 1 * MiB) > 0); // and they have the rest
}

TEST_CASE("block cache: the shorter a read, the more its blocks are worth") {
  CHECK(BlockCache::worth_of_read(0) == BlockCache::worth_max);
  CHECK(BlockCache::worth_of_read(4 * KiB) > BlockCache::worth_of_read(8 * KiB));
  CHECK(BlockCache::worth_of_read(8 * KiB) > BlockCache::worth_of_read(64 * KiB));
  CHECK(BlockCache::worth_of_read(UINT64_MAX) > 0);
}

TEST_CASE("block cache: a block larger than its share is handed through, and a budget of 0 keeps nothing") {
  BlockCache cache(1 * MiB);
  CHECK(cache.insert(1, 0, make(cache, 900 * KiB)) != nullptr);
  CHECK(cache.find(1, 0) == nullptr);
  BlockCache none(0);
  CHECK(none.insert(1, 0, make(none, 1)) != nullptr);
  CHECK(none.stats().cached_bytes == 0);
}

TEST_CASE("block cache: threads find right blocks and the books balance") {
  BlockCache cache(512 * KiB);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&cache, &wrong, t] {
      std::mt19937_64 random(t);
      for (int i = 0; i < 5'000; ++i) {
        const std::uint64_t offset = random() % 300;
        BlockPtr block = cache.find(1, offset);
        if (!block)
          block = cache.insert(1, offset, make(cache, 2 * KiB, static_cast<char>(offset)));
        if (block->text().front() != static_cast<char>(offset) || block->text().back() != static_cast<char>(offset))
          ++wrong;
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  CHECK(wrong == 0);
  const BlockCacheStats stats = cache.stats();
  CHECK(stats.hits + stats.misses == 20'000);
  CHECK(stats.cached_bytes <= 512 * KiB);
  CHECK(stats.pinned_bytes == 0);
}
