// The one door to RapidJSON: validation, path look-up, event lines.
//
// Purpose: JSON is judged once, on the way in (to a bounded depth, so that no input can exhaust the stack), and read by
// path when a query asks for a field. Nothing here builds a document tree. Threading: pure functions.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weir::json {

/// `text` without leading and trailing JSON white space.
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

/// Checks that `text` is one JSON object within limits.hpp: strict UTF-8, no duplicate keys in one object (compared
/// after unescaping), no lone surrogate escapes, finite numbers of at most json_number_chars_max characters, depth and
/// member limits. `name` ("payload", "metadata") leads the message. Errors: `invalid_argument`, or `too_large` for a
/// limit.
Status validate_object(std::string_view text, std::string_view name);

/// A scalar of a document. monostate: JSON null.
struct Absent {
  friend bool operator==(const Absent&, const Absent&) = default;
};
struct Composite {  ///< An object or array; compared with nothing.
  std::string text; ///< Its bytes in the document.
  friend bool operator==(const Composite&, const Composite&) = default;
};
using Scalar = std::variant<Absent, std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Composite>;

/// A path as segments: payload.a.b is {"a", "b"}. A numeric segment does not index arrays.
using Path = std::vector<std::string>;

/// Finds every path in one pass over `document` (valid JSON); `out[i]` belongs to `paths[i]`. A document that is not
/// valid (it was damaged in memory or never validated) yields `corruption`. Stops early once all are found. Integers
/// that fit int64 come as int64, larger ones that fit uint64 as uint64, anything else as double.
Status find_paths(std::string_view document, std::span<const Path> paths, std::vector<Scalar>& out);

/// Calls `visit` for each element of the array `text` (valid JSON) until it answers false. A Composite among them comes
/// without its text. False if `text` is no array, or is damaged before the end or that answer.
bool for_each_element(std::string_view text, const std::function<bool(const Scalar&)>& visit);

/// Puts the strings of the member "tags" of `metadata` (valid JSON) into `tags`; none if there is no such member. False
/// if that is anything but an array of strings.
[[nodiscard]] bool read_tags(std::string_view metadata, std::vector<std::string>& tags);

/// One line of an import file:
/// {"context_id","event_type","timestamp"?,"event_id"?,"metadata"?,"payload"}, keys in any order. payload and metadata
/// are raw slices of the line; "payload_text" and "metadata_text" give the same as a string, for texts that hold line
/// breaks. timestamp: RFC 3339 text or integer milliseconds. Unknown or repeated keys, wrong types and missing keys are
/// `invalid_argument`. Values are not checked against limits here; validate_event does that.
Result<Event> parse_event_line(std::string_view line);

/// One CloudEvent in the JSON format of CloudEvents 1.0: id, type, subject, time and data become event_id, event_type,
/// context_id, timestamp and payload (a raw slice; {} without data). In a CloudEvent written by append_cloud_event the
/// extension attributes say what else there is; of any other one the attributes without a place here become members of
/// the metadata. Errors: `invalid_argument`, `unsupported` for another specversion and for data that is no object.
Result<Event> parse_cloud_event(std::string_view line);
/// Whether the object in `line` has a member "specversion", so that it should be read as a CloudEvent.
[[nodiscard]] bool is_cloud_event(std::string_view line);

/// Appends the line that parse_event_line reads back as the same event, without a line feed.
void append_event_line(std::string& out, const EventView& event);
/// Appends the CloudEvent that parse_cloud_event reads back as the same event, without a line feed. Precondition:
/// `source` is not empty.
void append_cloud_event(std::string& out, const EventView& event, std::string_view source);

/// Appends `text` as a JSON string with quotes. Precondition: valid UTF-8.
void append_string(std::string& out, std::string_view text);
/// Appends a finite double so that it reads back the same.
void append_double(std::string& out, double value);

} // namespace weir::json
