// Everything a store call is checked for before the write-ahead log is touched.
//
// Threading: pure functions, run in the caller's thread.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <cstddef>
#include <span>
#include <string_view>

namespace weir {

/// Offset of the first byte that cannot begin a character, or npos. Well-formed means: no overlong forms, no
/// surrogates, at most U+10FFFF, nothing cut short.
[[nodiscard]] std::size_t find_invalid_utf8(std::string_view text) noexcept;
[[nodiscard]] inline bool valid_utf8(std::string_view text) noexcept {
  return find_invalid_utf8(text) == std::string_view::npos;
}

/// 1 to `bytes_max` bytes of UTF-8 without control characters. `name` is what messages call it. Errors as below.
Status validate_name(std::string_view name, std::string_view text, std::size_t bytes_max);

/// 1-512 bytes of UTF-8 without control characters (U+0000-U+001F, U+007F-U+009F). Errors: `invalid_argument`,
/// `too_large`; the message names the limit and the offending byte's place.
Status validate_context_id(std::string_view context_id);
Status validate_event_type(std::string_view event_type);

/// Checks one call: 1-1,024 events, all of context `context_id` (or naming none, which means that of the call), every
/// field within limits.hpp and `payload_bytes_max`, at most 20 MiB in all; timestamps within years 1-9999. Trims outer
/// white space of payload and metadata in place. `where` of an error names the event's index in the call ("event 3")
/// when there are several.
Status validate_call(std::string_view context_id, std::span<Event> events, std::size_t payload_bytes_max);

} // namespace weir
