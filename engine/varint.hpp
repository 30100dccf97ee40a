// Unsigned integers in as few bytes as they need: seven bits to a byte, the lowest first; the top bit says that more
// bytes follow. Every value has one encoding. Threading: pure functions.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace weir {

inline constexpr std::size_t varint_bytes_max = 10;

[[nodiscard]] constexpr std::size_t varint_bytes(std::uint64_t value) noexcept {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

/// Writes varint_bytes(value) bytes to `to` and returns the place behind them.
inline char* put_varint(char* to, std::uint64_t value) noexcept {
  for (; value >= 0x80; value >>= 7U)
    *to++ = static_cast<char>(value | 0x80U);
  *to++ = static_cast<char>(value);
  return to;
}

/// Reads a value at `at` and moves `at` behind it; false if none ends before `end`, or if it is not in its shortest
/// form or beyond 64 bits.
[[nodiscard]] inline bool take_varint(const char*& at, const char* end, std::uint64_t& value) noexcept {
  value = 0;
  for (unsigned shift = 0; at != end && shift < 64; shift += 7) {
    const auto byte = static_cast<unsigned char>(*at++);
    value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
    if (byte < 0x80)
      return shift == 0 || (byte != 0 && (shift < 63 || byte == 1));
  }
  return false;
}

} // namespace weir
