// Unsigned integers of a fixed width, one after the other, low bits first.
//
// Threading: plain values.
// Invariants: packed bytes are followed by bits_padding_bytes zero bytes, so unpacking loads whole words.
#pragma once

#include "segments/bytes.hpp"
#include "segments/format.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

namespace weir::segments {

/// Bytes `count` values of `width` bits take, without padding.
[[nodiscard]] constexpr std::uint64_t packed_bytes(std::uint64_t count, unsigned width) noexcept {
  return (count * width + 7) / 8;
}

/// Appends the low `width` (0-64) bits of every value, filled up to a whole byte; no padding.
inline void append_packed(std::string& out, std::span<const std::uint64_t> values, unsigned width) {
  if (width == 0)
    return;
  const std::uint64_t mask = ~std::uint64_t{0} >> (64 - width);
  const std::size_t begin = out.size();
  const std::size_t size = packed_bytes(values.size(), width);
  out.resize(begin + size + sizeof(std::uint64_t)); // whole words are stored; what is too much goes afterwards
  char* at = out.data() + begin;
  std::uint64_t word = 0;
  unsigned used = 0; // bits of `word`
  for (std::uint64_t value : values) {
    value &= mask;
    word |= value << used;
    used += width;
    if (used < 64)
      continue;
    std::memcpy(at, &word, sizeof word);
    at += sizeof word;
    used -= 64;
    word = used == 0 ? 0 : value >> (width - used);
  }
  std::memcpy(at, &word, sizeof word);
  out.resize(begin + size);
}

/// Value `index` of those packed at `bytes`.
[[nodiscard]] inline std::uint64_t unpack(const char* bytes, std::uint64_t index, unsigned width) noexcept {
  if (width == 0)
    return 0;
  const std::uint64_t bit = index * width;
  const char* const at = bytes + bit / 8;
  const auto shift = static_cast<unsigned>(bit % 8);
  std::uint64_t value = load<std::uint64_t>(at) >> shift;
  if (shift + width > 64)
    value |= std::uint64_t{load<std::uint8_t>(at + 8)} << (64 - shift);
  return width == 64 ? value : value & ((std::uint64_t{1} << width) - 1);
}

} // namespace weir::segments
