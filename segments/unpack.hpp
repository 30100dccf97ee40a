// Packed integers (bit_pack.hpp), many at a time.
//
// Purpose: the inner loops of every scan: many values in a few instructions where the processor can (processor.hpp),
// one by one where it cannot. The answer is the same. Threading: pure functions.
// Invariants: nothing is read at or behind `end`, nor less than 8 bytes behind the last value's word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::segments {

/// Packed values as they lie in a block.
struct PackedBits {
  const char* begin = nullptr; ///< Of value 0, a whole byte.
  const char* end = nullptr;   ///< Of what may be read: bits_padding_bytes behind the last value, or further.
  unsigned width = 0;          ///< 0-64.
};

/// `base` + value i into out[i], for all of `out`; cut to 32 bits in the second.
void unpack_values(const PackedBits& packed, std::uint64_t base, std::span<std::uint64_t> out) noexcept;
void unpack_values(const PackedBits& packed, std::uint64_t base, std::span<std::uint32_t> out) noexcept;

/// Bit i of `out`: value i, of the first `count`, is from `low` to `high`; bits behind these become 0. `over` becomes
/// true if one is above `limit`. Preconditions: low <= high; `out` has a word for each 64 values.
void values_between(const PackedBits& packed, std::size_t count, std::uint64_t low, std::uint64_t high,
                    std::uint64_t limit, std::span<std::uint64_t> out, bool& over) noexcept;

} // namespace weir::segments
