#include "engine/query/arithmetic.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

namespace weir::query {
namespace {

using Kind = Value::Kind;
bool is_integer(const ValueView& value) noexcept {
  return value.kind == Kind::int64 || value.kind == Kind::uint64;
}

double real_of(const ValueView& value) noexcept {
  switch (value.kind) {
  case Kind::int64: return static_cast<double>(value.integer);
  case Kind::uint64: return static_cast<double>(value.natural);
  default: return value.real;
  }
}

ValueView finite(double value) noexcept {
  return std::isfinite(value) ? ValueView::of_real(value) : ValueView{};
}

/// An integer of up to 128 bits and a sign, as narrow as it can be.
ValueView narrowed(bool negative, Uint128 magnitude) noexcept {
  constexpr Uint128 int64_end = Uint128{1} << 63u;
  if (!negative && magnitude < int64_end)
    return ValueView::of_integer(static_cast<std::int64_t>(magnitude));
  if (!negative && magnitude <= std::numeric_limits<std::uint64_t>::max())
    return ValueView::of(static_cast<std::uint64_t>(magnitude));
  if (negative && magnitude <= int64_end)
    return ValueView::of_integer(static_cast<std::int64_t>(-static_cast<Int128>(magnitude)));
  const double real = static_cast<double>(magnitude);
  return ValueView::of_real(negative ? -real : real);
}

ValueView narrowed(Int128 value) noexcept {
  return narrowed(value < 0, absolute(value));
}

/// The double nearest to the quotient. Dividing doubles would round three times.
double divided(std::uint64_t dividend, std::uint64_t divisor) noexcept {
  const int shift = 64 + std::countl_zero(dividend);
  const Uint128 scaled = static_cast<Uint128>(dividend) << static_cast<unsigned>(shift);
  Uint128 quotient = scaled / divisor; // At least 2^63, so that the last bit is far below those that are kept.
  if (scaled % divisor != 0)
    quotient |= 1u;
  return std::ldexp(static_cast<double>(quotient), -shift);
}

ValueView divide(Int128 left, Int128 right) noexcept {
  if (right == 0)
    return {};
  if (left % right == 0)
    return narrowed(left / right);
  const double quotient =
      divided(static_cast<std::uint64_t>(absolute(left)), static_cast<std::uint64_t>(absolute(right)));
  return ValueView::of_real((left < 0) != (right < 0) ? -quotient : quotient);
}

ValueView compute_integers(Arithmetic operation, Int128 left, Int128 right) noexcept {
  switch (operation) {
  case Arithmetic::add: return narrowed(left + right);
  case Arithmetic::subtract: return narrowed(left - right);
  case Arithmetic::multiply: return narrowed((left < 0) != (right < 0), absolute(left) * absolute(right));
  case Arithmetic::divide: return divide(left, right);
  case Arithmetic::remainder: return right == 0 ? ValueView{} : narrowed(left % right);
  }
  return {};
}

/// A half at `digits` digits: the only doubles that are one have exactly one binary digit more behind the point.
bool is_half(double value, int digits) noexcept {
  const double scaled = std::ldexp(value, digits + 1);
  return scaled == std::floor(scaled) && std::fmod(scaled, 2.0) != 0;
}

double round_to(double value, int digits) noexcept {
  if (digits == 0)
    return std::round(value);
  constexpr double all_whole = 4503599627370496.0; // From here on doubles are integers.
  if (!(std::fabs(value) < all_whole))
    return value;
  // to_chars rounds by the exact value, and only halves to even; no locale of the service has a say, as it has in
  // printf. A half is written whole: it ends in 25 or 75, so the digit before the 5 becomes one greater without a
  // carry.
  std::array<char, 64> text;
  const bool half = is_half(value, digits);
  char* end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, digits + (half ? 1 : 0))
          .ptr;
  if (half) {
    --end;
    ++end[-1];
  }
  double result = value;
  std::from_chars(text.data(), end, result);
  return result;
}

} // namespace

ValueView computed(Arithmetic operation, const ValueView& left, const ValueView& right) noexcept {
  if (rank(left.kind) != Rank::number || rank(right.kind) != Rank::number)
    return {};
  if (is_integer(left) && is_integer(right))
    return compute_integers(operation, integer_of(left), integer_of(right));
  const double a = real_of(left);
  const double b = real_of(right);
  switch (operation) {
  case Arithmetic::add: return finite(a + b);
  case Arithmetic::subtract: return finite(a - b);
  case Arithmetic::multiply: return finite(a * b);
  case Arithmetic::divide: return b == 0 ? ValueView{} : finite(a / b);
  case Arithmetic::remainder: return {};
  }
  return {};
}

ValueView negated(const ValueView& value) noexcept {
  if (is_integer(value))
    return narrowed(-integer_of(value));
  return value.kind == Kind::float64 ? ValueView::of_real(-value.real) : ValueView{};
}

ValueView magnitude(const ValueView& value) noexcept {
  if (is_integer(value))
    return narrowed(false, absolute(integer_of(value)));
  return value.kind == Kind::float64 ? ValueView::of_real(std::fabs(value.real)) : ValueView{};
}

ValueView rounded(const ValueView& value, int digits) noexcept {
  if (is_integer(value))
    return narrowed(integer_of(value));
  return value.kind == Kind::float64 ? ValueView::of_real(round_to(value.real, digits)) : ValueView{};
}

} // namespace weir::query
