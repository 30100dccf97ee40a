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
#include <vector>

namespace weir::segments {

/// Bytes `count` values of `width` bits take, without padding.
[[nodiscard]] constexpr std::uint64_t packed_bytes(std::uint64_t count, unsigned width) noexcept {
  return (count * width + 7) / 8;
}

/// Writes `values`, none of which has more than `width` (0-64) bits, from `to` on, filled up to a whole byte; returns
/// where they end. Eight bytes behind that are overwritten, too.
inline char* pack(std::span<const std::uint64_t> values, unsigned width, char* to) noexcept {
  if (width == 0)
    return to;
  char* const end = to + packed_bytes(values.size(), width);
  std::uint64_t word = 0;
  unsigned used = 0; // bits of `word`
  if (width > 56) {
    for (const std::uint64_t value : values) {
      word |= value << used;
      used += width;
      if (used < 64)
        continue;
      std::memcpy(to, &word, sizeof word);
      to += sizeof word;
      used -= 64;
      word = used == 0 ? 0 : value >> (width - used);
    }
    std::memcpy(to, &word, sizeof word);
    return end;
  }
  // Whole bytes go out after every value, however few they are: nothing to guess.
  const auto add = [&](std::uint64_t value, unsigned bits) {
    word |= value << used;
    used += bits;
    std::memcpy(to, &word, sizeof word);
    to += used / 8;
    word >>= used & ~7U;
    used &= 7U;
  };
  std::size_t i = 0;
  if (width <= 14)
    for (; i + 4 <= values.size(); i += 4)
      add((values[i] | values[i + 1] << width) | (values[i + 2] | values[i + 3] << width) << 2 * width, 4 * width);
  else if (width <= 28)
    for (; i + 2 <= values.size(); i += 2)
      add(values[i] | values[i + 1] << width, 2 * width);
  for (; i < values.size(); ++i)
    add(values[i], width);
  std::memcpy(to, &word, sizeof word);
  return end;
}

/// Appends the low `width` (0-64) bits of every value, filled up to a whole byte; no padding.
inline void append_packed(std::string& out, std::span<const std::uint64_t> values, unsigned width) {
  if (width == 0)
    return;
  const std::uint64_t mask = ~std::uint64_t{0} >> (64 - width);
  std::vector<std::uint64_t> low(values.begin(), values.end());
  for (std::uint64_t& value : low)
    value &= mask;
  const std::size_t begin = out.size();
  const std::size_t size = packed_bytes(values.size(), width);
  out.resize(begin + size + sizeof(std::uint64_t)); // whole words are stored; what is too much goes afterwards
  pack(low, width, out.data() + begin);
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
