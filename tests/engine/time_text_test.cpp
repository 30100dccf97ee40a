#include "engine/time_text.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>

using namespace weir;
using namespace std::chrono;

namespace {

Timestamp at(int y, unsigned m, unsigned d, microseconds time = {}) {
  return sys_days{year{y} / month{m} / day{d}} + time;
}

} // namespace

TEST_CASE("time text: RFC 3339 in every accepted spelling names the same instant") {
  const Timestamp expected = at(2020, 1, 31, hours{23} + minutes{59} + seconds{58} + milliseconds{250});
  for (const char* text : {"2020-01-31T23:59:58.25Z", "2020-01-31t23:59:58.250z", "2020-01-31 23:59:58.250000Z",
                           "2020-02-01T00:59:58.25+01:00", "2020-01-31T18:29:58.25-05:30",
                           "2020-01-31T23:59:58.25-00:00", "2020-02-01T23:58:58.25+23:59"}) {
    CAPTURE(text);
    const auto parsed = parse_timestamp(text);
    REQUIRE(parsed.ok());
    CHECK(*parsed == expected);
  }
}

TEST_CASE("time text: fractions count from the left") {
  CHECK(*parse_timestamp("1970-01-01T00:00:00.1Z") == Timestamp{microseconds{100'000}});
  CHECK(*parse_timestamp("1970-01-01T00:00:00.000001Z") == Timestamp{microseconds{1}});
  CHECK(*parse_timestamp("1969-12-31T23:59:59.999999Z") == Timestamp{microseconds{-1}});
}

TEST_CASE("time text: what RFC 3339 or the engine does not allow is refused with its place") {
  struct Case {
    const char* text;
    const char* where;
  };
  for (const Case& c : {
           Case{"", "byte 0"},
           Case{"2020", "byte 4"},
           Case{"20-01-01T00:00:00Z", "byte 2"},
           Case{"2020/01-01T00:00:00Z", "byte 4"},
           Case{"2020-00-01T00:00:00Z", "byte 5"},
           Case{"2020-13-01T00:00:00Z", "byte 5"},
           Case{"2020-1-01T00:00:00Z", "byte 6"},
           Case{"2020-01-00T00:00:00Z", "byte 8"},
           Case{"2020-01-32T00:00:00Z", "byte 8"},
           Case{"2021-02-29T00:00:00Z", "byte 8"},
           Case{"1900-02-29T00:00:00Z", "byte 8"},
           Case{"2020-04-31T00:00:00Z", "byte 8"},
           Case{"2020-01-01", "byte 10"},
           Case{"2020-01-01_00:00:00Z", "byte 10"},
           Case{"2020-01-01T24:00:00Z", "byte 11"},
           Case{"2020-01-01T23:60:00Z", "byte 14"},
           Case{"2020-01-01T23:59Z", "byte 16"},
           Case{"2016-12-31T23:59:60Z", "byte 17"},
           Case{"2020-01-01T00:00:00", "byte 19"},
           Case{"2020-01-01T00:00:00.Z", "byte 20"},
           Case{"2020-01-01T00:00:00,5Z", "byte 19"},
           Case{"2020-01-01T00:00:00.1234567Z", "byte 26"},
           Case{"2020-01-01T00:00:00+0100", "byte 22"},
           Case{"2020-01-01T00:00:00+24:00", "byte 20"},
           Case{"2020-01-01T00:00:00+01:60", "byte 23"},
           Case{"2020-01-01T00:00:00+01", "byte 22"},
           Case{"2020-01-01T00:00:00Z ", "byte 20"},
           Case{" 2020-01-01T00:00:00Z", "byte 0"},
           Case{"0000-12-31T23:59:59Z", "byte 0"},
           Case{"0001-01-01T00:00:00+00:01", "byte 0"},
           Case{"9999-12-31T23:59:59-00:01", "byte 0"},
           Case{"-001-01-01T00:00:00Z", "byte 0"},
           Case{"+2020-01-01T00:00:00Z", "byte 0"},
           Case{"10000-01-01T00:00:00Z", "byte 4"},
       }) {
    CAPTURE(c.text);
    const auto parsed = parse_timestamp(c.text);
    REQUIRE(!parsed.ok());
    CHECK(parsed.error().code == Errc::invalid_argument);
    CHECK(parsed.error().where == c.where);
  }
}

TEST_CASE("time text: 29 February exists in leap years, centuries by the rule of 400") {
  CHECK(parse_timestamp("2020-02-29T00:00:00Z").ok());
  CHECK(parse_timestamp("2000-02-29T00:00:00Z").ok());
  CHECK(!parse_timestamp("2100-02-29T00:00:00Z").ok());
}

TEST_CASE("time text: an error shows printable text and keeps other bytes out of the message") {
  CHECK(parse_timestamp("yesterday").error().message == "timestamp \"yesterday\": expected a year of four digits");
  CHECK(parse_timestamp("\x1b[2J").error().message == "timestamp: expected a year of four digits");
}

TEST_CASE("time text: output is UTC with microseconds and covers years 1 to 9999") {
  CHECK(format_timestamp(Timestamp{}) == "1970-01-01T00:00:00.000000Z");
  CHECK(format_timestamp(at(2020, 1, 31, hours{23} + minutes{59} + seconds{59})) == "2020-01-31T23:59:59.000000Z");
  CHECK(format_timestamp(Timestamp{microseconds{-1}}) == "1969-12-31T23:59:59.999999Z");
  CHECK(format_timestamp(at(1, 1, 1)) == "0001-01-01T00:00:00.000000Z");
  CHECK(format_timestamp(at(10000, 1, 1, microseconds{-1})) == "9999-12-31T23:59:59.999999Z");
}

TEST_CASE("time text: the range of timestamps is years 1 to 9999, in microseconds and in milliseconds") {
  CHECK(timestamp_in_range(at(1, 1, 1)));
  CHECK(!timestamp_in_range(at(1, 1, 1, microseconds{-1})));
  CHECK(timestamp_in_range(at(10000, 1, 1, microseconds{-1})));
  CHECK(!timestamp_in_range(at(10000, 1, 1)));
  CHECK(!timestamp_in_range(Timestamp::min()));
  CHECK(!timestamp_in_range(Timestamp::max()));

  const auto ms = [](Timestamp t) { return floor<milliseconds>(t).time_since_epoch().count(); };
  CHECK(*timestamp_from_ms(ms(at(1, 1, 1))) == at(1, 1, 1));
  CHECK(timestamp_from_ms(ms(at(1, 1, 1)) - 1).code() == Errc::invalid_argument);
  CHECK(*timestamp_from_ms(ms(at(10000, 1, 1)) - 1) == at(10000, 1, 1, milliseconds{-1}));
  CHECK(timestamp_from_ms(ms(at(10000, 1, 1))).code() == Errc::invalid_argument);
  CHECK(timestamp_from_ms(INT64_MIN).code() == Errc::invalid_argument);
  CHECK(timestamp_from_ms(INT64_MAX).code() == Errc::invalid_argument);
}

TEST_CASE("time text: a value outside the range is still shown, as a number") {
  CHECK(format_timestamp(Timestamp::max()) == "9223372036854775807 microseconds since 1970");
}

TEST_CASE("time text: every instant of the range survives the way through text") {
  const std::uint64_t seed = 20'260'131;
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::int64_t> instants(at(1, 1, 1).time_since_epoch().count(),
                                                       at(10000, 1, 1).time_since_epoch().count() - 1);
  for (int i = 0; i < 20'000; ++i) {
    const Timestamp t{microseconds{instants(random)}};
    const std::string text = format_timestamp(t);
    const auto parsed = parse_timestamp(text);
    REQUIRE_MESSAGE(parsed.ok(), text);
    REQUIRE_MESSAGE(*parsed == t, text);
  }
}
