// The place behind a row of a sorted search, as a text that callers hand back.
//
// Purpose: paging goes on where it stopped, though rows come and go in between: a cursor holds the values of the row's
// sort keys, not a count of rows. Threading: pure functions. Invariants: values come back exactly as they were,
// whatever their type; each place has one text; what is damaged, or was made by another search, is found out. A cursor
// is no secret and no proof: its values are to be bound, as any others from outside.
//
//   text   := base64url, without padding, of: version u8 | flags u8 (1: reversed) | sort u32 | value ... | check u32
//   value  := 0 | 1 integer (zigzag varint) | 2 real (8 bytes) | 3 text | 4 blob (varint length and bytes)
//   check  := the lower half of XXH3 of all bytes before it; numbers have their lowest byte first
#pragma once

#include <weir/result.hpp>
#include <weir/sql_value.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

struct Place {
  std::vector<SqlValue> values{}; ///< Of the sort keys.
  bool reversed = false;          ///< What is wanted lies before it, not behind.
  friend bool operator==(const Place&, const Place&) = default;
};

/// `sort` identifies the sort the values belong to.
[[nodiscard]] std::string write_cursor(const Place& place, std::uint32_t sort);

/// The place of `text`, with `keys` values. Errors: `invalid_argument` for what write_cursor() did not write, or for
/// another `sort`.
Result<Place> read_cursor(std::string_view text, std::uint32_t sort, std::size_t keys);

/// Appends the encoding of `value`: different for values that differ in type or content.
void append_value(std::string& out, const SqlValue& value);

} // namespace weir
