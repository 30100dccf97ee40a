#include "segments/bit_pack.hpp"
#include "segments/codec.hpp"
#include "segments/hex_text.hpp"
#include "segments/integer_column.hpp"

#include "tests/segments/segment_fixture.hpp"
#include "tests/support/bytes.hpp"

#include <doctest/doctest.h>

#include <bit>

using namespace weir;
using namespace weir::segments;
using weir::segments::test::random_text;

namespace {

struct Encoded {
  Codec codec;
  std::string stored;
};

Encoded encode(std::string_view raw, bool text) {
  Encoded encoded;
  encoded.codec = BlockEncoder().encode(raw, text ? BlockKind::payloads : BlockKind::directory, encoded.stored);
  return encoded;
}

Status decode(std::uint8_t codec, std::string_view stored, std::string& out) {
  return decode_block(codec, weir::test::as_bytes(stored), std::as_writable_bytes(std::span(out)));
}

} // namespace

TEST_CASE("codec: what was encoded decodes to the same bytes, whatever they are") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const std::string_view alphabets[] = {"0123456789abcdef", "0123456789abcdefg{}\":,", "ABCxyz ", "01\x0E\x1F\x0D "};
  for (int i = 0; i < 400; ++i) {
    const std::string raw = random_text(random, random() % 3'000, alphabets[i % 4]);
    const Encoded encoded = encode(raw, i % 3 != 0);
    CHECK(encoded.stored.size() <= raw.size());
    std::string out(raw.size(), '?');
    REQUIRE(decode(static_cast<std::uint8_t>(encoded.codec), encoded.stored, out).ok());
    CHECK(out == raw);
  }
}

TEST_CASE("codec: hex digits take half their size, repetition nearly nothing, noise no more than itself") {
  std::mt19937_64 random(1);
  const std::string hex = random_text(random, 16'000, "0123456789abcdef");
  CHECK(encode(hex, true).codec == Codec::hex_lz4);
  CHECK(encode(hex, true).stored.size() < 8'600);
  CHECK(encode(std::string(16'000, 'x'), true).codec == Codec::text);
  CHECK(encode(std::string(16'000, 'x'), false).codec == Codec::lz4);
  CHECK(encode(std::string(16'000, 'x'), true).stored.size() < 200);
  std::string noise(16'000, ' ');
  for (char& c : noise)
    c = static_cast<char>(random());
  CHECK(encode(noise, true).codec == Codec::raw);
}

TEST_CASE("hex text: JSON over many lines survives") {
  std::string text, packed;
  for (int i = 0; i < 50; ++i)
    text += "{\n\t\"id\": \"0123456789abcdef0123456789abcdef\",\r\n  \"n\": 1234567\n}\n";
  REQUIRE(pack_hex_text(text, packed));
  CHECK(packed.size() < text.size() * 3 / 4);
  std::string out(text.size(), '?');
  REQUIRE(unpack_hex_text(packed, out));
  CHECK(out == text);
}

TEST_CASE("codec: ids that come late in a file are packed all the same") {
  const std::string hex = "0123456789abcdef0123456789abcdef";
  BlockEncoder encoder;
  std::string out;
  CHECK(encoder.encode(std::string(1'000, 'x'), BlockKind::payloads, out) == Codec::text);
  Codec codec = Codec::text;
  for (int i = 0; i < 20 && codec != Codec::hex_lz4; ++i)
    codec = encoder.encode(hex + hex, BlockKind::payloads, out);
  CHECK(codec == Codec::hex_lz4);
}

TEST_CASE("codec: ids that are not worth packing keep no payload from being packed") {
  const std::string hex = "0123456789abcdef0123456789abcdef";
  BlockEncoder encoder;
  std::string out;
  for (int i = 0; i < 64; ++i) { // columns are cut together, so their blocks alternate
    CHECK(encoder.encode(std::string(1'000, 'x'), BlockKind::event_ids, out) == Codec::text);
    CHECK(encoder.encode(hex + hex, BlockKind::payloads, out) == Codec::hex_lz4);
  }
}

TEST_CASE("codec: damaged bytes decode to an error or to the right size, never beyond the buffer") {
  std::mt19937_64 random(2);
  for (int i = 0; i < 2'000; ++i) {
    const std::string raw = random_text(random, 1 + random() % 500, "0123456789abcdef\":,");
    Encoded encoded = encode(raw, true);
    encoded.stored[random() % encoded.stored.size()] = static_cast<char>(random());
    encoded.stored.resize(1 + random() % encoded.stored.size());
    std::string out(raw.size(), '?');
    const Status status = decode(static_cast<std::uint8_t>(random() % 4), encoded.stored, out);
    CHECK((status.ok() || status.code() == Errc::corruption));
  }
}

TEST_CASE("codec: an unknown codec is unsupported, sizes that cannot be are corruption") {
  std::string out(10, ' ');
  CHECK(decode(4, "0123456789", out).code() == Errc::unsupported);
  CHECK(decode(0, "012345678", out).code() == Errc::corruption);
  CHECK_FALSE(plausible_sizes(1, 10, 100'000'000));
  CHECK_FALSE(plausible_sizes(3, 10, 5'121));
  CHECK_FALSE(plausible_sizes(1, 1u << 30, 1u << 30));
}

TEST_CASE("hex text: runs of any length around the bounds of a pack survive") {
  for (std::size_t digits = 0; digits < 100; ++digits) {
    const std::string text = "\"" + std::string(digits, '7') + "\",\"xyz";
    std::string packed, out(text.size(), '?');
    REQUIRE(pack_hex_text(text, packed));
    CHECK(packed.size() <= text.size());
    REQUIRE(unpack_hex_text(packed, out));
    CHECK(out == text);
    CHECK_FALSE(unpack_hex_text(packed, std::span(out).first(out.size() - 1)));
  }
  std::string packed;
  CHECK_FALSE(pack_hex_text("a\x10", packed));
}

TEST_CASE("integer column: any range decodes to what was encoded") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  int refused = 0;
  for (unsigned width = 0; width <= 64; ++width) {
    std::vector<std::uint64_t> values(1 + random() % 700);
    const std::uint64_t base = random();
    for (std::uint64_t& value : values)
      value = base + (width == 0 ? 0 : random() >> (64 - width));
    const std::string bytes = encode_integers(values);
    const auto rows = static_cast<std::uint32_t>(values.size());
    const auto column = IntegerColumn::open(bytes, rows);
    REQUIRE(column.has_value());
    const auto first = static_cast<std::uint32_t>(random() % values.size());
    std::vector<std::uint64_t> out(1 + random() % (values.size() - first));
    column->decode(first, out);
    CHECK(std::equal(out.begin(), out.end(), values.begin() + first));
    CHECK_FALSE(IntegerColumn::open(std::string_view(bytes).substr(0, bytes.size() - 1), rows).has_value());
    // With a group too many, values are taken for widths. By chance they may tell the right size, never a size that
    // reaches beyond the bytes.
    const auto longer = IntegerColumn::open(bytes, rows + 128);
    refused += longer.has_value() ? 0 : 1;
    if (longer) {
      out.resize(rows + 128);
      longer->decode(0, out);
    }
  }
  CHECK(refused > 50); // of 65: one by chance is rare, fifteen do not happen
}

TEST_CASE("integer column: a group too many is refused where no value can be taken for a width") {
  for (std::uint32_t rows = 1; rows < 700; ++rows) {
    const std::string bytes = encode_integers(std::vector<std::uint64_t>(rows, 7));
    CHECK(IntegerColumn::open(bytes, rows).has_value());
    CHECK_FALSE(IntegerColumn::open(bytes, rows + 128).has_value());
  }
}

TEST_CASE("integer column: values that wrap round, which nobody writes, are the same to every reader") {
  std::vector<std::uint64_t> values(100);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = i % 16;
  std::string bytes = encode_integers(values);
  const std::uint64_t base = UINT64_MAX - 6;
  std::memcpy(bytes.data(), &base, sizeof base);
  const auto column = IntegerColumn::open(bytes, 100);
  REQUIRE(column.has_value());
  column->decode(0, values);
  CHECK(values[7] == 0);
  for (const std::uint64_t one_in : {1U, 10U})
    for (const NumberRange range : {NumberRange{0, 3}, {UINT64_MAX - 2, UINT64_MAX}, {5, UINT64_MAX - 3}}) {
      std::vector<std::uint64_t> rows(2), marked(2);
      for (std::size_t i = 0; i < values.size(); i += one_in)
        rows[i / 64] |= std::uint64_t{1} << i % 64;
      CHECK(column->mark({&range, 1}, rows, UINT64_MAX, marked));
      for (std::size_t i = 0; i < values.size(); ++i)
        CHECK((marked[i / 64] >> i % 64 & 1U) ==
              (i % one_in == 0 && values[i] >= range.low && values[i] <= range.high ? 1U : 0U));
    }
}

TEST_CASE("integer column: rows that are picked out, and rows in ranges, are those of the values") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (unsigned width = 0; width <= 64; ++width) {
    CAPTURE(width);
    std::vector<std::uint64_t> values(1 + random() % 700);
    const std::uint64_t base = random() >> (random() % 64);
    for (std::uint64_t& value : values)
      value = base + (width == 0 ? 0 : random() >> (64 - width));
    const std::string encoded = encode_integers(values);
    const std::vector<char> bytes(encoded.begin(), encoded.end()); // without a byte to spare behind them
    const auto column = IntegerColumn::open({bytes.data(), bytes.size()}, static_cast<std::uint32_t>(values.size()));
    REQUIRE(column.has_value());
    for (const unsigned one_in : {1U, 3U, 40U, 300U}) {
      std::vector<std::uint64_t> rows((values.size() + 63) / 64);
      for (std::size_t i = 0; i < values.size(); ++i)
        rows[i / 64] |= std::uint64_t{random() % one_in == 0 ? 1U : 0U} << (i % 64);
      std::vector<std::uint64_t> out(values.size());
      std::vector<std::uint32_t> cut(values.size());
      column->decode_rows(rows, out);
      column->decode_rows(rows, cut);
      IntegerColumn::Cursor cursor(*column);
      std::vector<NumberRange> ranges;
      for (std::uint64_t i = random() % 4; i > 0; --i) {
        const std::uint64_t one = values[random() % values.size()], other = values[random() % values.size()];
        ranges.push_back({std::min(one, other), std::max(one, other)});
      }
      std::vector<std::uint64_t> marked(rows.size());
      CHECK(column->mark(ranges, rows, UINT64_MAX, marked));
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < values.size(); ++i) {
        const bool picked = (rows[i / 64] >> (i % 64) & 1U) != 0;
        const bool inside = std::any_of(ranges.begin(), ranges.end(), [&](const NumberRange& range) {
          return range.low <= values[i] && values[i] <= range.high;
        });
        wrong += ((marked[i / 64] >> (i % 64) & 1U) != 0) == (picked && inside) ? 0 : 1;
        if (picked)
          wrong += out[i] == values[i] && cut[i] == static_cast<std::uint32_t>(values[i]) && cursor.at(i) == values[i]
                       ? 0
                       : 1;
      }
      CHECK(wrong == 0);
    }
    const std::uint64_t least = *std::min_element(values.begin(), values.end());
    const std::uint64_t most = *std::max_element(values.begin(), values.end());
    std::vector<std::uint64_t> rows((values.size() + 63) / 64, ~std::uint64_t{0}), marked(rows.size());
    rows.back() >>= (64 - values.size() % 64) % 64;
    if (most > least && most - least > 1) {
      const NumberRange inner{least + 1, most - 1}; // no group's bounds decide it all
      CHECK(column->mark({&inner, 1}, rows, most, marked));
      CHECK_FALSE(column->mark({&inner, 1}, rows, most - 1, marked));
    }
  }
}

TEST_CASE("integer column: rows are counted by their values, and none with a value beyond those asked for") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (const bool sorted : {false, true})
    for (const std::size_t kinds : {1U, 2U, 8U, 300U})
      for (const std::uint64_t one_in : {1U, 2U, 100U}) {
        CAPTURE(kinds);
        CAPTURE(one_in);
        std::vector<std::uint64_t> values(1 + random() % 900), counts(kinds), expected(kinds);
        for (std::uint64_t& value : values)
          value = random() % kinds;
        if (sorted)
          std::sort(values.begin(), values.end());
        const std::string bytes = encode_integers(values);
        const auto column = IntegerColumn::open(bytes, static_cast<std::uint32_t>(values.size()));
        REQUIRE(column.has_value());
        std::vector<std::uint64_t> rows((values.size() + 63) / 64);
        std::uint64_t most = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
          if (random() % one_in != 0)
            continue;
          rows[i / 64] |= std::uint64_t{1} << (i % 64);
          ++expected[values[i]];
          most = std::max(most, values[i]);
        }
        CHECK(column->count_values(rows, counts));
        CHECK(counts == expected);
        CHECK(column->count_values(rows, std::span(counts).first(most)) ==
              std::all_of(rows.begin(), rows.end(), [](std::uint64_t word) { return word == 0; }));
      }
}

TEST_CASE("integer column: groups that are alike are compared together, however many follow each other") {
  std::mt19937_64 random(3);
  for (const unsigned width : {1U, 3U, 8U, 11U, 16U, 23U, 31U, 60U}) {
    CAPTURE(width);
    const std::uint64_t mask = (std::uint64_t{1} << width) - 1, base = 1'000;
    std::vector<std::uint64_t> values(20'000 + random() % 500); // 157 groups and more
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = base + (i % 128 == 0 ? 0 : i % 128 == 1 ? mask : random() & mask);
    const std::string bytes = encode_integers(values);
    const auto column = IntegerColumn::open(bytes, static_cast<std::uint32_t>(values.size()));
    REQUIRE(column.has_value());
    for (const std::size_t one_in : {1U, 70U, 5'000U}) {
      std::vector<std::uint64_t> rows((values.size() + 63) / 64), marked(rows.size());
      for (std::size_t i = 0; i < values.size(); ++i)
        rows[i / 64] |= std::uint64_t{random() % one_in == 0 ? 1U : 0U} << (i % 64);
      const NumberRange range{base + mask / 3, base + mask - mask / 5};
      CHECK(column->mark({&range, 1}, rows, UINT64_MAX, marked));
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < values.size(); ++i) {
        const bool expected = (rows[i / 64] >> (i % 64) & 1U) != 0 && range.low <= values[i] && values[i] <= range.high;
        wrong += ((marked[i / 64] >> (i % 64) & 1U) != 0) == expected ? 0 : 1;
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("integer column: a width beyond 64 bits is refused") {
  const std::uint64_t value[] = {1};
  std::string bytes = encode_integers(value);
  bytes[8] = 65;
  CHECK_FALSE(IntegerColumn::open(bytes, 1).has_value());
}
