// One store call as bytes: what the WAL keeps and the memtable points into.
//
// Purpose: the caller's thread encodes and validates, the shard only fills in the numbers, the log writes the same
// bytes, the memtable adopts them: an event is copied twice between the caller and the disk and never re-encoded.
// Threading: pure functions.
// Format (little-endian; docs/formats/wal.md, "Call"):
//   call  := first_sequence u64 | first_position u64 | recorded_at i64 (us) | events u32 | context_bytes u16 | flags
//   u16
//            | context_id | event{events}
//   event := timestamp i64 (us) | payload_bytes u32 | metadata_bytes u32 | type_bytes u16 | id_bytes u16
//            | event_type | event_id | metadata | payload
// A timestamp of `timestamp_unset` is replaced by recorded_at when the numbers are filled in.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weir {

inline constexpr std::size_t call_header_bytes = 8 + 8 + 8 + 4 + 2 + 2;
inline constexpr std::size_t event_header_bytes = 8 + 4 + 4 + 2 + 2;

/// Appends the encoding of `events` (all of one context, already validated) to `out`, numbers left zero.
void encode_call(std::string_view context_id, std::span<const Event> events, std::string& out);

/// Fills the numbers into an encoded call. Precondition: `call` came from encode_call.
void number_call(std::span<char> call, Sequence first_sequence, Position first_position, Timestamp recorded_at);

/// The fixed part of an encoded call.
struct CallHeader {
  Sequence first_sequence = 0;
  Position first_position = 0;
  Timestamp recorded_at{};
  std::uint32_t events = 0;
  std::string_view context_id; ///< Into the encoded bytes.
};

/// Walks an encoded call. Bytes may come from disk: every length is checked.
class CallReader {
public:
  /// `corruption` if the header does not fit; `where` is left empty for the caller to fill.
  static Result<CallReader> open(std::string_view call);
  [[nodiscard]] const CallHeader& header() const noexcept { return header_; }
  /// The next event, or false after the last. `corruption` if lengths do not add up exactly.
  Result<bool> next(EventView& event);

private:
  CallReader() = default;
  std::string_view rest_;
  CallHeader header_;
  std::uint32_t seen_ = 0;
};

} // namespace weir
