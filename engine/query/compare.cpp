#include "engine/query/compare.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace weir::query {
namespace {

constexpr double two_to_63 = 9223372036854775808.0;
constexpr double two_to_64 = 18446744073709551616.0;

/// Converting the integer to double would round it: 2^53 + 1 must not equal 2^53. The double's integral part is exact
/// as an integer once its range is known, and its fraction decides what is left.
template <class Integer> std::weak_ordering compare_exact(Integer a, double b, double low, double high) noexcept {
  if (b < low)
    return std::weak_ordering::greater;
  if (b >= high)
    return std::weak_ordering::less;
  const double whole = std::floor(b);
  const auto integer = static_cast<Integer>(whole);
  if (a != integer)
    return a <=> integer;
  return whole < b ? std::weak_ordering::less : std::weak_ordering::equivalent;
}

std::weak_ordering compare_doubles(double a, double b) noexcept {
  return a < b ? std::weak_ordering::less : b < a ? std::weak_ordering::greater : std::weak_ordering::equivalent;
}

std::weak_ordering compare_numbers(const ValueView& a, const ValueView& b) noexcept {
  using Kind = Value::Kind;
  if (a.kind == Kind::float64) {
    if (b.kind == Kind::float64)
      return compare_doubles(a.real, b.real);
    return 0 <=> compare_numbers(b, a);
  }
  if (b.kind == Kind::float64) {
    return a.kind == Kind::int64 ? compare_exact(a.integer, b.real, -two_to_63, two_to_63)
                                 : compare_exact(a.natural, b.real, 0.0, two_to_64);
  }
  // A core number arrives as uint64 even where it is small, so both signs must be looked at.
  const bool a_negative = a.kind == Kind::int64 && a.integer < 0;
  const bool b_negative = b.kind == Kind::int64 && b.integer < 0;
  if (a_negative || b_negative) {
    if (a_negative && b_negative)
      return a.integer <=> b.integer;
    return a_negative ? std::weak_ordering::less : std::weak_ordering::greater;
  }
  const auto magnitude = [](const ValueView& v) {
    return v.kind == Kind::int64 ? static_cast<std::uint64_t>(v.integer) : v.natural;
  };
  return magnitude(a) <=> magnitude(b);
}

std::weak_ordering compare_ranked(Rank of, const ValueView& a, const ValueView& b) noexcept {
  switch (of) {
  case Rank::null: return std::weak_ordering::equivalent;
  case Rank::boolean:
  case Rank::timestamp: return a.integer <=> b.integer;
  case Rank::number: return compare_numbers(a, b);
  case Rank::string:
  case Rank::json: return a.text <=> b.text;
  }
  return std::weak_ordering::equivalent;
}

} // namespace

ValueView ValueView::of(const Value& value) noexcept {
  ValueView view;
  view.kind = value.kind();
  switch (view.kind) {
  case Value::Kind::null: break;
  case Value::Kind::boolean: view.integer = *value.as_bool() ? 1 : 0; break;
  case Value::Kind::int64: view.integer = *value.as_int64(); break;
  case Value::Kind::uint64: view.natural = *value.as_uint64(); break;
  case Value::Kind::float64: view.real = *value.as_double(); break;
  case Value::Kind::string: view.text = *value.as_string(); break;
  case Value::Kind::timestamp: view.integer = value.as_timestamp()->time_since_epoch().count(); break;
  case Value::Kind::json: view.text = *value.as_json(); break;
  }
  return view;
}

Rank rank(Value::Kind kind) noexcept {
  switch (kind) {
  case Value::Kind::null: return Rank::null;
  case Value::Kind::boolean: return Rank::boolean;
  case Value::Kind::int64:
  case Value::Kind::uint64:
  case Value::Kind::float64: return Rank::number;
  case Value::Kind::timestamp: return Rank::timestamp;
  case Value::Kind::string: return Rank::string;
  case Value::Kind::json: return Rank::json;
  }
  return Rank::null;
}

std::optional<std::weak_ordering> compare(const ValueView& a, const ValueView& b) noexcept {
  const Rank of = rank(a.kind);
  if (of != rank(b.kind) || of == Rank::null || of == Rank::json)
    return std::nullopt;
  return compare_ranked(of, a, b);
}

std::weak_ordering total_order(const ValueView& a, const ValueView& b) noexcept {
  const Rank a_rank = rank(a.kind);
  const Rank b_rank = rank(b.kind);
  return a_rank != b_rank ? std::weak_ordering(a_rank <=> b_rank) : compare_ranked(a_rank, a, b);
}

Value to_value(const ValueView& view) {
  switch (view.kind) {
  case Value::Kind::null: return {};
  case Value::Kind::boolean: return Value(view.integer != 0);
  case Value::Kind::int64: return Value(view.integer);
  case Value::Kind::uint64: return Value(view.natural);
  case Value::Kind::float64: return Value(view.real);
  case Value::Kind::string: return Value(view.text);
  case Value::Kind::timestamp: return Value(Timestamp(std::chrono::microseconds(view.integer)));
  case Value::Kind::json: return Value(JsonText{std::string(view.text)});
  }
  return {};
}

ValueView normalized(const ValueView& view) noexcept {
  if (view.kind == Value::Kind::uint64 && view.natural <= static_cast<std::uint64_t>(INT64_MAX))
    return ValueView::of_integer(static_cast<std::int64_t>(view.natural));
  if (view.kind != Value::Kind::float64 || view.real != std::floor(view.real))
    return view;
  if (view.real >= -two_to_63 && view.real < two_to_63)
    return ValueView::of_integer(static_cast<std::int64_t>(view.real));
  if (view.real >= 0 && view.real < two_to_64)
    return ValueView::of(static_cast<std::uint64_t>(view.real));
  return view;
}

void append_key(std::string& out, const ValueView& value) {
  const ValueView view = normalized(value);
  const auto append_word = [&out](std::uint64_t word) {
    std::array<char, sizeof word> bytes;
    std::memcpy(bytes.data(), &word, sizeof word); // Keys live in one process: the order of bytes does not matter.
    out.append(bytes.data(), bytes.size());
  };
  out.push_back(static_cast<char>(view.kind));
  switch (view.kind) {
  case Value::Kind::null: break;
  case Value::Kind::boolean:
  case Value::Kind::int64:
  case Value::Kind::timestamp: append_word(static_cast<std::uint64_t>(view.integer)); break;
  case Value::Kind::uint64: append_word(view.natural); break;
  case Value::Kind::float64: append_word(std::bit_cast<std::uint64_t>(view.real)); break;
  case Value::Kind::string:
  case Value::Kind::json:
    append_word(view.text.size()); // So that no key can run into the next.
    out.append(view.text);
    break;
  }
}

} // namespace weir::query
