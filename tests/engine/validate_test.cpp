#include "engine/validate.hpp"

#include <weir/limits.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace weir;
using namespace std::string_literals;

namespace {

Event event(std::string context_id = "c") {
  Event e;
  e.context_id = std::move(context_id);
  e.event_type = "placed";
  e.payload = "{}";
  return e;
}

/// An object of exactly `bytes` bytes.
std::string object(std::size_t bytes) {
  return R"({"a":")" + std::string(bytes - 8, 'x') + R"("})";
}

Status store(Event e, std::size_t payload_bytes_max = limits::payload_bytes_default_max) {
  return validate_call(e.context_id, {&e, 1}, payload_bytes_max);
}

} // namespace

TEST_CASE("utf-8: well-formed text of every length of character passes") {
  for (const std::string text :
       {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
        "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "abcdefgh\xc3\xa4ijklmnop", "abcdefghijklmnopq"}) {
    CAPTURE(text);
    CHECK(valid_utf8(text));
    CHECK(valid_utf8("1234567" + text + "89"));
  }
}

TEST_CASE("utf-8: overlong, surrogate, too high, stray and cut characters are found at their first byte") {
  for (const std::string text : {"\x80",
                                 "\xbf",
                                 "\xc0\x80",
                                 "\xc1\xbf",
                                 "\xe0\x80\x80",
                                 "\xe0\x9f\xbf",
                                 "\xed\xa0\x80",
                                 "\xed\xbf\xbf",
                                 "\xf0\x80\x80\x80",
                                 "\xf0\x8f\xbf\xbf",
                                 "\xf4\x90\x80\x80",
                                 "\xf5\x80\x80\x80",
                                 "\xf8\x88\x80\x80\x80",
                                 "\xfe",
                                 "\xff",
                                 "\xc3",
                                 "\xe2\x82",
                                 "\xe2",
                                 "\xf0\x9f\x98",
                                 "\xf0\x9f",
                                 "\xf0",
                                 "\xc3(",
                                 "\xe2(\xa1",
                                 "\xe2\x82(",
                                 "\xf0(\x8c\xbc",
                                 "\xf0\x90(\xbc",
                                 "\xf0\x9f\x98("}) {
    CAPTURE(text);
    for (const std::size_t ahead : {0u, 1u, 7u, 8u, 9u}) {
      const std::string prefix(ahead, 'a');
      CHECK(find_invalid_utf8(prefix + text) == ahead);
      CHECK(find_invalid_utf8(prefix + text + "bcdefghijk") == ahead);
    }
  }
}

TEST_CASE("names: control characters of both ranges and DEL are refused with their place, their neighbours pass") {
  for (const std::string& bad : {"\0"s, "\x01"s, "\n"s, "\x1f"s, "\x7f"s, "\xc2\x80"s, "\xc2\x85"s, "\xc2\x9f"s}) {
    CAPTURE(bad);
    const Status status = validate_context_id("ab" + bad + "c");
    REQUIRE(!status.ok());
    CHECK(status.error().code == Errc::invalid_argument);
    CHECK(status.error().message == "context_id holds a control character");
    CHECK(status.error().where == "context_id byte 2");
  }
  for (const std::string good : {" ", "~", "\xc2\xa0", "../..", "\xe2\x80\xae", "CON", "\xc3\x80"}) {
    CAPTURE(good);
    CHECK(validate_context_id(good).ok());
  }
}

TEST_CASE("names: bytes that are no UTF-8 are refused with their place") {
  const Status status = validate_event_type("ab\xff");
  REQUIRE(!status.ok());
  CHECK(status.error().message == "event_type is not valid UTF-8");
  CHECK(status.error().where == "event_type byte 2");
}

TEST_CASE("limits: names are checked one below, at and one above their bound, and may not be empty") {
  CHECK(validate_context_id("").code() == Errc::invalid_argument);
  CHECK(validate_context_id("x").ok());
  CHECK(validate_context_id(std::string(limits::context_id_bytes_max - 1, 'x')).ok());
  CHECK(validate_context_id(std::string(limits::context_id_bytes_max, 'x')).ok());
  CHECK(validate_context_id(std::string(limits::context_id_bytes_max + 1, 'x')).error().message ==
        "context_id has 513 bytes, at most 512 are allowed");
  CHECK(validate_context_id(std::string(limits::context_id_bytes_max + 1, 'x')).code() == Errc::too_large);

  CHECK(validate_event_type("").code() == Errc::invalid_argument);
  CHECK(validate_event_type(std::string(limits::event_type_bytes_max - 1, 'x')).ok());
  CHECK(validate_event_type(std::string(limits::event_type_bytes_max, 'x')).ok());
  CHECK(validate_event_type(std::string(limits::event_type_bytes_max + 1, 'x')).code() == Errc::too_large);

  Event e = event();
  CHECK(store(e).ok());
  for (const int beyond : {-1, 0, 1}) {
    e.event_id = std::string(limits::event_id_bytes_max + beyond, 'x');
    CHECK(store(e).code() == (beyond > 0 ? Errc::too_large : Errc::ok));
  }
  e.event_id = "a\tb";
  CHECK(store(e).code() == Errc::invalid_argument);
}

TEST_CASE("limits: payload and metadata are checked one below, at and one above their bound, after trimming") {
  for (const int beyond : {-1, 0, 1}) {
    CAPTURE(beyond);
    Event e = event();
    e.payload = object(limits::payload_bytes_default_max + beyond);
    CHECK(store(e).code() == (beyond > 0 ? Errc::too_large : Errc::ok));
    e.payload = object(100 + beyond);
    CHECK(store(e, 100).code() == (beyond > 0 ? Errc::too_large : Errc::ok));
    e.payload = " \n" + object(100 + beyond) + "\t ";
    CHECK(store(e, 100).code() == (beyond > 0 ? Errc::too_large : Errc::ok));
    e = event();
    e.metadata = object(limits::metadata_bytes_max + beyond);
    CHECK(store(e).code() == (beyond > 0 ? Errc::too_large : Errc::ok));
  }
  Event largest = event();
  largest.payload = object(limits::payload_bytes_max);
  CHECK(store(largest, limits::payload_bytes_max).ok());
}

TEST_CASE("call: the number of events is checked at none, one, the bound and one above") {
  CHECK(validate_call("c", {}, 100).code() == Errc::invalid_argument);
  std::vector<Event> events(limits::call_events_max, event());
  CHECK(validate_call("c", {events.data(), 1}, 100).ok());
  CHECK(validate_call("c", {events.data(), events.size() - 1}, 100).ok());
  CHECK(validate_call("c", events, 100).ok());
  events.push_back(event());
  CHECK(validate_call("c", events, 100).code() == Errc::too_large);
}

TEST_CASE("call: the sum over all fields is checked one below, at and one above its bound") {
  // Two events of 1 + 6 + 4 + 2 bytes beside their payloads.
  const std::size_t beside = 2 * 13;
  for (const int beyond : {-1, 0, 1}) {
    std::vector<Event> events(2, event());
    for (Event& e : events) {
      e.event_id = "id-1";
      e.metadata = "{}";
    }
    events[0].payload = object(limits::payload_bytes_max);
    events[1].payload = object(limits::call_bytes_max - beside - limits::payload_bytes_max + beyond);
    CHECK(validate_call("c", events, limits::payload_bytes_max).code() == (beyond > 0 ? Errc::too_large : Errc::ok));
  }
}

TEST_CASE("call: timestamps lie within years 1 to 9999") {
  using namespace std::chrono;
  Event e = event();
  const Timestamp earliest = sys_days{year{1} / 1 / 1}, latest = sys_days{year{10000} / 1 / 1} - microseconds{1};
  for (const Timestamp good : {earliest, Timestamp{}, latest}) {
    e.timestamp = good;
    CHECK(store(e).ok());
  }
  for (const Timestamp bad :
       {earliest - microseconds{1}, latest + microseconds{1}, Timestamp::min(), Timestamp::max()}) {
    e.timestamp = bad;
    CHECK(store(e).code() == Errc::invalid_argument);
  }
}

TEST_CASE("call: outer white space is trimmed in place, inner stays") {
  std::vector<Event> events = {event()};
  events[0].payload = " \r\n{ \"a\" : 1 }\t";
  events[0].metadata = "\t{ }";
  REQUIRE(validate_call("c", events, 100).ok());
  CHECK(events[0].payload == "{ \"a\" : 1 }");
  CHECK(events[0].metadata == "{ }");
}

TEST_CASE("call: payload and metadata are JSON objects") {
  Event e = event();
  for (const char* payload : {"", " ", "[]", "1", "{", "{} {}", R"({"a":1,"a":2})"}) {
    CAPTURE(payload);
    e.payload = payload;
    CHECK(store(e).code() == Errc::invalid_argument);
  }
  e = event();
  e.metadata = " ";
  CHECK(store(e).code() == Errc::invalid_argument);
  e.metadata = "[]";
  CHECK(store(e).error().where == "metadata byte 0");
}

TEST_CASE("call: every event belongs to the context of the call") {
  std::vector<Event> events = {event("c"), event("d")};
  const Status status = validate_call("c", events, 100);
  REQUIRE(!status.ok());
  CHECK(status.error().code == Errc::invalid_argument);
  CHECK(status.error().where == "event 1, context_id");
  CHECK(validate_call("", {events.data(), 1}, 100).code() == Errc::invalid_argument);
}

TEST_CASE("call: an event that names no context belongs to that of the call") {
  std::vector<Event> events = {event(""), event("c")};
  CHECK(validate_call("c", events, 100).ok());
  CHECK(validate_call("", {events.data(), 1}, 100).code() == Errc::invalid_argument);
}

TEST_CASE("call: an error names the event where there are several, and only then") {
  std::vector<Event> events(3, event());
  events[2].payload = R"({"a":tru})";
  CHECK(validate_call("c", events, 100).error().where == "event 2, payload byte 8");
  CHECK(validate_call("c", {&events[2], 1}, 100).error().where == "payload byte 8");
}
