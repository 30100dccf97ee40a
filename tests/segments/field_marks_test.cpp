// A condition on a field, tested where its values lie: it marks the rows that the array of the column says.
#include "segments/field_marks.hpp"

#include "tests/segments/old_processor.hpp"

#include "segments/field_column.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::segments;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
using Integers = std::vector<ValueRange<std::int64_t>>;
using Reals = std::vector<ValueRange<double>>;

/// A column, and what its directory says.
struct Column {
  std::uint32_t rows = 0;
  FieldZone zone;
  std::string bytes;
};

/// `values` go to random rows; the others have null or nothing, if `gaps`.
Column make_column(std::mt19937_64& random, FieldForm form, const std::vector<std::uint64_t>& values, bool gaps) {
  Column column;
  column.zone.type = form;
  column.zone.values = static_cast<std::uint32_t>(values.size());
  RowBits present, null;
  const auto add_row = [&](bool has_value, bool has_null) {
    const std::uint32_t row = column.rows++;
    present.resize(row_words(column.rows));
    null.resize(row_words(column.rows));
    present[row / 64] |= std::uint64_t{has_value ? 1U : 0U} << (row % 64);
    null[row / 64] |= std::uint64_t{has_null ? 1U : 0U} << (row % 64);
    column.zone.nulls += has_null ? 1 : 0;
  };
  const bool nulls = random() % 2 == 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    while (gaps && random() % 3 == 0)
      add_row(false, nulls && random() % 2 == 0);
    add_row(true, false);
  }
  const auto integer = [](std::uint64_t word) { return static_cast<std::int64_t>(word); };
  if (form != FieldForm::float64) {
    const auto less = [&](std::uint64_t a, std::uint64_t b) { return integer(a) < integer(b); };
    const auto [low, high] = std::minmax_element(values.begin(), values.end(), less);
    column.zone.integer_min = integer(*low);
    column.zone.integer_max = integer(*high);
  }
  column.bytes = encode_field_column({form, column.rows, present, null, column.zone.nulls, values, {}});
  return column;
}

bool has(std::span<const std::uint64_t> words, std::size_t row) {
  return (words[row / 64] >> (row % 64) & 1) != 0;
}

template <class T>
void check(const Column& column, const std::vector<ValueRange<T>>& ranges, const std::vector<std::uint64_t>& wanted) {
  ZoneArrays memory;
  const auto arrays = decode_field_column(column.bytes, column.zone, column.rows, memory);
  REQUIRE(arrays);
  std::vector<std::uint64_t> inside(wanted.size()), values(wanted.size()), nulls(wanted.size());
  const auto done = mark_field_column(column.bytes, column.zone, column.rows, std::span<const ValueRange<T>>(ranges),
                                      wanted, {inside, values, nulls});
  REQUIRE(done);
  REQUIRE(*done);
  std::size_t wrong = 0;
  for (std::size_t row = 0; row < column.rows; ++row) {
    const Presence presence = arrays->presence.empty() ? Presence::value : arrays->presence[row];
    const bool asked = has(wanted, row), value = presence == Presence::value;
    const auto lies_inside = [&] {
      T number{};
      if constexpr (std::is_integral_v<T>)
        number = arrays->integers[row];
      else
        number = arrays->reals[row];
      return std::any_of(ranges.begin(), ranges.end(),
                         [number](const auto& range) { return range.low <= number && number <= range.high; });
    };
    wrong += has(values, row) == (asked && value) ? 0 : 1;
    wrong += has(nulls, row) == (asked && presence == Presence::null) ? 0 : 1;
    wrong += has(inside, row) == (asked && value && lies_inside()) ? 0 : 1;
  }
  CHECK(wrong == 0);
}

/// About one row in `one_in` of `rows`, or of a random part of them.
std::vector<std::uint64_t> some_rows(std::mt19937_64& random, std::uint32_t rows, std::uint64_t one_in,
                                     bool part = false) {
  std::vector<std::uint64_t> words(row_words(rows));
  const auto begin = static_cast<std::uint32_t>(part ? random() % rows : 0);
  const auto end = static_cast<std::uint32_t>(part ? begin + random() % (rows - begin + 1) : rows);
  for (std::uint32_t row = begin; row < end; ++row)
    words[row / 64] |= std::uint64_t{random() % one_in == 0 ? 1U : 0U} << (row % 64);
  return words;
}

/// Columns of one sort, `make(random)` gives a value; ranges lie between values and `edges`.
template <class T, class Make>
void check_columns(FieldForm form, std::uint64_t seed, const std::vector<T>& edges, const Make& make) {
  std::mt19937_64 random(seed);
  const auto word = [](T value) { return std::bit_cast<std::uint64_t>(value); };
  for (int turn = 0; turn < 60; ++turn) {
    std::vector<T> values(1 + random() % 700);
    std::vector<std::uint64_t> words;
    for (T& value : values) {
      value = make(random);
      words.push_back(word(value));
    }
    const Column column = make_column(random, form, words, turn % 3 != 0);
    const auto bound = [&] {
      return random() % 4 == 0 ? edges[random() % edges.size()] : values[random() % values.size()];
    };
    for (const std::uint64_t one_in : {1u, 2u, 40u, 900u}) {
      std::vector<ValueRange<T>> ranges;
      for (std::size_t i = random() % 4; i > 0; --i) {
        const auto [low, high] = std::minmax({bound(), bound()});
        ranges.push_back({low, high});
      }
      for (const bool part : {false, true})
        check(column, ranges, some_rows(random, column.rows, one_in, part));
    }
  }
}

void check_all() {
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                         most = std::numeric_limits<std::int64_t>::max();
  check_columns<std::int64_t>(FieldForm::int64, 1, {least, -1, 0, 1, most},
                              [](auto& random) { return static_cast<std::int64_t>(random() % 2'000) - 1'000; });
  check_columns<std::int64_t>(FieldForm::int64, 2, {least, 0, most}, [&](auto& random) {
    return random() % 9 == 0 ? (random() % 2 == 0 ? least : most) : static_cast<std::int64_t>(random());
  });
  check_columns<std::int64_t>(FieldForm::boolean, 3, {0, 1, 2, -1},
                              [](auto& random) { return static_cast<std::int64_t>(random() % 2); });
  for (const double divisor : {1.0, 10.0, 100.0, 1e6}) // as many decimals as are kept as integers
    check_columns<double>(FieldForm::float64, 4, {-infinity, -0.0, 0.0, 99.995, 1e300, infinity}, [&](auto& random) {
      return static_cast<double>(static_cast<std::int64_t>(random() % 200'000) - 100'000) / divisor;
    });
  check_columns<double>(FieldForm::float64, 5, {-infinity, 1e15, 9007199254740992.0, infinity}, [](auto& random) {
    return static_cast<double>(random() % 9'007'199'254'740'992); // the largest that are
  });
  check_columns<double>(FieldForm::float64, 6, {-infinity, -0.0, 0.0, infinity}, [](auto& random) {
    return random() % 7 == 0 ? -0.0
                             : std::ldexp(1.0 + static_cast<double>(random() % 1'000) / 999.0, 40 - int(random() % 80));
  });
}

} // namespace

TEST_CASE("field marks: rows are marked as their arrays say, whatever the values, the ranges and the rows asked for") {
  check_all();
}

#ifdef WEIR_TEST_POINTS
TEST_CASE("field marks: an old processor marks the same rows") {
  const segments::test::OldProcessor old;
  check_all();
}
#endif

TEST_CASE("field marks: values of another form are not marked, and bytes that contradict are found") {
  std::mt19937_64 random(9);
  std::vector<std::uint64_t> values;
  for (std::uint64_t i = 0; i < 300; ++i)
    values.push_back(1'000 + i % 90);
  const Column column = make_column(random, FieldForm::int64, values, true);
  const std::vector<std::uint64_t> wanted = some_rows(random, column.rows, 1);
  std::vector<std::uint64_t> out(wanted.size());
  const Integers integers{{1'010, 1'020}};
  const Reals reals{{1'010, 1'020}};
  const auto mark = [&](const Column& of, const FieldRanges& ranges) {
    return mark_field_column(of.bytes, of.zone, of.rows, ranges, wanted, {out, out, out});
  };
  CHECK(mark(column, std::span(integers)) == true);
  CHECK(mark(column, std::span(reals)) == false);
  Column other = column;
  other.zone.type = FieldForm::string;
  CHECK(mark(other, std::span(integers)) == false);
  const auto contradicts = [&](const char* what, const auto& edit) {
    CAPTURE(what);
    Column edited = column;
    edit(edited);
    CHECK_FALSE(mark(edited, std::span(integers)).has_value());
  };
  contradicts("fewer values", [](Column& of) { --of.zone.values; });
  contradicts("more nulls", [](Column& of) { ++of.zone.nulls; });
  contradicts("a byte less", [](Column& of) { of.bytes.pop_back(); });
  contradicts("a byte more", [](Column& of) { of.bytes += 'x'; });
  contradicts("decimals of an integer", [](Column& of) { of.bytes[1] = 2; });
  contradicts("no front", [](Column& of) { of.bytes.clear(); });
  contradicts("a value above the largest", [](Column& of) { of.zone.integer_max = 1'050; });
  contradicts("all of them above it", [](Column& of) { of.zone.integer_max = 900; });

  const std::vector<std::uint64_t> wild = {std::bit_cast<std::uint64_t>(0.1), std::bit_cast<std::uint64_t>(1e300)};
  Column doubles = make_column(random, FieldForm::float64, wild, false);
  const std::vector<std::uint64_t> both = {3};
  std::vector<std::uint64_t> marked(1);
  const auto mark_doubles = [&] {
    return mark_field_column(doubles.bytes, doubles.zone, doubles.rows, std::span(reals), both,
                             {marked, marked, marked});
  };
  CHECK(mark_doubles() == true);
  doubles.bytes.replace(doubles.bytes.size() - 8, 8, std::string("\x00\x00\x00\x00\x00\x00\xF0\x7F", 8)); // infinity
  CHECK_FALSE(mark_doubles().has_value());
}
