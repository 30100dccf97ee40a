#include "engine/event_codec.hpp"

#include "engine/check.hpp"
#include "engine/sabotage.hpp"

#include <weir/limits.hpp>

#include <bit>
#include <cstring>

namespace weir {

static_assert(std::endian::native == std::endian::little, "weir's formats are little-endian and copied as they are");

namespace {

constexpr std::size_t event_header_bytes_max = 5 * varint_bytes_max + sizeof(std::int64_t);
/// In the first number of an event; types are shorter than that, so it never was set before there were schemas.
constexpr std::uint64_t has_schema_version = 512;
static_assert(2 * limits::event_type_bytes_max + 1 < has_schema_version);
/// Of an event within the limits, and of a call in front of its events: to allocate once.
constexpr std::size_t event_header_bytes_usual = 2 + 2 + 3 + 4 + sizeof(std::int64_t);
constexpr std::size_t call_header_bytes_usual = 2 + 2;

/// Type and timestamp in one number: nearly always one byte, two with a schema.
std::uint64_t shape_of(const Event& event, std::uint32_t schema_version) {
  return (schema_version != 0 ? has_schema_version : 0) + 2 * event.event_type.size() + (event.timestamp ? 1 : 0);
}

char* put_time(char* to, Timestamp time) {
  const std::int64_t us = time.time_since_epoch().count();
  std::memcpy(to, &us, sizeof us);
  return to + sizeof us;
}

Timestamp take_time(const char*& at) {
  std::int64_t us = 0;
  std::memcpy(&us, at, sizeof us);
  at += sizeof us;
  return Timestamp{std::chrono::microseconds{us}};
}

std::size_t left(const char* at, const char* end) {
  return static_cast<std::size_t>(end - at);
}

template <class Bytes> void encode(std::string_view context_id, std::span<const Event> events,
                                   std::span<const std::uint32_t> schema_versions, Bytes& out) {
  WEIR_CHECK(schema_versions.empty() || schema_versions.size() == events.size());
  std::size_t size = call_header_bytes_usual + context_id.size();
  for (const Event& event : events)
    size += event_header_bytes_usual + event.event_type.size() + event.event_id.size() + event.metadata.size() +
            event.payload.size();
  out.reserve(out.size() + size);
  char header[event_header_bytes_max];
  const char* const end = put_varint(put_varint(header, events.size()), context_id.size());
  out.append(header, left(header, end)).append(context_id);
  for (std::size_t i = 0; i < events.size(); ++i) {
    const Event& event = events[i];
    const std::uint32_t schema_version = schema_versions.empty() ? 0 : schema_versions[i];
    char* to = put_varint(header, shape_of(event, schema_version));
    to = put_varint(to, event.event_id.size());
    to = put_varint(to, event.metadata.size());
    to = put_varint(to, event.payload.size());
    if (schema_version != 0)
      to = put_varint(to, schema_version);
    if (event.timestamp)
      to = put_time(to, *event.timestamp);
    out.append(header, left(header, to));
    out.append(event.event_type).append(event.event_id).append(event.metadata).append(event.payload);
  }
}

template <class Bytes> void encode(std::string_view context_id, Sequence first_live, bool closes, Bytes& out) {
  char header[2 * varint_bytes_max];
  const char* end = put_varint(put_varint(header, 0), context_id.size());
  out.append(header, left(header, end)).append(context_id);
  end = put_varint(put_varint(header, first_live), closes ? 1 : 0);
  out.append(header, left(header, end));
}

} // namespace

void encode_call(std::string_view context_id, std::span<const Event> events, CallBytes& out,
                 std::span<const std::uint32_t> schema_versions) {
  encode(context_id, events, schema_versions, out);
}

void encode_call(std::string_view context_id, std::span<const Event> events, std::string& out,
                 std::span<const std::uint32_t> schema_versions) {
  encode(context_id, events, schema_versions, out);
}

void encode_removal(std::string_view context_id, Sequence first_live, bool closes, CallBytes& out) {
  encode(context_id, first_live, closes, out);
}

void encode_removal(std::string_view context_id, Sequence first_live, bool closes, std::string& out) {
  encode(context_id, first_live, closes, out);
}

void number_call(std::string_view encoded, const CallNumbers& numbers, char* out) {
  out = put_varint(put_varint(out, numbers.first_sequence), numbers.first_position);
  out = put_time(out, numbers.recorded_at);
  std::memcpy(out, encoded.data(), encoded.size());
}

std::size_t record_bytes(std::span<const NumberedCall> calls) {
  if (calls.size() == 1)
    return numbered_call_bytes(calls.front().encoded.size(), calls.front().numbers);
  std::size_t sum = 1 + varint_bytes(calls.size());
  for (const NumberedCall& call : calls) {
    const std::size_t bytes = numbered_call_bytes(call.encoded.size(), call.numbers);
    sum += varint_bytes(bytes) + bytes;
  }
  return sum;
}

void write_record(std::span<const NumberedCall> calls, char* out) {
  if (calls.size() == 1)
    return number_call(calls.front().encoded, calls.front().numbers, out);
  *out++ = 0;
  out = put_varint(out, calls.size());
  for (const NumberedCall& call : calls) {
    const std::size_t bytes = numbered_call_bytes(call.encoded.size(), call.numbers);
    out = put_varint(out, bytes);
    number_call(call.encoded, call.numbers, out);
    out += bytes;
  }
}

Status split_record(std::string_view record, std::vector<std::string_view>& calls) {
  if (!has_several_calls(record)) {
    calls.push_back(record);
    return {};
  }
  const char* at = record.data() + 1;
  const char* const end = record.data() + record.size();
  std::uint64_t count = 0;
  if (!take_varint(at, end, count) || count < 2)
    return fail(Errc::corruption, "a stored record of several calls has no number of them");
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t bytes = 0;
    if (!take_varint(at, end, bytes) || bytes == 0 || bytes > left(at, end) || *at == 0)
      return fail(Errc::corruption, "a stored record of several calls ends inside one of them");
    calls.emplace_back(at, bytes);
    at += bytes;
  }
  if (at != end)
    return fail(Errc::corruption, "a stored record is longer than its calls");
  return {};
}

Result<CallReader> CallReader::open(std::string_view call) {
  CallReader reader;
  if (const Fault fault = reader.begin(call))
    return fail(Errc::corruption, fault);
  return reader;
}

Result<CallReader> CallReader::open_unnumbered(std::string_view encoded) {
  CallReader reader;
  if (const Fault fault = reader.take_context(encoded))
    return fail(Errc::corruption, fault);
  return reader;
}

Result<bool> CallReader::next(EventView& event) {
  const bool more = seen_ != header_.events;
  if (const Fault fault = more ? take(event) : end())
    return fail(Errc::corruption, fault);
  return more;
}

CallReader::Fault CallReader::begin(std::string_view call) noexcept {
  CallHeader& header = header_;
  header = {};
  seen_ = 0;
  const char* at = call.data();
  const char* const end = at + call.size();
  if (!take_varint(at, end, header.first_sequence) || !take_varint(at, end, header.first_position) ||
      left(at, end) < sizeof(std::int64_t))
    return "a stored call ends inside its numbers";
  header.recorded_at = take_time(at);
  if (const Fault fault = take_context({at, left(at, end)}))
    return fault;
  if (header.first_sequence == 0)
    return "a stored call has no numbers";
  if (header.first_live > header.first_sequence)
    return "a stored removal goes beyond its context's end";
  if (header.first_sequence > UINT64_MAX - header.events || header.first_position > UINT64_MAX - header.events)
    return "the numbers of a stored call are out of range";
  return nullptr;
}

CallReader::Fault CallReader::take_context(std::string_view rest) noexcept {
  const char* at = rest.data();
  const char* const end = at + rest.size();
  std::uint64_t events = 0;
  std::uint64_t context_bytes = 0;
  if (!take_varint(at, end, events) || !take_varint(at, end, context_bytes) || context_bytes > left(at, end) ||
      context_bytes == 0 || context_bytes > UINT16_MAX)
    return "a stored call ends inside its context";
  if (events > UINT32_MAX)
    return "a stored call has too many events";
  header_.events = static_cast<std::uint32_t>(events);
  header_.context_id = {at, context_bytes};
  at += context_bytes;
  if (events == 0) {
    std::uint64_t closes = 0;
    if (!take_varint(at, end, header_.first_live) || !take_varint(at, end, closes) || header_.first_live == 0 ||
        closes > 1 || at != end)
      return "a stored removal is not as one is written";
    header_.closes = closes == 1;
  }
  rest_ = {at, left(at, end)};
  return nullptr;
}

CallReader::Fault CallReader::end() const noexcept {
  return rest_.empty() || sabotaged(Sabotage::trust_event_count) ? nullptr : "a stored call is longer than its events";
}

CallReader::Fault CallReader::take(EventView& event) noexcept {
  const char* at = rest_.data();
  const char* const end = at + rest_.size();
  std::uint64_t shape = 0;
  std::uint64_t id = 0;
  std::uint64_t metadata = 0;
  std::uint64_t payload = 0;
  if (!take_varint(at, end, shape) || !take_varint(at, end, id) || !take_varint(at, end, metadata) ||
      !take_varint(at, end, payload))
    return "a stored call ends inside an event";
  std::uint64_t version = 0;
  if ((shape & has_schema_version) != 0 && (!take_varint(at, end, version) || version == 0 || version > UINT32_MAX))
    return "a stored event has no possible schema version";
  shape &= ~has_schema_version;
  event.schema_version = static_cast<std::uint32_t>(version);
  event.timestamp = header_.recorded_at;
  has_timestamp_ = (shape & 1U) != 0;
  if (has_timestamp_) {
    if (left(at, end) < sizeof(std::int64_t))
      return "a stored call ends inside an event";
    event.timestamp = take_time(at);
  }
  const std::uint64_t type = shape >> 1U;
  // One by one before they are added up: the sum of four lengths can wrap round.
  const std::size_t rest = left(at, end);
  if (type >= has_schema_version / 2 || id > UINT16_MAX || metadata > rest || payload > rest ||
      type + id + metadata + payload > rest)
    return "a stored call ends inside an event";
  event.context_id = header_.context_id;
  event.sequence = header_.first_sequence + seen_;
  event.position = header_.first_position + seen_;
  event.recorded_at = header_.recorded_at;
  event.event_type = {at, type};
  event.event_id = {at += type, id};
  event.metadata = {at += id, metadata};
  event.payload = {at += metadata, payload};
  rest_ = {at + payload, left(at, end) - payload};
  ++seen_;
  return nullptr;
}

} // namespace weir
