#include "engine/event_codec.hpp"
#include "tests/support/calls.hpp"
#include "tests/support/memory_segment.hpp"

#include <weir/limits.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
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

std::string encoded_again(const std::vector<OwnedEvent>& decoded) {
  const OwnedEvent& first = decoded.front();
  std::vector<Event> events;
  for (const OwnedEvent& event : decoded)
    events.push_back({.event_type = event.event_type,
                      .payload = event.payload,
                      .timestamp = event.timestamp == event.recorded_at ? std::nullopt : std::optional(event.timestamp),
                      .event_id = event.event_id,
                      .metadata = event.metadata});
  return test::encoded_call(first.context_id, events, {first.sequence, first.position, first.recorded_at});
}

} // namespace

TEST_CASE("event codec: what was encoded and numbered comes back field by field") {
  const auto events = all_shapes();
  std::string encoded = "left alone";
  encode_call("order-1", events, encoded);
  CHECK(encoded.starts_with("left alone"));
  CHECK(encoded.substr(10) == test::encoded_call("order-1", events, {1, 1, at_us(0)}).substr(10));

  const std::string call = test::encoded_call("order-1", events, {41, 1'000, at_us(77)});

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

TEST_CASE("event codec: numbers of every length pass, and the time is that of recording where none was given") {
  const std::vector<Event> events = {{.event_type = "a", .payload = "{}", .timestamp = at_us(-5)},
                                     {.event_type = "b", .payload = "{}"}};
  for (const std::uint64_t number : {std::uint64_t{1}, std::uint64_t{127}, std::uint64_t{128}, std::uint64_t{16'383},
                                     std::uint64_t{16'384}, std::uint64_t{1} << 35U, UINT64_MAX - 2}) {
    CAPTURE(number);
    const Decoded decoded = decode(test::encoded_call("c", events, {number, number, at_us(INT64_MAX)}));
    REQUIRE(decoded.events.size() == 2);
    CHECK(decoded.events[1].sequence == number + 1);
    CHECK(decoded.events[1].position == number + 1);
    CHECK(decoded.events[0].recorded_at == at_us(INT64_MAX));
    CHECK(decoded.events[0].timestamp == at_us(-5));
    CHECK(decoded.events[1].timestamp == at_us(INT64_MAX));
  }
}

TEST_CASE("event codec: the documented example") {
  const std::vector<Event> events = {{.event_type = "placed", .payload = "{\"n\":1}", .timestamp = at_us(256)},
                                     {.event_type = "paid", .payload = "{}", .event_id = "x"}};
  const std::string call = test::encoded_call("o-1", events, {300, 5, at_us(1)});
  CHECK(call == std::string("\xAC\x02\x05\x01\0\0\0\0\0\0\0\x02\x03o-1"
                            "\x0D\0\0\x07\0\x01\0\0\0\0\0\0placed{\"n\":1}"
                            "\x08\x01\0\x02paidx{}",
                            52));
}

TEST_CASE(
    "event codec: the schema versions that events were judged by come back, and cost nothing where there are none") {
  const auto events = all_shapes();
  std::vector<std::uint32_t> versions;
  for (std::uint32_t i = 0; i < events.size(); ++i)
    versions.push_back(i % 3 == 0 ? 0 : i % 3 == 1 ? i : UINT32_MAX - i);
  std::string plain, none, encoded;
  encode_call("order-1", events, plain);
  encode_call("order-1", events, none, std::vector<std::uint32_t>(events.size()));
  CHECK(none == plain);
  encode_call("order-1", events, encoded, versions);
  const CallNumbers numbers{41, 1'000, at_us(77)};
  std::string call(numbered_call_bytes(encoded.size(), numbers), '\0');
  number_call(encoded, numbers, call.data());
  auto reader = CallReader::open(call);
  REQUIRE(reader.ok());
  EventView event;
  for (std::size_t i = 0; i < events.size(); ++i) {
    REQUIRE(*reader->next(event));
    CHECK(event.schema_version == versions[i]);
    CHECK(event.event_type == events[i].event_type);
    CHECK(event.payload == events[i].payload);
    CHECK(event.timestamp == events[i].timestamp.value_or(at_us(77)));
  }
  CHECK(!*reader->next(event));
  CHECK(encoded.size() <= plain.size() + 8 * events.size());
}

TEST_CASE("event codec: an event that says it has a schema version has a possible one") {
  const auto call_of = [](std::uint64_t version) {
    std::string call("\x01\x01\0\0\0\0\0\0\0\0\x01\x01"
                     "c",
                     13);
    for (const std::uint64_t number :
         {std::uint64_t{512 + 2}, std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{2}, version}) {
      char varint[varint_bytes_max];
      call.append(varint, put_varint(varint, number));
    }
    return call + "t{}";
  };
  REQUIRE(decode(call_of(1)).code == Errc::ok);
  CHECK(decode(call_of(UINT32_MAX)).code == Errc::ok);
  CHECK(decode(call_of(0)).code == Errc::corruption);
  CHECK(decode(call_of(std::uint64_t{UINT32_MAX} + 1)).code == Errc::corruption);
}

TEST_CASE("event codec: the largest legal fields pass") {
  const std::string context(limits::context_id_bytes_max, 'c');
  Event event;
  event.event_type = std::string(limits::event_type_bytes_max, 't');
  event.event_id = std::string(limits::event_id_bytes_max, 'i');
  event.metadata = std::string(limits::metadata_bytes_max, 'm');
  event.payload = std::string(limits::payload_bytes_max, 'p');
  const std::string call = test::encoded_call(context, {&event, 1}, {sequence_max - 1, UINT64_MAX - 1, at_us(1)});
  CHECK(call.size() <= limits::encoded_call_bytes_max);
  const Decoded decoded = decode(call);
  REQUIRE(decoded.events.size() == 1);
  CHECK(decoded.events[0].payload == event.payload);
  CHECK(decoded.events[0].context_id == context);
}

TEST_CASE("event codec: a call cut short anywhere, or with bytes behind it, is corruption") {
  const std::string call = test::encoded_call("order-1", all_shapes(), {1, 1, at_us(1)});
  for (std::size_t size = 0; size < call.size(); ++size) {
    CAPTURE(size);
    REQUIRE(decode(std::string_view(call).substr(0, size)).code == Errc::corruption);
  }
  REQUIRE(decode(call).code == Errc::ok);
  CHECK(decode(call + '\0').code == Errc::corruption);
}

TEST_CASE("event codec: a wrong length or count is corruption") {
  const std::string good = test::encoded_call("order-1", 1, 2); // numbers 10 bytes, then events, context_bytes
  const auto changed = [&](std::size_t offset, unsigned value) {
    std::string call = good;
    call[offset] = static_cast<char>(value);
    return decode(call).code;
  };
  REQUIRE(good[10] == 2);
  REQUIRE(good[11] == 7);
  REQUIRE(changed(10, 2) == Errc::ok);
  for (const unsigned events : {0U, 1U, 3U, 0x7FU, 0x80U, 0xFFU})
    CHECK(changed(10, events) == Errc::corruption);
  for (const unsigned bytes : {0U, 6U, 8U, 0x7FU, 0x80U, 0xFFU})
    CHECK(changed(11, bytes) == Errc::corruption);
  CHECK(changed(0, 0) == Errc::corruption); // first_sequence
  // Of the first event: type, id, metadata, payload; one bit wrong in each place.
  for (std::size_t bit = 0; bit < 4 * 8; ++bit) {
    CAPTURE(bit);
    const std::size_t offset = 12 + 7 + bit / 8;
    CHECK(changed(offset, static_cast<unsigned char>(good[offset]) ^ (1U << bit % 8)) == Errc::corruption);
  }
}

TEST_CASE("event codec: lengths whose sum wraps round, and names beyond 16 bit, are corruption") {
  const auto call_of = [](std::array<std::uint64_t, 4> lengths, std::size_t bytes) {
    std::string call("\x01\x01\0\0\0\0\0\0\0\0\x01\x01"
                     "c",
                     13);
    for (const std::uint64_t length : lengths) {
      char varint[varint_bytes_max];
      call.append(varint, put_varint(varint, length));
    }
    return call.append(bytes, 'x');
  };
  CHECK(decode(call_of({2, 1, 1, 1}, 4)).code == Errc::ok);
  CHECK(decode(call_of({2, 1, UINT64_MAX, 3}, 4)).code == Errc::corruption);
  CHECK(decode(call_of({2, 1, 1ULL << 63U, 1ULL << 63U}, 2)).code == Errc::corruption);
  CHECK(decode(call_of({2 * UINT8_MAX, UINT16_MAX, 0, 0}, UINT8_MAX + UINT16_MAX)).code == Errc::ok);
  CHECK(decode(call_of({2 * 0x200, 0, 0, 0}, 0x200)).code == Errc::corruption);
  CHECK(decode(call_of({0, 0x10000, 0, 0}, 0x10000)).code == Errc::corruption);
}

TEST_CASE("event codec: numbers that would wrap round are corruption") {
  const std::vector<Event> events(3, {.event_type = "t", .payload = "{}"});
  const auto numbered = [&](Sequence sequence, Position position) {
    return decode(test::encoded_call("order-1", events, {sequence, position, at_us(1)})).code;
  };
  CHECK(numbered(UINT64_MAX - 1, 1) == Errc::corruption); // the third event would have sequence 0
  CHECK(numbered(1, UINT64_MAX - 1) == Errc::corruption);
  CHECK(numbered(UINT64_MAX - 3, UINT64_MAX - 3) == Errc::ok);
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
    // Every byte has been read as something: the same fields, encoded again, are the same bytes.
    REQUIRE(call == encoded_again(decoded.events));
  }
  CHECK(refused > 1'000);
}

TEST_CASE("event codec: calls for several contexts are one record, which splits into them and into nothing else") {
  std::vector<std::string> encoded(3);
  for (std::size_t i = 0; i < encoded.size(); ++i)
    encode_call("context-" + std::to_string(i), std::vector<Event>(i + 1, {.event_type = "t", .payload = "{}"}),
                encoded[i]);
  std::vector<NumberedCall> calls;
  for (std::size_t i = 0; i < encoded.size(); ++i)
    calls.push_back({encoded[i], {100 * i + 1, 1'000 + i, at_us(7)}});
  std::string record(record_bytes(calls), '\0');
  write_record(calls, record.data());
  CHECK(has_several_calls(record));
  std::vector<std::string_view> split;
  REQUIRE(split_record(record, split).ok());
  REQUIRE(split.size() == 3);
  for (std::size_t i = 0; i < split.size(); ++i) {
    const auto header = CallReader::open(split[i])->header();
    CHECK(header.context_id == "context-" + std::to_string(i));
    CHECK(header.first_sequence == 100 * i + 1);
    CHECK(header.first_position == 1'000 + i);
    CHECK(header.events == i + 1);
  }
  // A call by itself is its own record.
  const std::span<const NumberedCall> one(calls.data(), 1);
  std::string alone(record_bytes(one), '\0');
  write_record(one, alone.data());
  CHECK_FALSE(has_several_calls(alone));
  CHECK(alone == split[0]);
  std::vector<std::string_view> itself;
  REQUIRE(split_record(alone, itself).ok());
  CHECK(itself == std::vector<std::string_view>{alone});

  const auto broken = [](const std::string& bytes) {
    const auto exact = std::make_unique<char[]>(bytes.size()); // a sanitizer sees what lies beyond
    std::copy(bytes.begin(), bytes.end(), exact.get());
    std::vector<std::string_view> calls_of;
    return split_record({exact.get(), bytes.size()}, calls_of).code() == Errc::corruption;
  };
  for (std::size_t size = 1; size < record.size(); ++size)
    CHECK(broken(record.substr(0, size)));
  CHECK(broken(record + "x"));
  CHECK(broken(std::string("\0\0", 2)));
  CHECK(broken(std::string("\0\1", 2) + static_cast<char>(alone.size()) + alone));
  CHECK(broken(std::string("\0\2\0\0", 4)));
}

} // namespace weir
