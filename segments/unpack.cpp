#include "segments/unpack.hpp"

#include "segments/bit_pack.hpp"

#include <algorithm>
#include <limits>

#if defined(__x86_64__) && defined(__GNUC__)
#define WEIR_UNPACK_AVX2 1
#include <immintrin.h>
#else
#define WEIR_UNPACK_AVX2 0
#endif

namespace weir::segments {
namespace {

/// Values from `first` on, one by one.
template <class Visit> void each_value(const PackedBits& packed, std::size_t first, std::size_t end, Visit visit) {
  if (packed.width <= 56) { // one word holds any value, whatever bit it begins with
    const std::uint64_t mask = (std::uint64_t{1} << packed.width) - 1;
    for (std::size_t i = first, bit = first * packed.width; i < end; ++i, bit += packed.width)
      visit(i, load<std::uint64_t>(packed.begin + bit / 8) >> (bit % 8) & mask);
    return;
  }
  for (std::size_t i = first; i < end; ++i)
    visit(i, unpack(packed.begin, i, packed.width));
}

#if WEIR_UNPACK_AVX2

#define WEIR_AVX2 __attribute__((target("avx2")))

constexpr unsigned fast_width_max = 57; ///< Two values and the bits before them fit 128 bits, each of them a word.

/// Where eight values of one width lie: they take as many bytes as each has bits. A pair of them comes with one load
/// of 16 bytes, is moved by bytes so that each begins in a word of its own, and shifted by the bits that are left.
struct Layout {
  alignas(32) std::uint8_t shuffle[2][32];
  alignas(32) std::uint64_t shift[2][4];
  std::uint8_t offset[4];
};

constexpr Layout layout_of(unsigned width) {
  Layout layout{};
  for (unsigned value = 0; value < 8; ++value) {
    const unsigned pair = value / 2;
    const unsigned pair_bit = 2 * pair * width;
    layout.offset[pair] = static_cast<std::uint8_t>(pair_bit / 8);
    const unsigned bit = value * width - pair_bit / 8 * 8; // in the load
    for (unsigned byte = 0; byte < 8; ++byte) {
      const unsigned from = bit / 8 + byte;
      // The highest bit makes a zero; no value reaches so far.
      layout.shuffle[value / 4][value % 4 * 8 + byte] = static_cast<std::uint8_t>(from < 16 ? from : 0x80);
    }
    layout.shift[value / 4][value % 4] = bit % 8;
  }
  return layout;
}

constexpr auto layouts = [] {
  std::array<Layout, fast_width_max + 1> all{};
  for (unsigned width = 0; width <= fast_width_max; ++width)
    all[width] = layout_of(width);
  return all;
}();

bool has_avx2() noexcept {
  static const bool has = __builtin_cpu_supports("avx2") != 0;
#ifdef WEIR_TEST_POINTS
  if (!unpack_with_avx2.load(std::memory_order_relaxed))
    return false;
#endif
  return has;
}

/// How many values, a multiple of 8, can be loaded 16 bytes at a time.
std::size_t fast_count(const PackedBits& packed, std::size_t count) noexcept {
  if (packed.width > fast_width_max || !has_avx2())
    return 0;
  std::size_t eights = count / 8;
  const auto readable = static_cast<std::size_t>(packed.end - packed.begin);
  const std::size_t last_load = layouts[packed.width].offset[3] + std::size_t{16};
  while (eights != 0 && (eights - 1) * packed.width + last_load > readable)
    --eights;
  return eights * 8;
}

/// Half `i` of the values that begin at `at`.
WEIR_AVX2 inline __m256i load_half(const char* at, const Layout& layout, unsigned i, __m256i mask) noexcept {
  const auto* const first = reinterpret_cast<const __m128i*>(at + layout.offset[2 * i]);
  const auto* const second = reinterpret_cast<const __m128i*>(at + layout.offset[2 * i + 1]);
  const __m256i bytes =
      _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(first)), _mm_loadu_si128(second), 1);
  const __m256i words =
      _mm256_shuffle_epi8(bytes, _mm256_load_si256(reinterpret_cast<const __m256i*>(layout.shuffle[i])));
  const __m256i shift = _mm256_load_si256(reinterpret_cast<const __m256i*>(layout.shift[i]));
  return _mm256_and_si256(_mm256_srlv_epi64(words, shift), mask);
}

WEIR_AVX2 inline __m256i mask_of(unsigned width) noexcept {
  return _mm256_set1_epi64x(static_cast<long long>((std::uint64_t{1} << width) - 1));
}

WEIR_AVX2 void fast_unpack(const PackedBits& packed, std::uint64_t base, std::uint64_t* out,
                           std::size_t count) noexcept {
  const Layout& layout = layouts[packed.width];
  const __m256i mask = mask_of(packed.width), bases = _mm256_set1_epi64x(static_cast<long long>(base));
  const char* at = packed.begin;
  for (std::size_t i = 0; i < count; i += 8, at += packed.width) {
    const __m256i low = load_half(at, layout, 0, mask), high = load_half(at, layout, 1, mask);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), _mm256_add_epi64(low, bases));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i + 4), _mm256_add_epi64(high, bases));
  }
}

WEIR_AVX2 void fast_unpack(const PackedBits& packed, std::uint64_t base, std::uint32_t* out,
                           std::size_t count) noexcept {
  const Layout& layout = layouts[packed.width];
  const __m256i mask = mask_of(packed.width), bases = _mm256_set1_epi64x(static_cast<long long>(base));
  const __m256i even = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
  const char* at = packed.begin;
  for (std::size_t i = 0; i < count; i += 8, at += packed.width) {
    const __m256i low = _mm256_add_epi64(load_half(at, layout, 0, mask), bases);
    const __m256i high = _mm256_add_epi64(load_half(at, layout, 1, mask), bases);
    const __m256i cut =
        _mm256_blend_epi32(_mm256_permutevar8x32_epi32(low, even), _mm256_permutevar8x32_epi32(high, even), 0xF0);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), cut);
  }
}

/// Bit i: value i is not from `lows` to `highs`.
WEIR_AVX2 inline unsigned outside(__m256i values, __m256i lows, __m256i highs) noexcept {
  const __m256i bad = _mm256_or_si256(_mm256_cmpgt_epi64(lows, values), _mm256_cmpgt_epi64(values, highs));
  return static_cast<unsigned>(_mm256_movemask_pd(_mm256_castsi256_pd(bad)));
}

/// Precondition: low <= high; both, and `limit`, are below 2^63.
WEIR_AVX2 void fast_between(const PackedBits& packed, std::size_t count, std::uint64_t low, std::uint64_t high,
                            std::uint64_t limit, std::uint8_t* out, bool& over) noexcept {
  const Layout& layout = layouts[packed.width];
  const __m256i mask = mask_of(packed.width);
  const __m256i lows = _mm256_set1_epi64x(static_cast<long long>(low));
  const __m256i highs = _mm256_set1_epi64x(static_cast<long long>(high));
  const __m256i limits = _mm256_set1_epi64x(static_cast<long long>(limit));
  __m256i above = _mm256_setzero_si256();
  const char* at = packed.begin;
  for (std::size_t i = 0; i < count; i += 8, at += packed.width) {
    const __m256i first = load_half(at, layout, 0, mask), second = load_half(at, layout, 1, mask);
    above =
        _mm256_or_si256(above, _mm256_or_si256(_mm256_cmpgt_epi64(first, limits), _mm256_cmpgt_epi64(second, limits)));
    out[i / 8] = static_cast<std::uint8_t>(~(outside(first, lows, highs) | outside(second, lows, highs) << 4u));
  }
  over = over || _mm256_testz_si256(above, above) == 0;
}

#endif

template <class Out> void unpack_all(const PackedBits& packed, std::uint64_t base, std::span<Out> out) noexcept {
  std::size_t done = 0;
  if (packed.width == 0) {
    std::fill(out.begin(), out.end(), static_cast<Out>(base));
    return;
  }
#if WEIR_UNPACK_AVX2
  done = fast_count(packed, out.size());
  if (done != 0)
    fast_unpack(packed, base, out.data(), done);
#endif
  each_value(packed, done, out.size(),
             [&](std::size_t i, std::uint64_t value) { out[i] = static_cast<Out>(base + value); });
}

} // namespace

void unpack_values(const PackedBits& packed, std::uint64_t base, std::span<std::uint64_t> out) noexcept {
  unpack_all(packed, base, out);
}

void unpack_values(const PackedBits& packed, std::uint64_t base, std::span<std::uint32_t> out) noexcept {
  unpack_all(packed, base, out);
}

std::array<std::uint64_t, 2> values_between(const PackedBits& packed, std::size_t count, std::uint64_t low,
                                            std::uint64_t high, std::uint64_t limit, bool& over) noexcept {
  std::array<std::uint64_t, 2> bits{};
  std::size_t done = 0;
#if WEIR_UNPACK_AVX2
  constexpr std::uint64_t word_max = std::numeric_limits<std::int64_t>::max();
  if (low <= word_max) { // no value of a width that is fast is larger
    done = fast_count(packed, count);
    if (done != 0)
      fast_between(packed, done, low, std::min(high, word_max), std::min(limit, word_max),
                   reinterpret_cast<std::uint8_t*>(bits.data()), over);
  }
#endif
  each_value(packed, done, count, [&](std::size_t i, std::uint64_t value) {
    bits[i / 64] |= std::uint64_t{low <= value && value <= high ? 1U : 0U} << (i % 64);
    over = over || value > limit;
  });
  return bits;
}

} // namespace weir::segments
