#include "engine/position_source.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace weir {

TEST_CASE("position source: draws follow one another up to the reservation and not one further") {
  PositionSource source(100, 110);
  CHECK(source.draw(4) == 100U);
  CHECK(source.draw(5) == 104U);
  CHECK(source.next() == 109);
  CHECK_FALSE(source.draw(2).has_value());
  CHECK(source.next() == 109); // a refused draw takes nothing
  CHECK(source.draw(1) == 109U);
  CHECK_FALSE(source.draw(1).has_value());
  CHECK_FALSE(source.draw(UINT64_MAX).has_value());
  source.reserved(112);
  CHECK(source.draw(2) == 110U);
  CHECK_FALSE(source.draw(1).has_value());
}

TEST_CASE("position source: runs low with less than a block left, and asks for one block more") {
  const Position end = 1 + 2 * PositionSource::block;
  PositionSource source(1, end);
  CHECK_FALSE(source.runs_low());
  CHECK(source.draw(PositionSource::block).has_value());
  CHECK_FALSE(source.runs_low());
  CHECK(source.draw(1).has_value());
  CHECK(source.runs_low());
  CHECK(source.next_reservation() == end + PositionSource::block);
  source.reserved(source.next_reservation());
  CHECK_FALSE(source.runs_low());
}

TEST_CASE("position source: many threads draw, none gets what another got, each sees its own rise") {
  PositionSource source(1, 1 + 4 * 20'000);
  std::vector<std::vector<Position>> drawn(4);
  std::vector<std::thread> threads;
  for (auto& mine : drawn)
    threads.emplace_back([&source, &mine] {
      for (std::uint64_t i = 0; i < 10'000; ++i) {
        const std::uint64_t count = i % 3 + 1;
        if (const auto first = source.draw(count))
          for (std::uint64_t k = 0; k < count; ++k)
            mine.push_back(*first + k);
      }
    });
  for (std::thread& thread : threads)
    thread.join();
  std::vector<Position> all;
  for (const auto& mine : drawn) {
    CHECK(std::is_sorted(mine.begin(), mine.end()));
    all.insert(all.end(), mine.begin(), mine.end());
  }
  std::sort(all.begin(), all.end());
  REQUIRE(!all.empty());
  CHECK(all.front() == 1);
  CHECK(all.back() == all.size()); // dense and unique
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
}

} // namespace weir
