#include "engine/json/json.hpp"
#include "engine/time_text.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace weir;
using test::why;

namespace {

/// What an importer gives back of an event.
void check_same(const Event& read, const EventView& written) {
  CHECK(read.context_id == written.context_id);
  CHECK(read.event_type == written.event_type);
  CHECK(read.timestamp == written.timestamp);
  CHECK(read.event_id == written.event_id);
  CHECK(read.metadata == written.metadata);
  CHECK(read.payload == written.payload);
}

std::vector<EventView> odd_events() {
  EventView plain;
  plain.context_id = "order-42";
  plain.sequence = 12;
  plain.position = 1'048'576;
  plain.timestamp = *parse_timestamp("2024-02-29T12:00:00.000001Z");
  plain.recorded_at = *parse_timestamp("2024-02-29T12:00:01Z");
  plain.event_type = "placed";
  plain.payload = R"({ "total" : 1.50 })";
  EventView full = plain;
  full.event_id = "e\"1\\";
  full.metadata = R"({"by" :"\u0061"})";
  EventView broken = full; // in lines
  broken.metadata = "{\"by\":\r\n\"me\"}";
  broken.payload = "{\n\t\"total\": 1,\r\n\"text\":\"a\\nb\"}";
  EventView generated = plain; // an id that looks as if it were ours
  generated.event_id = "order-42/00000000000000000012";
  return {plain, full, broken, generated};
}

Error refused(std::string_view line) {
  const auto event = json::parse_cloud_event(line);
  REQUIRE(!event.ok());
  return event.error();
}

} // namespace

TEST_CASE("export lines: every event is one line and is read back byte for byte") {
  for (const EventView& event : odd_events()) {
    std::string line;
    json::append_event_line(line, event);
    CHECK(line.find_first_of("\r\n") == std::string::npos);
    CHECK(!json::is_cloud_event(line));
    const auto read = json::parse_event_line(line);
    REQUIRE_MESSAGE(read.ok(), why(read));
    check_same(*read, event);
  }
}

TEST_CASE("cloud events: every event is one line and is read back byte for byte") {
  for (const EventView& event : odd_events()) {
    std::string line;
    json::append_cloud_event(line, event, "/shop");
    CHECK(line.find_first_of("\r\n") == std::string::npos);
    CHECK(json::is_cloud_event(line));
    CHECK(json::validate_object(line, "line").ok());
    const auto read = json::parse_cloud_event(line);
    REQUIRE_MESSAGE(read.ok(), why(read));
    check_same(*read, event);
  }
}

TEST_CASE("cloud events: the attributes are those the document names") {
  std::string line;
  json::append_cloud_event(line, odd_events()[1], "/shop");
  CHECK(line == R"({"specversion":"1.0","id":"e\"1\\","source":"/shop","type":"placed","subject":"order-42",)"
                R"("time":"2024-02-29T12:00:00.000001Z","datacontenttype":"application/json","weirexport":"1",)"
                R"("sequence":"00000000000000000012","position":"00000000000001048576",)"
                R"("recordedat":"2024-02-29T12:00:01.000000Z","metadata":"{\"by\" :\"\\u0061\"}",)"
                R"("data":{ "total" : 1.50 }})");
}

TEST_CASE("cloud events: what others wrote keeps every attribute, those without a place as metadata") {
  const auto event = json::parse_cloud_event(
      R"( {"specversion":"1.0","type":"com.example.placed","source":"/orders","id":"A-1","subject":"o-1",)"
      R"("time":"2018-04-05T19:31:00+02:00","traceparent":"00-ab","partition":7,"data":{"n":[1,{"id":2}]}} )");
  REQUIRE_MESSAGE(event.ok(), why(event));
  CHECK(event->context_id == "o-1");
  CHECK(event->event_type == "com.example.placed");
  CHECK(event->event_id == "A-1");
  CHECK(event->timestamp == *parse_timestamp("2018-04-05T17:31:00Z"));
  CHECK(event->payload == R"({"n":[1,{"id":2}]})");
  CHECK(event->metadata == R"({"source":"/orders","traceparent":"00-ab","partition":7})");

  const auto bare = json::parse_cloud_event(R"({"specversion":"1.0","type":"t","id":"1","subject":"s"})");
  REQUIRE_MESSAGE(bare.ok(), why(bare));
  CHECK(bare->payload == "{}");
  CHECK(bare->metadata.empty());
  CHECK(!bare->timestamp.has_value());
}

TEST_CASE("cloud events: what cannot be stored is refused with the reason") {
  const std::string head = R"({"specversion":"1.0","type":"t","id":"1","subject":"s")";
  struct Case {
    std::string line;
    Errc code;
    std::string message;
  };
  const std::vector<Case> cases = {
      {"{", Errc::invalid_argument, "event line: the text ends too early"},
      {"[]", Errc::invalid_argument, "event line: expected an object"},
      {"3", Errc::invalid_argument, "event line: expected an object"},
      {R"({"type":"t"})", Errc::invalid_argument, "event line: the attribute \"specversion\" is missing"},
      {R"({"specversion":"0.3"})", Errc::unsupported, "event line: CloudEvents \"0.3\" is not known, only 1.0"},
      {R"({"specversion":"1.0","type":"t","id":"1"})", Errc::invalid_argument,
       "event line: the attribute \"subject\" is missing"},
      {head + R"(,"id":"2"})", Errc::invalid_argument, "event line: the attribute \"id\" appears twice"},
      {head + R"(,"data":[1]})", Errc::unsupported, "event line: the value of \"data\" must be an object"},
      {head + R"(,"data":"<xml/>"})", Errc::unsupported, "event line: the value of \"data\" must be an object"},
      {head + R"(,"data_base64":"AA=="})", Errc::unsupported,
       "event line: binary data (data_base64) has no place in a payload"},
      {R"({"specversion":"1.0","type":"t","id":7,"subject":"s"})", Errc::invalid_argument,
       "event line: the value of \"id\" must be a string that is not empty"},
      {R"({"specversion":"1.0","type":"","id":"1","subject":"s"})", Errc::invalid_argument,
       "event line: the value of \"type\" must be a string that is not empty"}};
  for (const Case& each : cases) {
    CAPTURE(each.line);
    const Error error = refused(each.line);
    CHECK(error.code == each.code);
    CHECK(error.message == each.message);
  }
  CHECK(refused(head + R"(,"time":"soon"})").code == Errc::invalid_argument);
}

TEST_CASE("event line: texts stand for payload and metadata, never beside them") {
  const auto event =
      json::parse_event_line(R"({"context_id":"c","event_type":"t","payload_text":"{\n}","metadata_text":"{ \r}"})");
  REQUIRE_MESSAGE(event.ok(), why(event));
  CHECK(event->payload == "{\n}");
  CHECK(event->metadata == "{ \r}");
  for (const char* line :
       {R"({"context_id":"c","event_type":"t","payload":{},"payload_text":"{}"})",
        R"({"context_id":"c","event_type":"t","payload":{},"metadata":{},"metadata_text":"{}"})",
        R"({"context_id":"c","event_type":"t","payload":{},"metadata_text":""})",
        R"({"context_id":"c","event_type":"t","payload_text":{}})", R"({"context_id":"c","event_type":"t"})"}) {
    CAPTURE(line);
    CHECK(json::parse_event_line(line).code() == Errc::invalid_argument);
  }
}
