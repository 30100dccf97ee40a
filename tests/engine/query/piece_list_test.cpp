#include "engine/query/piece_list.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

using namespace weir;
using query::PieceList;

TEST_CASE("piece list: items keep their order, and lists of as many have pieces of the same sizes") {
  for (const std::uint64_t count : {0, 1, 16, 17, 5'000, 100'000}) {
    CAPTURE(count);
    PieceList<std::uint64_t> numbers;
    PieceList<std::uint32_t> others;
    for (std::uint64_t i = 0; i < count; ++i) {
      numbers.push_back(i);
      others.push_back(static_cast<std::uint32_t>(i));
    }
    CHECK(numbers.size() == count);
    REQUIRE(numbers.pieces() == others.pieces());
    std::vector<std::uint64_t> seen;
    for (std::size_t piece = 0; piece < numbers.pieces(); ++piece) {
      CHECK(numbers.piece(piece).size() == others.piece(piece).size());
      CHECK(numbers.piece(piece).size() <= 1'024); // so that none takes long to make
      seen.insert(seen.end(), numbers.piece(piece).begin(), numbers.piece(piece).end());
      numbers.free_piece(piece);
    }
    CHECK(numbers.size() == count);
    REQUIRE(seen.size() == count);
    for (std::uint64_t i = 0; i < count; ++i)
      REQUIRE(seen[i] == i);
  }
}
