#include "engine/event_codec.hpp"

#include "engine/check.hpp"

#include <bit>
#include <cstring>
#include <limits>

namespace weir {

static_assert(std::endian::native == std::endian::little, "weir's formats are little-endian and copied as they are");

namespace {

constexpr std::int64_t timestamp_unset = std::numeric_limits<std::int64_t>::min();

template <class T> void put(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

template <class T> T get(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

Timestamp to_timestamp(std::int64_t us) {
  return Timestamp{std::chrono::microseconds{us}};
}

} // namespace

void encode_call(std::string_view context_id, std::span<const Event> events, std::string& out) {
  std::size_t size = call_header_bytes + context_id.size();
  for (const Event& event : events)
    size += event_header_bytes + event.event_type.size() + event.event_id.size() + event.metadata.size() +
            event.payload.size();
  out.reserve(out.size() + size);
  out.append(24, '\0'); // sequence, position, recorded_at: number_call fills them
  put(out, static_cast<std::uint32_t>(events.size()));
  put(out, static_cast<std::uint16_t>(context_id.size()));
  put(out, std::uint16_t{0});
  out.append(context_id);
  for (const Event& event : events) {
    put(out, event.timestamp ? event.timestamp->time_since_epoch().count() : timestamp_unset);
    put(out, static_cast<std::uint32_t>(event.payload.size()));
    put(out, static_cast<std::uint32_t>(event.metadata.size()));
    put(out, static_cast<std::uint16_t>(event.event_type.size()));
    put(out, static_cast<std::uint16_t>(event.event_id.size()));
    out.append(event.event_type).append(event.event_id).append(event.metadata).append(event.payload);
  }
}

void number_call(std::span<char> call, Sequence first_sequence, Position first_position, Timestamp recorded_at) {
  WEIR_CHECK(call.size() >= call_header_bytes);
  const std::int64_t recorded_us = recorded_at.time_since_epoch().count();
  char* at = call.data();
  std::memcpy(at, &first_sequence, 8);
  std::memcpy(at + 8, &first_position, 8);
  std::memcpy(at + 16, &recorded_us, 8);
  const auto events = get<std::uint32_t>(at + 24);
  at += call_header_bytes + get<std::uint16_t>(at + 28);
  for (std::uint32_t i = 0; i < events; ++i) {
    WEIR_CHECK(at + event_header_bytes <= call.data() + call.size());
    if (get<std::int64_t>(at) == timestamp_unset)
      std::memcpy(at, &recorded_us, 8);
    at += event_header_bytes + get<std::uint32_t>(at + 8) + get<std::uint32_t>(at + 12) + get<std::uint16_t>(at + 16) +
          get<std::uint16_t>(at + 18);
  }
}

Result<CallReader> CallReader::open(std::string_view call) {
  if (call.size() < call_header_bytes)
    return fail(Errc::corruption, "a stored call is shorter than its header");
  CallReader reader;
  reader.header_.first_sequence = get<std::uint64_t>(call.data());
  reader.header_.first_position = get<std::uint64_t>(call.data() + 8);
  reader.header_.recorded_at = to_timestamp(get<std::int64_t>(call.data() + 16));
  reader.header_.events = get<std::uint32_t>(call.data() + 24);
  const auto context_bytes = get<std::uint16_t>(call.data() + 28);
  if (get<std::uint16_t>(call.data() + 30) != 0)
    return fail(Errc::corruption, "a stored call has unknown flags");
  if (context_bytes == 0 || call.size() - call_header_bytes < context_bytes)
    return fail(Errc::corruption, "a stored call ends inside its context");
  if (reader.header_.events == 0 || reader.header_.first_sequence == 0)
    return fail(Errc::corruption, "a stored call is empty or has no numbers");
  if (reader.header_.first_sequence > UINT64_MAX - reader.header_.events ||
      reader.header_.first_position > UINT64_MAX - reader.header_.events)
    return fail(Errc::corruption, "the numbers of a stored call are out of range");
  reader.header_.context_id = call.substr(call_header_bytes, context_bytes);
  reader.rest_ = call.substr(call_header_bytes + context_bytes);
  return reader;
}

Result<bool> CallReader::next(EventView& event) {
  if (seen_ == header_.events) {
    if (!rest_.empty())
      return fail(Errc::corruption, "a stored call is longer than its events");
    return false;
  }
  if (rest_.size() < event_header_bytes)
    return fail(Errc::corruption, "a stored call ends inside an event");
  const char* at = rest_.data();
  const std::uint64_t payload = get<std::uint32_t>(at + 8);
  const std::uint64_t metadata = get<std::uint32_t>(at + 12);
  const std::uint64_t type = get<std::uint16_t>(at + 16);
  const std::uint64_t id = get<std::uint16_t>(at + 18);
  if (rest_.size() - event_header_bytes < payload + metadata + type + id)
    return fail(Errc::corruption, "a stored call ends inside an event");
  event.context_id = header_.context_id;
  event.sequence = header_.first_sequence + seen_;
  event.position = header_.first_position + seen_;
  event.recorded_at = header_.recorded_at;
  event.timestamp = to_timestamp(get<std::int64_t>(at));
  std::string_view fields = rest_.substr(event_header_bytes);
  event.event_type = fields.substr(0, type);
  event.event_id = fields.substr(type, id);
  event.metadata = fields.substr(type + id, metadata);
  event.payload = fields.substr(type + id + metadata, payload);
  rest_ = fields.substr(type + id + metadata + payload);
  ++seen_;
  return true;
}

} // namespace weir
