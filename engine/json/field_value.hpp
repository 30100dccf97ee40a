// A scalar of a document, and how a number of JSON text becomes one.
//
// Purpose: what FieldReader hands out, shared by its two ways of reading. Threading: plain values, pure functions.
#pragma once

#include "engine/json/number.hpp"
#include "engine/json/scan.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::json {

/// What a document has at a path.
struct FieldValue {
  enum class Kind : std::uint8_t {
    null,
    boolean,
    int64,
    float64,
    string,
    other, ///< An object, an array, or an integer beyond int64.
  };
  std::uint32_t path = 0;
  Kind kind = Kind::null;
  std::uint64_t bits = 0; ///< Of boolean (0 or 1), int64 and float64.
  std::string_view text;  ///< Of string; valid until the next document.

  [[nodiscard]] std::int64_t integer() const noexcept { return static_cast<std::int64_t>(bits); }
  [[nodiscard]] double real() const noexcept { return std::bit_cast<double>(bits); }
};

namespace detail {

/// The number that begins at `begin`, of any length; where it ends, or null: there is none.
const char* take_any_number(const char* begin, FieldValue::Kind& kind, std::uint64_t& bits);

inline constexpr std::array<std::uint32_t, 8> small_powers_of_ten = {1,      10,      100,       1'000,
                                                                     10'000, 100'000, 1'000'000, 10'000'000};

/// Up to eight digits that a text begins with, read as one word.
struct Digits {
  unsigned count = 0;
  std::uint32_t value = 0;

  explicit Digits(const char* at) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101ULL;
    std::uint64_t word = load<std::uint64_t>(at) ^ ones * '0';
    // Sets the high bit of every byte above 9; a carry can only spoil bytes behind the first of these.
    const std::uint64_t others = ((word + ones * 0x76) | word) & (ones * 0x80);
    if (others == 0) {
      count = 8;
      return;
    }
    count = static_cast<unsigned>(std::countr_zero(others)) / 8;
    word = count == 0 ? 0 : word << (64 - 8 * count); // zeros in front
    word = (word * 10 + (word >> 8)) & 0x00FF00FF00FF00FFULL;
    word = (word * 100 + (word >> 16)) & 0x0000FFFF0000FFFFULL;
    value = static_cast<std::uint32_t>(word * 10'000 + (word >> 32));
  }
};

/// The same, quick for a few digits before and behind the point.
inline const char* take_number(const char* const begin, FieldValue::Kind& kind, std::uint64_t& bits) {
  const bool negative = *begin == '-';
  const char* const p = begin + (negative ? 1 : 0);
  const Digits whole(p);
  if (whole.count - 1 >= 7)
    return take_any_number(begin, kind, bits);
  const char next = p[whole.count];
  if (next != '.' && next != 'e' && next != 'E') {
    kind = FieldValue::Kind::int64;
    bits = negative ? 0 - std::uint64_t{whole.value} : whole.value;
    return p + whole.count;
  }
  if (next != '.')
    return take_any_number(begin, kind, bits);
  const char* const behind = p + whole.count + 1;
  const Digits fraction(behind);
  const char* const end = behind + fraction.count;
  if (fraction.count - 1 >= 7 || *end == 'e' || *end == 'E')
    return take_any_number(begin, kind, bits);
  // A double holds both exactly, so their quotient is rounded once: it is the double that is nearest to the text.
  const std::uint32_t power = small_powers_of_ten[fraction.count];
  const double real = static_cast<double>(std::int64_t{whole.value} * power + fraction.value) / power;
  kind = FieldValue::Kind::float64;
  bits = std::bit_cast<std::uint64_t>(negative ? -real : real);
  return end;
}

} // namespace detail
} // namespace weir::json
