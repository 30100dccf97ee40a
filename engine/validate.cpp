#include "engine/validate.hpp"

#include "engine/json/json.hpp"
#include "engine/text.hpp"
#include "engine/time_text.hpp"

#include <weir/limits.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace weir {

namespace {

bool continues(std::string_view text, std::size_t i) {
  return i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80;
}

/// Bytes of the character that begins at `i`, or 0 if none well-formed does.
std::size_t character_bytes(std::string_view text, std::size_t i) {
  const auto first = static_cast<unsigned char>(text[i]);
  if (first < 0x80)
    return 1;
  if (first < 0xC2) // A continuation, or the overlong forms C0 and C1.
    return 0;
  if (first < 0xE0)
    return continues(text, i + 1) ? 2 : 0;
  if (!continues(text, i + 1))
    return 0;
  const auto second = static_cast<unsigned char>(text[i + 1]);
  if (first < 0xF0) {
    const bool overlong = first == 0xE0 && second < 0xA0;
    const bool surrogate = first == 0xED && second >= 0xA0;
    return !overlong && !surrogate && continues(text, i + 2) ? 3 : 0;
  }
  const bool overlong = first == 0xF0 && second < 0x90;
  const bool too_high = first > 0xF4 || (first == 0xF4 && second >= 0x90);
  return !overlong && !too_high && continues(text, i + 2) && continues(text, i + 3) ? 4 : 0;
}

/// Offset of the first control character (C0, DEL, C1) of well-formed UTF-8, or npos.
std::size_t find_control(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7F)
      return i;
    if (c == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0) // U+0080-U+009F
      return i;
  }
  return std::string_view::npos;
}

/// Whether the eight bytes from `at` on are ASCII without control characters.
bool are_plain(const char* at) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101ULL, high = 0x8080808080808080ULL;
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  // No byte has its high bit, nor gets it by adding one (DEL), nor takes it from a set one by losing 0x20. Nothing is
  // carried from byte to byte unless the first has said no already.
  return ((word | (word + ones)) & high) == 0 && ((((word | high) - ones * 0x20) & high) == high);
}

/// Whether all of `text` is ASCII without control characters, as nearly every name is.
bool is_plain(std::string_view text) noexcept {
  constexpr std::size_t word_bytes = sizeof(std::uint64_t);
  if (text.size() < word_bytes)
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
  bool plain = are_plain(text.data() + text.size() - word_bytes);
  for (std::size_t i = 0; i + word_bytes <= text.size(); i += word_bytes)
    plain = plain && are_plain(text.data() + i);
  return plain;
}

void trim_in_place(std::string& text) {
  const std::string_view trimmed = json::trim(text);
  if (trimmed.size() == text.size())
    return;
  const auto first = static_cast<std::size_t>(trimmed.data() - text.data());
  text.resize(trimmed.empty() ? 0 : first + trimmed.size());
  text.erase(0, trimmed.empty() ? 0 : first);
}

Status validate_document(std::string_view name, const std::string& text, std::size_t bytes_max) {
  if (text.size() > bytes_max)
    return fail(Errc::too_large, format("{} has {} bytes, at most {} are allowed", name, text.size(), bytes_max),
                std::string(name));
  return json::validate_object(text, name);
}

Status validate_tags(std::string_view metadata) {
  thread_local std::vector<std::string> tags;
  if (!json::read_tags(metadata, tags))
    return fail(Errc::invalid_argument, "metadata.tags is no array of strings", "metadata");
  if (tags.size() > limits::event_tags_max)
    return fail(Errc::too_large,
                format("metadata.tags has {} tags, at most {} are allowed", tags.size(), limits::event_tags_max),
                "metadata");
  for (const std::string& tag : tags)
    if (tag.empty() || tag.size() > limits::event_tag_bytes_max)
      return fail(
          tag.empty() ? Errc::invalid_argument : Errc::too_large,
          format("metadata.tags has a tag of {} bytes, 1 to {} are allowed", tag.size(), limits::event_tag_bytes_max),
          "metadata");
  return {};
}

Status validate_event(std::string_view context_id, Event& event, std::size_t payload_bytes_max) {
  if (!event.context_id.empty() && event.context_id != context_id)
    return fail(Errc::invalid_argument, "context_id differs from that of the call", "context_id");
  WEIR_TRY(validate_event_type(event.event_type));
  if (!event.event_id.empty())
    WEIR_TRY(validate_name("event_id", event.event_id, limits::event_id_bytes_max));
  if (event.timestamp && !timestamp_in_range(*event.timestamp))
    return fail(Errc::invalid_argument,
                format("timestamp {} lies outside years {} to {}", format_timestamp(*event.timestamp), limits::year_min,
                       limits::year_max),
                "timestamp");
  if (!event.metadata.empty()) {
    trim_in_place(event.metadata);
    WEIR_TRY(validate_document("metadata", event.metadata, limits::metadata_bytes_max));
    WEIR_TRY(validate_tags(event.metadata));
  }
  trim_in_place(event.payload);
  return validate_document("payload", event.payload, payload_bytes_max);
}

} // namespace

std::size_t find_invalid_utf8(std::string_view text) noexcept {
  constexpr std::uint64_t high_bits = 0x8080808080808080ULL;
  std::size_t i = 0;
  while (i < text.size()) {
    // Nearly all text is ASCII: 32 bytes at a time, then eight.
    if (std::uint64_t words[4]; i + sizeof words <= text.size()) {
      std::memcpy(words, text.data() + i, sizeof words);
      if (((words[0] | words[1] | words[2] | words[3]) & high_bits) == 0) {
        i += sizeof words;
        continue;
      }
    }
    if (std::uint64_t word; i + sizeof word <= text.size()) {
      std::memcpy(&word, text.data() + i, sizeof word);
      if ((word & high_bits) == 0) {
        i += sizeof word;
        continue;
      }
    }
    const std::size_t bytes = character_bytes(text, i);
    if (bytes == 0)
      return i;
    i += bytes;
  }
  return std::string_view::npos;
}

Status validate_name(std::string_view name, std::string_view text, std::size_t bytes_max) {
  if (text.empty())
    return fail(Errc::invalid_argument, format("{} is empty", name), std::string(name));
  if (text.size() > bytes_max)
    return fail(Errc::too_large, format("{} has {} bytes, at most {} are allowed", name, text.size(), bytes_max),
                std::string(name));
  if (is_plain(text))
    return {};
  if (const std::size_t at = find_invalid_utf8(text); at != std::string_view::npos)
    return fail(Errc::invalid_argument, format("{} is not valid UTF-8", name), format("{} byte {}", name, at));
  if (const std::size_t at = find_control(text); at != std::string_view::npos)
    return fail(Errc::invalid_argument, format("{} holds a control character", name), format("{} byte {}", name, at));
  return {};
}

Status validate_context_id(std::string_view context_id) {
  return validate_name("context_id", context_id, limits::context_id_bytes_max);
}

Status validate_event_type(std::string_view event_type) {
  return validate_name("event_type", event_type, limits::event_type_bytes_max);
}

Status validate_call(std::string_view context_id, std::span<Event> events, std::size_t payload_bytes_max) {
  WEIR_TRY(validate_context_id(context_id));
  if (events.empty())
    return fail(Errc::invalid_argument, "a call stores at least one event");
  if (events.size() > limits::call_events_max)
    return fail(Errc::too_large,
                format("a call of {} events, at most {} are allowed", events.size(), limits::call_events_max));
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    Event& event = events[i];
    if (Status valid = validate_event(context_id, event, payload_bytes_max); !valid) {
      Error error = std::move(valid).error();
      if (events.size() > 1)
        error.where = error.where.empty() ? format("event {}", i) : format("event {}, {}", i, error.where);
      return error;
    }
    bytes += event.context_id.size() + event.event_type.size() + event.event_id.size() + event.metadata.size() +
             event.payload.size();
    // Checked as it grows, so that an oversized call is refused before all of it has been parsed.
    if (bytes > limits::call_bytes_max)
      return fail(Errc::too_large, format("a call of more than {} bytes over all fields", limits::call_bytes_max));
  }
  return {};
}

} // namespace weir
