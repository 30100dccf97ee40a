// How values compare: exact between kinds of numbers, undefined between types.
//
// Purpose: conditions, ordering and grouping share one notion of equal and less.
// Threading: pure functions. A ValueView borrows the characters of what it was made from.
#pragma once

#include <weir/query_result.hpp>

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir::query {

/// A borrowed Value: columns are compared without copying their strings.
struct ValueView {
  Value::Kind kind = Value::Kind::null;
  std::string_view text;     ///< string, json
  std::int64_t integer = 0;  ///< int64; microseconds of a timestamp; 0 or 1 of a boolean
  std::uint64_t natural = 0; ///< uint64
  double real = 0;           ///< float64
  bool present = true;       ///< False: the event does not have the field at all, and the kind is null.

  static ValueView of(const Value& value) noexcept;
  static ValueView of(std::string_view text) noexcept { return {Value::Kind::string, text}; }
  static ValueView of(Timestamp time) noexcept { return {Value::Kind::timestamp, {}, time.time_since_epoch().count()}; }
  static ValueView of(std::uint64_t number) noexcept { return {Value::Kind::uint64, {}, 0, number}; }
  static ValueView of_integer(std::int64_t number) noexcept { return {Value::Kind::int64, {}, number}; }
  static ValueView of_real(double number) noexcept { return {Value::Kind::float64, {}, 0, 0, number}; }
  static ValueView of_boolean(bool value) noexcept { return {Value::Kind::boolean, {}, value ? 1 : 0}; }
  static ValueView absent() noexcept { return {Value::Kind::null, {}, 0, 0, 0, false}; }
};

/// The values of one row by slot: see FieldTable.
using RowValues = std::span<const ValueView>;

/// A copy that owns its characters.
[[nodiscard]] Value to_value(const ValueView& view);

/// Types that can be compared with each other, in their order in ORDER BY.
enum class Rank : std::uint8_t { null, boolean, number, timestamp, string, json };
[[nodiscard]] Rank rank(Value::Kind kind) noexcept;

/// Order of two values of the same type; nothing if either is null or JSON, or if the types differ. Numbers compare by
/// their exact mathematical value, strings by bytes.
[[nodiscard]] std::optional<std::weak_ordering> compare(const ValueView& a, const ValueView& b) noexcept;

/// A total order over all values for ORDER BY: by type, then by value.
[[nodiscard]] std::weak_ordering total_order(const ValueView& a, const ValueView& b) noexcept;
[[nodiscard]] inline std::weak_ordering total_order(const Value& a, const Value& b) noexcept {
  return total_order(ValueView::of(a), ValueView::of(b));
}

/// The one spelling of a value that stands for all equal to it (group keys, MIN, MAX, percentiles): a double that is an
/// exact integer becomes that integer, and a natural number an int64 if it fits.
[[nodiscard]] ValueView normalized(const ValueView& view) noexcept;
/// Appends bytes that are equal for two values exactly if the values group together.
void append_key(std::string& out, const ValueView& value);

} // namespace weir::query
