// A condition on one field against literals, as a function of a number or time: constant but for some steps.
//
// Purpose: a column is tested by ranges of its own type, whatever the literals are: `total > 99.5` over integers is
// `total >= 100`. The steps are found by the very comparison that judges single values (compare.hpp), so no rule is
// written twice. Threading: immutable plain values.
#pragma once

#include <weir/query_result.hpp>

#include "engine/query/compare.hpp"
#include "engine/query/outcome_bits.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace weir::query {

// Each domain maps its values to keys in their order, so that steps can be looked for by halving.
struct IntegerDomain {
  using Type = std::int64_t;
  static constexpr std::uint64_t key_min = 0, key_max = UINT64_MAX;
  static Type of_key(std::uint64_t key) noexcept { return static_cast<Type>(key ^ (std::uint64_t{1} << 63U)); }
  static std::uint64_t key(Type value) noexcept {
    return static_cast<std::uint64_t>(value) ^ (std::uint64_t{1} << 63U);
  }
  static ValueView view(Type value) noexcept { return {Value::Kind::int64, {}, value}; }
};

/// Microseconds since 1970.
struct TimeDomain : IntegerDomain {
  static ValueView view(Type value) noexcept { return {Value::Kind::timestamp, {}, value}; }
};

struct BooleanDomain : IntegerDomain {
  static constexpr std::uint64_t key_min = std::uint64_t{1} << 63U, key_max = key_min + 1;
  static ValueView view(Type value) noexcept { return {Value::Kind::boolean, {}, value}; }
};

struct NaturalDomain {
  using Type = std::uint64_t;
  static constexpr std::uint64_t key_min = 0, key_max = UINT64_MAX;
  static Type of_key(std::uint64_t key) noexcept { return key; }
  static std::uint64_t key(Type value) noexcept { return value; }
  static ValueView view(Type value) noexcept { return ValueView::of(value); }
};

struct RealDomain {
  using Type = double;
  static Type of_key(std::uint64_t key) noexcept {
    const bool negative = key >> 63U == 0;
    return std::bit_cast<double>(negative ? ~key : key ^ (std::uint64_t{1} << 63U));
  }
  static std::uint64_t key(Type value) noexcept {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    return bits >> 63U != 0 ? ~bits : bits | (std::uint64_t{1} << 63U);
  }
  static constexpr std::uint64_t key_min = 0x000F'FFFF'FFFF'FFFFu, key_max = 0xFFF0'0000'0000'0000u; ///< -inf, inf
  static ValueView view(Type value) noexcept { return {Value::Kind::float64, {}, 0, 0, value}; }
};

/// The steps of one condition over one domain.
template <class Domain> class ValueSteps {
public:
  using Type = typename Domain::Type;
  ValueSteps() = default;
  /// `of(view)`: what the condition is for one value. It depends on how the value compares with `literals` alone.
  template <class Of> ValueSteps(std::span<const Value> literals, const Of& of) {
    for (const std::uint64_t key : cuts(literals)) {
      const Outcomes outcomes = of(Domain::view(Domain::of_key(key)));
      if (steps_.empty() || !(steps_.back().outcomes == outcomes))
        steps_.push_back({Domain::of_key(key), {}, outcomes});
    }
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const bool last = i + 1 == steps_.size();
      steps_[i].high = last ? Domain::of_key(Domain::key_max) : Domain::of_key(Domain::key(steps_[i + 1].low) - 1);
    }
  }

  /// What the condition is for each of `values`.
  void evaluate(std::span<const Type> values, OutcomeBits& out) const;
  [[nodiscard]] Outcomes at(Type value) const noexcept;

  struct Step {
    Type low{}, high{}; ///< Inclusive.
    Outcomes outcomes;
  };
  /// Ascending, without a hole; neighbours differ.
  [[nodiscard]] std::span<const Step> steps() const noexcept { return steps_; }

private:
  /// Where a step may begin, ascending, from the least key on.
  static std::vector<std::uint64_t> cuts(std::span<const Value> literals);
  void search(std::span<const Type> values, OutcomeBits& out) const;

  std::vector<Step> steps_;
};

extern template class ValueSteps<IntegerDomain>;
extern template class ValueSteps<TimeDomain>;
extern template class ValueSteps<BooleanDomain>;
extern template class ValueSteps<NaturalDomain>;
extern template class ValueSteps<RealDomain>;

} // namespace weir::query
