// Numbers as text, in and out, each reading back as the same value of the same kind.
//
// Threading: pure functions.
#pragma once

#include <weir/query_result.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace weir::query {

/// A JSON number: integers as int64 or uint64, beyond them and with a fraction or an exponent as double. Nothing if
/// `text` is no JSON number or cannot be represented.
[[nodiscard]] std::optional<Value> parse_number(std::string_view text);

/// Appends a number; a double always shows a fraction or an exponent, so that it stays a double. Precondition: finite.
void append_number(std::string& out, const Value& number);

} // namespace weir::query
