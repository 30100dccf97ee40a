#include "api/cli/plot_bar.hpp"

#include "engine/text.hpp"
#include "engine/time_text.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

namespace weir::cli {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::microseconds;

// Eighths of a column, from the left.
constexpr std::array<std::string_view, 9> eighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};

std::int64_t months_of(Timestamp time) noexcept {
  const std::chrono::year_month_day date(floor<days>(time));
  return std::int64_t{static_cast<int>(date.year())} * 12 + static_cast<unsigned>(date.month()) - 1;
}

Timestamp month_begin(std::int64_t months) noexcept {
  const std::int64_t year = months >= 0 ? months / 12 : (months - 11) / 12;
  const auto month = static_cast<unsigned>(months - year * 12) + 1;
  return std::chrono::sys_days(std::chrono::year(static_cast<int>(year)) / std::chrono::month(month) / 1);
}

/// Units of fixed length; months and years have none.
microseconds length_of(TimeUnit unit) noexcept {
  switch (unit) {
  case TimeUnit::minute: return std::chrono::minutes(1);
  case TimeUnit::hour: return std::chrono::hours(1);
  case TimeUnit::week: return days(7);
  default: break;
  }
  return days(1);
}

} // namespace

BarScale::BarScale(double low, double high, std::size_t width, bool utf8) noexcept
    : low_(low), high_(high), width_(std::max<std::size_t>(width, 2)), utf8_(utf8) {
  if (!(low_ < 0))
    return;
  // In halves, since the whole may be beyond what a double holds. Each side that has something keeps a column.
  const double part = high_ > 0 ? (low_ / 2) / (low_ / 2 - high_ / 2) : 1;
  left_ = std::isfinite(part) ? static_cast<std::size_t>(std::round(part * static_cast<double>(width_))) : width_ / 2;
  left_ = std::clamp<std::size_t>(left_, 1, high_ > 0 ? width_ - 1 : width_);
}

std::size_t BarScale::append(std::string& out, double number) const {
  if (number >= 0 || std::isnan(number)) {
    out.append(left_, ' ');
    return left_ + append_right(out, number);
  }
  const double part = std::min(number / low_, 1.0);
  const auto columns =
      std::max<std::size_t>(1, static_cast<std::size_t>(std::round(part * static_cast<double>(left_))));
  out.append(left_ - columns, ' ');
  for (std::size_t i = 0; i < columns; ++i)
    out += utf8_ ? "█" : "#";
  return left_;
}

std::size_t BarScale::append_right(std::string& out, double number) const {
  if (!(number > 0))
    return 0;
  const auto columns_max = static_cast<double>(width_ - left_);
  const double columns = std::min(number / high_, 1.0) * columns_max;
  if (!utf8_) {
    const auto drawn = std::max<std::size_t>(1, static_cast<std::size_t>(std::round(columns)));
    out.append(drawn, '#');
    return drawn;
  }
  const auto parts = std::max<std::size_t>(1, static_cast<std::size_t>(std::round(columns * 8)));
  for (std::size_t i = 0; i < parts / 8; ++i)
    out += eighths[8];
  out += eighths[parts % 8];
  return (parts + 7) / 8;
}

std::string number_text(const Value& number) {
  if (number.kind() != Value::Kind::float64)
    return to_json(number);
  const double value = number.as_double().value_or(0);
  if (std::abs(value) >= 1e15 || (value != 0 && std::abs(value) < 0.01))
    return format("{:.3g}", value);
  std::string text = format("{:.2f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.')
    text.pop_back();
  return text;
}

std::string time_label(Timestamp time, TimeUnit unit) {
  std::string text = format_timestamp(time); // 2024-03-01T12:05:00.000000Z
  switch (unit) {
  case TimeUnit::minute:
  case TimeUnit::hour: text[10] = ' '; return text.substr(0, 16);
  case TimeUnit::day:
  case TimeUnit::week: return text.substr(0, 10);
  case TimeUnit::month: return text.substr(0, 7);
  case TimeUnit::year: break;
  }
  return text.substr(0, 4);
}

std::int64_t units_between(Timestamp first, Timestamp last, TimeUnit unit) noexcept {
  if (unit == TimeUnit::month || unit == TimeUnit::year)
    return (months_of(last) - months_of(first)) / (unit == TimeUnit::year ? 12 : 1);
  return (last - first) / length_of(unit);
}

Timestamp time_after(Timestamp time, std::int64_t count, TimeUnit unit) noexcept {
  if (unit == TimeUnit::month || unit == TimeUnit::year)
    return month_begin(months_of(time) + count * (unit == TimeUnit::year ? 12 : 1));
  return time + count * length_of(unit);
}

} // namespace weir::cli
