// Sums of numbers that do not depend on the order of additions.
//
// Purpose: TOTAL and AVG of parts that are added in any order, and merged in any grouping, come out the same to the
// bit: every addition is exact, and the result is rounded once. Doubles go into a fixed-point number as wide as all
// doubles, cut into chunks whose carries are put off: the small superaccumulator of R. M. Neal, "Fast exact summation
// using small and large superaccumulators", 2015 (arXiv:1505.05571). Integers are added as integers, and doubles of
// everyday size as integers of so many binary places, which takes neither memory nor a long way to the result.
// Threading: one owner.
#pragma once

#include <weir/query_result.hpp>

#include "engine/query/wide.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace weir::query {

/// Doubles that are multiples of 2^-fixed_places and below 2^54 are added as integers.
inline constexpr unsigned fixed_places = 72;

/// The exact sum of up to 2^63 doubles, all finite.
class RealSum {
public:
  void add(double value) noexcept;
  void add(const RealSum& other) noexcept;
  /// Adds `value` times 2^-fixed_places.
  void add_fixed(Int128 value) noexcept;
  /// (sum + `integers`) / `divisor`, to the nearest double, ties to even; infinite beyond the largest one.
  [[nodiscard]] double rounded(Int128 integers, std::uint64_t divisor) const;

private:
  friend class ExactSum;
  void carry() noexcept;

  static constexpr std::size_t chunk_count = 67;
  /// Chunk i counts 2^(32 i - 1074). Between carries each holds the sum of at most `additions_max` parts below 2^53.
  std::array<std::int64_t, chunk_count> chunks_{};
  static constexpr std::uint32_t additions_max = 1'000;
  std::uint32_t additions_ = 0;
};

class ExactSum {
public:
  ExactSum() = default;
  ExactSum(const ExactSum& other)
      : integers_(other.integers_), fixed_(other.fixed_), numbers_(other.numbers_), any_real_(other.any_real_),
        reals_(other.reals_ != nullptr ? std::make_unique<RealSum>(*other.reals_) : nullptr) {}
  ExactSum& operator=(const ExactSum& other) { return *this = ExactSum(other); }
  ExactSum(ExactSum&&) noexcept = default;
  ExactSum& operator=(ExactSum&&) noexcept = default;
  ~ExactSum() = default;
  /// A number of any kind.
  void add_integer(std::int64_t value) noexcept { add_wide(value); }
  void add_natural(std::uint64_t value) noexcept { add_wide(static_cast<Int128>(value)); }
  void add_real(double value);
  void add_integers(std::span<const std::int64_t> values) noexcept;
  void add_reals(std::span<const double> values);
  void add(const ExactSum& other);

  /// How many numbers there were.
  [[nodiscard]] std::uint64_t numbers() const noexcept { return numbers_; }
  /// The sum: an integer if only integers were added and it fits 64 bits, else the nearest double; null of nothing, and
  /// where no double is near.
  [[nodiscard]] Value total() const;
  /// The sum divided by numbers(), rounded once to a double; null of nothing.
  [[nodiscard]] Value average() const;
  /// Memory beside the object itself.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return reals_ != nullptr ? sizeof(RealSum) : 0; }

private:
  /// Adds to fixed_; what was there goes to reals_ if that is too much.
  void add_fixed(Int128 value);
  RealSum& reals();
  /// What doubles there were: fixed_ and reals_ together.
  [[nodiscard]] RealSum all_reals() const noexcept;
  void add_wide(Int128 value) noexcept {
    integers_ += value;
    ++numbers_;
  }
  Int128 integers_ = 0; ///< Fits: 2^63 numbers of 64 bits.
  Int128 fixed_ = 0;    ///< Doubles, times 2^fixed_places.
  std::uint64_t numbers_ = 0;
  bool any_real_ = false;
  std::unique_ptr<RealSum> reals_; ///< Once there was one that does not fit fixed_.
};

} // namespace weir::query
