#include "engine/hash.hpp"
#include "engine/shard_router.hpp"
#include "engine/stream_hash.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace weir {

TEST_CASE("placement key: the text inside the first braces, if there is any, else all") {
  const struct {
    std::string_view id, key;
  } rules[] = {
      {"order-1", "order-1"},
      {"order-{42}-lines", "42"},
      {"{42}", "42"},
      {"a{x}b{y}", "x"},
      {"a{}b{y}", "a{}b{y}"}, // the first braces are empty: no rule applies
      {"a{", "a{"},
      {"a{x", "a{x"},
      {"a}x{", "a}x{"},
      {"}{x}", "x"},
      {"{{x}}", "{x"},
      {"{ }", " "},
      {"", ""},
  };
  for (const auto& rule : rules) {
    CAPTURE(rule.id);
    CHECK(placement_key(rule.id) == rule.key);
  }
}

TEST_CASE("router: contexts with one text in their braces share a shard, whatever the shard count") {
  for (const std::uint32_t shards : {1U, 2U, 7U, 64U}) {
    const ShardRouter router(shards, 99);
    for (int i = 0; i < 50; ++i) {
      const std::string key = std::to_string(i);
      CHECK(router.shard_of("order-{" + key + "}") == router.shard_of("invoice/{" + key + "}/7"));
      CHECK(router.shard_of("order-{" + key + "}") == router.shard_of(key));
      CHECK(router.shard_of(key) < shards);
    }
  }
}

// These numbers are in every directory ever written: if one of them changes, contexts are looked for in the wrong
// shard.
TEST_CASE("router: placement of today is placement for ever") {
  const ShardRouter router(64, 0x0123456789ABCDEF);
  std::vector<ShardId> shards;
  for (const std::string_view id : {"order-1", "order-2", "user/{7}/cart", "a", "\xC3\xBC"})
    shards.push_back(router.shard_of(id));
  CHECK(shards == std::vector<ShardId>{61, 63, 10, 27, 26});
}

TEST_CASE("router: contexts spread evenly, and another seed spreads them otherwise") {
  const ShardRouter one(8, 1), two(8, 2);
  std::vector<int> counts(8);
  int same = 0;
  for (int i = 0; i < 16'000; ++i) {
    const std::string id = "order-" + std::to_string(i);
    ++counts[one.shard_of(id)];
    same += one.shard_of(id) == two.shard_of(id);
  }
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  CHECK(*least > 1'800); // 2,000 expected, standard deviation 42
  CHECK(*most < 2'200);
  CHECK(same > 1'800);
  CHECK(same < 2'200);
}

TEST_CASE("hash: the values of XXH3 and of file identities never change") {
  CHECK(hash64("", 0) == 0x2D06800538D394C2ULL); // the published value of XXH3-64 for nothing
  CHECK(hash64("order-1", 42) == 0x1EA8360B00C75F74ULL);
  CHECK(hash128("order-1", 42) == Hash128{0xA90E97421AE043AULL, 0xE9B860CBF8093E5BULL});
  CHECK(file_identity(42, 1, 2, 3) == 0x404BFAD924FA0D3BULL);
}

TEST_CASE("hash: checksum seeds differ by file and by offset") {
  std::vector<std::uint64_t> seeds;
  for (std::uint64_t number = 1; number <= 32; ++number)
    for (std::uint64_t offset = 0; offset < 32; ++offset)
      seeds.push_back(checksum_seed(file_identity(7, 1, 0, number), offset * 4096));
  std::sort(seeds.begin(), seeds.end());
  CHECK(std::adjacent_find(seeds.begin(), seeds.end()) == seeds.end());
}

} // namespace weir

TEST_CASE("hash: pieces hash as the whole, in the form that xxhsum prints") {
  const std::string text = "abcdefghijklmnopqrstuvwxyz";
  weir::StreamHash pieces;
  CHECK(pieces.value() == weir::hash128("", 0));
  for (const char& c : text)
    pieces.add(std::as_bytes(std::span(&c, 1)));
  CHECK(pieces.value() == weir::hash128(text, 0));
}
