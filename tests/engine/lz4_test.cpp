#include "engine/lz4.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>

namespace weir {

namespace {

std::string text_of(std::size_t bytes) {
  std::string text;
  for (unsigned i = 0; text.size() < bytes; ++i)
    text += "{\"n\":" + std::to_string(i) + ",\"state\":\"packed\"}";
  text.resize(bytes);
  return text;
}

std::string block_of(std::string_view raw, int acceleration = 1) {
  std::string block(lz4::block_bytes_max(raw.size()), '\0');
  block.resize(lz4::compress(raw, block, acceleration));
  return block;
}

// Into a buffer of exactly `bytes`, so that a sanitizer sees every byte written beyond it.
bool decodes(std::string_view block, std::size_t bytes) {
  const auto exact = std::make_unique<char[]>(block.size());
  std::copy(block.begin(), block.end(), exact.get());
  const auto out = std::make_unique<char[]>(bytes);
  return lz4::decompress({exact.get(), block.size()}, {out.get(), bytes});
}

} // namespace

TEST_CASE("lz4: what was compressed comes back, at every acceleration") {
  for (const std::size_t bytes : {0U, 1U, 12U, 13U, 1'000U, 200'000U})
    for (const int acceleration : {1, 8, 64}) {
      CAPTURE(bytes);
      const std::string raw = text_of(bytes);
      const std::string block = block_of(raw, acceleration);
      REQUIRE_FALSE(block.empty());
      std::string back(bytes, '\0');
      CHECK(lz4::decompress(block, back));
      CHECK(back == raw);
    }
}

TEST_CASE("lz4: a block that does not fit is refused, one that fits to the byte is not") {
  const std::string raw = text_of(10'000);
  std::string out(block_of(raw).size(), '\0');
  CHECK(lz4::compress(raw, out, 1) == out.size());
  out.pop_back();
  CHECK(lz4::compress(raw, out, 1) == 0);
}

TEST_CASE("lz4: a block decodes to its own length only") {
  const std::string block = block_of(text_of(1'000));
  CHECK(decodes(block, 1'000));
  for (const std::size_t bytes : {0U, 1U, 999U, 1'001U, 100'000U})
    CHECK_FALSE(decodes(block, bytes));
  CHECK_FALSE(decodes({}, 0));
}

TEST_CASE("lz4: random bytes and damaged blocks never lead outside the buffers") {
  const std::uint64_t seed = 4711;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const std::string good = block_of(text_of(3'000));
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string block = good.substr(0, round % 2 == 0 ? good.size() : random() % good.size());
    for (auto changes = random() % 8 + 1; changes != 0 && !block.empty(); --changes)
      block[random() % block.size()] = static_cast<char>(random());
    refused += decodes(block, random() % 2 == 0 ? 3'000 : random() % 4'000) ? 0 : 1;
  }
  CHECK(refused > 10'000);
}

} // namespace weir
