#include "engine/query/compare.hpp"
#include "engine/query/number_text.hpp"
#include "engine/query/outcomes.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>

using weir::Value;
using namespace weir::query;

namespace {

constexpr std::int64_t two_to_53 = 9007199254740992;

std::weak_ordering order(const Value& a, const Value& b) {
  const auto result = compare(ValueView::of(a), ValueView::of(b));
  REQUIRE(result.has_value());
  // Whatever is checked one way holds the other way round.
  const auto reversed = compare(ValueView::of(b), ValueView::of(a));
  CHECK(*reversed == (0 <=> *result));
  return *result;
}

std::string key(const Value& value) {
  std::string bytes;
  append_key(bytes, ValueView::of(value));
  return bytes;
}

} // namespace

TEST_CASE("query compare: integers meet doubles at their exact value") {
  CHECK(order(two_to_53 + 1, 9007199254740992.0) > 0);
  CHECK(order(two_to_53, 9007199254740992.0) == 0);
  CHECK(order(two_to_53 - 1, 9007199254740992.0) < 0);
  CHECK(order(INT64_MAX, 9223372036854775808.0) < 0);
  CHECK(order(INT64_MIN, -9223372036854775808.0) == 0);
  CHECK(order(UINT64_MAX, 18446744073709551616.0) < 0);
  CHECK(order(UINT64_MAX, 18446744073709549568.0) > 0);
  CHECK(order(1, 1.5) < 0);
  CHECK(order(2, 1.5) > 0);
  CHECK(order(-1, -1.5) > 0);
  CHECK(order(-2, -1.5) < 0);
  CHECK(order(0, -0.0) == 0);
  CHECK(order(0, 5e-324) < 0);
  CHECK(order(UINT64_MAX, -0.5) > 0);
  CHECK(order(UINT64_MAX, 1e300) < 0);
}

TEST_CASE("query compare: integers of both signs and sizes") {
  CHECK(order(-1, UINT64_MAX) < 0);
  CHECK(order(INT64_MAX, UINT64_MAX) < 0);
  CHECK(order(-2, -1) < 0);
  // Core numbers come as uint64 even where they are small.
  CHECK(*compare(ValueView::of(std::uint64_t{5}), ValueView::of(Value(5))) == 0);
  CHECK(*compare(ValueView::of(std::uint64_t{5}), ValueView::of(Value(-5))) > 0);
}

TEST_CASE("query compare: strings compare by bytes, and types do not mix") {
  CHECK(order("a", "b") < 0);
  CHECK(order("Z", "a") < 0);
  CHECK(order("z", "\u00e9") < 0);
  CHECK(order("", "a") < 0);
  const std::array<Value, 6> all = {
      Value{}, Value(true), Value(1), Value(weir::Timestamp{}), Value("1"), Value(weir::JsonText{"1"})};
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < all.size(); ++j) {
      CAPTURE(i);
      CAPTURE(j);
      const bool comparable = i == j && !all[i].is_null() && all[i].kind() != Value::Kind::json;
      CHECK(compare(ValueView::of(all[i]), ValueView::of(all[j])).has_value() == comparable);
      CHECK((total_order(all[i], all[j]) < 0) == (i < j));
      CHECK((total_order(all[i], all[j]) == 0) == (i == j));
    }
  }
}

TEST_CASE("query compare: group keys are equal exactly if the values are") {
  CHECK(key(1) == key(1.0));
  CHECK(key(0) == key(-0.0));
  CHECK(key(UINT64_MAX) != key(18446744073709551616.0));
  CHECK(key(std::uint64_t{1} << 63) == key(9223372036854775808.0));
  CHECK(key(two_to_53 + 1) != key(9007199254740992.0));
  CHECK(key(1) != key(true));
  CHECK(key("1") != key(1));
  CHECK(key("a") + key("b") != key("ab") + key(""));
}

TEST_CASE("query value: one form for a number, and accessors that do not guess") {
  CHECK(Value(5U).kind() == Value::Kind::int64);
  CHECK(Value(UINT64_MAX).kind() == Value::Kind::uint64);
  CHECK(Value(5).as_uint64() == 5);
  CHECK_FALSE(Value(-5).as_uint64());
  CHECK_FALSE(Value(UINT64_MAX).as_int64());
  CHECK(Value(5).as_double() == 5.0);
  CHECK_FALSE(Value("5").as_double());
  CHECK_FALSE(Value(5).as_string());
  CHECK(Value("x").as_string() == "x");
  CHECK(Value(nullptr).is_null());
  CHECK(to_json(Value("a\"b")) == R"("a\"b")");
  CHECK(to_json(Value(1.0)) == "1.0");
  CHECK(to_json(Value(weir::Timestamp{})) == "\"1970-01-01T00:00:00.000000Z\"");
  CHECK(to_json(Value(weir::JsonText{"[1]"})) == "[1]");
}

TEST_CASE("query numbers: text reads back as the same value of the same kind") {
  for (const Value& value : {Value(0), Value(-7), Value(INT64_MIN), Value(UINT64_MAX), Value(0.1), Value(1.0),
                             Value(-0.0), Value(1e300), Value(5e-324), Value(18446744073709551616.0)}) {
    std::string text;
    append_number(text, value);
    CAPTURE(text);
    CHECK(parse_number(text) == value);
  }
  for (const char* text : {"", "-", "01", "1.", ".5", "1e", "1e+", "+1", "0x1", "1e999", "nan", "1 ", "--1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_number(text));
  }
  CHECK(parse_number("18446744073709551616") == Value(18446744073709551616.0));
  // As a payload has them: see json::find_paths().
  CHECK(parse_number("1e-400") == Value(0.0));
  CHECK(parse_number("0." + std::string(60, '0') + "1e-300") == std::nullopt); // longer than a payload may have them
  const auto negative = parse_number("-1e-400");
  REQUIRE(negative);
  CHECK(std::signbit(*negative->as_double()));
}

TEST_CASE("query outcomes: sets combine as all pairs of their members do") {
  // By brute force over every pair of sets: false, unknown, true are 0, 1, 2.
  const std::array<Outcomes, 3> single = {Outcomes::never(), Outcomes::unknown(), Outcomes::always()};
  const auto set = [&](unsigned bits) {
    Outcomes outcomes;
    for (std::size_t i = 0; i < 3; ++i) {
      if ((bits >> i & 1U) != 0)
        outcomes = outcomes | single[i];
    }
    return outcomes;
  };
  for (unsigned a = 1; a < 8; ++a) {
    Outcomes negated;
    for (std::size_t i = 0; i < 3; ++i) {
      if ((a >> i & 1U) != 0)
        negated = negated | single[2 - i];
    }
    CHECK(negation(set(a)) == negated);
    for (unsigned b = 1; b < 8; ++b) {
      Outcomes least;
      Outcomes most;
      for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < 3; ++j) {
          if ((a >> i & b >> j & 1U) != 0) {
            least = least | single[std::min(i, j)];
            most = most | single[std::max(i, j)];
          }
        }
      }
      CAPTURE(a);
      CAPTURE(b);
      CHECK(both(set(a), set(b)) == least);
      CHECK(either(set(a), set(b)) == most);
    }
  }
}
