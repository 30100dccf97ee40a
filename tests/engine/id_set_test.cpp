#include "engine/id_set.hpp"
#include "engine/memtable_ids.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace weir {

TEST_CASE("id set: against a std::set, with hashes that collide in their low bits") {
  const std::uint64_t seed = 20;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  IdSet ids;
  std::set<std::uint64_t> known;
  for (int i = 0; i < 200'000; ++i) {
    // Few places, many keys: runs of occupied slots that wrap around the end of the table.
    const std::uint64_t low = random() % 16 + 56;
    const std::uint64_t hash = (random() % 40 + 1) << 32U | low;
    switch (random() % 3) {
    case 0: REQUIRE(ids.insert(hash) == known.insert(hash).second); break;
    case 1:
      ids.erase(hash);
      known.erase(hash);
      break;
    default: REQUIRE(ids.contains(hash) == known.contains(hash));
    }
    REQUIRE(ids.size() == known.size());
  }
  for (const std::uint64_t hash : known)
    CHECK(ids.contains(hash));
  ids.clear();
  CHECK(ids.size() == 0);
  CHECK(std::none_of(known.begin(), known.end(), [&](std::uint64_t hash) { return ids.contains(hash); }));
}

TEST_CASE("id set: a hash of zero is one like any other") {
  IdSet ids;
  CHECK_FALSE(ids.contains(0));
  CHECK(ids.insert(0));
  CHECK(ids.contains(0));
  CHECK_FALSE(ids.insert(0));
  ids.erase(0);
  CHECK_FALSE(ids.contains(0));
}

TEST_CASE("memtable ids: every row is found by its hash, also while the table grows under its readers") {
  constexpr std::uint64_t rows = 100'000;
  const auto hash_of = [](std::uint64_t row) { return row * 0x9E3779B97F4A7C15ULL; };
  MemtableIds ids;
  CHECK_FALSE(ids.find(hash_of(1), [](std::uint64_t) { return true; }));
  std::atomic<std::uint64_t> added{0};
  std::atomic<std::uint64_t> missed{0};
  std::vector<std::thread> readers;
  for (unsigned reader = 0; reader < 2; ++reader)
    readers.emplace_back([&, reader] {
      std::mt19937_64 random(reader);
      for (std::uint64_t known = 0; known < rows;) {
        known = added.load(std::memory_order_acquire);
        if (known == 0)
          continue;
        const std::uint64_t row = random() % known;
        missed += ids.find(hash_of(row), [&](std::uint64_t found) { return found == row; }) ? 0 : 1;
      }
    });
  for (std::uint64_t row = 0; row < rows; ++row) {
    ids.add(hash_of(row), row);
    added.store(row + 1, std::memory_order_release);
  }
  for (std::thread& reader : readers)
    reader.join();
  CHECK(missed == 0);
  CHECK(ids.bytes() <= rows * 8 * 6); // at most half full, and all smaller tables before it
}

TEST_CASE("memtable ids: rows of equal hash are all visited, until one is taken") {
  MemtableIds ids;
  for (std::uint64_t row = 0; row < 5; ++row)
    ids.add(7ULL << 32U, row);
  std::vector<std::uint64_t> seen;
  CHECK_FALSE(ids.find(7ULL << 32U, [&](std::uint64_t row) {
    seen.push_back(row);
    return false;
  }));
  CHECK(seen == std::vector<std::uint64_t>{0, 1, 2, 3, 4});
  CHECK(ids.find(7ULL << 32U, [&](std::uint64_t row) { return row == 3; }));
}

} // namespace weir
