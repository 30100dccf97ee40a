#include "engine/json/unescaped_texts.hpp"

#include "engine/json/scan.hpp"

#include <algorithm>

namespace weir::json {
namespace {

using detail::hex4;
using detail::plain_end;
using detail::put_utf8;

// A larger document's room is given back after it.
constexpr std::size_t unescaped_bytes_kept = 256 * 1024;

} // namespace

void UnescapedTexts::begin(std::size_t document_bytes) noexcept {
  document_bytes_ = document_bytes;
  used_ = 0;
  if (capacity_ > unescaped_bytes_kept) {
    bytes_.reset();
    capacity_ = 0;
  }
}

const char* UnescapedTexts::take(const char* begin, const char* p, std::string_view& text) {
  // All strings of a document together are shorter than it is, so none moves once there is one.
  if (used_ == 0 && capacity_ < document_bytes_) {
    capacity_ = std::max<std::size_t>(document_bytes_, 4096);
    bytes_ = std::make_unique_for_overwrite<char[]>(capacity_ + padding_bytes);
  }
  char* const first = bytes_.get() + used_;
  char* out = first;
  while (true) {
    out = std::copy(begin, p, out);
    if (*p == '"') {
      text = {first, static_cast<std::size_t>(out - first)};
      used_ += text.size();
      return p + 1;
    }
    if (*p != '\\')
      return nullptr;
    p += 2;
    switch (p[-1]) {
    case '"': *out++ = '"'; break;
    case '\\': *out++ = '\\'; break;
    case '/': *out++ = '/'; break;
    case 'b': *out++ = '\b'; break;
    case 'f': *out++ = '\f'; break;
    case 'n': *out++ = '\n'; break;
    case 'r': *out++ = '\r'; break;
    case 't': *out++ = '\t'; break;
    case 'u': {
      const int unit = hex4(p);
      if (unit < 0 || (unit >= 0xDC00 && unit <= 0xDFFF))
        return nullptr;
      auto code = static_cast<unsigned>(unit);
      p += 4;
      if (code >= 0xD800 && code <= 0xDBFF) {
        const int low = p[0] == '\\' && p[1] == 'u' ? hex4(p + 2) : -1;
        if (low < 0xDC00 || low > 0xDFFF)
          return nullptr;
        code = 0x10000 + ((code - 0xD800) << 10) + (static_cast<unsigned>(low) - 0xDC00);
        p += 6;
      }
      out = put_utf8(out, code);
      break;
    }
    default: return nullptr;
    }
    begin = p;
    p = plain_end(p);
  }
}

} // namespace weir::json
