#include "segments/integer_column.hpp"

#include "engine/count_bits.hpp"
#include "engine/word_window.hpp"
#include "segments/bit_pack.hpp"
#include "segments/bit_rank.hpp"
#include "segments/format.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace weir::segments {
namespace {

constexpr std::size_t group_header_bytes = sizeof(std::uint64_t) + 1; // base and width

std::size_t groups_of(std::size_t rows) noexcept {
  return (rows + integer_group_rows - 1) / integer_group_rows;
}

constexpr std::size_t group_words = integer_group_rows / 64;
static_assert(group_words == 2);

/// So many groups are compared together at most.
constexpr std::size_t run_groups_max = 32;

/// Of one group, up to so many cost less one by one than all of them together.
constexpr std::uint64_t few_rows_decoded = 8;
constexpr std::uint64_t few_rows_compared(unsigned width) noexcept {
  return width <= 8 ? 2 : width <= 16 ? 8 : width <= 25 ? 16 : 32;
}

/// Calls `visit(i, value)` for those of `rows` of a group.
template <class Visit> void each_row(const PackedBits& packed, RowWords rows, const Visit& visit) {
  const bool one_load = packed.width <= 56; // one word holds any value, whatever bit it begins with
  const std::uint64_t mask = (std::uint64_t{1} << packed.width % 64) - 1;
  for (std::size_t w = 0; w < rows.size(); ++w)
    for (std::uint64_t word = rows[w]; word != 0; word &= word - 1) {
      const std::size_t i = w * 64 + static_cast<std::size_t>(std::countr_zero(word));
      const std::size_t bit = i * packed.width;
      visit(i, one_load ? load<std::uint64_t>(packed.begin + bit / 8) >> bit % 8 & mask
                        : unpack(packed.begin, i, packed.width));
    }
}

} // namespace

void append_integers(std::string& out, std::span<const std::uint64_t> values, std::uint64_t base) {
  const std::size_t groups = groups_of(values.size());
  const std::size_t begin = out.size();
  out.resize(begin + groups * group_header_bytes);
  const auto rows_of = [&](std::size_t group) {
    const std::size_t first = group * integer_group_rows;
    return values.subspan(first, std::min(integer_group_rows, values.size() - first));
  };
  std::size_t size = out.size() + bits_padding_bytes;
  for (std::size_t group = 0; group < groups; ++group) {
    const auto rows = rows_of(group);
    std::uint64_t low = rows.front() - base, high = low;
    for (const std::uint64_t row : rows) {
      low = std::min(low, row - base);
      high = std::max(high, row - base);
    }
    const auto width = static_cast<unsigned>(std::bit_width(high - low));
    std::memcpy(out.data() + begin + group * sizeof low, &low, sizeof low);
    out[begin + groups * sizeof low + group] = static_cast<char>(width);
    size += packed_bytes(rows.size(), width);
  }
  static_assert(bits_padding_bytes >= sizeof(std::uint64_t)); // what pack() writes too much
  out.resize(size);
  char* to = out.data() + begin + groups * group_header_bytes;
  std::array<std::uint64_t, integer_group_rows> above;
  for (std::size_t group = 0; group < groups; ++group) {
    const auto rows = rows_of(group);
    const std::uint64_t least = base + load<std::uint64_t>(out.data() + begin + group * sizeof least);
    std::transform(rows.begin(), rows.end(), above.begin(), [least](std::uint64_t row) { return row - least; });
    const auto width = static_cast<unsigned char>(out[begin + groups * sizeof least + group]);
    to = pack(std::span<const std::uint64_t>(above).first(rows.size()), width, to);
  }
  std::memset(to, 0, bits_padding_bytes);
}

std::string encode_integers(std::span<const std::uint64_t> values) {
  std::string out;
  append_integers(out, values);
  return out;
}

std::size_t IntegerColumn::groups() const noexcept {
  return groups_of(rows_);
}

unsigned IntegerColumn::width(std::size_t group) const noexcept {
  return static_cast<unsigned char>(bytes_[groups() * sizeof(std::uint64_t) + group]);
}

std::optional<IntegerColumn> IntegerColumn::open(std::string_view bytes, std::uint32_t rows) noexcept {
  const IntegerColumn column(bytes, rows);
  const std::size_t groups = groups_of(rows);
  std::uint64_t size = groups * group_header_bytes;
  if (bytes.size() < size)
    return std::nullopt;
  const auto* const widths = reinterpret_cast<const unsigned char*>(bytes.data()) + groups * sizeof(std::uint64_t);
  std::uint32_t bits = 0, widest = 0; // of one row of each group but the last
  for (std::size_t group = 0; group + 1 < groups; ++group) {
    bits += widths[group];
    widest = std::max<std::uint32_t>(widest, widths[group]);
  }
  size += std::uint64_t{bits} * (integer_group_rows / 8);
  if (groups != 0) {
    widest = std::max<std::uint32_t>(widest, widths[groups - 1]);
    size += packed_bytes(rows - (groups - 1) * integer_group_rows, widths[groups - 1]);
  }
  if (widest > 64)
    return std::nullopt;
  if (bytes.size() != size + bits_padding_bytes)
    return std::nullopt;
  return column;
}

const char* IntegerColumn::values_of(std::size_t group) const noexcept {
  const char* const widths = bytes_.data() + groups() * sizeof(std::uint64_t);
  // Of one row of each group before, together: eight widths at a time. What follows them in the block is longer than
  // the word that may reach into it.
  std::uint64_t bits = 0;
  for (std::size_t before = 0; before < group; before += 8) {
    auto word = load<std::uint64_t>(widths + before);
    if (group - before < 8)
      word &= (std::uint64_t{1} << 8 * (group - before)) - 1;
    bits += ((word & 0x00FF00FF00FF00FFULL) + (word >> 8 & 0x00FF00FF00FF00FFULL)) * 0x0001000100010001ULL >> 48;
  }
  return widths + groups() + bits * (integer_group_rows / 8);
}

void IntegerColumn::prefetch_group(std::uint32_t first) const noexcept {
  const std::size_t group = first / integer_group_rows;
  __builtin_prefetch(bytes_.data() + group * sizeof(std::uint64_t));
  __builtin_prefetch(bytes_.data() + groups() * sizeof(std::uint64_t) + group);
}

void IntegerColumn::prefetch_values(std::uint32_t first) const noexcept {
  const std::size_t group = first / integer_group_rows;
  const char* const at = values_of(group) + first % integer_group_rows * width(group) / 8;
  __builtin_prefetch(at);
  __builtin_prefetch(at + 64);
}

std::uint64_t IntegerColumn::base(std::size_t group) const noexcept {
  return load<std::uint64_t>(bytes_.data() + group * sizeof(std::uint64_t));
}

template <class Out> void IntegerColumn::decode_to(std::uint32_t first, std::span<Out> out) const noexcept {
  const char* const end = bytes_.data() + bytes_.size();
  std::size_t group = first / integer_group_rows;
  const char* bits = values_of(group);
  std::size_t in_group = first % integer_group_rows;
  for (std::size_t done = 0; done < out.size(); ++group, in_group = 0) {
    const unsigned bits_each = width(group);
    const std::size_t count = std::min(integer_group_rows - in_group, out.size() - done);
    const std::uint64_t least = base(group);
    const std::size_t odd = std::min((8 - in_group % 8) % 8, count); // until the next one that begins with a byte
    for (std::size_t i = 0; i < odd; ++i)
      out[done + i] = static_cast<Out>(least + unpack(bits, in_group + i, bits_each));
    unpack_values({bits + (in_group + odd) / 8 * bits_each, end, bits_each}, least,
                  out.subspan(done + odd, count - odd));
    done += count;
    bits += packed_bytes(integer_group_rows, bits_each);
  }
}

template <class Out> void IntegerColumn::decode_rows_to(RowWords rows, std::span<Out> out) const noexcept {
  constexpr std::size_t words = integer_group_rows / 64;
  const char* const end = bytes_.data() + bytes_.size();
  const char* bits = values_of(0);
  for (std::size_t group = 0; group < groups(); ++group) {
    const std::size_t first = group * integer_group_rows;
    const unsigned bits_each = width(group);
    const auto wanted = rows.subspan(group * words, std::min(words, rows.size() - group * words));
    if (count_bits(wanted) > few_rows_decoded) {
      unpack_values({bits, end, bits_each}, base(group),
                    out.subspan(first, std::min(integer_group_rows, out.size() - first)));
    } else {
      each_row({bits, end, bits_each}, wanted,
               [&](std::size_t i, std::uint64_t value) { out[first + i] = static_cast<Out>(base(group) + value); });
    }
    bits += packed_bytes(integer_group_rows, bits_each);
  }
}

void IntegerColumn::decode(std::uint32_t first, std::span<std::uint64_t> out) const noexcept {
  decode_to(first, out);
}

void IntegerColumn::decode(std::uint32_t first, std::span<std::uint32_t> out) const noexcept {
  decode_to(first, out);
}

void IntegerColumn::decode_rows(RowWords rows, std::span<std::uint64_t> out) const noexcept {
  decode_rows_to(rows, out);
}

void IntegerColumn::decode_rows(RowWords rows, std::span<std::uint32_t> out) const noexcept {
  decode_rows_to(rows, out);
}

bool IntegerColumn::mark(std::span<const NumberRange> ranges, RowWords rows, std::uint64_t limit,
                         std::span<std::uint64_t> out) const noexcept {
  bool over = false;
  const WordWindow window = window_of(rows);
  const std::size_t groups = this->groups(), first_group = window.first / group_words,
                    behind = groups_of(window.behind() * 64);
  if (window.count == 0)
    return true;
  const char* bits = values_of(first_group);
  const auto* const widths = reinterpret_cast<const unsigned char*>(bytes_.data()) + groups * sizeof(std::uint64_t);
  for (std::size_t group = first_group, next = 0; group < behind; group = next) {
    const unsigned bits_each = widths[group];
    if (const std::size_t w = group * group_words; (rows[w] | (w + 1 < rows.size() ? rows[w + 1] : 0)) == 0) {
      bits += packed_bytes(integer_group_rows, bits_each);
      next = group + 1;
      continue;
    }
    const std::uint64_t least = base(group);
    const std::size_t last = std::min(behind, group + run_groups_max);
    // Groups of one base and one width lie as if they were one.
    for (next = group + 1; next < last && widths[next] == bits_each && base(next) == least;)
      ++next;
    const PackedBits packed{bits, bytes_.data() + bytes_.size(), bits_each};
    bits += (next - group) * packed_bytes(integer_group_rows, bits_each);
    const std::size_t first_word = group * group_words;
    const std::size_t words = std::min((next - group) * group_words, rows.size() - first_word);
    const auto wanted = rows.subspan(first_word, words);
    const auto marked = out.subspan(first_word, words);
    const std::uint64_t span = bits_each == 0 ? 0 : ~std::uint64_t{0} >> (64 - bits_each);
    if (least > ~std::uint64_t{0} - span) { // some may wrap round, as decode() has them
      each_row(packed, wanted, [&](std::size_t i, std::uint64_t value) {
        value += least;
        const bool inside = std::any_of(ranges.begin(), ranges.end(), [value](const NumberRange& range) {
          return value >= range.low && value <= range.high;
        });
        marked[i / 64] |= std::uint64_t{inside ? 1U : 0U} << i % 64;
        over = over || value > limit;
      });
      continue;
    }
    const std::uint64_t most = least + span;
    for (const NumberRange& range : ranges) {
      if (range.high < least || range.low > most)
        continue;
      if (range.low <= least && range.high >= most) {
        for (std::size_t w = 0; w < words; ++w)
          marked[w] |= wanted[w];
        break;
      }
      const std::uint64_t low = std::max(range.low, least) - least, high = range.high - least;
      const std::uint64_t highest = limit < least ? 0 : limit - least;
      over = over || limit < least;
      std::array<std::uint64_t, run_groups_max * group_words> found; // NOLINT: written before it is read
      const auto here = std::span(found).first(words);
      if (count_bits(wanted) <= (next - group) * few_rows_compared(bits_each)) {
        std::ranges::fill(here, 0);
        std::uint64_t largest = 0;
        each_row(packed, wanted, [&](std::size_t i, std::uint64_t value) {
          here[i / 64] |= std::uint64_t{value - low <= high - low ? 1U : 0U} << i % 64;
          largest = std::max(largest, value);
        });
        over = over || largest > highest;
      } else {
        const std::size_t count = std::min((next - group) * integer_group_rows, rows_ - group * integer_group_rows);
        values_between(packed, count, low, high, highest, here, over);
      }
      add_both(marked, wanted, here);
    }
  }
  return !over;
}

bool IntegerColumn::count_values(RowWords rows, std::span<std::uint64_t> counts) const noexcept {
  const char* bits = values_of(0);
  bool known = true;
  for (std::size_t group = 0; group < groups(); ++group) {
    const unsigned bits_each = width(group);
    const PackedBits packed{bits, bytes_.data() + bytes_.size(), bits_each};
    bits += packed_bytes(integer_group_rows, bits_each);
    const std::size_t first_word = group * group_words;
    const auto wanted = rows.subspan(first_word, std::min(group_words, rows.size() - first_word));
    const std::uint64_t count = count_bits(wanted);
    const std::uint64_t least = base(group);
    if (count == 0)
      continue;
    if (bits_each == 0) {
      known = known && least < counts.size();
      if (known)
        counts[static_cast<std::size_t>(least)] += count;
      continue;
    }
    const auto add = [&](std::uint64_t value) {
      known = known && value < counts.size();
      if (known)
        ++counts[static_cast<std::size_t>(value)];
    };
    const std::size_t size = std::min(integer_group_rows, rows_ - group * integer_group_rows);
    if (count != size) {
      each_row(packed, wanted, [&](std::size_t, std::uint64_t value) { add(least + value); });
      continue;
    }
    std::array<std::uint64_t, integer_group_rows> values; // NOLINT: written before it is read
    unpack_values(packed, least, std::span(values).first(size));
    std::for_each(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(size), add);
  }
  return known;
}

IntegerColumn::Cursor::Cursor(const IntegerColumn& column) noexcept
    : column_(column), base_(column.base(0)), width_(column.width(0)), bits_(column.values_of(0)) {
}

std::uint64_t IntegerColumn::Cursor::at(std::size_t index) noexcept {
  if (const std::size_t group = index / integer_group_rows; group != group_) {
    group_ = group;
    base_ = column_.base(group);
    width_ = column_.width(group);
    bits_ = column_.values_of(group);
  }
  return base_ + unpack(bits_, index % integer_group_rows, width_);
}

} // namespace weir::segments
