#include "engine/check.hpp"
#include "engine/json/json.hpp"

#include <charconv>
#include <cmath>
#include <iterator>

namespace weir::json {

namespace {

/// The letter of a two-character escape, 'u' for control characters without one, 0 for what stands for itself.
char escape_letter(char c) {
  switch (c) {
  case '"':
  case '\\': return c;
  case '\b': return 'b';
  case '\f': return 'f';
  case '\n': return 'n';
  case '\r': return 'r';
  case '\t': return 't';
  default: return static_cast<unsigned char>(c) < 0x20 ? 'u' : '\0';
  }
}

} // namespace

void append_string(std::string& out, std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  out += '"';
  std::size_t copied = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char letter = escape_letter(text[i]);
    if (letter == '\0')
      continue;
    out += text.substr(copied, i - copied);
    copied = i + 1;
    out += '\\';
    out += letter;
    if (letter == 'u') {
      out += "00";
      out += hex[static_cast<unsigned char>(text[i]) >> 4];
      out += hex[static_cast<unsigned char>(text[i]) & 15];
    }
  }
  out += text.substr(copied);
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
