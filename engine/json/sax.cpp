#include "engine/json/sax.hpp"

#include "engine/json/json.hpp"
#include "engine/text.hpp"
#include "engine/validate.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <system_error>

namespace weir::json::detail {

namespace {

std::string_view describe(rapidjson::ParseErrorCode code, const Input& input) {
  if (input.at_end())
    return "the text ends too early";
  switch (code) {
  case rapidjson::kParseErrorDocumentRootNotSingular: return "something follows the document";
  case rapidjson::kParseErrorObjectMissName: return "expected a key";
  case rapidjson::kParseErrorObjectMissColon: return "expected ':' after a key";
  case rapidjson::kParseErrorObjectMissCommaOrCurlyBracket: return "expected ',' or '}' after a member";
  case rapidjson::kParseErrorArrayMissCommaOrSquareBracket: return "expected ',' or ']' after an element";
  case rapidjson::kParseErrorStringUnicodeEscapeInvalidHex: return "expected four hex digits after \\u";
  case rapidjson::kParseErrorStringUnicodeSurrogateInvalid: return "half a surrogate pair";
  case rapidjson::kParseErrorStringEscapeInvalid: return "an unknown escape or a raw control character in a string";
  case rapidjson::kParseErrorStringMissQuotationMark: return "a NUL byte in a string";
  case rapidjson::kParseErrorNumberTooBig: return "a number beyond the range of a double";
  case rapidjson::kParseErrorNumberMissFraction: return "expected a digit after the decimal point";
  case rapidjson::kParseErrorNumberMissExponent: return "expected a digit in the exponent";
  default: return "expected a value";
  }
}

thread_local std::unique_ptr<char[]> escaped;
thread_local std::size_t escaped_bytes = 0;

bool hex4(const char* p, unsigned& value) {
  value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = p[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0)
      return false;
    value = value * 16 + static_cast<unsigned>(digit);
  }
  return true;
}

} // namespace

char* escaped_string(std::size_t bytes) {
  if (bytes > escaped_bytes) {
    escaped = std::make_unique_for_overwrite<char[]>(bytes);
    escaped_bytes = bytes;
  }
  return escaped.get();
}

void release_scratch() noexcept {
  if (escaped_bytes <= scratch_bytes_kept)
    return;
  escaped.reset();
  escaped_bytes = 0;
}

Outcome outcome_of(const rapidjson::ParseResult& result, const Input& input) {
  if (!result.IsError()) {
    // The reader takes a NUL byte for the end of its input.
    if (!input.at_end())
      return {Outcome::End::malformed, input.Tell(), "a NUL byte follows the document"};
    return {};
  }
  if (result.Code() == rapidjson::kParseErrorTermination)
    return {Outcome::End::stopped_by_handler, result.Offset(), {}};
  const bool too_big = result.Code() == rapidjson::kParseErrorNumberTooBig;
  return {Outcome::End::malformed, result.Offset(), describe(result.Code(), input), too_big};
}

std::string quoted(std::string_view text) {
  if (text.size() > 64 || !valid_utf8(text))
    return format("of {} bytes", text.size());
  std::string out;
  append_string(out, text);
  return out;
}

std::size_t find_lone_surrogate(std::string_view text) {
  const char* const end = text.data() + text.size();
  const char* p = text.data();
  while (p != end &&
         (p = static_cast<const char*>(std::memchr(p, '\\', static_cast<std::size_t>(end - p)))) != nullptr) {
    unsigned unit;
    if (end - p < 6 || p[1] != 'u' || !hex4(p + 2, unit)) {
      p += std::min<std::ptrdiff_t>(2, end - p);
      continue;
    }
    if (unit >= 0xDC00 && unit <= 0xDFFF)
      return static_cast<std::size_t>(p - text.data());
    const bool pair = unit >= 0xD800 && unit <= 0xDBFF && end - p >= 12;
    p += pair ? 12 : 6;
  }
  return std::string_view::npos;
}

bool finite(std::string_view number) noexcept {
  const std::size_t exponent = number.find_first_of("eE");
  // 64 digits without an exponent stay far below 1e308, and a negative exponent can only make them smaller.
  if (exponent == std::string_view::npos || number[exponent + 1] == '-')
    return true;
  double value;
  return std::from_chars(number.data(), number.data() + number.size(), value).ec != std::errc::result_out_of_range;
}

} // namespace weir::json::detail
