#include "segments/field_column.hpp"

#include "engine/count_bits.hpp"
#include "engine/sabotage.hpp"
#include "segments/bytes.hpp"
#include "segments/format.hpp"
#include "segments/integer_column.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace weir::segments {
namespace {

// Integers up to here are doubles, so dividing one by a power of ten rounds once.
constexpr double exact_integer_max = 9007199254740992.0;

/// As std::llround, without a call. Precondition: `value` is at most exact_integer_max away from 0.
std::int64_t nearest(double value) noexcept {
  const auto whole = static_cast<std::int64_t>(value);
  const double rest = value - static_cast<double>(whole);
  return whole + (rest >= 0.5 ? 1 : 0) - (rest <= -0.5 ? 1 : 0);
}

/// `value` as an integer of so many decimals; nothing unless that gives its very bits back.
std::optional<std::int64_t> scaled(double value, unsigned decimals) noexcept {
  const double product = value * powers_of_ten[decimals];
  if (!(std::abs(product) <= exact_integer_max))
    return std::nullopt;
  const auto integer = nearest(product);
  const double back = static_cast<double>(integer) / powers_of_ten[decimals];
  if (std::bit_cast<std::uint64_t>(back) != std::bit_cast<std::uint64_t>(value))
    return std::nullopt;
  return integer;
}

/// All of `values`, which are doubles, as integers of the fewest decimals that suit them all.
std::optional<unsigned> scale_all(std::span<const std::uint64_t> values, std::vector<std::uint64_t>& integers) {
  unsigned decimals = 0;
  for (std::size_t i = 0; i < values.size() && decimals <= field_decimals_max;) {
    if (scaled(std::bit_cast<double>(values[i]), decimals))
      ++i;
    else
      ++decimals; // what suited fewer may be too large now: the second pass tells
  }
  if (decimals > field_decimals_max)
    return std::nullopt;
  integers.clear();
  for (const std::uint64_t bits : values) {
    const auto integer = scaled(std::bit_cast<double>(bits), decimals);
    if (!integer)
      return std::nullopt;
    integers.push_back(static_cast<std::uint64_t>(*integer));
  }
  return decimals;
}

void append_bits(std::string& out, const RowBits& bits, std::uint32_t rows) {
  out.append(reinterpret_cast<const char*>(bits.data()), (rows + 7) / 8);
}

/// The smallest of them, then how far the others lie above it.
void append_from_least(std::string& out, std::span<const std::uint64_t> values) {
  auto least = static_cast<std::int64_t>(values.front());
  for (const std::uint64_t value : values)
    least = std::min(least, static_cast<std::int64_t>(value));
  const auto base = static_cast<std::uint64_t>(least);
  append_integer(out, base);
  append_integers(out, values, base);
}

void append_sized(std::string& out, std::string_view bytes) {
  append_integer(out, static_cast<std::uint32_t>(bytes.size()));
  out += bytes;
}

void append_strings(std::string& out, const FieldValues& column) {
  append_sized(out, encode_integers(column.values));
  std::vector<std::uint64_t> lengths(column.texts.size());
  std::transform(column.texts.begin(), column.texts.end(), lengths.begin(), [](auto text) { return text.size(); });
  append_sized(out, encode_integers(lengths));
  for (const std::string_view text : column.texts)
    out += text;
}

/// The values at the front of `out` go to their rows; other rows become 0.
template <class T> void spread(std::span<T> out, std::size_t values, const FieldRows& rows) {
  if (rows.all_present)
    return;
  for (std::size_t row = out.size(); row-- > 0;) { // a value never moves down, so none is overwritten before it moved
    const bool has = (rows.present[row / 64] >> (row % 64) & 1) != 0;
    values -= has ? 1 : 0;
    const T value = out[values];
    out[row] = has ? value : T{};
  }
}

/// The bits of `eight`, each as a byte.
constexpr std::uint64_t bytes_of_bits(std::uint64_t eight) noexcept {
  const std::uint64_t apart = eight * 0x0101010101010101ULL & 0x8040201008040201ULL;
  return (apart + 0x7F7F7F7F7F7F7F7FULL) >> 7 & 0x0101010101010101ULL; // no byte exceeds 0x80, so nothing carries
}

std::span<const Presence> presence_of(const FieldRows& rows, std::uint32_t count, ZoneArrays& memory) {
  const auto out = memory.room<Presence>(count);
  for (std::size_t row = 0; row < count; row += 8) {
    const std::uint64_t eight = 2 * bytes_of_bits(rows.present[row / 64] >> (row % 64) & 0xFF) +
                                bytes_of_bits(rows.nulls(row / 64) >> (row % 64) & 0xFF);
    std::memcpy(out.data() + row, &eight, std::min<std::size_t>(sizeof eight, count - row));
  }
  static_assert(static_cast<int>(Presence::null) == 1 && static_cast<int>(Presence::value) == 2);
  return out;
}

/// The same for the elements of `wanted` alone.
std::span<const Presence> presence_of(const FieldRows& rows, RowWords wanted, std::uint32_t count, ZoneArrays& memory) {
  const auto out = memory.room<Presence>(count);
  for (std::size_t w = 0; w < wanted.size(); ++w)
    for (std::uint64_t word = wanted[w]; word != 0; word &= word - 1) {
      const auto bit = static_cast<unsigned>(std::countr_zero(word));
      const std::uint64_t value = 2 * (rows.present[w] >> bit & 1), null = rows.nulls(w) >> bit & 1;
      out[w * 64 + bit] = static_cast<Presence>(value + null);
    }
  return out;
}

/// `count` integers from the rest of `source` to the front of `out`.
bool take_integers(ByteSource& source, std::size_t count, std::span<std::int64_t> out) {
  const auto base = source.take<std::uint64_t>();
  const auto column = IntegerColumn::open(source.take_bytes(source.left()), static_cast<std::uint32_t>(count));
  if (!source.ok() || !column)
    return false;
  const std::span<std::uint64_t> values(reinterpret_cast<std::uint64_t*>(out.data()), count);
  column->decode(0, values);
  for (std::uint64_t& value : values)
    value += base;
  return true;
}

bool take_doubles(ByteSource& source, std::uint8_t decimals, std::size_t count, std::span<double> out,
                  ZoneArrays& memory) {
  if (decimals == field_decimals_none) {
    const std::string_view bytes = source.take_bytes(count * sizeof(double));
    if (!source.ok() || source.left() != 0)
      return false;
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return std::all_of(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count),
                       [](double value) { return std::isfinite(value); }); // JSON has no other
  }
  if (decimals > field_decimals_max)
    return false;
  const auto integers = memory.room<std::int64_t>(count);
  if (!take_integers(source, count, integers))
    return false;
  const double divisor = powers_of_ten[decimals];
  for (std::size_t i = 0; i < count; ++i)
    out[i] = static_cast<double>(integers[i]) / divisor;
  return true;
}

/// What `source` has of a column of strings behind its codes.
bool take_texts(ByteSource& source, const FieldZone& zone, std::span<std::string_view> texts) {
  const auto length_column = IntegerColumn::open(source.take_bytes(source.take<std::uint32_t>()), zone.distinct);
  if (!source.ok() || !length_column)
    return false;
  std::array<std::uint64_t, integer_group_rows> lengths;
  for (std::uint32_t first = 0; first < zone.distinct; first += integer_group_rows) {
    const std::size_t count = std::min<std::size_t>(integer_group_rows, zone.distinct - first);
    length_column->decode(first, std::span(lengths).first(count));
    for (std::size_t i = 0; i < count; ++i)
      texts[first + i] = source.take_bytes(lengths[i]);
  }
  return source.ok() && source.left() == 0;
}

bool take_codes(ByteSource& source, const FieldZone& zone, std::span<std::uint32_t> codes) {
  const auto column = IntegerColumn::open(source.take_bytes(source.take<std::uint32_t>()), zone.values);
  if (!source.ok() || !column)
    return false;
  column->decode(0, codes);
  std::uint32_t largest = 0;
  for (const std::uint32_t code : codes)
    largest = std::max(largest, code);
  return largest < zone.distinct;
}

/// Calls `visit(row, place)` for those of `wanted` that have a value, `place` that among all values. False if a visit
/// is.
template <class Visit> bool each_value(const FieldRows& rows, RowWords wanted, const Visit& visit) {
  std::size_t before = 0;
  for (std::size_t w = 0; w < wanted.size(); ++w) {
    for (std::uint64_t word = wanted[w] & rows.present[w]; word != 0; word &= word - 1) {
      const auto bit = static_cast<unsigned>(std::countr_zero(word));
      const std::uint64_t below = rows.present[w] & ((std::uint64_t{1} << bit) - 1);
      if (!visit(w * 64 + bit, before + static_cast<std::size_t>(std::popcount(below))))
        return false;
    }
    before += static_cast<std::size_t>(std::popcount(rows.present[w]));
  }
  return true;
}

/// The elements of `wanted` alone. False where the bytes contradict `zone`.
bool take_wanted(ByteSource& source, const FieldZone& zone, const FieldRows& rows, RowWords wanted, FieldColumn& column,
                 std::uint32_t count, ZoneArrays& memory) {
  if (zone.type == FieldForm::none)
    return source.left() == 0;
  if (zone.type == FieldForm::float64 && rows.decimals == field_decimals_none) {
    const std::string_view bytes = source.take_bytes(std::size_t{zone.values} * sizeof(double));
    if (!source.ok() || source.left() != 0)
      return false;
    const auto reals = memory.room<double>(count);
    column.reals = reals;
    return each_value(rows, wanted, [&](std::size_t row, std::size_t place) {
      std::memcpy(&reals[row], bytes.data() + place * sizeof(double), sizeof(double));
      return std::isfinite(reals[row]);
    });
  }
  const bool texts = zone.type == FieldForm::string;
  const auto base = texts ? 0 : source.take<std::uint64_t>();
  const auto packed =
      IntegerColumn::open(source.take_bytes(texts ? source.take<std::uint32_t>() : source.left()), zone.values);
  if (!source.ok() || !packed || rows.decimals > field_decimals_max)
    return false;
  IntegerColumn::Cursor values(*packed);
  if (texts) {
    const auto codes = memory.room<std::uint32_t>(count);
    const auto strings = memory.room<std::string_view>(zone.distinct);
    column.codes = codes;
    column.texts = strings;
    return take_texts(source, zone, strings) && each_value(rows, wanted, [&](std::size_t row, std::size_t place) {
             codes[row] = static_cast<std::uint32_t>(values.at(place));
             return codes[row] < zone.distinct;
           });
  }
  if (zone.type == FieldForm::float64) {
    const auto reals = memory.room<double>(count);
    column.reals = reals;
    const double divisor = powers_of_ten[rows.decimals];
    return each_value(rows, wanted, [&](std::size_t row, std::size_t place) {
      reals[row] = static_cast<double>(static_cast<std::int64_t>(base + values.at(place))) / divisor;
      return true;
    });
  }
  const auto integers = memory.room<std::int64_t>(count);
  column.integers = integers;
  const bool boolean = zone.type == FieldForm::boolean;
  return each_value(rows, wanted, [&](std::size_t row, std::size_t place) {
    integers[row] = static_cast<std::int64_t>(base + values.at(place));
    return !boolean || integers[row] == 0 || integers[row] == 1;
  });
}

} // namespace

std::string encode_field_column(const FieldValues& column) {
  const std::size_t others = column.rows - column.values.size() - column.nulls;
  // Where every row has a value or null, the one tells the other.
  const bool value_bits = others != 0 && column.type != FieldForm::none;
  const bool null_bits = column.nulls != 0;
  std::vector<std::uint64_t> integers;
  const auto decimals =
      column.type == FieldForm::float64 ? scale_all(column.values, integers) : std::optional<unsigned>(0);
  std::string out;
  out.push_back(static_cast<char>((value_bits ? value_bits_follow : 0) | (null_bits ? null_bits_follow : 0)));
  out.push_back(static_cast<char>(decimals.value_or(field_decimals_none)));
  out.append(2, '\0');
  if (value_bits)
    append_bits(out, column.present, column.rows);
  if (null_bits)
    append_bits(out, column.null, column.rows);
  switch (column.type) {
  case FieldForm::boolean:
  case FieldForm::int64: append_from_least(out, column.values); break;
  case FieldForm::float64:
    if (decimals)
      append_from_least(out, integers);
    else
      out.append(reinterpret_cast<const char*>(column.values.data()), column.values.size_bytes());
    break;
  case FieldForm::string: append_strings(out, column); break;
  case FieldForm::none:
  case FieldForm::mixed: break;
  }
  return out;
}

void set_bounds(FieldZone& zone, std::span<const std::uint64_t> values) {
  if (sabotaged(Sabotage::stale_field_bounds))
    values = values.first(1);
  if (zone.type == FieldForm::float64) {
    zone.real_min = zone.real_max = std::bit_cast<double>(values.front());
    for (const std::uint64_t bits : values) {
      zone.real_min = std::min(zone.real_min, std::bit_cast<double>(bits));
      zone.real_max = std::max(zone.real_max, std::bit_cast<double>(bits));
    }
    return;
  }
  zone.integer_min = zone.integer_max = static_cast<std::int64_t>(values.front());
  for (const std::uint64_t bits : values) {
    zone.integer_min = std::min(zone.integer_min, static_cast<std::int64_t>(bits));
    zone.integer_max = std::max(zone.integer_max, static_cast<std::int64_t>(bits));
  }
}

void set_bounds(FieldZone& zone, std::span<const std::string_view> texts) {
  zone.distinct = static_cast<std::uint32_t>(texts.size());
  zone.text_min = texts.front().substr(0, field_bound_bytes_max);
  zone.text_max = texts.back().substr(0, field_bound_bytes_max);
  zone.text_max_open = texts.back().size() > field_bound_bytes_max;
}

bool nearly_all_different(std::size_t different, std::size_t count) noexcept {
  return different > field_texts_few && 2 * different > count;
}

std::optional<FieldColumn> decode_field_column(std::string_view bytes, const FieldZone& zone, std::uint32_t rows,
                                               ZoneArrays& memory, RowWords wanted) {
  ByteSource source(bytes);
  FieldRows which;
  if (!take_field_rows(source, zone, rows, which))
    return std::nullopt;
  FieldColumn column;
  column.type = zone.type;
  bool good = false;
  // A value by itself costs as much as some of all of them; more where these are doubles, or have to be spread.
  const std::uint64_t single_cost = which.all_present && zone.type != FieldForm::float64 ? 16 : 4;
  if (!wanted.empty() && count_bits(wanted) * single_cost < rows) {
    if (!take_wanted(source, zone, which, wanted, column, rows, memory))
      return std::nullopt;
    if (!which.all_present)
      column.presence = presence_of(which, wanted, rows, memory);
    return column;
  }
  switch (zone.type) {
  case FieldForm::boolean:
  case FieldForm::int64: {
    const auto integers = memory.room<std::int64_t>(rows);
    good = take_integers(source, zone.values, integers);
    if (zone.type == FieldForm::boolean)
      good = good && std::all_of(integers.begin(), integers.begin() + zone.values,
                                 [](std::int64_t value) { return value == 0 || value == 1; });
    if (good)
      spread(integers, zone.values, which);
    column.integers = integers;
    break;
  }
  case FieldForm::float64: {
    const auto reals = memory.room<double>(rows);
    good = take_doubles(source, which.decimals, zone.values, reals, memory);
    if (good)
      spread(reals, zone.values, which);
    column.reals = reals;
    break;
  }
  case FieldForm::string: {
    const auto codes = memory.room<std::uint32_t>(rows);
    const auto texts = memory.room<std::string_view>(zone.distinct);
    good = take_codes(source, zone, codes.first(zone.values)) && take_texts(source, zone, texts);
    if (good)
      spread(codes, zone.values, which);
    column.codes = codes;
    column.texts = texts;
    break;
  }
  case FieldForm::none: good = source.left() == 0; break;
  case FieldForm::mixed: break;
  }
  if (!good)
    return std::nullopt;
  if (!which.all_present)
    column.presence = presence_of(which, rows, memory);
  return column;
}

} // namespace weir::segments
