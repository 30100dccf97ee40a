#include "engine/query/exact_sum.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace weir::query {
namespace {

constexpr unsigned chunk_bits = 32;
constexpr std::int64_t chunk_mask = 0xFFFF'FFFF;
constexpr int lowest_exponent = -1074; ///< Of the least bit that a double has.

/// `value` times 2^-fixed_places, to the nearest double, ties to even.
double rounded_fixed(Int128 value) noexcept {
  constexpr int precision = std::numeric_limits<double>::digits;
  const Uint128 magnitude = absolute(value);
  const auto high = static_cast<std::uint64_t>(magnitude >> 64U);
  const int width = high != 0 ? 64 + static_cast<int>(std::bit_width(high))
                              : static_cast<int>(std::bit_width(static_cast<std::uint64_t>(magnitude)));
  const int dropped = std::max(0, width - precision);
  auto kept = static_cast<std::uint64_t>(magnitude >> static_cast<unsigned>(dropped));
  if (dropped > 0) {
    const Uint128 half = Uint128{1} << static_cast<unsigned>(dropped - 1);
    const Uint128 rest = magnitude & (2 * half - 1);
    if (rest > half || (rest == half && (kept & 1U) != 0))
      ++kept;
  }
  const double rounded = std::ldexp(static_cast<double>(kept), dropped - static_cast<int>(fixed_places));
  return value < 0 ? -rounded : rounded;
}

/// An unsigned number in digits of 32 bits, the lowest first.
class Digits {
public:
  explicit Digits(std::size_t size) : digits_(size) {}
  std::uint32_t& operator[](std::size_t i) { return digits_[i]; }

  /// Divides; true if something is left over.
  bool divide(std::uint64_t divisor) noexcept {
    Uint128 remainder = 0;
    for (std::size_t i = digits_.size(); i-- > 0;) {
      const Uint128 current = remainder << chunk_bits | digits_[i];
      digits_[i] = static_cast<std::uint32_t>(current / divisor);
      remainder = current % divisor;
    }
    return remainder != 0;
  }
  [[nodiscard]] bool bit(std::size_t i) const noexcept {
    return (digits_[i / chunk_bits] >> (i % chunk_bits) & 1u) != 0;
  }
  /// Bits in use.
  [[nodiscard]] std::size_t width() const noexcept {
    for (std::size_t i = digits_.size(); i-- > 0;) {
      if (digits_[i] != 0)
        return i * chunk_bits + static_cast<std::size_t>(std::bit_width(digits_[i]));
    }
    return 0;
  }
  /// A bit below bit `end` is set.
  [[nodiscard]] bool any_below(std::size_t end) const noexcept {
    for (std::size_t i = 0; i < end / chunk_bits; ++i) {
      if (digits_[i] != 0)
        return true;
    }
    return end % chunk_bits != 0 && (digits_[end / chunk_bits] & ((1u << (end % chunk_bits)) - 1)) != 0;
  }

private:
  std::vector<std::uint32_t> digits_;
};

} // namespace

void RealSum::add(double value) noexcept {
  constexpr unsigned mantissa_bits = 52;
  if (additions_ == additions_max)
    carry();
  ++additions_;
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const auto exponent = static_cast<unsigned>(bits >> mantissa_bits & 0x7FFu);
  std::uint64_t mantissa = bits & ((std::uint64_t{1} << mantissa_bits) - 1);
  if (exponent != 0)
    mantissa |= std::uint64_t{1} << mantissa_bits;
  const unsigned shift = exponent == 0 ? 0 : exponent - 1; // Denormals have the exponent of the least normal number.
  const unsigned inside = shift % chunk_bits;
  const auto low = static_cast<std::int64_t>(mantissa << inside & static_cast<std::uint64_t>(chunk_mask));
  const auto high = static_cast<std::int64_t>(mantissa >> (chunk_bits - inside));
  std::int64_t* const chunk = &chunks_[shift / chunk_bits];
  const bool negative = bits >> 63u != 0;
  chunk[0] += negative ? -low : low;
  chunk[1] += negative ? -high : high;
}

void RealSum::add(const RealSum& other) noexcept {
  RealSum carried = other;
  carried.carry();
  carry();
  for (std::size_t i = 0; i < chunk_count; ++i)
    chunks_[i] += carried.chunks_[i];
  ++additions_;
}

void RealSum::add_fixed(Int128 value) noexcept {
  constexpr unsigned lowest = static_cast<unsigned>(-lowest_exponent) - fixed_places;
  carry();
  for (std::size_t i = 0; i < 4; ++i) {
    const auto piece = static_cast<std::int64_t>(absolute(value) >> (chunk_bits * i) & 0xFFFF'FFFFu)
                       << lowest % chunk_bits;
    chunks_[lowest / chunk_bits + i] += value < 0 ? -piece : piece;
  }
  additions_ = 2; // each piece is below 2^53
}

/// Afterwards every chunk but the highest, which has the sign, is from 0 to 2^32 - 1: a sum has one such form.
void RealSum::carry() noexcept {
  for (std::size_t i = 0; i + 1 < chunk_count; ++i) {
    chunks_[i + 1] += chunks_[i] >> chunk_bits;
    chunks_[i] &= chunk_mask;
  }
  additions_ = 1;
}

double RealSum::rounded(Int128 integers, std::uint64_t divisor) const {
  RealSum sum = *this;
  sum.carry();
  // One is bit 1074: in chunk 33, 18 bits up.
  constexpr unsigned one = static_cast<unsigned>(-lowest_exponent);
  for (std::size_t i = 0; i < 4; ++i) {
    const auto piece = static_cast<std::int64_t>(absolute(integers) >> (chunk_bits * i) & 0xFFFF'FFFFu)
                       << one % chunk_bits;
    sum.chunks_[one / chunk_bits + i] += integers < 0 ? -piece : piece;
  }
  sum.carry();
  const bool negative = sum.chunks_.back() < 0;
  if (negative) {
    for (std::int64_t& chunk : sum.chunks_)
      chunk = -chunk;
    sum.carry();
  }
  // Two digits behind the least bit of a double, for what a division leaves there.
  constexpr std::size_t behind = 2;
  Digits digits(behind + chunk_count + 1);
  for (std::size_t i = 0; i < chunk_count; ++i)
    digits[behind + i] = static_cast<std::uint32_t>(sum.chunks_[i] & chunk_mask);
  digits[behind + chunk_count] = static_cast<std::uint32_t>(sum.chunks_.back() >> chunk_bits);
  const bool inexact = digits.divide(divisor);
  const std::size_t width = digits.width();
  constexpr std::size_t least = behind * chunk_bits; // The bit below which a double has none.
  constexpr std::size_t precision = std::numeric_limits<double>::digits;
  const std::size_t lowest = std::max(least, width < precision ? 0 : width - precision);
  std::uint64_t kept = 0;
  for (std::size_t i = width; i-- > lowest;)
    kept = kept << 1u | (digits.bit(i) ? 1u : 0u);
  const bool half = digits.bit(lowest - 1);
  if (half && (inexact || digits.any_below(lowest - 1) || (kept & 1u) != 0))
    ++kept;
  const double magnitude =
      std::ldexp(static_cast<double>(kept), static_cast<int>(lowest) - static_cast<int>(least) + lowest_exponent);
  return negative ? -magnitude : magnitude;
}

RealSum& ExactSum::reals() {
  if (reals_ == nullptr)
    reals_ = std::make_unique<RealSum>();
  return *reals_;
}

void ExactSum::add_fixed(Int128 value) {
  Int128 sum = 0;
  if (__builtin_add_overflow(fixed_, value, &sum)) {
    reals().add_fixed(fixed_);
    sum = value;
  }
  fixed_ = sum;
}

void ExactSum::add_real(double value) {
  constexpr unsigned mantissa_bits = 52;
  // The exponent of a double whose lowest bit is that of fixed_; from there on the value may be shifted up.
  constexpr unsigned exponent_min = 1'075 - fixed_places;
  constexpr unsigned shift_max = 126 - 53;
  any_real_ = true;
  ++numbers_;
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const unsigned shift = static_cast<unsigned>(bits >> mantissa_bits & 0x7FFu) - exponent_min;
  if (shift > shift_max) { // also below exponent_min, which wraps
    if (value != 0)
      reals().add(value);
    return;
  }
  const std::uint64_t mantissa = (bits & ((std::uint64_t{1} << mantissa_bits) - 1)) | std::uint64_t{1} << mantissa_bits;
  const Int128 fixed = static_cast<Int128>(mantissa) << shift;
  add_fixed(bits >> 63U != 0 ? -fixed : fixed);
}

void ExactSum::add_integers(std::span<const std::int64_t> values) noexcept {
  for (const std::int64_t value : values)
    integers_ += value;
  numbers_ += values.size();
}

void ExactSum::add_reals(std::span<const double> values) {
  for (const double value : values)
    add_real(value);
}

void ExactSum::add(const ExactSum& other) {
  integers_ += other.integers_;
  numbers_ += other.numbers_;
  any_real_ = any_real_ || other.any_real_;
  add_fixed(other.fixed_);
  if (other.reals_ != nullptr)
    reals().add(*other.reals_);
}

RealSum ExactSum::all_reals() const noexcept {
  RealSum sum = reals_ != nullptr ? *reals_ : RealSum();
  sum.add_fixed(fixed_);
  return sum;
}

Value ExactSum::total() const {
  if (numbers_ == 0)
    return {};
  if (any_real_) {
    constexpr Int128 whole_max = Int128{1} << (126 - fixed_places);
    Int128 fixed = 0;
    if (reals_ == nullptr && integers_ <= whole_max && integers_ >= -whole_max &&
        !__builtin_add_overflow(fixed_, integers_ * (Int128{1} << fixed_places), &fixed))
      return Value(rounded_fixed(fixed));
    const double sum = all_reals().rounded(integers_, 1);
    return std::isfinite(sum) ? Value(sum) : Value{};
  }
  if (integers_ >= 0 && integers_ <= std::numeric_limits<std::uint64_t>::max())
    return Value(static_cast<std::uint64_t>(integers_));
  if (integers_ < 0 && integers_ >= std::numeric_limits<std::int64_t>::min())
    return Value(static_cast<std::int64_t>(integers_));
  return Value(static_cast<double>(integers_));
}

Value ExactSum::average() const {
  if (numbers_ == 0)
    return {};
  return Value(all_reals().rounded(integers_, numbers_)); // Never above the greatest number.
}

} // namespace weir::query
