#include "engine/json/json.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <random>
#include <string>

using namespace weir;

namespace {

std::string written(double value) {
  std::string out;
  json::append_double(out, value);
  return out;
}

json::Scalar read_back(const std::string& value) {
  std::vector<json::Scalar> out;
  const std::vector<json::Path> paths = {{"v"}};
  REQUIRE(json::find_paths("{\"v\":" + value + "}", paths, out).ok());
  return out[0];
}

} // namespace

TEST_CASE("json text: white space around a document is trimmed, inside it stays") {
  CHECK(json::trim(" \t\r\n{ } \n") == "{ }");
  CHECK(json::trim("{}") == "{}");
  CHECK(json::trim(" \n").empty());
  CHECK(json::trim("").empty());
  CHECK(json::trim("\xc2\xa0{}") == "\xc2\xa0{}");
}

TEST_CASE("json text: strings are escaped where JSON demands it and nowhere else") {
  std::string out = "x";
  json::append_string(out, std::string_view("a\"b\\c/\b\f\n\r\t\0\x1f\x7f\xc3\xa4", 16));
  CHECK(out == "x\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\xc3\xa4\"");
  out.clear();
  json::append_string(out, "");
  CHECK(out == "\"\"");
}

TEST_CASE("json text: every ASCII string reads back the same") {
  std::string text;
  for (int c = 0; c < 128; ++c)
    text += static_cast<char>(c);
  std::string out;
  json::append_string(out, text);
  CHECK(read_back(out) == json::Scalar{text});
}

TEST_CASE("json text: escapes are found wherever they stand in strings of any length") {
  for (std::size_t size = 1; size < 40; ++size)
    for (std::size_t at = 0; at < size; ++at)
      for (const char c : {'"', '\\', '\n', '\0', '\x1f', '\x7f', '\xff', ' '}) {
        std::string text(size, 'a');
        text[at] = c;
        std::string expected = "\"" + std::string(at, 'a');
        if (c == '"' || c == '\\')
          expected += std::string("\\") + c;
        else if (c == '\n')
          expected += "\\n";
        else if (c == '\0' || c == '\x1f')
          expected += c == '\0' ? "\\u0000" : "\\u001f";
        else
          expected += c;
        expected += std::string(size - at - 1, 'a') + '"';
        std::string out;
        json::append_string(out, text);
        REQUIRE(out == expected);
      }
}

TEST_CASE("json text: doubles are written shortest and stay doubles") {
  CHECK(written(0.1) == "0.1");
  CHECK(written(1) == "1.0");
  CHECK(written(-0.0) == "-0.0");
  CHECK(written(1e22) == "1e+22");
  CHECK(written(-2.2250738585072014e-308) == "-2.2250738585072014e-308");
}

TEST_CASE("json text: every finite double reads back bit for bit") {
  const std::uint64_t seed = 754;
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    const double value = std::bit_cast<double>(random());
    if (!std::isfinite(value))
      continue;
    const json::Scalar back = read_back(written(value));
    REQUIRE(std::holds_alternative<double>(back));
    REQUIRE(std::bit_cast<std::uint64_t>(std::get<double>(back)) == std::bit_cast<std::uint64_t>(value));
  }
}
