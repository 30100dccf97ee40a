#include "tests/segments/segment_fixture.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <thread>

using namespace weir;
using namespace weir::segments;
using namespace weir::segments::test;

namespace {

Rows by_position(Rows rows, const PositionRange& range) {
  rows.erase(std::remove_if(rows.begin(), rows.end(),
                            [&](const Row& row) { return row.position < range.from || row.position >= range.to; }),
             rows.end());
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.position < b.position; });
  return rows;
}

Rows rows_of(const PositionRun& run) {
  Rows rows;
  for (std::size_t i = 0; i < run.size(); ++i)
    rows.push_back(Row::of(run[i]));
  // The same, as those who lend them on take them.
  std::size_t seen = 0;
  while (seen < run.size())
    for (const EventView& event : run.side_by_side(seen))
      CHECK(Row::of(event) == rows[seen++]);
  return rows;
}

std::uint64_t text_bytes(const Rows& rows) {
  std::uint64_t bytes = 0;
  for (const Row& row : rows)
    bytes += row.event_id.size() + row.metadata.size() + row.payload.size();
  return bytes;
}

} // namespace

TEST_CASE("position run: any range of random segments gives its rows in position order") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 40; ++round) {
    RowShape shape;
    shape.contexts = 1 + random() % 60;
    shape.events_per_context_max = 1 + random() % 60;
    shape.payload_bytes_max = 2 + random() % 3'000;
    shape.ids = random() % 2 == 0;
    shape.metadata = random() % 2 == 0;
    const Rows rows = random_rows(random, shape);
    SegmentDirectory directory(
        {.directory_seed = 7, .zone_rows = static_cast<std::uint32_t>(16 << random() % 5), .filter_bits_per_key = 10},
        random() % 2 == 0 ? 0 : 64 * MiB);
    const auto reader = directory.open(directory.write(rows));
    const Rows all = by_position(rows, {});
    const auto everything = reader->read_positions({}, {SIZE_MAX, 1u << 30});
    REQUIRE(everything.ok());
    CHECK(rows_of(**everything) == all);
    for (int range_number = 0; range_number < 12; ++range_number) {
      PositionRange range;
      if (random() % 4 != 0)
        range.from = all[random() % all.size()].position + random() % 2;
      if (random() % 4 != 0)
        range.to = all[random() % all.size()].position + random() % 2;
      range.backward = random() % 2 == 0;
      if (range.from > range.to)
        std::swap(range.from, range.to);
      const ReadBounds bounds{random() % 3 == 0 ? SIZE_MAX : 1 + random() % 100, 1 + random() % 100'000};
      const Rows expected = by_position(rows, range);
      const auto run = reader->read_positions(range, bounds);
      REQUIRE(run.ok());
      const Rows got = rows_of(**run);
      REQUIRE(got.size() <= std::min(expected.size(), bounds.events_max));
      CHECK(got.empty() == expected.empty());
      const auto begin = range.backward ? expected.end() - static_cast<std::ptrdiff_t>(got.size()) : expected.begin();
      CHECK(Rows(begin, begin + static_cast<std::ptrdiff_t>(got.size())) == got);
      if (got.size() > 1)
        CHECK(text_bytes(got) + got.size() * sizeof(EventView) <= bounds.bytes_max);
    }
  }
}

TEST_CASE("position run: bounds of memory hold, though one stretch of the segment is much larger than the average") {
  std::mt19937_64 random(7);
  Rows rows;
  for (std::size_t context = 0; context < 10; ++context)
    for (Sequence sequence = 1; sequence <= 100; ++sequence) {
      Row row;
      row.context_id = "c" + std::to_string(context);
      row.sequence = sequence;
      row.position = sequence * 10 + context;
      row.event_type = "t";
      row.payload = sequence > 90
                        ? "{\"x\":\"" + random_text(random, 20'000, "0123456789abcdefghijklmnopqrstuvwxyz") + "\"}"
                        : "{}";
      rows.push_back(std::move(row));
    }
  SegmentDirectory directory;
  const auto reader = directory.open(directory.write(rows));
  for (const bool backward : {false, true}) {
    Rows seen;
    PositionRange range;
    range.backward = backward;
    std::uint64_t most = 0;
    while (true) {
      const auto run = reader->read_positions(range, {SIZE_MAX, 512 * 1024});
      REQUIRE(run.ok());
      if ((*run)->size() == 0)
        break;
      const Rows got = rows_of(**run);
      most = std::max(most, (*run)->bytes());
      seen.insert(backward ? seen.begin() : seen.end(), got.begin(), got.end());
      (backward ? range.to : range.from) = backward ? got.front().position : got.back().position + 1;
    }
    CHECK(seen == by_position(rows, {}));
    CHECK(most <= 1024 * 1024);
  }
}

TEST_CASE("position run: threads that help give the same, and an error of one of them is everybody's") {
  std::mt19937_64 random(11);
  const Rows rows = random_rows(random, {.contexts = 900, .events_per_context_max = 60, .payload_bytes_max = 40});
  REQUIRE(rows.size() > 16'384);
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 256, .filter_bits_per_key = 10}, 0);
  const SegmentMeta meta = directory.write(rows);
  std::size_t helped = 0;
  const WithHelp help = [&helped](const std::function<void()>& work) {
    ++helped;
    std::thread one(work), other(work);
    work();
    one.join();
    other.join();
  };
  const auto run = directory.open(meta)->read_positions({}, {SIZE_MAX, 1u << 30}, help);
  REQUIRE(run.ok());
  CHECK(rows_of(**run) == by_position(rows, {}));
  CHECK(helped == 4); // the zones' numbers, memory, strings, and a look at the order
  std::string bytes = directory.content(meta);
  bytes[bytes.size() / 3] = static_cast<char>(bytes[bytes.size() / 3] ^ 1); // in some zone's strings
  directory.overwrite(meta, bytes);
  CHECK(directory.open(meta)->read_positions({}, {SIZE_MAX, 1u << 30}, help).code() == Errc::corruption);
}

TEST_CASE("position run: large parts of a segment, cut inside blocks, outlive their reader") {
  std::mt19937_64 random(12);
  const Rows rows = random_rows(random, {.contexts = 300, .events_per_context_max = 300, .payload_bytes_max = 80});
  REQUIRE(rows.size() > 36'000);
  const Rows all = by_position(rows, {});
  SegmentDirectory directory;
  const SegmentMeta meta = directory.write(rows);
  for (const std::size_t cut : {std::size_t{16'400}, all.size() / 2, all.size() - 16'400}) {
    const Position at = all[cut].position;
    const auto before = directory.open(meta)->read_positions({0, at, false}, {SIZE_MAX, 1u << 30});
    const auto behind = directory.open(meta)->read_positions({at, UINT64_MAX, true}, {SIZE_MAX, 1u << 30});
    REQUIRE(before.ok());
    REQUIRE(behind.ok());
    Rows seen = rows_of(**before);
    CHECK(seen.size() == cut);
    const Rows rest = rows_of(**behind);
    seen.insert(seen.end(), rest.begin(), rest.end());
    CHECK(seen == all);
  }
}

TEST_CASE("position run: a segment of one event has no permutation") {
  Row row;
  row.context_id = "only";
  row.sequence = 1;
  row.position = 77;
  row.event_type = "t";
  row.payload = "{}";
  SegmentDirectory directory;
  const auto reader = directory.open(directory.write({row}));
  CHECK(rows_of(**reader->read_positions({}, {})) == Rows{row});
  CHECK(rows_of(**reader->read_positions({78, UINT64_MAX, false}, {})).empty());
  CHECK(rows_of(**reader->read_positions({0, 77, true}, {})).empty());
  CHECK(rows_of(**reader->read_positions({77, 78, true}, {})) == Rows{row});
}
