#include "engine/event_codec.hpp"
#include "tests/support/calls.hpp"
#include "tests/support/memory_segment.hpp"

#include <weir/limits.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace weir {

namespace {

using test::at_us;
using test::OwnedEvent;

struct Decoded {
  Errc code = Errc::ok;
  std::vector<OwnedEvent> events;
};

// From a buffer of exactly the call's size, so that a sanitizer sees every byte read beyond it.
Decoded decode(std::string_view call) {
  const auto exact = std::make_unique<char[]>(call.size());
  std::copy(call.begin(), call.end(), exact.get());
  Decoded decoded;
  auto reader = CallReader::open({exact.get(), call.size()});
  if (!reader)
    return {reader.code(), {}};
  EventView event;
  while (true) {
    const auto more = reader->next(event);
    if (!more)
      return {more.code(), {}};
    if (!*more)
      return decoded;
    decoded.events.emplace_back(event);
  }
}

std::vector<Event> all_shapes() {
  std::vector<Event> events;
  for (std::uint64_t number = 0; number < 21; ++number)
    events.push_back(test::numbered_event(number));
  events.push_back({.event_type = "t", .payload = "{}"});
  events.push_back({.event_type = std::string(128, 'y'), .payload = "{}", .event_id = std::string(128, 'i')});
  return events;
}

template <class T> void overwrite(std::string& call, std::size_t offset, T value) {
  std::memcpy(call.data() + offset, &value, sizeof value);
}

} // namespace

TEST_CASE("event codec: what was encoded and numbered comes back field by field") {
  const auto events = all_shapes();
  std::string call = "left alone";
  encode_call("order-1", events, call);
  CHECK(call.starts_with("left alone"));
  call.erase(0, 10);
  number_call(call, 41, 1'000, at_us(77));

  const auto header = CallReader::open(call)->header();
  CHECK(header.context_id == "order-1");
  CHECK(header.first_sequence == 41);
  CHECK(header.first_position == 1'000);
  CHECK(header.recorded_at == at_us(77));
  CHECK(header.events == events.size());

  const Decoded decoded = decode(call);
  REQUIRE(decoded.events.size() == events.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    CAPTURE(i);
    const OwnedEvent& event = decoded.events[i];
    CHECK(event.context_id == "order-1");
    CHECK(event.sequence == 41 + i);
    CHECK(event.position == 1'000 + i);
    CHECK(event.recorded_at == at_us(77));
    CHECK(event.timestamp == events[i].timestamp.value_or(at_us(77)));
    CHECK(event.event_type == events[i].event_type);
    CHECK(event.event_id == events[i].event_id);
    CHECK(event.metadata == events[i].metadata);
    CHECK(event.payload == events[i].payload);
  }
}

TEST_CASE("event codec: numbering again moves the numbers, and the time of none but first-time events") {
  std::string call;
  encode_call("c", std::vector<Event>{{.event_type = "a", .payload = "{}", .timestamp = at_us(5)}}, call);
  number_call(call, 1, 1, at_us(10));
  number_call(call, 2, 3, at_us(20));
  const Decoded decoded = decode(call);
  REQUIRE(decoded.events.size() == 1);
  CHECK(decoded.events[0].sequence == 2);
  CHECK(decoded.events[0].position == 3);
  CHECK(decoded.events[0].recorded_at == at_us(20));
  CHECK(decoded.events[0].timestamp == at_us(5));
}

TEST_CASE("event codec: the largest legal fields pass") {
  const std::string context(limits::context_id_bytes_max, 'c');
  Event event;
  event.event_type = std::string(limits::event_type_bytes_max, 't');
  event.event_id = std::string(limits::event_id_bytes_max, 'i');
  event.metadata = std::string(limits::metadata_bytes_max, 'm');
  event.payload = std::string(limits::payload_bytes_max, 'p');
  std::string call;
  encode_call(context, {&event, 1}, call);
  CHECK(call.size() <= limits::encoded_call_bytes_max);
  number_call(call, 1, 1, at_us(1));
  const Decoded decoded = decode(call);
  REQUIRE(decoded.events.size() == 1);
  CHECK(decoded.events[0].payload == event.payload);
  CHECK(decoded.events[0].context_id == context);
}

TEST_CASE("event codec: a call cut short anywhere, or with bytes behind it, is corruption") {
  std::string call;
  encode_call("order-1", all_shapes(), call);
  number_call(call, 1, 1, at_us(1));
  for (std::size_t size = 0; size < call.size(); ++size) {
    CAPTURE(size);
    REQUIRE(decode(std::string_view(call).substr(0, size)).code == Errc::corruption);
  }
  REQUIRE(decode(call).code == Errc::ok);
  CHECK(decode(call + '\0').code == Errc::corruption);
}

TEST_CASE("event codec: a wrong length, count or flag is corruption") {
  const std::string good = test::encoded_call("order-1", 1, 2);
  const std::size_t event = call_header_bytes + 7;
  const auto changed = [&](auto&& change) {
    std::string call = good;
    change(call);
    return decode(call).code;
  };
  // Header: events, context_bytes, flags, first_sequence.
  for (const std::uint32_t events : {0U, 1U, 3U, 0x80000000U, UINT32_MAX})
    CHECK(changed([&](std::string& call) { overwrite(call, 24, events); }) == Errc::corruption);
  for (const std::uint16_t bytes : {std::uint16_t{0}, std::uint16_t{6}, std::uint16_t{8}, std::uint16_t{UINT16_MAX}})
    CHECK(changed([&](std::string& call) { overwrite(call, 28, bytes); }) == Errc::corruption);
  CHECK(changed([&](std::string& call) { overwrite(call, 30, std::uint16_t{1}); }) == Errc::corruption);
  CHECK(changed([&](std::string& call) { overwrite(call, 0, std::uint64_t{0}); }) == Errc::corruption);
  // Event: payload_bytes, metadata_bytes, type_bytes, id_bytes; one bit wrong in each place.
  for (std::size_t bit = 0; bit < 12 * 8; ++bit) {
    CAPTURE(bit);
    CHECK(changed([&](std::string& call) {
            char& byte = call[event + 8 + bit / 8];
            byte = static_cast<char>(byte ^ (1 << (bit % 8)));
          }) == Errc::corruption);
  }
}

TEST_CASE("event codec: numbers that would wrap round are corruption") {
  std::string call = test::encoded_call("order-1", 1, 3);
  overwrite(call, 0, UINT64_MAX - 1); // the third event would have sequence 0
  CHECK(decode(call).code == Errc::corruption);
  overwrite(call, 0, std::uint64_t{1});
  overwrite(call, 8, UINT64_MAX - 1);
  CHECK(decode(call).code == Errc::corruption);
  overwrite(call, 8, UINT64_MAX - 3);
  CHECK(decode(call).code == Errc::ok);
}

TEST_CASE("event codec: random damage is corruption or another well-formed call, never a read beyond the bytes") {
  const std::uint64_t seed = 20240817;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const std::string good = test::encoded_call("order-1", 1, 4);
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string call = good;
    for (auto changes = random() % 4 + 1; changes != 0; --changes)
      call[random() % call.size()] = static_cast<char>(random());
    if (random() % 4 == 0)
      call.resize(random() % call.size());
    const Decoded decoded = decode(call);
    if (decoded.code != Errc::ok) {
      REQUIRE(decoded.code == Errc::corruption);
      ++refused;
      continue;
    }
    std::size_t bytes = call_header_bytes + decoded.events.front().context_id.size();
    for (const OwnedEvent& event : decoded.events)
      bytes += event_header_bytes + event.event_type.size() + event.event_id.size() + event.metadata.size() +
               event.payload.size();
    REQUIRE(bytes == call.size());
  }
  CHECK(refused > 1'000);
}

} // namespace weir
