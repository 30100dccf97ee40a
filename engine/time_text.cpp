#include "engine/time_text.hpp"

#include "engine/text.hpp"

#include <weir/limits.hpp>

#include <algorithm>
#include <limits>

namespace weir {

namespace {

using namespace std::chrono;

constexpr Timestamp time_min = sys_days{year{limits::year_min} / 1 / 1};
constexpr Timestamp time_end = sys_days{year{limits::year_max + 1} / 1 / 1}; // exclusive

/// Reads one timestamp from left to right; the first thing that does not fit becomes the error.
class Parser {
public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Timestamp> run() {
    const int y = number(4, "a year of four digits");
    literal('-', "'-' after the year");
    const int mo = number(2, "a month of two digits", 1, 12);
    literal('-', "'-' after the month");
    const std::size_t day_at = at_;
    const int d = number(2, "a day of two digits", 1, 31);
    if (!peek('T') && !peek('t') && !peek(' '))
      wrong("'T' between date and time");
    ++at_;
    const int h = number(2, "an hour from 00 to 23", 0, 23);
    literal(':', "':' after the hour");
    const int mi = number(2, "a minute from 00 to 59", 0, 59);
    literal(':', "':' after the minute");
    const int s = number(2, "a second from 00 to 59 (leap seconds are not accepted)", 0, 59);
    const microseconds fraction = read_fraction();
    const minutes offset = read_offset();
    if (at_ != text_.size())
      wrong("nothing after the offset");
    if (!failed_) {
      const year_month_day date{year{y}, month{static_cast<unsigned>(mo)}, day{static_cast<unsigned>(d)}};
      if (!date.ok()) {
        at_ = day_at;
        wrong("a day that this month has");
      } else {
        const Timestamp t = sys_days{date} + hours{h} + minutes{mi} + seconds{s} + fraction - offset;
        if (timestamp_in_range(t))
          return t;
        at_ = 0;
        wrong("a time within years 1 to 9999");
      }
    }
    return fail(Errc::invalid_argument, message(), format("byte {}", failed_at_));
  }

private:
  [[nodiscard]] bool peek(char c) const { return at_ < text_.size() && text_[at_] == c; }

  [[nodiscard]] bool peek_digit() const { return at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; }

  void wrong(std::string_view expected) {
    if (failed_)
      return;
    failed_ = true;
    failed_at_ = std::min(at_, text_.size());
    expected_ = expected;
  }

  void literal(char c, std::string_view expected) {
    if (!peek(c))
      wrong(expected);
    ++at_;
  }

  int number(int digits, std::string_view expected, int min = 0, int max = std::numeric_limits<int>::max()) {
    const std::size_t start = at_;
    int value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      if (!peek_digit()) {
        wrong(expected);
        return min;
      }
      value = value * 10 + (text_[at_] - '0');
    }
    if (value < min || value > max) {
      at_ = start;
      wrong(expected);
    }
    return value;
  }

  microseconds read_fraction() {
    if (!peek('.'))
      return {};
    ++at_;
    std::int64_t value = 0;
    int digits = 0;
    for (; peek_digit() && digits < 6; ++at_, ++digits)
      value = value * 10 + (text_[at_] - '0');
    if (digits == 0 || peek_digit())
      wrong("1 to 6 fraction digits");
    for (; digits < 6; ++digits)
      value *= 10;
    return microseconds{value};
  }

  minutes read_offset() {
    if (peek('Z') || peek('z')) {
      ++at_;
      return {};
    }
    const bool minus = peek('-');
    if (!minus && !peek('+'))
      wrong("an offset: Z, +hh:mm or -hh:mm");
    ++at_;
    const int h = number(2, "offset hours from 00 to 23", 0, 23);
    literal(':', "':' inside the offset");
    const int m = number(2, "offset minutes from 00 to 59", 0, 59);
    const minutes offset = hours{h} + minutes{m};
    return minus ? -offset : offset;
  }

  [[nodiscard]] std::string message() const {
    // Foreign bytes are shown only where they cannot garble a terminal or a log.
    const bool printable =
        text_.size() <= 40 && std::all_of(text_.begin(), text_.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
    if (printable)
      return format("timestamp \"{}\": expected {}", text_, expected_);
    return format("timestamp: expected {}", expected_);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool failed_ = false;
  std::size_t failed_at_ = 0;
  std::string_view expected_;
};

char* put(char* out, unsigned value, int digits) {
  for (int i = digits - 1; i >= 0; --i, value /= 10)
    out[i] = static_cast<char>('0' + value % 10);
  return out + digits;
}

} // namespace

Result<Timestamp> parse_timestamp(std::string_view text) {
  return Parser(text).run();
}

Result<Timestamp> timestamp_from_ms(std::int64_t ms) {
  // Compared as milliseconds: as microseconds a large value would overflow.
  if (ms < floor<milliseconds>(time_min).time_since_epoch().count() ||
      ms >= floor<milliseconds>(time_end).time_since_epoch().count())
    return fail(Errc::invalid_argument, format("timestamp {} ms lies outside years 1 to 9999", ms));
  return Timestamp{milliseconds{ms}};
}

bool timestamp_in_range(Timestamp t) noexcept {
  return t >= time_min && t < time_end;
}

std::string format_timestamp(Timestamp t) {
  std::string out;
  append_timestamp(out, t);
  return out;
}

void append_timestamp(std::string& out, Timestamp t) {
  if (!timestamp_in_range(t)) { // Never stored; still shown, for messages about values that were refused.
    out += format("{} microseconds since 1970", t.time_since_epoch().count());
    return;
  }
  const auto days = floor<std::chrono::days>(t);
  const year_month_day date{days};
  const auto us = static_cast<std::uint64_t>((t - days).count());
  const auto second = static_cast<unsigned>(us / 1'000'000);
  char text[27];
  char* p = put(text, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  *p++ = '-';
  p = put(p, static_cast<unsigned>(date.month()), 2);
  *p++ = '-';
  p = put(p, static_cast<unsigned>(date.day()), 2);
  *p++ = 'T';
  p = put(p, second / 3600, 2);
  *p++ = ':';
  p = put(p, second / 60 % 60, 2);
  *p++ = ':';
  p = put(p, second % 60, 2);
  *p++ = '.';
  p = put(p, static_cast<unsigned>(us % 1'000'000), 6);
  *p = 'Z';
  out.append(text, sizeof text);
}

} // namespace weir
