#include "segments/hex_text.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace weir::segments {
namespace {

constexpr unsigned char mark_first = 0x0E;
constexpr unsigned char mark_last = 0x1F;
constexpr std::size_t packed_bytes_min = 3; // shorter runs gain too little to break LZ4's literals for
constexpr std::size_t packed_bytes_max = packed_bytes_min + (mark_last - mark_first);

constexpr std::uint64_t ones = 0x0101010101010101ULL;

std::uint64_t load_word(const char* at) noexcept {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// What a stretch of text is made of: bit i is set if byte i is a hex digit.
struct Digits {
  std::uint64_t bits = 0;
  bool marked = false; ///< One of the bytes is a mark.

  /// Bits where a run of at least 2 * packed_bytes_min digits goes on for so many.
  [[nodiscard]] std::uint64_t runs() const noexcept {
    static_assert(packed_bytes_min == 3);
    const std::uint64_t pairs = bits & bits >> 1;
    return pairs & pairs >> 2 & pairs >> 4;
  }
};
constexpr std::size_t stretch_bytes = 64;

/// Looks at stretch_bytes bytes. Loops without branches: compilers turn them into vector code.
Digits look_at(const char* at) noexcept {
  std::array<unsigned char, stretch_bytes> digit;
  unsigned char marks = 0;
  for (std::size_t i = 0; i < stretch_bytes; ++i) {
    const auto c = static_cast<unsigned char>(at[i]);
    const bool number = static_cast<unsigned char>(c - '0') < 10;
    const bool letter = static_cast<unsigned char>(c - 'a') < 6;
    digit[i] = static_cast<unsigned char>(number | letter);
    const bool mark = static_cast<unsigned char>(c - mark_first) <= mark_last - mark_first;
    marks = static_cast<unsigned char>(marks | mark);
  }
  Digits digits;
  digits.marked = marks != 0;
  for (std::size_t i = 0; i < stretch_bytes; i += 8) {
    std::uint64_t word;
    std::memcpy(&word, &digit[i], sizeof word);
    digits.bits |= (word * 0x0102040810204080ULL >> 56) << i; // bit 0 of every byte, side by side
  }
  return digits;
}

/// The same for the last bytes of a text, fewer than stretch_bytes.
Digits look_at_rest(const char* at, std::size_t bytes) noexcept {
  std::array<char, stretch_bytes> padded;
  padded.fill(' ');
  std::memcpy(padded.data(), at, bytes);
  return look_at(padded.data());
}

bool is_digit(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/// A digit's value; 'a' is 0x61.
unsigned value_of(char digit) noexcept {
  const auto c = static_cast<unsigned char>(digit);
  return (c & 15u) + (c >> 6) * 9u;
}

/// Packs 2 * `bytes` digits.
void pack_digits(const char* at, std::size_t bytes, char* to) noexcept {
  for (; bytes >= 4; bytes -= 4, at += 8, to += 4) {
    const std::uint64_t word = load_word(at);
    const std::uint64_t values = (word & ones * 15) + (word >> 6 & ones) * 9;
    std::uint64_t packed = (values << 4 | values >> 8) & 0x00FF00FF00FF00FFULL;
    packed = (packed | packed >> 8) & 0x0000FFFF0000FFFFULL;
    packed |= packed >> 16;
    std::memcpy(to, &packed, 4);
  }
  for (; bytes != 0; --bytes, at += 2)
    *to++ = static_cast<char>(value_of(at[0]) << 4 | value_of(at[1]));
}

constexpr std::array<char, 512> make_digit_pairs() {
  std::array<char, 512> pairs{};
  for (std::size_t i = 0; i < 256; ++i) {
    pairs[2 * i] = "0123456789abcdef"[i >> 4];
    pairs[2 * i + 1] = "0123456789abcdef"[i & 15];
  }
  return pairs;
}
constexpr auto digit_pairs = make_digit_pairs();

bool is_mark(char c) noexcept {
  return static_cast<unsigned char>(static_cast<unsigned char>(c) - mark_first) <= mark_last - mark_first;
}

/// Copies text from `at` to `to` up to the first byte below 0x20, or until fewer than copy_bytes are left on a side;
/// returns the number of bytes. Up to copy_bytes more than these are overwritten, to be written again.
#ifdef __SSE2__
constexpr std::ptrdiff_t copy_bytes = 32;
std::size_t copy_text(const char* at, const char* end, char* to, const char* to_end) noexcept {
  const char* const begin = at;
  const __m128i limit = _mm_set1_epi8(0x1F);
  for (; end - at >= copy_bytes && to_end - to >= copy_bytes; at += copy_bytes, to += copy_bytes) {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 16));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), low);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 16), high);
    const auto below = static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(low, limit), low))) |
                       static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(high, limit), high)))
                           << 16;
    if (below != 0)
      return static_cast<std::size_t>(at - begin) + static_cast<std::size_t>(std::countr_zero(below));
  }
  return static_cast<std::size_t>(at - begin);
}
#else
constexpr std::ptrdiff_t copy_bytes = 8;
std::size_t copy_text(const char* at, const char* end, char* to, const char* to_end) noexcept {
  const char* const begin = at;
  for (; end - at >= copy_bytes && to_end - to >= copy_bytes; at += copy_bytes, to += copy_bytes) {
    const std::uint64_t word = load_word(at);
    std::memcpy(to, &word, sizeof word);
    if (const std::uint64_t low = (word - ones * 0x20) & ~word & (ones * 0x80); low != 0)
      return static_cast<std::size_t>(at - begin) + static_cast<std::size_t>(std::countr_zero(low)) / 8;
  }
  return static_cast<std::size_t>(at - begin);
}
#endif

/// Writes the digits of four bytes, low byte first.
void unpack_four(std::uint32_t bytes, char* to) noexcept {
  std::uint64_t values = bytes;
  values = (values | values << 16) & 0x0000FFFF0000FFFFULL;
  values = (values | values << 8) & 0x00FF00FF00FF00FFULL;
  values = (values >> 4 | values << 8) & ones * 15;
  const std::uint64_t letters = (values + ones * 6) >> 4 & ones;
  values += ones * '0' + letters * ('a' - '0' - 10);
  std::memcpy(to, &values, sizeof values);
}

} // namespace

bool pack_hex_text(std::string_view text, std::string& out) {
  out.resize(text.size()); // packing never lengthens
  char* to = out.data();
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto copy = [&](std::size_t bytes) {
    std::memcpy(to, at, bytes);
    to += bytes;
    at += bytes;
  };
  while (at != end) {
    const auto left = static_cast<std::size_t>(end - at);
    const Digits digits = left >= stretch_bytes ? look_at(at) : look_at_rest(at, left);
    if (digits.marked)
      return false;
    std::uint64_t runs = digits.runs();
    if (runs == 0) { // a run may begin in the last bytes and go on behind them
      copy(left >= stretch_bytes ? stretch_bytes - (2 * packed_bytes_min - 1) : left);
      continue;
    }
    for (const char* const begin = at; runs != 0;) {
      copy(static_cast<std::size_t>(std::countr_zero(runs)) - static_cast<std::size_t>(at - begin));
      const char* run_end = at + std::countr_one(digits.bits >> (at - begin));
      if (run_end == begin + stretch_bytes)
        while (run_end != end && is_digit(*run_end))
          ++run_end;
      for (auto rest = static_cast<std::size_t>(run_end - at); rest >= 2 * packed_bytes_min;) {
        const std::size_t bytes = rest / 2 < packed_bytes_max ? rest / 2 : packed_bytes_max;
        *to++ = static_cast<char>(mark_first + (bytes - packed_bytes_min));
        pack_digits(at, bytes, to);
        to += bytes;
        at += 2 * bytes;
        rest -= 2 * bytes;
      }
      copy(static_cast<std::size_t>(run_end - at));
      const auto seen = static_cast<std::size_t>(at - begin);
      runs = seen >= stretch_bytes ? 0 : runs >> seen << seen;
    }
  }
  out.resize(static_cast<std::size_t>(to - out.data()));
  return true;
}

bool unpack_hex_text(std::string_view packed, std::span<char> out) noexcept {
  const char* at = packed.data();
  const char* const end = at + packed.size();
  char* to = out.data();
  char* const to_end = to + out.size();
  while (at != end) {
    const std::size_t text = copy_text(at, end, to, to_end);
    at += text;
    to += text;
    if (at == end)
      break;
    if (!is_mark(*at)) { // white space between members, or the last few bytes
      if (to == to_end)
        return false;
      *to++ = *at++;
      continue;
    }
    const std::size_t bytes =
        static_cast<std::size_t>(static_cast<unsigned char>(*at++) - mark_first) + packed_bytes_min;
    if (static_cast<std::size_t>(end - at) < bytes || static_cast<std::size_t>(to_end - to) < 2 * bytes)
      return false;
    if (bytes <= 8 && end - at >= 8 && to_end - to >= 16) { // nearly always: no branch that depends on the length
      const std::uint64_t word = load_word(at);
      unpack_four(static_cast<std::uint32_t>(word), to);
      unpack_four(static_cast<std::uint32_t>(word >> 32), to + 8);
      to += 2 * bytes;
    } else {
      for (std::size_t i = 0; i < bytes; ++i, to += 2)
        std::memcpy(to, &digit_pairs[2 * static_cast<std::size_t>(static_cast<unsigned char>(at[i]))], 2);
    }
    at += bytes;
  }
  return to == to_end;
}

} // namespace weir::segments
