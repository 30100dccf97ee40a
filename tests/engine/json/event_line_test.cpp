#include "engine/json/json.hpp"
#include "engine/time_text.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace weir;

TEST_CASE("event line: every field arrives, payload and metadata byte for byte") {
  const auto event = json::parse_event_line(
      R"({ "payload" : { "total" : 1.50, "x":[ {} ] } ,"timestamp":"2020-01-31T12:00:00+02:00","event_id":"e\u002d1",)"
      R"("context_id":"order-\u00e4","metadata":{"by" :"\u0061"},"event_type":"placed"} )");
  REQUIRE_MESSAGE(event.ok(), to_string(event.ok() ? Error{} : event.error()));
  CHECK(event->context_id == "order-\xc3\xa4");
  CHECK(event->event_type == "placed");
  CHECK(event->event_id == "e-1");
  CHECK(event->payload == R"({ "total" : 1.50, "x":[ {} ] })");
  CHECK(event->metadata == R"({"by" :"\u0061"})");
  CHECK(event->timestamp == *parse_timestamp("2020-01-31T10:00:00Z"));
}

TEST_CASE("event line: optional fields may be missing, time may be milliseconds") {
  const auto bare = json::parse_event_line(R"({"context_id":"c","event_type":"t","payload":{}})");
  REQUIRE(bare.ok());
  CHECK(!bare->timestamp.has_value());
  CHECK(bare->event_id.empty());
  CHECK(bare->metadata.empty());
  const auto timed = json::parse_event_line(R"({"context_id":"c","event_type":"t","payload":{},"timestamp":-1})");
  REQUIRE(timed.ok());
  CHECK(*timed->timestamp == Timestamp{std::chrono::milliseconds{-1}});
}

TEST_CASE("event line: names of fields inside the payload are only data") {
  const auto event = json::parse_event_line(
      R"({"context_id":"c","event_type":"t","payload":{"context_id":1,"payload":{"metadata":[null]},"zzz":true}})");
  REQUIRE(event.ok());
  CHECK(event->context_id == "c");
  CHECK(event->payload == R"({"context_id":1,"payload":{"metadata":[null]},"zzz":true})");
}

TEST_CASE("event line: what is wrong is named, with its place where there is one") {
  struct Case {
    std::string line;
    std::string message;
    std::string where;
  };
  const std::string head = R"({"context_id":"c","event_type":"t","payload":{})"; // 47 bytes
  const std::vector<Case> cases = {
      {"", "event line: the text ends too early", "byte 0"},
      {"x", "event line: expected a value", "byte 0"},
      {"[]", "event line: expected an object, found an array", "byte 0"},
      {"7", "event line: expected an object, found a number", "byte 0"},
      {"{}", "event line: the key \"context_id\" is missing", ""},
      {R"({"context_id":"c","payload":{}})", "event line: the key \"event_type\" is missing", ""},
      {R"({"context_id":"c","event_type":"t"})", "event line: the key \"payload\" is missing", ""},
      {head, "event line: the text ends too early", "byte 47"},
      {head + "} {}", "event line: something follows the document", "byte 49"},
      {head + R"(,"tpye":1})", "event line: unknown key \"tpye\"", "byte 54"},
      {head + ",\"\\u001b[2J\":1}", "event line: unknown key \"\\u001b[2J\"", "byte 59"},
      {head + ",\"\xff\":1}", "event line: unknown key of 1 bytes", "byte 51"},
      {head + R"(,"payload":{}})", "event line: the key \"payload\" appears twice", "byte 57"},
      {head + R"(,"event\u005fid":"a","event_id":"b"})", "event line: the key \"event_id\" appears twice", "byte 78"},
      {R"({"context_id":1,"event_type":"t","payload":{}})",
       "event line: the value of \"context_id\" must be a string, not a number", "byte 14"},
      {R"({"context_id":null})", "event line: the value of \"context_id\" must be a string, not null", "byte 18"},
      {R"({"event_type":{}})", "event line: the value of \"event_type\" must be a string, not an object", "byte 14"},
      {R"({"event_id":true})", "event line: the value of \"event_id\" must be a string, not a boolean", "byte 16"},
      {R"({"event_id":""})", "event line: the value of \"event_id\" is empty; leave the key out for none", "byte 14"},
      {R"({"payload":[]})", "event line: the value of \"payload\" must be an object, not an array", "byte 11"},
      {R"({"payload":"{}"})", "event line: the value of \"payload\" must be an object, not a string", "byte 15"},
      {R"({"metadata":null})", "event line: the value of \"metadata\" must be an object, not null", "byte 16"},
      {R"({"timestamp":[]})",
       "event line: the value of \"timestamp\" must be RFC 3339 text or an integer, not an array", "byte 13"},
      {R"({"timestamp":1.5})", "event line: the value of \"timestamp\" must be an integer of milliseconds", "byte 13"},
      {R"({"timestamp":1e3})", "event line: the value of \"timestamp\" must be an integer of milliseconds", "byte 13"},
      {R"({"timestamp":99999999999999999999})",
       "event line: the value of \"timestamp\" must be an integer of milliseconds", "byte 13"},
      {R"({"timestamp":999999999999999})", "event line: timestamp 999999999999999 ms lies outside years 1 to 9999",
       "byte 13"},
      {R"({"timestamp":"now"})", "event line: timestamp \"now\": expected a year of four digits", "byte 18"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.line);
    const auto event = json::parse_event_line(c.line);
    REQUIRE(!event.ok());
    CHECK(event.error().code == Errc::invalid_argument);
    CHECK(event.error().message == c.message);
    CHECK(event.error().where == c.where);
  }
}
