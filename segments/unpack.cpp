#include "segments/unpack.hpp"

#include "engine/processor.hpp"
#include "segments/bit_pack.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

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

#if WEIR_X86_64

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

/// How many of `count` values, a multiple of `turn`, a loop can take that loads `turn` of them from bytes up to
/// `loaded_bytes` behind the first; eight values take as many bytes as each has bits.
std::size_t loadable(const PackedBits& packed, std::size_t count, std::size_t turn, std::size_t loaded_bytes) noexcept {
  const auto readable = static_cast<std::size_t>(packed.end - packed.begin);
  std::size_t turns = count / turn;
  while (turns != 0 && (turns - 1) * (turn / 8) * packed.width + loaded_bytes > readable)
    --turns;
  return turns * turn;
}

/// How many values, a multiple of 8, can be loaded 16 bytes at a time.
std::size_t fast_count(const PackedBits& packed, std::size_t count) noexcept {
  if (packed.width > fast_width_max || !has_avx2())
    return 0;
  return loadable(packed, count, 8, layouts[packed.width].offset[3] + std::size_t{16});
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

constexpr unsigned middle_width_max = 25; ///< A value and the bits before it fit 32 bits.

/// The same for eight values in lanes of 32 bits: two loads, four values each.
struct MiddleLayout {
  alignas(32) std::uint8_t shuffle[32];
  alignas(32) std::uint32_t shift[8];
  std::uint32_t offset; ///< Of the second load.
};

constexpr auto middle_layouts = [] {
  std::array<MiddleLayout, middle_width_max + 1> all{};
  for (unsigned width = 0; width <= middle_width_max; ++width) {
    MiddleLayout& layout = all[width];
    layout.offset = width / 2;
    for (unsigned value = 0; value < 8; ++value) {
      const unsigned bit = value % 4 * width + (value < 4 ? 0 : width % 2 * 4); // in the load
      for (unsigned byte = 0; byte < 4; ++byte)
        layout.shuffle[value * 4 + byte] = static_cast<std::uint8_t>(bit / 8 + byte);
      layout.shift[value] = bit % 8;
    }
  }
  return all;
}();

std::size_t middle_count(const PackedBits& packed, std::size_t count) noexcept {
  if (packed.width > middle_width_max || !has_avx2())
    return 0;
  return loadable(packed, count, 8, middle_layouts[packed.width].offset + std::size_t{16});
}

WEIR_AVX2 inline __m256i load_eight(const char* at, const MiddleLayout& layout, __m256i mask) noexcept {
  const auto* const first = reinterpret_cast<const __m128i*>(at);
  const auto* const second = reinterpret_cast<const __m128i*>(at + layout.offset);
  const __m256i bytes =
      _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(first)), _mm_loadu_si128(second), 1);
  const __m256i words = _mm256_shuffle_epi8(bytes, _mm256_load_si256(reinterpret_cast<const __m256i*>(layout.shuffle)));
  const __m256i shift = _mm256_load_si256(reinterpret_cast<const __m256i*>(layout.shift));
  return _mm256_and_si256(_mm256_srlv_epi32(words, shift), mask);
}

WEIR_AVX2 inline __m256i middle_mask(unsigned width) noexcept {
  return _mm256_set1_epi32(static_cast<int>((std::uint32_t{1} << width) - 1));
}

WEIR_AVX2 void middle_unpack(const PackedBits& packed, std::uint64_t base, std::uint32_t* out,
                             std::size_t count) noexcept {
  const MiddleLayout& layout = middle_layouts[packed.width];
  const __m256i mask = middle_mask(packed.width), bases = _mm256_set1_epi32(static_cast<int>(base));
  const char* at = packed.begin;
  for (std::size_t i = 0; i < count; i += 8, at += packed.width)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), _mm256_add_epi32(load_eight(at, layout, mask), bases));
}

/// As bytes_between(), eight values a turn.
WEIR_AVX2 void middle_between(const PackedBits& packed, std::size_t count, std::uint64_t low, std::uint64_t high,
                              std::uint64_t limit, char* out, bool& over) noexcept {
  const unsigned width = packed.width;
  const MiddleLayout& layout = middle_layouts[width];
  const __m256i mask = middle_mask(width);
  const __m256i lows = _mm256_set1_epi32(static_cast<int>(low));
  const __m256i span = _mm256_set1_epi32(static_cast<int>(high - low));
  __m256i most = _mm256_setzero_si256();
  const char* at = packed.begin;
  for (std::size_t i = 0; i < count; i += 8, at += width) {
    const __m256i values = load_eight(at, layout, mask);
    most = _mm256_max_epu32(most, values);
    const __m256i above = _mm256_sub_epi32(values, lows);
    const __m256i inside = _mm256_cmpeq_epi32(_mm256_min_epu32(above, span), above);
    out[i / 8] = static_cast<char>(_mm256_movemask_ps(_mm256_castsi256_ps(inside)));
  }
  const __m256i limits = _mm256_set1_epi32(static_cast<int>(limit));
  over = over || _mm256_movemask_epi8(_mm256_cmpeq_epi32(_mm256_max_epu32(most, limits), limits)) != -1;
}

constexpr unsigned byte_width_max = 8, short_width_max = 16;

/// How many values, a multiple of 32, can be loaded a word at a time; eight of them take as many bytes as each has
/// bits.
std::size_t narrow_count(const PackedBits& packed, std::size_t count) noexcept {
  if (packed.width > short_width_max || !has_bmi2())
    return 0;
  const std::size_t last = std::size_t{3} * packed.width + (packed.width <= byte_width_max ? 0 : packed.width / 2);
  return loadable(packed, count, 32, last + sizeof(std::uint64_t));
}

/// The values in the word at `from`, behind `shift` bits, each to its lane.
WEIR_BMI2 inline long long lanes_of(const char* from, unsigned shift, std::uint64_t lanes) noexcept {
  return static_cast<long long>(_pdep_u64(load<std::uint64_t>(from) >> shift, lanes));
}

/// 32 values of at most 8 bits.
WEIR_BMI2 inline __m256i load_bytes(const char* at, unsigned width, std::uint64_t lanes) noexcept {
  return _mm256_set_epi64x(lanes_of(at + std::size_t{3} * width, 0, lanes),
                           lanes_of(at + std::size_t{2} * width, 0, lanes), lanes_of(at + width, 0, lanes),
                           lanes_of(at, 0, lanes));
}

/// 16 values of at most 16 bits. Four of them take half as many bytes as each has bits, and half a byte if that is odd.
WEIR_BMI2 inline __m256i load_shorts(const char* at, unsigned width, std::uint64_t lanes) noexcept {
  const std::size_t half = width / 2;
  const unsigned shift = width % 2 * 4;
  return _mm256_set_epi64x(lanes_of(at + width + half, shift, lanes), lanes_of(at + width, 0, lanes),
                           lanes_of(at + half, shift, lanes), lanes_of(at, 0, lanes));
}

inline void put(char* out, int bits) noexcept {
  std::memcpy(out, &bits, sizeof bits);
}

// As fast_between(), 32 values a turn. Preconditions: as of narrow_count(); low <= high < 2^width, `limit` too. Below
// `low` the difference to it wraps round to something large.

WEIR_BMI2 void bytes_between(const PackedBits& packed, std::size_t count, std::uint64_t low, std::uint64_t high,
                             std::uint64_t limit, char* out, bool& over) noexcept {
  const unsigned width = packed.width; // what is written does not change it, which a compiler cannot know
  const std::uint64_t lanes = ((std::uint64_t{1} << width) - 1) * 0x0101010101010101ULL;
  const __m256i lows = _mm256_set1_epi8(static_cast<char>(low)), span = _mm256_set1_epi8(static_cast<char>(high - low));
  __m256i most = _mm256_setzero_si256();
  const char* at = packed.begin;
  for (std::size_t i = 0; i < count; i += 32, at += std::size_t{4} * width) {
    const __m256i values = load_bytes(at, width, lanes);
    most = _mm256_max_epu8(most, values);
    const __m256i above = _mm256_sub_epi8(values, lows);
    const __m256i inside = _mm256_cmpeq_epi8(_mm256_min_epu8(above, span), above);
    put(out + i / 8, _mm256_movemask_epi8(inside));
  }
  const __m256i limits = _mm256_set1_epi8(static_cast<char>(limit));
  over = over || _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(most, limits), limits)) != -1;
}

WEIR_BMI2 void shorts_between(const PackedBits& packed, std::size_t count, std::uint64_t low, std::uint64_t high,
                              std::uint64_t limit, char* out, bool& over) noexcept {
  const unsigned width = packed.width;
  const std::uint64_t lanes = ((std::uint64_t{1} << width) - 1) * 0x0001000100010001ULL;
  const __m256i lows = _mm256_set1_epi16(static_cast<short>(low));
  const __m256i span = _mm256_set1_epi16(static_cast<short>(high - low));
  __m256i most = _mm256_setzero_si256();
  const char* at = packed.begin;
  for (std::size_t i = 0; i < count; i += 32, at += std::size_t{4} * width) {
    const __m256i first = load_shorts(at, width, lanes);
    const __m256i second = load_shorts(at + std::size_t{2} * width, width, lanes);
    most = _mm256_max_epu16(most, _mm256_max_epu16(first, second));
    const __m256i first_above = _mm256_sub_epi16(first, lows), second_above = _mm256_sub_epi16(second, lows);
    const __m256i inside = _mm256_packs_epi16(_mm256_cmpeq_epi16(_mm256_min_epu16(first_above, span), first_above),
                                              _mm256_cmpeq_epi16(_mm256_min_epu16(second_above, span), second_above));
    // Packing goes by halves of 128 bits; this puts them in order.
    put(out + i / 8, _mm256_movemask_epi8(_mm256_permute4x64_epi64(inside, 0xD8)));
  }
  const __m256i limits = _mm256_set1_epi16(static_cast<short>(limit));
  over = over || _mm256_movemask_epi8(_mm256_cmpeq_epi16(_mm256_max_epu16(most, limits), limits)) != -1;
}

/// Precondition: low <= high; both, and `limit`, are below 2^63.
WEIR_AVX2 void fast_between(const PackedBits& packed, std::size_t count, std::uint64_t low, std::uint64_t high,
                            std::uint64_t limit, char* out, bool& over) noexcept {
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
    out[i / 8] = static_cast<char>(~(outside(first, lows, highs) | outside(second, lows, highs) << 4u));
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
#if WEIR_X86_64
  if constexpr (sizeof(Out) == sizeof(std::uint32_t)) {
    done = middle_count(packed, out.size());
    if (done != 0)
      middle_unpack(packed, base, out.data(), done);
  }
  const PackedBits rest{packed.begin + done / 8 * packed.width, packed.end, packed.width};
  if (const std::size_t wide = fast_count(rest, out.size() - done); wide != 0) {
    fast_unpack(rest, base, out.data() + done, wide);
    done += wide;
  }
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

void values_between(const PackedBits& packed, std::size_t count, std::uint64_t low, std::uint64_t high,
                    std::uint64_t limit, std::span<std::uint64_t> out, bool& over) noexcept {
  std::size_t done = 0;
  std::ranges::fill(out, 0);
#if WEIR_X86_64
  auto* const bytes = reinterpret_cast<char*>(out.data()); // of eight values each
  const std::uint64_t ones = packed.width >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << packed.width) - 1;
  const auto rest = [&] { return PackedBits{packed.begin + done / 8 * packed.width, packed.end, packed.width}; };
  if (low <= ones) {
    const std::uint64_t highest = std::min(high, ones);
    if (const std::size_t narrow = narrow_count(packed, count); narrow != 0) {
      const auto between = packed.width <= byte_width_max ? bytes_between : shorts_between;
      between(packed, narrow, low, highest, std::min(limit, ones), bytes, over);
      done = narrow;
      if (done == count)
        return;
    }
    if (const std::size_t middle = middle_count(rest(), count - done); middle != 0) {
      middle_between(rest(), middle, low, highest, std::min(limit, ones), bytes + done / 8, over);
      done += middle;
      if (done == count)
        return;
    }
  }
  constexpr std::uint64_t word_max = std::numeric_limits<std::int64_t>::max();
  if (low <= word_max) { // no value of a width that is fast is larger
    if (const std::size_t wide = fast_count(rest(), count - done); wide != 0) {
      fast_between(rest(), wide, low, std::min(high, word_max), std::min(limit, word_max), bytes + done / 8, over);
      done += wide;
    }
  }
#endif
  each_value(packed, done, count, [&](std::size_t i, std::uint64_t value) {
    out[i / 64] |= std::uint64_t{low <= value && value <= high ? 1U : 0U} << (i % 64);
    over = over || value > limit;
  });
}

} // namespace weir::segments
