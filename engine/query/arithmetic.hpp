// Arithmetic of expressions on single values.
//
// Threading: pure functions.
// Invariants: integers are exact as long as the result fits 64 bits, signed or not; beyond, and where a double is
// involved, the result is a double. What is not finite, or computed of anything but numbers, is null.
#pragma once

#include <weir/expression.hpp>

#include "engine/query/compare.hpp"
#include "engine/query/wide.hpp"

#include <cstdint>

namespace weir::query {

/// Division is exact where it leaves an integer of integers, else the nearest double; by zero it is null. The remainder
/// is for integers only and has the sign of `left`.
[[nodiscard]] ValueView computed(Arithmetic operation, const ValueView& left, const ValueView& right) noexcept;
[[nodiscard]] ValueView negated(const ValueView& value) noexcept;
[[nodiscard]] ValueView magnitude(const ValueView& value) noexcept;
/// To `digits` (0 to 15) digits behind the point by the exact value of the number, halves away from zero. Integers stay
/// integers, doubles doubles.
[[nodiscard]] ValueView rounded(const ValueView& value, int digits) noexcept;

/// The integer `value` (int64 or uint64), any of 64 bits. Precondition: it is one.
[[nodiscard]] inline Int128 integer_of(const ValueView& value) noexcept {
  return value.kind == Value::Kind::int64 ? static_cast<Int128>(value.integer) : static_cast<Int128>(value.natural);
}

} // namespace weir::query
