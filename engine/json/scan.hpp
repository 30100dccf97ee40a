// Small steps through a JSON text that is followed by zeros.
//
// Purpose: what FieldReader reads with, and the judging of stored documents; no step needs to know where the text ends,
// since none goes on behind a zero. Threading: pure functions. Invariants: at least 32 zeros follow the text, so whole
// words may be loaded at any byte; plain_bytes() alone is told the end.
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace weir::json::detail {

inline bool is_digit(char c) noexcept {
  return static_cast<unsigned char>(c - '0') < 10;
}

inline const char* skip_space(const char* p) noexcept {
  if (static_cast<unsigned char>(*p) > ' ') // as a rule documents have none
    return p;
  while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')
    ++p;
  return p;
}

/// The first byte from `p` on that does not stand for itself inside a string. The text is followed by zeros.
inline const char* plain_end(const char* p) noexcept {
#ifdef __SSE2__
  for (;; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
    const __m128i special =
        _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    if (const int found = _mm_movemask_epi8(_mm_or_si128(control, special)); found != 0)
      return p + std::countr_zero(static_cast<unsigned>(found));
  }
#else
  while (*p != '"' && *p != '\\' && static_cast<unsigned char>(*p) >= 0x20)
    ++p;
  return p;
#endif
}

/// A bit for each of 32 bytes in which `a` and `b` differ.
inline std::uint32_t differing_32(const char* a, const char* b) noexcept {
#ifdef __SSE2__
  const auto same = [&](std::size_t at) {
    return static_cast<std::uint32_t>(
        _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a + at)),
                                         _mm_loadu_si128(reinterpret_cast<const __m128i*>(b + at)))));
  };
  return ~(same(0) | same(16) << 16);
#else
  std::uint32_t differ = 0;
  for (unsigned i = 0; i < 32; ++i)
    differ |= static_cast<std::uint32_t>(a[i] != b[i]) << i;
  return differ;
#endif
}

/// How many bytes from `begin` on stand for themselves inside a string: no quote, no backslash, no control character.
/// Nothing need follow `end`.
inline std::size_t plain_bytes(const char* begin, const char* end) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101ULL, high = 0x8080808080808080ULL;
  const char* p = begin;
#ifdef __SSE2__
  for (; end - p >= 16; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
    const __m128i special =
        _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    if (const int found = _mm_movemask_epi8(_mm_or_si128(control, special)); found != 0)
      return static_cast<std::size_t>(p - begin) +
             static_cast<unsigned>(std::countr_zero(static_cast<unsigned>(found)));
  }
#endif
  for (std::uint64_t word; static_cast<std::size_t>(end - p) >= sizeof word; p += sizeof word) {
    std::memcpy(&word, p, sizeof word);
    const std::uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
    // Sets the high bit of every byte below 0x20, or zero after the exclusive or. A borrow can only mark bytes
    // above the first true hit, and the first is all that counts.
    const std::uint64_t hits =
        (((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & high;
    if (hits != 0)
      return static_cast<std::size_t>(p - begin) + static_cast<unsigned>(std::countr_zero(hits)) / 8;
  }
  while (p != end && *p != '"' && *p != '\\' && static_cast<unsigned char>(*p) >= 0x20)
    ++p;
  return static_cast<std::size_t>(p - begin);
}

template <class Integer> [[nodiscard]] Integer load(const char* at) noexcept {
  Integer value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// The four hex digits from `p` on; nothing below 0 is one.
inline int hex4(const char* p) noexcept {
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = p[i];
    const int digit = is_digit(c)            ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0)
      return -1;
    value = value * 16 + digit;
  }
  return value;
}

inline char* put_utf8(char* out, unsigned code) noexcept {
  if (code < 0x80) {
    *out++ = static_cast<char>(code);
    return out;
  }
  if (code < 0x800) {
    *out++ = static_cast<char>(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      *out++ = static_cast<char>(0xE0 | code >> 12);
    } else {
      *out++ = static_cast<char>(0xF0 | code >> 18);
      *out++ = static_cast<char>(0x80 | (code >> 12 & 0x3F));
    }
    *out++ = static_cast<char>(0x80 | (code >> 6 & 0x3F));
  }
  *out++ = static_cast<char>(0x80 | (code & 0x3F));
  return out;
}

} // namespace weir::json::detail
