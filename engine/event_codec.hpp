// One store call as bytes: what the WAL keeps and the memtable points into.
//
// Purpose: the caller's thread encodes and validates, the shard puts the numbers in front, the log writes the same
// bytes, the memtable adopts them: an event is copied twice between the caller and the disk and never re-encoded.
// Threading: pure functions.
// Format (little-endian; docs/formats/wal.md, "Call"; v: engine/varint.hpp):
//   call  := first_sequence v | first_position v | recorded_at i64 (us) | events v | context_bytes v | context_id
//            | event{events}, or if there is none: first_live v | closes v
//   event := 512 * has_schema_version + 2 * type_bytes + has_timestamp v | id_bytes v | metadata_bytes v
//            | payload_bytes v | schema_version v, if it has one | timestamp i64 (us), if has_timestamp | event_type
//            | event_id | metadata | payload
// An event without a timestamp happened when it was recorded. A call without events removes those of its context below
// first_live, and if `closes` is 1 deletes it for good; its first_sequence is that of the event that would come next.
// A call for several contexts is one record all the same, as many calls as it has contexts with events:
//   record  := call | several
//   several := 0 | calls v | (call_bytes v | call){calls}, at least two; the first byte of a call is not 0
#pragma once

#include "engine/call_memory.hpp"
#include "engine/varint.hpp"

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// An event is at least so many bytes longer than its fields.
inline constexpr std::size_t event_header_bytes_min = 4;

/// What the shard decides about a call.
struct CallNumbers {
  Sequence first_sequence = 0;
  Position first_position = 0;
  Timestamp recorded_at{};
};

/// Appends `events` (all of one context, already validated) to `out`: a call without its numbers. `schema_versions`:
/// the version each event was judged by, or nothing if that is 0 for all of them.
void encode_call(std::string_view context_id, std::span<const Event> events, CallBytes& out,
                 std::span<const std::uint32_t> schema_versions = {});
void encode_call(std::string_view context_id, std::span<const Event> events, std::string& out,
                 std::span<const std::uint32_t> schema_versions = {});

/// Appends a removal to `out`: a call without its numbers. Precondition: first_live is at least 1, and at most the
/// first sequence it will be numbered with.
void encode_removal(std::string_view context_id, Sequence first_live, bool closes, CallBytes& out);
void encode_removal(std::string_view context_id, Sequence first_live, bool closes, std::string& out);

/// Bytes of a call of `encoded_bytes` once it has these numbers.
[[nodiscard]] constexpr std::size_t numbered_call_bytes(std::size_t encoded_bytes, const CallNumbers& numbers) {
  return varint_bytes(numbers.first_sequence) + varint_bytes(numbers.first_position) + sizeof(std::int64_t) +
         encoded_bytes;
}
/// Writes the whole call, numbered_call_bytes() bytes, to `out`. Precondition: `encoded` came from encode_call.
void number_call(std::string_view encoded, const CallNumbers& numbers, char* out);

/// One context's share of a call for several.
struct NumberedCall {
  std::string_view encoded; ///< From encode_call.
  CallNumbers numbers;
};
/// Bytes of the record of these calls: of one call, or of several.
[[nodiscard]] std::size_t record_bytes(std::span<const NumberedCall> calls);
/// Writes the record, record_bytes() bytes, to `out`. Precondition: at least one call.
void write_record(std::span<const NumberedCall> calls, char* out);

/// Whether the record is of several calls.
[[nodiscard]] inline bool has_several_calls(std::string_view record) noexcept {
  return !record.empty() && record.front() == 0;
}
/// Appends the calls of the record to `calls`. `corruption` if it is one of several calls and does not fit.
Status split_record(std::string_view record, std::vector<std::string_view>& calls);

/// The fixed part of a call.
struct CallHeader {
  Sequence first_sequence = 0;
  Position first_position = 0;
  Timestamp recorded_at{};
  std::uint32_t events = 0;    ///< None: this is a removal.
  std::string_view context_id; ///< Into the encoded bytes.
  Sequence first_live = 0;     ///< Of a removal: events below are removed.
  bool closes = false;         ///< Of a removal: it deletes the context for good.
};

/// Walks a numbered call. Bytes may come from disk: every length is checked.
class CallReader {
public:
  /// What is wrong with the bytes, as people are told; null: nothing.
  using Fault = const char*;

  CallReader() = default; ///< Of nothing.
  /// `corruption` if the header does not fit; `where` is left empty for the caller to fill.
  static Result<CallReader> open(std::string_view call);
  /// Walks what encode_call made, without numbers: sequences and positions count from 0. Errors: as open().
  static Result<CallReader> open_unnumbered(std::string_view encoded);
  [[nodiscard]] const CallHeader& header() const noexcept { return header_; }
  /// The next event, or false after the last. `corruption` if lengths do not add up exactly.
  Result<bool> next(EventView& event);
  /// open() and next() for who reads many calls, without a Result for each: begin(), then take() events(), then end().
  Fault begin(std::string_view call) noexcept;
  /// Precondition: not all events of the call were taken.
  Fault take(EventView& event) noexcept;
  /// Precondition: all events of the call were taken.
  [[nodiscard]] Fault end() const noexcept;
  /// Whether the event that came last had a timestamp of its own.
  [[nodiscard]] bool has_timestamp() const noexcept { return has_timestamp_; }

private:
  Fault take_context(std::string_view rest) noexcept;

  std::string_view rest_;
  CallHeader header_;
  std::uint32_t seen_ = 0;
  bool has_timestamp_ = false;
};

} // namespace weir
