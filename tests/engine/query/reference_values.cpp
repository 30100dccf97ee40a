#include "tests/engine/query/reference_values.hpp"

#include "tests/engine/query/random_data.hpp"
#include <weir/json_value.hpp>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>

namespace weir::test {
namespace {

__extension__ using Wide = __int128;
__extension__ using UnsignedWide = unsigned __int128;
__extension__ using Quad = __float128; ///< 113 bits: more than any quotient or product here needs.

/// The 64 bit mantissa of this machine's long double holds every int64, uint64 and double exactly.
static_assert(std::numeric_limits<long double>::digits >= 64);
std::optional<long double> number(const Value& value) {
  switch (value.kind()) {
  case Value::Kind::int64: return static_cast<long double>(*value.as_int64());
  case Value::Kind::uint64: return static_cast<long double>(*value.as_uint64());
  case Value::Kind::float64: return static_cast<long double>(*value.as_double());
  default: return std::nullopt;
  }
}

bool is_integer(const Value& value) {
  return value.kind() == Value::Kind::int64 || value.kind() == Value::Kind::uint64;
}

Wide integer(const Value& value) {
  return value.kind() == Value::Kind::int64 ? Wide{*value.as_int64()} : Wide{*value.as_uint64()};
}

Value of_real(double value) {
  return std::isfinite(value) ? Value(value) : Value{};
}

Value of_integer(Wide value) {
  if (value >= INT64_MIN && value <= INT64_MAX)
    return Value(static_cast<std::int64_t>(value));
  if (value >= 0 && value <= static_cast<Wide>(UINT64_MAX))
    return Value(static_cast<std::uint64_t>(value));
  return Value(static_cast<double>(value));
}

/// A natural number of any size: enough for sums of doubles as multiples of 2^-1074, and 64 bits behind those.
class Natural {
public:
  void add(UnsignedWide value, unsigned shift) {
    for (unsigned bit = 0; bit < 128; ++bit) {
      if ((value >> bit & 1u) != 0)
        add_bit(shift + bit);
    }
  }
  [[nodiscard]] bool less(const Natural& other) const {
    for (std::size_t i = bits_.size(); i-- > 0;) {
      if (bits_[i] != other.bits_[i])
        return bits_[i] < other.bits_[i];
    }
    return false;
  }
  void subtract(const Natural& other) {
    int borrow = 0;
    for (std::size_t i = 0; i < bits_.size(); ++i) {
      const int bit = bits_[i] - other.bits_[i] - borrow;
      borrow = bit < 0 ? 1 : 0;
      bits_[i] = static_cast<signed char>(bit + 2 * borrow);
    }
  }
  /// Nearest double to this times 2^-1138, divided by `count`: the C library reads the digits.
  [[nodiscard]] double rounded(std::uint64_t count) const {
    std::array<signed char, size> quotient{};
    UnsignedWide rest = 0;
    for (std::size_t i = size; i-- > 0;) {
      rest = rest << 1u | static_cast<unsigned>(bits_[i]);
      if (rest >= count) {
        quotient[i] = 1;
        rest -= count;
      }
    }
    std::string text = "0x";
    for (std::size_t i = size; i > 0; i -= 4)
      text += "0123456789abcdef"[quotient[i - 1] * 8 + quotient[i - 2] * 4 + quotient[i - 3] * 2 + quotient[i - 4]];
    text +=
        rest != 0 ? ".8p-1138" : "p-1138"; // Something is left, however little: the last digit is below all that count.
    return std::strtod(text.c_str(), nullptr);
  }

private:
  static constexpr std::size_t size = 2'304;
  void add_bit(std::size_t at) {
    while (bits_[at] == 1)
      bits_[at++] = 0;
    bits_[at] = 1;
  }
  std::array<signed char, size> bits_{};
};

double exact_quotient(const std::vector<Value>& numbers, std::uint64_t count) {
  Natural above;
  Natural below;
  for (const Value& value : numbers) {
    Natural& sum = *number(value) < 0 ? below : above;
    if (is_integer(value)) {
      const Wide whole = integer(value);
      sum.add(static_cast<UnsignedWide>(whole < 0 ? -whole : whole), 64 + 1074);
      continue;
    }
    int exponent = 0;
    const double fraction = std::frexp(std::fabs(*value.as_double()), &exponent); // 0.5 to 1
    const auto mantissa = static_cast<std::uint64_t>(std::ldexp(fraction, 53));
    const int shift = exponent - 53 + 1074 + 64; // Denormals leave zeros below, at least 64 - 52 bits up.
    if (mantissa != 0)
      sum.add(mantissa, static_cast<unsigned>(shift));
  }
  if (above.less(below)) {
    below.subtract(above);
    return -below.rounded(count);
  }
  above.subtract(below);
  return above.rounded(count);
}

std::time_t seconds_of(Timestamp time) {
  std::int64_t seconds = time.time_since_epoch().count() / 1'000'000;
  if (seconds * 1'000'000 > time.time_since_epoch().count())
    --seconds;
  return seconds;
}

/// The length of the UTF-8 character at the start of `text`.
std::size_t character(const std::string& text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

bool like(const std::string& text, std::size_t at, const std::string& pattern, std::size_t from) {
  if (from == pattern.size())
    return at == text.size();
  if (pattern[from] == '%')
    return like(text, at, pattern, from + 1) ||
           (at < text.size() && like(text, at + character(text, at), pattern, from));
  if (at == text.size())
    return false;
  if (pattern[from] == '_')
    return like(text, at + character(text, at), pattern, from + 1);
  const std::size_t byte = pattern[from] == '\\' ? from + 1 : from;
  return text[at] == pattern[byte] && like(text, at + 1, pattern, byte + 1);
}

} // namespace

int type_order(const Value& value) {
  if (number(value))
    return number_type;
  switch (value.kind()) {
  case Value::Kind::null: return null_type;
  case Value::Kind::boolean: return boolean_type;
  case Value::Kind::string: return text_type;
  case Value::Kind::json: return json_type;
  default: return time_type;
  }
}

int order_of(const Value& a, const Value& b) {
  const auto sign = [](const auto& x, const auto& y) { return x < y ? -1 : y < x ? 1 : 0; };
  if (type_order(a) != type_order(b))
    return sign(type_order(a), type_order(b));
  switch (type_order(a)) {
  case boolean_type: return sign(*a.as_bool(), *b.as_bool());
  case number_type: return sign(*number(a), *number(b));
  case time_type: return sign(*a.as_timestamp(), *b.as_timestamp());
  case text_type: return sign(std::string(*a.as_string()), std::string(*b.as_string()));
  case json_type: return sign(std::string(*a.as_json()), std::string(*b.as_json()));
  default: return 0;
  }
}

Value plainest(const Value& value) {
  if (value.kind() != Value::Kind::float64)
    return value;
  const long double real = *number(value);
  if (real != std::floor(real) || real < -0x1p63L || real >= 0x1p64L)
    return value;
  return of_integer(static_cast<Wide>(real));
}

Value reference_arithmetic(Arithmetic operation, const Value& left, const Value& right) {
  if (!number(left) || !number(right))
    return {};
  if (!is_integer(left) || !is_integer(right)) {
    const double a = *left.as_double();
    const double b = *right.as_double();
    switch (operation) {
    case Arithmetic::add: return of_real(a + b);
    case Arithmetic::subtract: return of_real(a - b);
    case Arithmetic::multiply: return of_real(a * b);
    case Arithmetic::divide: return b == 0 ? Value{} : of_real(a / b);
    case Arithmetic::remainder: return {};
    }
  }
  const Wide a = integer(left);
  const Wide b = integer(right);
  switch (operation) {
  case Arithmetic::add: return of_integer(a + b);
  case Arithmetic::subtract: return of_integer(a - b);
  case Arithmetic::multiply: {
    Wide product = 0;
    if (!__builtin_mul_overflow(a, b, &product))
      return of_integer(product);
    return Value(static_cast<double>(static_cast<UnsignedWide>(a) * static_cast<UnsignedWide>(b)));
  }
  case Arithmetic::divide:
    if (b == 0)
      return {};
    return a % b == 0 ? of_integer(a / b) : Value(static_cast<double>(static_cast<Quad>(a) / static_cast<Quad>(b)));
  case Arithmetic::remainder: return b == 0 ? Value{} : of_integer(a % b);
  }
  return {};
}

Value reference_abs(const Value& value) {
  if (!number(value))
    return {};
  return *number(value) < 0 ? reference_arithmetic(Arithmetic::subtract, Value(0), value) : value;
}

Value reference_round(const Value& value, int digits) {
  if (!number(value) || is_integer(value))
    return number(value) ? value : Value{};
  const double real = *value.as_double();
  if (std::fabs(real) >= 0x1p53)
    return value;
  Quad power = 1;
  for (int i = 0; i < digits; ++i)
    power *= 10;
  const Quad scaled = static_cast<Quad>(std::fabs(real)) * power;
  const auto whole = static_cast<UnsignedWide>(scaled + static_cast<Quad>(0.5));
  const auto result = static_cast<double>(static_cast<Quad>(whole) / power);
  return Value(real < 0 ? -result : result);
}

Value reference_lower(const Value& value) {
  if (!value.as_string())
    return {};
  std::string text(*value.as_string());
  for (char& c : text) {
    if (std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZ").find(c) != std::string::npos)
      c = static_cast<char>(c | 0x20);
  }
  return text;
}

Value reference_length(const Value& value) {
  if (const auto text = value.as_string()) {
    std::size_t characters = 0;
    for (std::size_t at = 0; at < text->size(); at += character(std::string(*text), at))
      ++characters;
    return Value(characters);
  }
  if (const auto json = value.as_json()) {
    const Json parsed = *Json::parse(*json);
    return parsed.is_array() ? Value(parsed.items().size()) : Value{};
  }
  return {};
}

Value reference_time(const Value& value) {
  if (value.as_timestamp())
    return value;
  if (const auto text = value.as_string()) {
    const auto time = time_of_text(*text);
    return time ? Value(*time) : Value{};
  }
  constexpr std::int64_t first = -62'135'596'800'000; // the year 1
  constexpr std::int64_t last = 253'402'300'799'999;  // the year 9999
  if (const auto milliseconds = value.as_int64(); milliseconds && *milliseconds >= first && *milliseconds <= last)
    return Value(Timestamp(std::chrono::microseconds(*milliseconds * 1'000)));
  return {};
}

Value reference_trunc(const std::string& unit, const Value& time) {
  if (!time.as_timestamp())
    return {};
  const std::time_t seconds = seconds_of(*time.as_timestamp());
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  parts.tm_sec = 0;
  if (unit != "minute")
    parts.tm_min = 0;
  if (unit != "minute" && unit != "hour")
    parts.tm_hour = 0;
  if (unit == "week")
    parts.tm_mday -= (parts.tm_wday + 6) % 7;
  if (unit == "month" || unit == "year")
    parts.tm_mday = 1;
  if (unit == "year")
    parts.tm_mon = 0;
  return Value(Timestamp(std::chrono::seconds(timegm(&parts))));
}

bool reference_like(const std::string& text, const std::string& pattern) {
  return like(text, 0, pattern, 0);
}

int reference_contains(const Value& array, const Value& element) {
  const auto text = array.as_json();
  if (!text)
    return 0;
  const Json parsed = *Json::parse(*text);
  if (!parsed.is_array())
    return 0;
  for (const Json& item : parsed.items()) {
    Value value;
    switch (item.type()) {
    case Json::Type::null: break;
    case Json::Type::boolean: value = item.boolean(); break;
    case Json::Type::integer: value = item.integer(); break;
    case Json::Type::unsigned_integer: value = item.unsigned_integer(); break;
    case Json::Type::real: value = item.number(); break;
    case Json::Type::string: value = std::string(item.string()); break;
    default: continue;
    }
    if (order_of(value, element) == 0)
      return 1;
  }
  return -1;
}

Value reference_total(const std::vector<Value>& numbers) {
  if (numbers.empty())
    return {};
  Wide whole = 0;
  bool integers = true;
  for (const Value& value : numbers) {
    integers = integers && is_integer(value);
    if (integers)
      whole += integer(value);
  }
  return integers ? of_integer(whole) : of_real(exact_quotient(numbers, 1));
}

Value reference_average(const std::vector<Value>& numbers) {
  return numbers.empty() ? Value{} : Value(exact_quotient(numbers, numbers.size()));
}

} // namespace weir::test
