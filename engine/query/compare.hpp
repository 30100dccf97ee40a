// How values compare: exact between kinds of numbers, undefined between types.
//
// Purpose: conditions, ordering and grouping share one notion of equal and less.
// Threading: pure functions. A ValueView borrows the characters of what it was made from.
#pragma once

#include <weir/query_result.hpp>

#include <compare>
#include <optional>
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

  static ValueView of(const Value& value) noexcept;
  static ValueView of(std::string_view text) noexcept { return {Value::Kind::string, text}; }
  static ValueView of(Timestamp time) noexcept { return {Value::Kind::timestamp, {}, time.time_since_epoch().count()}; }
  static ValueView of(std::uint64_t number) noexcept { return {Value::Kind::uint64, {}, 0, number}; }
};

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

/// The one spelling of a group key: a double that is an exact integer becomes that integer.
[[nodiscard]] Value normalized(Value value);
/// Appends bytes that are equal for two normalized values exactly if the values group together.
void append_key(std::string& out, const Value& value);

} // namespace weir::query
