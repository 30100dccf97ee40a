// Places in a query's text and pieces of it, for people.
//
// Threading: pure functions.
#pragma once

#include <weir/result.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::query {

/// "line 1, column 17": both from 1, columns in characters (code points), not bytes.
[[nodiscard]] std::string describe_place(std::string_view text, std::size_t offset);

/// A `parse_error` at byte `offset` of `text`.
[[nodiscard]] Error parse_failure(std::string_view text, std::size_t offset, std::string message);

/// At most 40 bytes of `text`, never half a character, and "..." if something was cut.
[[nodiscard]] std::string shortened(std::string_view text);

} // namespace weir::query
