#include "segments/text_code.hpp"

#include "segments/bytes.hpp"

#include "tests/segments/segment_fixture.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <string_view>

using namespace weir::segments;
using weir::segments::test::random_text;

namespace {

std::string order(std::mt19937_64& random) {
  return R"({"customer_id":"cus_)" + random_text(random, 10, "0123456789abcdef") + R"(","channel":")" +
         (random() % 2 == 0 ? "web" : "phone") + R"(","total":)" + std::to_string(random() % 100'000) +
         R"(,"currency":"EUR"})";
}

std::string orders(std::mt19937_64& random, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes)
    text += order(random);
  return text;
}

/// What `stored` decodes to in a place of exactly `bytes` bytes, so that a write beyond it is found.
bool decodes(std::string_view stored, std::string_view dictionary, std::string_view expected) {
  const auto out = std::make_unique<char[]>(expected.size());
  // A copy of its own, so that a read beyond it is found as well.
  const auto in = std::make_unique<char[]>(stored.size());
  std::copy(stored.begin(), stored.end(), in.get());
  return decode_text({in.get(), stored.size()}, TextDictionary(dictionary), {out.get(), expected.size()}) &&
         std::string_view(out.get(), expected.size()) == expected;
}

std::string sequence(std::size_t literals, std::size_t copied, bool same_offset) {
  std::string bytes;
  append_integer(bytes, static_cast<std::uint16_t>(literals | copied << 5 | (same_offset ? 0x8000u : 0)));
  return bytes;
}

std::string number(std::size_t value) {
  std::string bytes;
  append_integer(bytes, static_cast<std::uint16_t>(value));
  return bytes;
}

} // namespace

TEST_CASE("text code: what was encoded decodes to the same bytes, whatever they are, with and without a dictionary") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const std::string_view alphabets[] = {"a", "ab", "0123456789abcdef", "0123456789abcdefg{}\":,", "ABCxyz \n"};
  TextEncoder encoder;
  for (int i = 0; i < 600; ++i) {
    if (i % 20 == 0)
      encoder.set_dictionary(i % 40 == 0 ? std::string() : orders(random, random() % 5'000));
    const std::string raw = i % 3 == 0 ? orders(random, random() % 20'000)
                                       : random_text(random, random() % (i % 7 == 0 ? 100'000 : 300), alphabets[i % 5]);
    CAPTURE(i);
    const std::string stored(encoder.encode(raw));
    REQUIRE(decodes(stored, encoder.dictionary(), raw));
    if (!raw.empty()) {
      std::string out(raw.size() - 1, ' ');
      CHECK_FALSE(decode_text(stored, TextDictionary(encoder.dictionary()), out));
    }
  }
}

TEST_CASE("text code: nothing at all survives, too") {
  CHECK(decodes(std::string(TextEncoder().encode("")), "", ""));
}

TEST_CASE("text code: every length around the bounds of a sequence survives") {
  TextEncoder encoder;
  std::mt19937_64 random(3);
  const std::string noise = random_text(random, 400, "0123456789abcdefghijklmnopqrstuvwxyz");
  for (std::size_t literals = 0; literals < 70; ++literals)
    for (const std::size_t copied : {0u, 4u, 16u, 63u, 64u, 65u, 1'022u, 1'023u, 1'024u, 2'100u}) {
      const std::string raw = noise.substr(0, 100) + std::string(copied, 'x') + noise.substr(100, literals) +
                              noise.substr(0, 20) + std::string(copied, 'x');
      CHECK(decodes(std::string(encoder.encode(raw)), "", raw));
    }
}

TEST_CASE("text code: a dictionary makes a small text smaller, and nothing decodes without it") {
  std::mt19937_64 random(4);
  const std::string dictionary = orders(random, 4'000), raw = orders(random, 500);
  TextEncoder encoder;
  const std::size_t alone = encoder.encode(raw).size();
  encoder.set_dictionary(dictionary);
  const std::string stored(encoder.encode(raw));
  CHECK(stored.size() < alone * 3 / 4);
  CHECK(decodes(stored, dictionary, raw));
  CHECK_FALSE(decodes(stored, "", raw));
  CHECK_FALSE(decodes(stored, dictionary.substr(0, 3'000), raw));
}

TEST_CASE("text code: a text written by hand decodes as the document says") {
  const std::string dictionary = R"({"total":100,"currency":"EUR"})";
  // 9 literals; 9 bytes from the begin of the dictionary; 2 literals; 2 more, and 4 bytes from 21 before, in the text.
  const std::string literals = "[\"first\":";
  const std::string offsets = number(9 + dictionary.size()) + number(21);
  const std::string sequences = sequence(9, 9, false) + sequence(2, 0, true) + sequence(2, 4, false);
  const auto stored = [&](std::string_view lengths) {
    std::string bytes;
    append_varint(bytes, literals.size() + 4);
    append_varint(bytes, 2);
    append_varint(bytes, 3);
    return bytes + literals + "99, " + offsets + sequences + std::string(lengths);
  };
  CHECK(decodes(stored(""), dictionary, R"(["first":{"total":99, "fir)"));
  CHECK_FALSE(decodes(stored("x"), dictionary, R"(["first":{"total":99, "fir)"));
}

TEST_CASE("text code: sequences that take more literals than there are end in an error, whatever way it is found") {
  // One literal, and sequences of 30 each: the first is written in whole steps, which are not looked at one by one.
  for (std::size_t sequences = 16; sequences < 40; ++sequences)
    for (std::size_t left = 0; left < 130; ++left) {
      std::string stored;
      append_varint(stored, 1);
      append_varint(stored, 0);
      append_varint(stored, sequences);
      stored += 'x';
      for (std::size_t i = 0; i < sequences; ++i)
        stored += sequence(30, 0, true);
      const auto in = std::make_unique<char[]>(stored.size());
      std::copy(stored.begin(), stored.end(), in.get());
      const auto out = std::make_unique<char[]>(30 + left);
      CHECK_FALSE(decode_text({in.get(), stored.size()}, TextDictionary(), {out.get(), 30 + left}));
    }
}

TEST_CASE("text code: damaged bytes decode to an error or to the right size, never beyond the buffers") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  TextEncoder encoder;
  encoder.set_dictionary(orders(random, 1'000));
  const TextDictionary dictionary(encoder.dictionary());
  for (int i = 0; i < 20'000; ++i) {
    const std::string raw = orders(random, 1 + random() % 600);
    std::string stored(encoder.encode(raw));
    for (std::size_t changes = random() % 4; changes != 0; --changes)
      stored[random() % stored.size()] = static_cast<char>(random());
    stored.resize(random() % 8 == 0 ? random() % stored.size() : stored.size());
    const auto in = std::make_unique<char[]>(stored.size());
    std::copy(stored.begin(), stored.end(), in.get());
    const auto out = std::make_unique<char[]>(raw.size());
    static_cast<void>(decode_text({in.get(), stored.size()}, dictionary, {out.get(), raw.size()}));
  }
}
