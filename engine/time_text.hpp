// Timestamps as text: RFC 3339 in and out.
//
// Purpose: the one place that knows the textual form of time. In: any offset, `T` or a space or `t`, 0-6 fraction
// digits, years 1-9999, no leap second. Out: UTC with microseconds, "2020-01-31T23:59:59.000000Z". Threading: pure
// functions.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <string>
#include <string_view>

namespace weir {

/// Years 1-9999 hold for the UTC result too. Error: `invalid_argument` with what was expected; `where` is the byte.
Result<Timestamp> parse_timestamp(std::string_view text);
/// An integer in text or JSON is milliseconds since 1970. `invalid_argument` outside years 1-9999.
Result<Timestamp> timestamp_from_ms(std::int64_t milliseconds);
/// Years 1-9999, as every stored timestamp must be.
[[nodiscard]] bool timestamp_in_range(Timestamp t) noexcept;
[[nodiscard]] std::string format_timestamp(Timestamp t);
void append_timestamp(std::string& out, Timestamp t);

} // namespace weir
