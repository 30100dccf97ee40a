// Names of columns that are no fields: aggregates, units of PER, names given with AS; and names of a sequence's steps.
//
// Purpose: the one place that spells them.
// Threading: pure functions.
#pragma once

#include <weir/query.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace weir::query {

/// As in Aggregate::Kind. COUNT UNIQUE is two words.
inline constexpr std::array<std::string_view, 11> aggregate_keywords = {
    "COUNT", "COUNT UNIQUE", "TOTAL", "AVG", "MIN", "MAX", "P50", "P95", "P99", "FIRST", "LAST"};
/// As in TimeUnit.
inline constexpr std::array<std::string_view, 6> unit_keywords = {"MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "YEAR"};

/// The column of PER: "day".
[[nodiscard]] std::string unit_name(TimeUnit unit);
/// The unit of this name in small letters.
[[nodiscard]] std::optional<TimeUnit> unit_of(std::string_view name) noexcept;

/// "total payload.amount" (keywords in any case) as the aggregate it names by default. Nothing if it names none.
[[nodiscard]] std::optional<Aggregate> parse_aggregate_name(std::string_view name);

/// What conditions and columns call the events of `step`.
[[nodiscard]] inline std::string_view step_name(const SequenceStep& step) noexcept {
  return step.name.empty() ? step.event_type : step.name;
}

/// The canonical spelling of a field, of a step's field, or of an aggregate's default name; any other name as it is.
[[nodiscard]] std::string canonical_column(std::string_view name);
/// The column holds times: a field or step's field that is one, a unit of PER, or MIN, MAX, FIRST or LAST of a field
/// that is one.
[[nodiscard]] bool names_time(std::string_view name);

/// A letter or `_`, then letters, digits and `_`.
[[nodiscard]] bool is_identifier(std::string_view text) noexcept;
/// `text` in small letters (ASCII).
[[nodiscard]] std::string lowered(std::string_view text);

} // namespace weir::query
