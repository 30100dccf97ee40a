// Bits moved to the ones of a bitmap and back, against the same bit by bit.
#include "segments/bit_rank.hpp"

#include "tests/segments/old_processor.hpp"

#include "engine/count_bits.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

using namespace weir;
using namespace weir::segments;

namespace {

using Words = std::vector<std::uint64_t>;

bool has(const Words& words, std::size_t bit) {
  return (words[bit / 64] >> (bit % 64) & 1) != 0;
}

/// Of a bitmap that is full, empty, or has about one bit in `one_in`.
Words random_words(std::mt19937_64& random, std::size_t size, std::uint64_t one_in) {
  Words words(size);
  for (std::size_t bit = 0; bit < size * 64; ++bit)
    words[bit / 64] |= std::uint64_t{one_in != 0 && random() % one_in == 0 ? 1U : 0U} << (bit % 64);
  return words;
}

void check_all() {
  std::mt19937_64 random(17);
  for (const std::size_t size : {0u, 1u, 2u, 5u, 64u})
    for (const std::uint64_t mask_part : {0u, 1u, 2u, 9u, 300u})
      for (const std::uint64_t part : {0u, 1u, 3u, 50u}) {
        CAPTURE(size);
        CAPTURE(mask_part);
        CAPTURE(part);
        const Words mask = random_words(random, size, mask_part), bits = random_words(random, size, part);
        const Words wanted = random_words(random, size, 1 + random() % 3);
        const std::size_t first = random() % 3 == 0 ? 0 : random() % 200;
        std::size_t ones = first;
        Words expected((first + size * 64 + 63) / 64), back_expected(size);
        for (std::size_t bit = 0; bit < size * 64; ++bit) {
          if (!has(mask, bit))
            continue;
          if (has(bits, bit))
            expected[ones / 64] |= std::uint64_t{1} << (ones % 64);
          if (has(bits, bit) && has(wanted, bit))
            back_expected[bit / 64] |= std::uint64_t{1} << (bit % 64);
          ++ones;
        }
        CHECK(count_bits(mask) == ones - first);
        const std::size_t room = (ones + 63) / 64; // no word more is there to be touched
        expected.resize(room);
        Words gathered(room, ~std::uint64_t{0});
        gather_bits(bits, mask, first, gathered);
        CHECK(gathered == expected);
        Words back(size);
        scatter_bits(gathered, first, mask, wanted, back);
        CHECK(back == back_expected);
        std::vector<std::uint32_t> numbers;
        for (std::size_t bit = 0; bit < size * 64; ++bit)
          if (has(bits, bit))
            numbers.push_back(static_cast<std::uint32_t>(bit));
        std::shuffle(numbers.begin(), numbers.end(), random);
        Words set(size), both = wanted, both_expected = wanted;
        set_bits(numbers, set);
        CHECK(set == bits);
        add_both(both, bits, mask);
        for (std::size_t w = 0; w < size; ++w)
          both_expected[w] |= bits[w] & mask[w];
        CHECK(both == both_expected);
        if (ones % 64 != 0) // before the first and behind the last one of the mask there may be anything
          gathered.back() |= ~std::uint64_t{0} << (ones % 64);
        std::fill_n(gathered.begin(), first / 64, ~std::uint64_t{0});
        Words again = back;
        scatter_bits(gathered, first, mask, wanted, again);
        CHECK(again == back_expected);
      }
}

} // namespace

TEST_CASE("bit rank: bits gathered are those at the ones of the mask, and scattered they are back") {
  check_all();
}

#ifdef WEIR_TEST_POINTS
TEST_CASE("bit rank: an old processor gives the same") {
  const segments::test::OldProcessor old;
  check_all();
}
#endif
