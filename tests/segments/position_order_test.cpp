#include "segments/position_order.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

using namespace weir;
using namespace weir::segments;

namespace {

class Counted final : public std::pmr::memory_resource {
public:
  std::size_t bytes_now = 0;
  std::size_t bytes_max = 0;

private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    bytes_max = std::max(bytes_max, bytes_now += bytes);
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* at, std::size_t bytes, std::size_t alignment) override {
    bytes_now -= bytes;
    std::pmr::new_delete_resource()->deallocate(at, bytes, alignment);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }
};

std::vector<Position> random_positions(std::mt19937_64& random, std::size_t rows, Position step) {
  std::vector<Position> positions(rows);
  Position last = 1 + random() % 1'000'000;
  for (Position& position : positions)
    position = last += 1 + random() % (2 * step - 1); // `step` on average
  std::shuffle(positions.begin(), positions.end(), random);
  return positions;
}

} // namespace

TEST_CASE("position order: however far positions lie apart, rows are in their order and few bytes a row are taken") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (const Position step : {1u, 2u, 3u, 4u, 15u, 16u, 256u, 1'000'000u})
    for (const std::size_t rows : {1u, 2u, 3u, 100u, 20'000u}) {
      CAPTURE(step);
      CAPTURE(rows);
      auto positions = random_positions(random, rows, step);
      Counted memory;
      const auto order = rows_by_position(positions, memory);
      REQUIRE(order.ok());
      CHECK(memory.bytes_max <= position_order_scratch_bytes * rows);
      CHECK(memory.bytes_now == 0);
      REQUIRE(order->size() == rows);
      CHECK(std::adjacent_find(order->begin(), order->end(), [&](std::uint32_t a, std::uint32_t b) {
              return positions[a] >= positions[b];
            }) == order->end()); // ascending strictly, so every row is there once
      if (rows == 1)
        continue;
      positions[random() % (rows - 1)] = positions.back();
      CHECK(rows_by_position(positions, memory).code() == Errc::invalid_argument);
    }
  Counted memory;
  CHECK(rows_by_position({}, memory)->empty());
}
