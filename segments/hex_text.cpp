#include "segments/hex_text.hpp"

#include <array>
#include <cstdint>
#include <cstring>

namespace weir::segments {
namespace {

constexpr unsigned char mark_first = 0x0E;
constexpr unsigned char mark_last = 0x1F;
constexpr std::size_t packed_bytes_min = 3; // shorter runs gain too little to break LZ4's literals for
constexpr std::size_t packed_bytes_max = packed_bytes_min + (mark_last - mark_first);

// 0-15: a digit's value; otherwise one of these.
constexpr std::uint8_t class_text = 0x10;
constexpr std::uint8_t class_mark = 0x20;

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned i = 0; i < 256; ++i) {
    if (i >= '0' && i <= '9')
      classes[i] = static_cast<std::uint8_t>(i - '0');
    else if (i >= 'a' && i <= 'f')
      classes[i] = static_cast<std::uint8_t>(i - 'a' + 10);
    else
      classes[i] = i >= mark_first && i <= mark_last ? class_mark : class_text;
  }
  return classes;
}
constexpr auto classes = make_classes();

constexpr std::array<char, 512> make_digit_pairs() {
  std::array<char, 512> pairs{};
  for (std::size_t i = 0; i < 256; ++i) {
    pairs[2 * i] = "0123456789abcdef"[i >> 4];
    pairs[2 * i + 1] = "0123456789abcdef"[i & 15];
  }
  return pairs;
}
constexpr auto digit_pairs = make_digit_pairs();

std::uint8_t class_of(char c) noexcept {
  return classes[static_cast<unsigned char>(c)];
}

bool is_mark(char c) noexcept {
  return static_cast<unsigned char>(static_cast<unsigned char>(c) - mark_first) <= mark_last - mark_first;
}

/// Whether a byte of `word` is below 0x20, as all marks are.
bool may_hold_mark(std::uint64_t word) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101ULL;
  return ((word - ones * 0x20) & ~word & (ones * 0x80)) != 0;
}

} // namespace

bool pack_hex_text(std::string_view text, std::string& out) {
  out.resize(text.size()); // packing never lengthens
  char* to = out.data();
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    const char* run = at;
    while (run != end && class_of(*run) < class_text)
      ++run;
    auto digits = static_cast<std::size_t>(run - at);
    while (digits >= 2 * packed_bytes_min) {
      const std::size_t bytes = digits / 2 < packed_bytes_max ? digits / 2 : packed_bytes_max;
      *to++ = static_cast<char>(mark_first + (bytes - packed_bytes_min));
      for (std::size_t i = 0; i < bytes; ++i, at += 2)
        *to++ = static_cast<char>(class_of(at[0]) << 4 | class_of(at[1]));
      digits -= 2 * bytes;
    }
    while (at != run)
      *to++ = *at++;
    while (at != end && class_of(*at) == class_text)
      *to++ = *at++;
    if (at != end && class_of(*at) == class_mark)
      return false;
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
    // Marks are rare: eight bytes at a time as long as none of them could be one.
    for (std::uint64_t word; end - at >= 8 && to_end - to >= 8; at += 8, to += 8) {
      std::memcpy(&word, at, 8);
      if (may_hold_mark(word))
        break;
      std::memcpy(to, &word, 8);
    }
    while (at != end && to != to_end && !is_mark(*at))
      *to++ = *at++;
    if (at == end)
      break;
    if (!is_mark(*at))
      return false;
    const std::size_t bytes =
        static_cast<std::size_t>(static_cast<unsigned char>(*at++) - mark_first) + packed_bytes_min;
    if (static_cast<std::size_t>(end - at) < bytes || static_cast<std::size_t>(to_end - to) < 2 * bytes)
      return false;
    for (std::size_t i = 0; i < bytes; ++i, to += 2)
      std::memcpy(to, &digit_pairs[2 * static_cast<std::size_t>(static_cast<unsigned char>(*at++))], 2);
  }
  return to == to_end;
}

} // namespace weir::segments
