// The pieces of a plot: bars, numbers, and steps of time.
//
// Threading: pure functions and plain values.
#pragma once

#include <weir/query.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::cli {

/// Draws numbers between `low` (at most 0) and `high` (at least 0) into `width` columns, at least 2. Below 0 goes to
/// the left.
class BarScale {
public:
  BarScale(double low, double high, std::size_t width, bool utf8) noexcept;

  /// Appends the bar, without spaces behind it, and answers how many columns that are. What is not 0 is never drawn as
  /// nothing.
  std::size_t append(std::string& out, double number) const;
  [[nodiscard]] std::size_t width() const noexcept { return width_; }

private:
  std::size_t append_right(std::string& out, double number) const;

  double low_, high_;
  std::size_t width_;
  std::size_t left_ = 0; ///< Columns below zero.
  bool utf8_;
};

/// As short as a reader needs it: integers in full, others with few digits behind the point.
[[nodiscard]] std::string number_text(const Value& number);

/// The beginning of a unit as far as it says something: "2024-03", "2024-03-01", "2024-03-01 12:05".
[[nodiscard]] std::string time_label(Timestamp time, TimeUnit unit);
/// From the beginning of one unit to that of another, in units.
[[nodiscard]] std::int64_t units_between(Timestamp first, Timestamp last, TimeUnit unit) noexcept;
/// The beginning of the unit that is `count` later. Precondition: within the years of timestamps.
[[nodiscard]] Timestamp time_after(Timestamp time, std::int64_t count, TimeUnit unit) noexcept;

} // namespace weir::cli
