#include "segments/bit_rank.hpp"

#include "engine/processor.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>

namespace weir::segments {
namespace {

std::size_t ones_of(std::uint64_t word) noexcept {
  return static_cast<std::size_t>(std::popcount(word));
}

/// Puts `count` bits behind the first `at` of `out`; `bits` has none behind these.
inline void put(std::span<std::uint64_t> out, std::size_t at, std::uint64_t bits, std::size_t count) noexcept {
  if (count == 0)
    return;
  const std::size_t shift = at % 64;
  out[at / 64] |= bits << shift;
  if (shift + count > 64)
    out[at / 64 + 1] |= bits >> (64 - shift);
}

/// `count` bits of `bits` behind the first `at`, and any behind these.
inline std::uint64_t get(RowWords bits, std::size_t at, std::size_t count) noexcept {
  if (count == 0)
    return 0;
  const std::size_t shift = at % 64;
  const std::uint64_t word = bits[at / 64] >> shift;
  return shift + count > 64 ? word | bits[at / 64 + 1] << (64 - shift) : word;
}

#if WEIR_X86_64

WEIR_BMI2 void fast_gather(RowWords bits, RowWords mask, std::size_t at, std::span<std::uint64_t> out) noexcept {
  for (std::size_t w = 0; w < mask.size(); ++w) {
    const auto count = static_cast<std::size_t>(_mm_popcnt_u64(mask[w]));
    put(out, at, _pext_u64(bits[w], mask[w]), count);
    at += count;
  }
}

WEIR_BMI2 void fast_scatter(RowWords bits, std::size_t at, RowWords mask, RowWords wanted,
                            std::span<std::uint64_t> out) noexcept {
  for (std::size_t w = 0; w < mask.size(); ++w) {
    const auto count = static_cast<std::size_t>(_mm_popcnt_u64(mask[w]));
    out[w] |= _pdep_u64(get(bits, at, count), mask[w]) & wanted[w];
    at += count;
  }
}

WEIR_BMI2 void fast_set(std::span<const std::uint32_t> numbers, std::uint64_t* out) noexcept {
#pragma GCC unroll 8
  for (const std::uint32_t number : numbers)
    out[number / 64] |= std::uint64_t{1} << number % 64;
}

#endif

void add_words(std::size_t words, std::uint64_t* __restrict out, const std::uint64_t* __restrict a,
               const std::uint64_t* __restrict b) noexcept {
  for (std::size_t w = 0; w < words; ++w)
    out[w] |= a[w] & b[w];
}

} // namespace

void gather_bits(RowWords bits, RowWords mask, std::size_t first, std::span<std::uint64_t> out) noexcept {
  std::ranges::fill(out, 0);
#if WEIR_X86_64
  if (has_bmi2())
    return fast_gather(bits, mask, first, out);
#endif
  std::size_t at = first;
  for (std::size_t w = 0; w < mask.size(); ++w) {
    for (std::uint64_t word = bits[w] & mask[w]; word != 0; word &= word - 1)
      put(out, at + ones_of(mask[w] & ((word & -word) - 1)), 1, 1);
    at += ones_of(mask[w]);
  }
}

void scatter_bits(RowWords bits, std::size_t first, RowWords mask, RowWords wanted,
                  std::span<std::uint64_t> out) noexcept {
#if WEIR_X86_64
  if (has_bmi2())
    return fast_scatter(bits, first, mask, wanted, out);
#endif
  std::size_t at = first;
  for (std::size_t w = 0; w < mask.size(); ++w)
    for (std::uint64_t word = mask[w]; word != 0; word &= word - 1, ++at)
      out[w] |= (get(bits, at, 1) & 1) != 0 ? word & -word & wanted[w] : 0;
}

void set_bits(std::span<const std::uint32_t> numbers, std::span<std::uint64_t> out) noexcept {
  std::uint64_t* const words = out.data();
#if WEIR_X86_64
  if (has_bmi2())
    return fast_set(numbers, words);
#endif
  for (const std::uint32_t number : numbers)
    words[number / 64] |= std::uint64_t{1} << number % 64;
}

void add_both(std::span<std::uint64_t> out, RowWords a, RowWords b) noexcept {
  if (out.size() == 2) { // of one group, most often; the loop takes longer to begin than this
    out[0] |= a[0] & b[0];
    out[1] |= a[1] & b[1];
    return;
  }
  add_words(out.size(), out.data(), a.data(), b.data());
}

} // namespace weir::segments
