#include "segments/field_marks.hpp"

#include "engine/count_bits.hpp"
#include "engine/sabotage.hpp"
#include "engine/word_window.hpp"
#include "segments/bit_rank.hpp"
#include "segments/bytes.hpp"
#include "segments/field_rows.hpp"
#include "segments/integer_column.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

namespace weir::segments {
namespace {

using IntegerRange = ValueRange<std::int64_t>;
using RealRange = ValueRange<double>;

/// With fewer rows in 64 than this it pays to find out which values are theirs.
constexpr std::uint64_t few_rows_per_word = 4;

/// What an integer of a column of doubles stands for.
double real_of(std::int64_t integer, double divisor) noexcept {
  return static_cast<double>(integer) / divisor;
}

/// The least integer that `test` holds for; it holds from there on. Nothing: for none. `near`: where that may be.
template <class Test> std::optional<std::int64_t> least_integer(double near, const Test& test) {
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                         most = std::numeric_limits<std::int64_t>::max();
  if (test(least))
    return least;
  if (!test(most))
    return std::nullopt;
  std::int64_t low = least, high = most; // not for `low`, but for `high`
  constexpr double exact_max = 9007199254740992.0;
  if (std::abs(near) <= exact_max) { // scaling rounds: it is one of the neighbours
    const auto guess = static_cast<std::int64_t>(near);
    if (!test(guess - 2) && test(guess + 2)) {
      low = guess - 2;
      high = guess + 2;
    }
  }
  while (static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) > 1) {
    const std::int64_t middle = std::midpoint(low, high);
    (test(middle) ? high : low) = middle;
  }
  return high;
}

/// The integers that stand for doubles in `range`; nothing: there is none.
std::optional<IntegerRange> scaled(const RealRange& range, double divisor) {
  const auto low = least_integer(range.low * divisor, [&](std::int64_t i) { return real_of(i, divisor) >= range.low; });
  const auto behind =
      least_integer(range.high * divisor, [&](std::int64_t i) { return real_of(i, divisor) > range.high; });
  if (!low || (behind && *behind <= *low))
    return std::nullopt;
  return IntegerRange{*low, behind ? *behind - 1 : std::numeric_limits<std::int64_t>::max()};
}

/// How far the integers of `range` lie above `base`, the least one.
std::optional<NumberRange> above(const IntegerRange& range, std::int64_t base) noexcept {
  if (range.high < base)
    return std::nullopt;
  const auto word = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  const std::uint64_t high = word(range.high) - word(base);
  return NumberRange{word(std::max(range.low, base)) - word(base),
                     high + (sabotaged(Sabotage::mark_next_value) ? 1 : 0)};
}

/// Doubles that are kept as they are. False where one is none of JSON.
bool mark_reals(std::string_view bytes, const FieldRows& rows, std::span<const RealRange> ranges, RowWords wanted,
                std::span<std::uint64_t> out) noexcept {
  std::size_t before = 0;
  for (std::size_t w = 0; w < wanted.size(); ++w) {
    for (std::uint64_t word = wanted[w] & rows.present[w]; word != 0; word &= word - 1) {
      const std::uint64_t bit = word & -word;
      const std::size_t place = before + static_cast<std::size_t>(std::popcount(rows.present[w] & (bit - 1)));
      const auto value = load<double>(bytes.data() + place * sizeof(double));
      if (!std::isfinite(value))
        return false;
      const bool inside = std::any_of(ranges.begin(), ranges.end(), [value](const RealRange& range) {
        return value >= range.low && value <= range.high;
      });
      out[w] |= inside ? bit : 0;
    }
    before += static_cast<std::size_t>(std::popcount(rows.present[w]));
  }
  return true;
}

/// Packed integers, of which those in `ranges` are looked for.
bool mark_integers(ByteSource& source, const FieldZone& zone, const FieldRows& rows,
                   std::span<const IntegerRange> ranges, RowWords wanted, std::span<std::uint64_t> out) {
  const auto base = static_cast<std::int64_t>(source.take<std::uint64_t>());
  const auto column = IntegerColumn::open(source.take_bytes(source.left()), zone.values);
  if (!source.ok() || !column)
    return false;
  const std::int64_t largest =
      zone.type == FieldForm::float64 ? std::numeric_limits<std::int64_t>::max() : zone.integer_max;
  if (base > largest)
    return false;
  const std::uint64_t limit = static_cast<std::uint64_t>(largest) - static_cast<std::uint64_t>(base);
  std::vector<NumberRange> numbers;
  for (const IntegerRange& range : ranges)
    if (const auto number = above(range, base))
      numbers.push_back(*number);
  if (numbers.empty())
    return true;
  if (rows.all_present)
    return column->mark(numbers, wanted, limit, out);
  // By place among the values, from the first row that is wanted to the last: where rows lie by type, values of others
  // are before and behind.
  const WordWindow window = window_of(wanted);
  const auto some = [=](auto words) { return window.of(words); };
  const RowWords all_present = rows.present, present = some(all_present);
  const auto first = static_cast<std::size_t>(count_bits(all_present.first(window.first)));
  const auto behind = first + static_cast<std::size_t>(count_bits(present));
  const std::size_t words = row_words(zone.values);
  std::vector<std::uint64_t> places(2 * words);
  const auto asked = std::span(places).first(words), found = std::span(places).last(words);
  if (count_bits(some(wanted)) < present.size() * few_rows_per_word) {
    gather_bits(some(wanted), present, first, asked);
  } else {
    std::ranges::fill(asked.subspan(first / 64, row_words(behind) - first / 64), ~std::uint64_t{0});
    if (zone.values % 64 != 0)
      asked.back() &= (std::uint64_t{1} << zone.values % 64) - 1;
  }
  if (!column->mark(numbers, asked, limit, found))
    return false;
  scatter_bits(found, first, present, some(wanted), some(out));
  return true;
}

} // namespace

std::optional<bool> mark_field_column(std::string_view bytes, const FieldZone& zone, std::uint32_t rows,
                                      const FieldRanges& ranges, RowWords wanted, const FieldMarks& out) {
  const bool real = zone.type == FieldForm::float64;
  if (real != std::holds_alternative<std::span<const RealRange>>(ranges) ||
      (!real && zone.type != FieldForm::int64 && zone.type != FieldForm::boolean))
    return false;
  ByteSource source(bytes);
  FieldRows which;
  if (!take_field_rows(source, zone, rows, which))
    return std::nullopt;
  bool good = false;
  if (!real) {
    good = mark_integers(source, zone, which, *std::get_if<std::span<const IntegerRange>>(&ranges), wanted, out.inside);
  } else if (const auto reals = *std::get_if<std::span<const RealRange>>(&ranges);
             which.decimals == field_decimals_none) {
    const std::string_view values = source.take_bytes(std::size_t{zone.values} * sizeof(double));
    good = source.ok() && source.left() == 0 && mark_reals(values, which, reals, wanted, out.inside);
  } else if (which.decimals <= field_decimals_max) {
    std::vector<IntegerRange> integers;
    for (const RealRange& range : reals)
      if (const auto scaled_range = scaled(range, powers_of_ten[which.decimals]))
        integers.push_back(*scaled_range);
    good = mark_integers(source, zone, which, integers, wanted, out.inside);
  }
  if (!good)
    return std::nullopt;
  add_both(out.values, wanted, which.present);
  if (!which.null.empty())
    add_both(out.nulls, wanted, which.null);
  return true;
}

} // namespace weir::segments
