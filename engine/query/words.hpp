// Words and symbols of the language that both the parser and the printer spell.
//
// Threading: constants.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace weir::query {

inline constexpr std::array<std::string_view, 6> comparison_symbols = {"=", "!=", "<", "<=", ">", ">="}; ///< Comparison
inline constexpr std::array<std::string_view, 5> arithmetic_symbols = {"+", "-", "*", "/", "%"};         ///< Arithmetic
inline constexpr std::array<std::string_view, 6> function_names = {"lower", "length",     "abs",
                                                                   "round", "date_trunc", "time"}; ///< Function

struct DurationUnit {
  std::string_view plural;
  std::int64_t microseconds;
  [[nodiscard]] constexpr std::string_view singular() const noexcept { return plural.substr(0, plural.size() - 1); }
};
/// The largest first; the last divides every duration.
inline constexpr std::array<DurationUnit, 6> duration_units = {{{"DAYS", 86'400'000'000},
                                                                {"HOURS", 3'600'000'000},
                                                                {"MINUTES", 60'000'000},
                                                                {"SECONDS", 1'000'000},
                                                                {"MILLISECONDS", 1'000},
                                                                {"MICROSECONDS", 1}}};

} // namespace weir::query
