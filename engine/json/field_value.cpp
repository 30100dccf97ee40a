#include "engine/json/field_value.hpp"

#include <array>
#include <cstddef>
#include <variant>

namespace weir::json::detail {
namespace {

// A double holds integers up to here exactly, and powers of ten up to 10^22: their quotient is rounded once, so it is
// the double that is nearest to the text.
constexpr std::uint64_t exact_integer_max = std::uint64_t{1} << 53;
constexpr std::array<double, 23> powers_of_ten = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr std::ptrdiff_t digits_sure = 18; // no integer of so many digits exceeds int64

} // namespace

const char* take_any_number(const char* const begin, FieldValue::Kind& kind, std::uint64_t& bits) {
  using Kind = FieldValue::Kind;
  const auto report = [&](Kind of, std::uint64_t word) {
    kind = of;
    bits = word;
  };
  const bool negative = *begin == '-';
  const char* p = begin + (negative ? 1 : 0);
  const char* const digits = p;
  std::uint64_t value = 0;
  for (; is_digit(*p); ++p)
    value = value * 10 + static_cast<std::uint64_t>(*p - '0'); // meaningless where there are too many
  const std::ptrdiff_t whole = p - digits;
  if (whole == 0)
    return nullptr;
  if (*p != '.' && *p != 'e' && *p != 'E' && whole <= digits_sure) {
    report(Kind::int64, negative ? 0 - value : value);
    return p;
  }
  std::ptrdiff_t fraction = 0;
  if (*p == '.') {
    const char* const first = ++p;
    for (; is_digit(*p); ++p)
      value = value * 10 + static_cast<std::uint64_t>(*p - '0');
    fraction = p - first;
    if (fraction == 0)
      return nullptr;
    if (*p != 'e' && *p != 'E' && whole + fraction <= digits_sure && value <= exact_integer_max) {
      const double real = static_cast<double>(value) / powers_of_ten[static_cast<std::size_t>(fraction)];
      report(Kind::float64, std::bit_cast<std::uint64_t>(negative ? -real : real));
      return p;
    }
  }
  if (*p == 'e' || *p == 'E') {
    ++p;
    if (*p == '+' || *p == '-')
      ++p;
    if (!is_digit(*p))
      return nullptr;
    while (is_digit(*p))
      ++p;
  }
  Scalar scalar;
  if (!read_number({begin, static_cast<std::size_t>(p - begin)}, scalar))
    return nullptr;
  if (const auto* const integer = std::get_if<std::int64_t>(&scalar))
    report(Kind::int64, static_cast<std::uint64_t>(*integer));
  else if (const auto* const real = std::get_if<double>(&scalar))
    report(Kind::float64, std::bit_cast<std::uint64_t>(*real));
  else
    report(Kind::other, 0);
  return p;
}

} // namespace weir::json::detail
