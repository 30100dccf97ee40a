// What a condition may turn out to be, as far as is known.
//
// Purpose: one evaluation serves a single row, a row whose payload was not read yet, a zone and a whole segment: each
// knows a set of outcomes of every comparison, and the sets combine by three-valued logic. What cannot be true is
// skipped. A set may be too large, never too small: comparisons are taken as independent of each other.
// Threading: plain values.
#pragma once

#include <cstdint>

namespace weir::query {

/// A set over {false, unknown, true}.
class Outcomes {
public:
  constexpr Outcomes() = default;
  static constexpr Outcomes never() noexcept { return Outcomes(f); }
  static constexpr Outcomes unknown() noexcept { return Outcomes(u); }
  static constexpr Outcomes always() noexcept { return Outcomes(t); }
  static constexpr Outcomes any() noexcept { return Outcomes(f | u | t); }
  static constexpr Outcomes of(bool value) noexcept { return value ? always() : never(); }

  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
  [[nodiscard]] constexpr bool may_be_false() const noexcept { return (bits_ & f) != 0; }
  [[nodiscard]] constexpr bool may_be_unknown() const noexcept { return (bits_ & u) != 0; }
  [[nodiscard]] constexpr bool may_be_true() const noexcept { return (bits_ & t) != 0; }
  /// Exactly one is possible.
  [[nodiscard]] constexpr bool is_one() const noexcept { return bits_ == f || bits_ == u || bits_ == t; }
  [[nodiscard]] constexpr bool is_true() const noexcept { return bits_ == t; }
  [[nodiscard]] constexpr bool is_false() const noexcept { return bits_ == f; }

  /// Union: one or the other.
  friend constexpr Outcomes operator|(Outcomes a, Outcomes b) noexcept {
    return Outcomes(static_cast<unsigned>(a.bits_) | b.bits_);
  }
  /// AND takes the lesser of each pair, false < unknown < true. Precondition of all three: neither is empty.
  friend constexpr Outcomes both(Outcomes a, Outcomes b) noexcept {
    const unsigned either_false = (a.bits_ | b.bits_) & f;
    const unsigned some_unknown = ((a.bits_ & (b.bits_ | b.bits_ >> 1)) | (b.bits_ & (a.bits_ >> 1))) & u;
    return Outcomes(either_false | some_unknown | (static_cast<unsigned>(a.bits_) & b.bits_ & t));
  }
  /// NOT exchanges false and true.
  friend constexpr Outcomes negation(Outcomes a) noexcept {
    return Outcomes((a.bits_ & u) | (a.bits_ & f) << 2 | (a.bits_ & t) >> 2);
  }
  friend constexpr Outcomes either(Outcomes a, Outcomes b) noexcept { return negation(both(negation(a), negation(b))); }
  friend constexpr bool operator==(Outcomes, Outcomes) = default;

private:
  static constexpr unsigned f = 1, u = 2, t = 4;
  explicit constexpr Outcomes(unsigned bits) noexcept : bits_(static_cast<std::uint8_t>(bits)) {}
  std::uint8_t bits_ = 0;
};

} // namespace weir::query
