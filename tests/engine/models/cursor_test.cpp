#include "engine/models/cursor.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace weir;

namespace {

constexpr std::uint32_t sort = 0xA1B2C3D4;

Place again(const Place& place) {
  const std::string text = write_cursor(place, sort);
  CHECK(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
        std::string::npos);
  auto read = read_cursor(text, sort, place.values.size());
  REQUIRE_MESSAGE(read.ok(), to_string(read.ok() ? Error{} : read.error()));
  CHECK(write_cursor(*read, sort) == text);
  return std::move(*read);
}

void refuse(std::string_view text, std::size_t keys, std::string_view message) {
  CAPTURE(text);
  const auto read = read_cursor(text, sort, keys);
  REQUIRE(read.code() == Errc::invalid_argument);
  CHECK(read.error().message == message);
}

} // namespace

TEST_CASE("json_model: a cursor brings every value back exactly, whatever its type") {
  using Limits = std::numeric_limits<double>;
  const std::vector<SqlValue> values = {
      std::monostate(),
      std::int64_t{0},
      std::int64_t{-1},
      std::int64_t{63},
      std::int64_t{64},
      std::numeric_limits<std::int64_t>::min(),
      std::numeric_limits<std::int64_t>::max(),
      0.0,
      -0.5,
      0.1,
      Limits::max(),
      Limits::lowest(),
      Limits::min(),
      Limits::denorm_min(),
      Limits::infinity(),
      -Limits::infinity(),
      9007199254740993.0,
      std::string(),
      std::string("a"),
      std::string("Stra\xc3\x9f"
                  "e \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80"),
      std::string("a\0b", 3),
      std::string("not \xff utf-8"),
      std::string(100'000, 'x'),
      SqlBlob{},
      SqlBlob{std::string("\0\xff\x80", 3)},
  };
  for (std::size_t i = 0; i < values.size(); ++i) {
    CAPTURE(i);
    const Place one{.values = {values[i]}, .reversed = i % 2 == 1};
    CHECK(again(one) == one);
  }
  const Place all{.values = values};
  CHECK(again(all) == all);
  const Place none{.reversed = true};
  CHECK(again(none) == none);
  const Place negative_zero{.values = {-0.0}};
  CHECK(std::signbit(std::get<double>(again(negative_zero).values[0])));
}

TEST_CASE("json_model: a cursor is short enough for an address") {
  CHECK(write_cursor({.values = {std::int64_t{1'000}, std::int64_t{20}}}, sort).size() <= 20);
}

TEST_CASE("json_model: every changed, missing or added letter of a cursor is found") {
  const Place place{.values = {std::string("name"), 0.25, std::monostate(), std::int64_t{-77}}};
  const std::string text = write_cursor(place, sort);
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= %\n";
  for (std::size_t at = 0; at < text.size(); ++at) {
    refuse(text.substr(0, at), 4, "the cursor is damaged");
    refuse(text.substr(0, at) + text.substr(at + 1), 4, "the cursor is damaged");
    for (const char letter : letters)
      if (letter != text[at]) {
        std::string changed = text;
        changed[at] = letter;
        refuse(changed, 4, "the cursor is damaged");
      }
  }
  for (const char letter : letters)
    refuse(text + letter, 4, "the cursor is damaged");
  for (const std::string_view foreign : {"1", "null", "{\"id\":5}", "'; DROP TABLE items; --", "%00", "AAAA"})
    refuse(foreign, 4, "the cursor is damaged");
}

TEST_CASE("json_model: a cursor of another sort is refused, and one with other keys") {
  const std::string text = write_cursor({.values = {std::int64_t{1}, std::int64_t{2}}}, sort);
  const auto other = read_cursor(text, sort + 1, 2);
  REQUIRE(other.code() == Errc::invalid_argument);
  CHECK(other.error().message == "the cursor is of another model, or of another sort");
  refuse(text, 1, "the cursor is damaged");
  refuse(text, 3, "the cursor is damaged");
  // A number that is none would be bound as NULL and mean another place.
  refuse(write_cursor({.values = {std::nan("")}}, sort), 1, "the cursor is damaged");
}

TEST_CASE("json_model: random bytes are no cursor") {
  constexpr std::uint64_t seed = 11;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random() % 40, '\0');
    for (char& letter : text)
      letter = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[random() % 64];
    REQUIRE(read_cursor(text, sort, random() % 4).code() == Errc::invalid_argument);
  }
}

TEST_CASE("json_model: values of different types never have one encoding") {
  std::string integer, real, text, blob;
  append_value(integer, std::int64_t{1});
  append_value(real, 1.0);
  append_value(text, std::string("1"));
  append_value(blob, SqlBlob{"1"});
  CHECK(integer != real);
  CHECK(text != blob);
  CHECK(integer != text);
}
