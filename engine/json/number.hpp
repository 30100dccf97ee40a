// The value of a JSON number.
//
// Purpose: look-ups by path and whole documents read numbers the same, to the bit. Threading: pure function.
#pragma once

#include "engine/json/json.hpp"

#include <string_view>

namespace weir::json::detail {

/// The value of the JSON number `text`: exact while it is an integer of 64 bits. False if it is beyond a double.
[[nodiscard]] bool read_number(std::string_view text, Scalar& out);

} // namespace weir::json::detail
