// Packed integers (bit_pack.hpp), many at a time.
//
// Purpose: the inner loops of every scan: eight values in a few instructions where the processor has AVX2, one by one
// where it has not; which of the two is found out once. The answer is the same. Threading: pure functions.
// Invariants: nothing is read at or behind `end`, nor less than 8 bytes behind the last value's word.
#pragma once

#include <array>
#ifdef WEIR_TEST_POINTS
#include <atomic>
#endif
#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::segments {

#ifdef WEIR_TEST_POINTS
/// Off: as where the processor has no AVX2.
inline std::atomic<bool> unpack_with_avx2{true};
#endif

/// Packed values as they lie in a block.
struct PackedBits {
  const char* begin = nullptr; ///< Of value 0, a whole byte.
  const char* end = nullptr;   ///< Of what may be read: bits_padding_bytes behind the last value, or further.
  unsigned width = 0;          ///< 0-64.
};

/// `base` + value i into out[i], for all of `out`; cut to 32 bits in the second.
void unpack_values(const PackedBits& packed, std::uint64_t base, std::span<std::uint64_t> out) noexcept;
void unpack_values(const PackedBits& packed, std::uint64_t base, std::span<std::uint32_t> out) noexcept;

/// Bit i: value i, of the first `count` (at most 128), is from `low` to `high`. `over` becomes true if one is above
/// `limit`.
[[nodiscard]] std::array<std::uint64_t, 2> values_between(const PackedBits& packed, std::size_t count,
                                                          std::uint64_t low, std::uint64_t high, std::uint64_t limit,
                                                          bool& over) noexcept;

} // namespace weir::segments
