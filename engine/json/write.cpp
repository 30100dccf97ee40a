#include "engine/check.hpp"
#include "engine/json/json.hpp"
#include "engine/json/scan.hpp"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <iterator>

namespace weir::json {

namespace {

/// The letter behind the backslash of something that does not stand for itself: 'u' for control characters without one.
char escape_letter(char c) {
  switch (c) {
  case '"':
  case '\\': return c;
  case '\b': return 'b';
  case '\f': return 'f';
  case '\n': return 'n';
  case '\r': return 'r';
  case '\t': return 't';
  default: return 'u';
  }
}

} // namespace

void append_string(std::string& out, std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  out += '"';
  for (;;) {
    const std::size_t plain = detail::plain_bytes(text.data(), text.data() + text.size());
    out += text.substr(0, plain);
    if (plain == text.size())
      break;
    const char escaped = text[plain];
    const char letter = escape_letter(escaped);
    out += '\\';
    out += letter;
    if (letter == 'u') {
      out += "00";
      out += hex[static_cast<unsigned char>(escaped) >> 4];
      out += hex[static_cast<unsigned char>(escaped) & 15];
    }
    text.remove_prefix(plain + 1);
  }
  out += '"';
}

void append_double(std::string& out, double value) {
  WEIR_CHECK(std::isfinite(value));
  char text[32]; // The longest shortest form, "-2.2250738585072014e-308", has 24.
  const auto [end, error] = std::to_chars(std::begin(text), std::end(text), value);
  WEIR_CHECK(error == std::errc{});
  const std::string_view digits(text, static_cast<std::size_t>(end - text));
  out += digits;
  if (digits.find_first_of(".e") == std::string_view::npos)
    out += ".0"; // Else it would read back as an integer.
}

} // namespace weir::json
