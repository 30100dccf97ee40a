// The time index: it selects the rows that meet the conditions, and tells of which it is not sure.

#include "segments/time_index.hpp"

#include "tests/segments/forged_segment.hpp"
#include "tests/segments/segment_fixture.hpp"

#include "engine/count_bits.hpp"
#include "engine/text.hpp"
#include "segments/bytes.hpp"
#include "segments/integer_column.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <limits>

using namespace weir;
using namespace weir::segments;
using namespace weir::segments::test;

namespace {

constexpr std::uint64_t top = std::numeric_limits<std::uint64_t>::max();
constexpr std::array<ColumnBit, 3> number_columns = {column_position, column_timestamp, column_recorded_at};

Status go_on() {
  return {};
}

std::uint64_t number_of(const Row& row, ColumnBit column) {
  switch (column) {
  case column_position: return row.position;
  case column_timestamp: return micros_of(row.timestamp);
  default: return micros_of(row.recorded_at);
  }
}

bool meets(const Row& row, const CoreCondition& condition) {
  const std::uint64_t number = number_of(row, condition.column);
  return std::any_of(condition.ranges.begin(), condition.ranges.end(),
                     [number](const NumberRange& range) { return number >= range.low && number <= range.high; });
}

bool has(const std::vector<std::uint64_t>& bits, std::size_t row) {
  return (bits[row / 64] >> row % 64 & 1U) != 0;
}

/// `count` rows of `contexts` contexts by turns, as a store hands them out: positions with gaps, a millisecond each.
Rows stored_rows(std::size_t count, std::size_t contexts) {
  Rows rows(count);
  for (std::size_t i = 0; i < count; ++i) {
    Row& row = rows[i];
    row.context_id = "order-" + std::to_string(i * 7 % contexts);
    row.position = 500 + 3 * i;
    row.recorded_at = row.timestamp =
        Timestamp(std::chrono::microseconds(1'700'000'000'000'000 + 1'000 * static_cast<std::int64_t>(i)));
    row.event_type = "Placed";
    row.payload = "{}";
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.context_id < b.context_id; });
  for (std::size_t i = 0; i < count; ++i)
    rows[i].sequence = i > 0 && rows[i - 1].context_id == rows[i].context_id ? rows[i - 1].sequence + 1 : 1;
  return rows;
}

NumberRange random_range(std::mt19937_64& random, const Rows& rows, ColumnBit column) {
  const std::uint64_t one = number_of(rows[random() % rows.size()], column);
  const std::uint64_t other =
      random() % 4 == 0 ? one + random() % 1'000 : number_of(rows[random() % rows.size()], column);
  return {std::min(one, other), std::max(one, other)};
}

std::string encoded(const Rows& rows) {
  TimeIndexBuilder builder;
  for (const Row& row : rows)
    builder.add(row.position, row.timestamp, row.recorded_at);
  return builder.encode();
}

/// An index block of these columns.
std::string index_block(std::uint8_t shift, std::uint64_t first, std::uint32_t stretches,
                        const std::array<std::vector<std::uint64_t>, 5>& columns) {
  std::string out;
  append_integer(out, shift);
  out.append(3, '\0');
  append_integer(out, stretches);
  append_integer(out, first);
  for (const auto& column : columns) {
    const std::string packed = encode_integers(column);
    append_integer(out, static_cast<std::uint32_t>(packed.size()));
    out += packed;
  }
  return out;
}

} // namespace

TEST_CASE("time index: of random rows those are selected that meet the conditions") {
  std::mt19937_64 random(31);
  std::size_t answers = 0, answers_of_most = 0, sure_rows = 0, unsure_rows = 0;
  for (const int kind : {0, 1, 2, 3}) {
    CAPTURE(kind);
    Rows rows = stored_rows(3'000 + random() % 12'000, 1 + random() % 400); // flights of stretches, too
    for (Row& row : rows) {
      if (kind == 1) // stored late, now and then
        row.timestamp -= std::chrono::microseconds(random() % 8 == 0 ? random() % 2'000'000 : random() % 500);
      if (kind == 2) // around 1970, and anywhere
        row.timestamp = Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(random() % 2'000) - 1'000));
      if (kind == 3 && random() % 50 == 0)
        row.timestamp = random() % 2 == 0 ? Timestamp::min() : Timestamp::max();
    }
    SegmentDirectory directory(
        {.directory_seed = 7, .zone_rows = static_cast<std::uint32_t>(50 + random() % 900), .filter_bits_per_key = 10});
    const auto reader = directory.open(directory.write(rows));
    REQUIRE(reader->verify().ok());
    std::vector<std::uint64_t> times;
    for (const Row& row : rows)
      times.push_back(micros_of(row.timestamp));
    std::sort(times.begin(), times.end());
    for (int asked = 0; asked < 300; ++asked) {
      std::vector<NumberRange> ranges;
      std::vector<CoreCondition> conditions;
      ranges.reserve(6);
      for (std::size_t i = 1 + random() % 2; i > 0; --i) {
        const ColumnBit column = number_columns[random() % number_columns.size()];
        const std::size_t begin = ranges.size();
        for (std::size_t count = 1 + random() % 3; count > 0; --count)
          ranges.push_back(random_range(random, rows, column));
        conditions.push_back({column, std::span(ranges).subspan(begin)});
      }
      if (asked == 0) { // what begins within the first stretch
        ranges = {{times[1], times[times.size() / 10]}};
        conditions = {{column_timestamp, ranges}};
      }
      if (asked % 4 == 1) { // nearly all
        ranges = {{times[random() % (times.size() / 8)], times[times.size() - 1 - random() % (times.size() / 16)]}};
        conditions = {{column_timestamp, ranges}};
      }
      const auto selected = reader->select_rows(conditions, go_on);
      REQUIRE(selected.ok());
      if (!*selected)
        continue;
      ++answers;
      answers_of_most += 2 * count_bits((**selected).rows) > rows.size() ? 1 : 0;
      std::size_t wrong = 0;
      for (std::size_t row = 0; row < rows.size(); ++row) {
        const bool met = std::all_of(conditions.begin(), conditions.end(),
                                     [&](const CoreCondition& condition) { return meets(rows[row], condition); });
        const bool unsure = !(**selected).unsure.empty() && has((**selected).unsure, row);
        const bool chosen = has((**selected).rows, row);
        wrong += (unsure ? chosen : met == chosen) ? 0 : 1;
        sure_rows += met && !unsure ? 1 : 0;
        unsure_rows += unsure ? 1 : 0;
      }
      CHECK(wrong == 0);
    }
  }
  CHECK(answers > 200);
  CHECK(answers_of_most > 100);
  CHECK(sure_rows > 20'000);
  CHECK(unsure_rows > 2'000);
}

TEST_CASE(
    "time index: a tenth of the time is selected, or left out, half is not worth it, and whoever asked may stop") {
  const Rows rows = stored_rows(50'000, 2'000);
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 4'096, .filter_bits_per_key = 10});
  const auto reader = directory.open(directory.write(rows));
  for (const ColumnBit column : number_columns) {
    std::vector<std::uint64_t> numbers;
    for (const Row& row : rows)
      numbers.push_back(number_of(row, column));
    std::sort(numbers.begin(), numbers.end());
    const NumberRange tenth{numbers[20'000], numbers[24'999]};
    const std::array rest{NumberRange{0, numbers[19'999]}, NumberRange{numbers[25'000], top}};
    for (const std::span<const NumberRange> ranges : {std::span(&tenth, 1), std::span<const NumberRange>(rest)}) {
      const std::uint64_t meant = ranges.size() == 1 ? 5'000 : 45'000;
      const CoreCondition condition{column, ranges};
      const auto selected = reader->select_rows({&condition, 1}, go_on);
      REQUIRE(selected.ok());
      REQUIRE(*selected);
      const std::uint64_t count = count_bits((**selected).rows), unsure = count_bits((**selected).unsure);
      CHECK(unsure <= 4 * time_stretch_rows); // two stretches, in which the ends lie
      CHECK(count >= meant);
      CHECK(count - unsure <= meant);
    }
  }
  const NumberRange half{0, 500 + 3 * 25'000};
  const CoreCondition condition{column_position, {&half, 1}};
  const auto selected = reader->select_rows({&condition, 1}, go_on);
  REQUIRE(selected.ok());
  CHECK_FALSE(*selected); // columns are read as quickly
  CHECK(reader->select_rows({}, go_on).ok());
  const NumberRange few{500, 600};
  const CoreCondition first{column_position, {&few, 1}};
  CHECK(reader->select_rows({&first, 1}, [] { return Status(fail(Errc::cancelled, "no more")); }).code() ==
        Errc::cancelled);
}

TEST_CASE("time index: few rows have none") {
  for (const std::size_t count : {time_index_rows_min - 1, time_index_rows_min}) {
    const Rows rows = stored_rows(count, 10);
    SegmentDirectory directory;
    const SegmentMeta meta = directory.write(rows);
    const auto reader = directory.open(meta);
    CHECK(reader->verify().ok());
    const NumberRange range{500, 700};
    const CoreCondition condition{column_position, {&range, 1}};
    const auto selected = reader->select_rows({&condition, 1}, go_on);
    REQUIRE(selected.ok());
    CHECK(selected->has_value() == (count == time_index_rows_min));
    CHECK(take_apart(directory, meta).time_index.empty() == (count != time_index_rows_min));
  }
}

TEST_CASE("time index: it does not depend on the order that rows come in") {
  std::mt19937_64 random(5);
  for (const std::uint64_t gap : {std::uint64_t{1}, std::uint64_t{977}, top / 5'000}) {
    Rows rows = stored_rows(4'000, 30);
    for (Row& row : rows)
      row.position = (row.position - 500) / 3 * gap + random() % gap;
    const std::string bytes = encoded(rows);
    CHECK(bytes.size() < 4'000);
    for (int again = 0; again < 3; ++again) {
      std::shuffle(rows.begin(), rows.end(), random);
      CHECK(encoded(rows) == bytes);
    }
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.position > b.position; });
    CHECK(encoded(rows) == bytes);
  }
}

TEST_CASE("time index: one that contradicts itself is corruption, and one that lies is found by verify") {
  const Rows rows = stored_rows(2'048, 9);
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 500, .filter_bits_per_key = 10});
  const SegmentMeta meta = directory.write(rows);
  const NumberRange range{500, 600};
  const CoreCondition condition{column_position, {&range, 1}};
  const auto forge = [&](const auto& edit) {
    SegmentDirectory other({.directory_seed = 7, .zone_rows = 500, .filter_bits_per_key = 10});
    Forged forged = take_apart(directory, meta);
    edit(forged);
    const auto reader = other.open(put_together(other, other.write(rows), std::move(forged)));
    return std::pair(reader->verify(), reader->select_rows({&condition, 1}, go_on));
  };
  const auto contradicts = [&](const std::string& what, const std::string& bytes) {
    CAPTURE(what);
    const auto [verified, selected] = forge([&](Forged& forged) { forged.time_index = bytes; });
    CHECK(verified.code() == Errc::corruption);
    CHECK(selected.code() == Errc::corruption);
  };
  std::array<std::vector<std::uint64_t>, 5> columns;
  columns[0] = {1'000, 1'048};
  for (std::size_t i = 1; i < columns.size(); ++i)
    columns[i] = {micros_of(rows[0].timestamp), 1'000'000};
  contradicts("nothing", "x");
  contradicts("a shift beyond a word", index_block(64, 0, 2, columns));
  contradicts("no stretch", index_block(12, 0, 0, columns));
  contradicts("too many stretches", index_block(12, 0, time_stretches_max + 1, columns));
  contradicts("more stretches than values", index_block(12, 0, 3, columns));
  contradicts("positions beyond the last", index_block(63, 1, 2, columns));
  contradicts("bytes behind it", index_block(12, 0, 2, columns) + "x");
  const std::string good = forge([](Forged&) {}).first.ok() ? take_apart(directory, meta).time_index : "";
  REQUIRE(good.size() > 16);
  contradicts("a byte less", good.substr(0, good.size() - 1));
  contradicts("zeros that are none", good.substr(0, 1) + "\1" + good.substr(2));
  for (const std::uint64_t rows_of_last : {std::uint64_t{1'047}, std::uint64_t{1'049}, top}) {
    columns[0][1] = rows_of_last;
    contradicts("rows that are not there", index_block(12, 0, 2, columns));
  }
  columns[0][1] = 1'048;
  const auto [verified, selected] = forge([&](Forged& forged) { forged.time_index = index_block(12, 0, 2, columns); });
  CHECK(verified.code() == Errc::corruption);
  CHECK(selected.ok()); // as far as it can tell
  const auto [no_index, nothing] = forge([&](Forged& forged) {
    forged.time_index.clear();
    forged.footer.time_index_block = {0, 0, BlockKind::time_index};
  });
  CHECK(no_index.code() == Errc::corruption);
  REQUIRE(nothing.ok());
  CHECK_FALSE(*nothing);
  for (const char byte : {'\x00', '\xFF'}) { // rows twice, and rows that are not there
    const auto [order, rows_of_order] = forge([&](Forged& forged) {
      std::string& block = forged.order.front();
      std::fill(block.begin(), block.end() - static_cast<std::ptrdiff_t>(bits_padding_bytes), byte);
    });
    CHECK(order.code() == Errc::corruption);
    CHECK(rows_of_order.code() == Errc::corruption);
  }
}
