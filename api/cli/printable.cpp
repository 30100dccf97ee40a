#include "api/cli/printable.hpp"

#include "engine/text.hpp"
#include "engine/validate.hpp"

#include <algorithm>

namespace weir::cli {
namespace {

bool starts_character(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
}

/// The code point of a control character at the start of well-formed `text` and its length in bytes, or 0 bytes.
std::pair<unsigned, std::size_t> control_character(std::string_view text) noexcept {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x20 || first == 0x7F)
    return {first, 1};
  if (first == 0xC2 && text.size() > 1 && static_cast<unsigned char>(text[1]) < 0xA0)
    return {static_cast<unsigned char>(text[1]), 2};
  return {0, 0};
}

void append_escaped(std::string& out, unsigned code_point) {
  switch (code_point) {
  case '\n': out += "\\n"; break;
  case '\r': out += "\\r"; break;
  case '\t': out += "\\t"; break;
  default: out += format("\\u{:04x}", code_point);
  }
}

void append_well_formed(std::string& out, std::string_view text) {
  while (!text.empty()) {
    if (const auto [code_point, bytes] = control_character(text); bytes > 0) {
      append_escaped(out, code_point);
      text.remove_prefix(bytes);
    } else {
      out += text[0];
      text.remove_prefix(1);
    }
  }
}

} // namespace

void append_printable(std::string& out, std::string_view text) {
  for (;;) {
    const std::size_t bad = find_invalid_utf8(text);
    append_well_formed(out, text.substr(0, bad));
    if (bad == std::string_view::npos)
      return;
    out += "\xEF\xBF\xBD"; // U+FFFD
    text.remove_prefix(bad + 1);
  }
}

std::string printable(std::string_view text) {
  std::string out;
  append_printable(out, text);
  return out;
}

std::size_t display_width(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

void cut_to_width(std::string& text, std::size_t width) {
  if (display_width(text) <= width)
    return;
  std::size_t characters = 0;
  const auto end =
      std::find_if(text.begin(), text.end(), [&](char c) { return starts_character(c) && characters++ == width - 1; });
  text.erase(end, text.end());
  text += "\xE2\x80\xA6"; // an ellipsis
}

} // namespace weir::cli
