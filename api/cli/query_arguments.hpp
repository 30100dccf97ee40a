// What the command line says of a query: values of its parameters, and how long it may take.
//
// Threading: pure functions.
#pragma once

#include <weir/query.hpp>
#include <weir/result.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace weir::cli {

/// A JSON number, true, false, null or a text in double quotes as what it says; anything else as text: `100`, `EUR`,
/// `"100"` for the text of digits.
[[nodiscard]] Value parse_argument_value(std::string_view text);
/// "name=value". Error: `invalid_argument`.
Result<std::pair<std::string, Value>> parse_named_argument(std::string_view text);
/// "500ms", "30s", "5m", "2h"; more than 0. Error: `invalid_argument`.
Result<std::chrono::milliseconds> parse_timeout(std::string_view text);

} // namespace weir::cli
