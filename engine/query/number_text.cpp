#include "engine/query/number_text.hpp"

#include "engine/json/number.hpp"
#include <weir/limits.hpp>

#include <array>
#include <charconv>
#include <cmath>

namespace weir::query {
namespace {

std::size_t digits(std::string_view text, std::size_t from) {
  std::size_t end = from;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9')
    ++end;
  return end - from;
}

/// Nothing if `text` is no number of the JSON grammar, else whether it is an integer.
std::optional<bool> integer_form(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const std::size_t whole = digits(text, at);
  if (whole == 0 || (whole > 1 && text[at] == '0'))
    return std::nullopt;
  at += whole;
  bool integer = true;
  if (at < text.size() && text[at] == '.') {
    const std::size_t fraction = digits(text, at + 1);
    if (fraction == 0)
      return std::nullopt;
    at += 1 + fraction;
    integer = false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-'))
      ++at;
    const std::size_t exponent = digits(text, at);
    if (exponent == 0)
      return std::nullopt;
    at += exponent;
    integer = false;
  }
  return at == text.size() ? std::optional<bool>(integer) : std::nullopt;
}

template <class T> std::optional<Value> converted(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return Value(value);
}

} // namespace

std::optional<Value> parse_number(std::string_view text) {
  const std::optional<bool> integer = integer_form(text);
  if (!integer)
    return std::nullopt;
  if (*integer) {
    if (auto value = converted<std::int64_t>(text))
      return value;
    if (auto value = converted<std::uint64_t>(text))
      return value;
  }
  if (auto value = converted<double>(text))
    return value;
  // As in a payload: too small for a double is zero, too large is no number.
  json::Scalar small;
  if (text.size() > limits::json_number_chars_max || !json::detail::read_number(text, small))
    return std::nullopt;
  return Value(std::get<double>(small));
}

void append_number(std::string& out, const Value& number) {
  std::array<char, 32> buffer{};
  const auto append = [&](auto value) {
    const char* end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
    const std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
    out.append(text);
    return text;
  };
  if (number.kind() == Value::Kind::int64) {
    append(*number.as_int64());
  } else if (number.kind() == Value::Kind::uint64) {
    append(*number.as_uint64());
  } else if (append(*number.as_double()).find_first_of(".e") == std::string_view::npos) {
    out += ".0";
  }
}

} // namespace weir::query
