// Packed integers of every width, with AVX2 and without, against the numbers that were packed.
#include "segments/bit_pack.hpp"
#include "segments/unpack.hpp"

#include "tests/segments/old_processor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::segments;

namespace {

constexpr std::size_t values_max = 300;

/// Values of one width as they lie at the end of a block: no byte may be read behind it.
struct Packed {
  Packed(std::mt19937_64& random, unsigned width, std::size_t count) {
    const std::uint64_t mask = width == 0 ? 0 : ~std::uint64_t{0} >> (64 - width);
    for (std::size_t i = 0; i < count; ++i)
      values.push_back(random() % 4 == 0 ? mask : random() & mask);
    std::string packed;
    append_packed(packed, values, width);
    packed.append(bits_padding_bytes, '\0');
    bytes = std::make_unique<char[]>(packed.size());
    std::copy(packed.begin(), packed.end(), bytes.get());
    bits = {bytes.get(), bytes.get() + packed.size(), width};
  }

  std::vector<std::uint64_t> values;
  std::unique_ptr<char[]> bytes;
  PackedBits bits;
};

void check_values(const Packed& packed, std::uint64_t base) {
  std::vector<std::uint64_t> whole(packed.values.size(), 1);
  unpack_values(packed.bits, base, std::span(whole));
  std::vector<std::uint32_t> cut(packed.values.size(), 1);
  unpack_values(packed.bits, base, std::span(cut));
  bool same = true;
  for (std::size_t i = 0; i < packed.values.size(); ++i)
    same = same && whole[i] == base + packed.values[i] && cut[i] == static_cast<std::uint32_t>(whole[i]);
  CHECK(same);
}

void check_between(const Packed& packed, std::uint64_t low, std::uint64_t high, std::uint64_t limit) {
  CAPTURE(low);
  CAPTURE(high);
  CAPTURE(limit);
  std::vector<std::uint64_t> expected((packed.values.size() + 63) / 64);
  bool expected_over = false;
  for (std::size_t i = 0; i < packed.values.size(); ++i) {
    if (low <= packed.values[i] && packed.values[i] <= high)
      expected[i / 64] |= std::uint64_t{1} << (i % 64);
    expected_over = expected_over || packed.values[i] > limit;
  }
  bool over = false;
  std::vector<std::uint64_t> found(expected.size(), ~std::uint64_t{0});
  values_between(packed.bits, packed.values.size(), low, high, limit, found, over);
  CHECK(found == expected);
  CHECK(over == expected_over);
  over = true;
  values_between(packed.bits, packed.values.size(), low, high, ~std::uint64_t{0}, found, over);
  CHECK(over); // it stays
}

/// Every width, with every number of values that a vector's end can meet.
void check_all(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (unsigned width = 0; width <= 64; ++width) {
    for (std::size_t count = 0; count <= values_max; count += count < 34 ? 1 : 13) {
      CAPTURE(width);
      CAPTURE(count);
      const Packed packed(random, width, count);
      for (const std::uint64_t base : {std::uint64_t{0}, random(), ~std::uint64_t{0}})
        check_values(packed, base);
      const auto some = [&] { return count == 0 ? random() : packed.values[random() % count] + random() % 3 - 1; };
      for (int i = 0; i < 6; ++i) {
        const auto [low, high] = std::minmax({some(), some()});
        check_between(packed, low, high, some());
      }
      check_between(packed, 0, ~std::uint64_t{0}, ~std::uint64_t{0});
      check_between(packed, ~std::uint64_t{0}, ~std::uint64_t{0}, 0);
    }
  }
}

} // namespace

TEST_CASE("unpack: values of every width are those that were packed, and none behind the end is touched") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  check_all(seed);
}

#ifdef WEIR_TEST_POINTS
TEST_CASE("unpack: a processor without AVX2 gives the same values") {
  const segments::test::OldProcessor old;
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  check_all(seed);
}
#endif
