// What making a Json object and parsing one share. For engine/json/ alone.
#pragma once

#include <weir/json_value.hpp>

#include <span>
#include <string>

namespace weir::json {

/// A key that two of `members` have; null if there is none.
[[nodiscard]] const std::string* find_repeated_key(std::span<const Json::Member> members);

} // namespace weir::json
