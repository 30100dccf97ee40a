#include "tests/segments/segment_fixture.hpp"

#include "segments/segment_reader.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <vector>

using namespace weir;
using namespace weir::segments;
using namespace weir::segments::test;

namespace {

/// Rows without what a column set leaves out.
Rows project(Rows rows, ColumnSet columns) {
  const auto has = [columns](ColumnBit bit) { return (columns & bit) != 0; };
  for (Row& row : rows) {
    row.context_id = has(column_context) ? row.context_id : "";
    row.sequence = has(column_sequence) ? row.sequence : 0;
    row.position = has(column_position) ? row.position : 0;
    row.recorded_at = has(column_recorded_at) ? row.recorded_at : Timestamp{};
    row.timestamp = has(column_timestamp) ? row.timestamp : Timestamp{};
    row.event_type = has(column_type) ? row.event_type : "";
    row.schema_version = has(column_type) ? row.schema_version : 0;
    row.event_id = has(column_event_id) ? row.event_id : "";
    row.metadata = has(column_metadata) ? row.metadata : "";
    row.payload = has(column_payload) ? row.payload : "";
  }
  return rows;
}

void check_all(const Rows& rows, SegmentDirectory& directory, std::mt19937_64& random) {
  const SegmentMeta meta = directory.write(rows);
  const auto reader = directory.open(meta);
  const Status verified = reader->verify();
  CHECK_MESSAGE(verified.ok(), to_string(verified.error()));
  CHECK(*scan(*reader) == rows);

  std::set<std::string> contexts;
  for (const Row& row : rows)
    contexts.insert(row.context_id);
  CHECK(meta.event_count == rows.size());
  CHECK(meta.context_count == contexts.size());
  for (const std::string& context : contexts) {
    const Rows all = expected_replay(rows, context, {});
    const auto range = reader->find_context(context);
    REQUIRE(range.ok());
    REQUIRE(range->has_value());
    CHECK((**range).first_sequence == all.front().sequence);
    CHECK((**range).last_sequence == all.back().sequence);
    CHECK((**range).rows == all.size());
    CHECK(rows[static_cast<std::size_t>((**range).first_row)] == all.front());
    const Sequence from = random() % (all.back().sequence + 2), to = random() % (all.back().sequence + 4);
    const ReadBounds bounds{1 + random() % 100, 1 + random() % 5'000};
    for (const bool backward : {false, true}) {
      CHECK(*replay(*reader, context, {1, sequence_max, backward}, {}) ==
            (backward ? Rows(all.rbegin(), all.rend()) : all));
      const SequenceRange part{from, to, backward};
      CHECK(*replay(*reader, context, part, bounds) == expected_replay(rows, context, part));
    }
  }
  for (const char* missing : {"", "a", "order-", "order-x", "zzz", "customer/"}) {
    const auto found = reader->find_context(missing);
    REQUIRE(found.ok());
    CHECK_FALSE(found->has_value());
  }
}

} // namespace

TEST_CASE("segment: random events come back as they were, by zone and by context") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (const std::uint32_t zone_rows : {1u, 7u, 64u, 4'096u}) {
    for (int kind = 0; kind < 4; ++kind) {
      SegmentDirectory directory({.directory_seed = random(), .zone_rows = zone_rows, .filter_bits_per_key = 10});
      RowShape shape;
      shape.ids = (kind & 1) != 0;
      shape.metadata = (kind & 2) != 0;
      check_all(random_rows(random, shape), directory, random);
    }
  }
}

TEST_CASE("segment: positions far apart are put in order as well as close ones, and none is taken twice") {
  std::mt19937_64 random(12);
  SegmentDirectory directory;
  Rows rows = random_rows(random, {.contexts = 5, .events_per_context_max = 3});
  Position position = 1;
  for (auto row = rows.rbegin(); row != rows.rend(); ++row, position *= 11)
    row->position = position;
  check_all(rows, directory, random);
  rows.front().position = rows.back().position;
  RowSource source(rows);
  CHECK(directory.files.write(0, 2, source).code() == Errc::invalid_argument);
}

TEST_CASE("segment: one event is enough, even an empty one") {
  std::mt19937_64 random(1);
  SegmentDirectory directory;
  Row row;
  row.context_id = "o";
  row.sequence = 3;
  row.position = 9;
  row.timestamp = Timestamp(std::chrono::microseconds(-5));
  check_all({row}, directory, random);
}

TEST_CASE("segment: one huge context over many zones") {
  std::mt19937_64 random(2);
  SegmentDirectory directory;
  Rows rows = random_rows(random, {.contexts = 3, .events_per_context_max = 5});
  for (Sequence sequence = 1; sequence <= 1'000; ++sequence) {
    Row row = rows.front();
    row.context_id = "m";
    row.sequence = sequence;
    row.payload = "{\"n\":" + std::to_string(sequence) + "}";
    rows.push_back(row);
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return std::tie(a.context_id, a.sequence) < std::tie(b.context_id, b.sequence);
  });
  shuffle_positions(random, rows);
  check_all(rows, directory, random);
}

TEST_CASE("segment: payloads from 2 bytes to over 1 MiB, and a context in which all are large") {
  std::mt19937_64 random(3);
  SegmentDirectory directory;
  Rows rows = random_rows(random, {.contexts = 2, .events_per_context_max = 10});
  const std::size_t sizes[] = {2, 16'383, 16'384, 16'385, 70'000, 1'100'000};
  for (std::size_t i = 0; i < rows.size(); ++i)
    rows[i].payload =
        random_text(random, sizes[i % std::size(sizes)], i % 2 == 0 ? "0123456789abcdef" : "ab\n\xFF\x0E");
  check_all(rows, directory, random);
}

TEST_CASE("segment: a context index of many blocks") {
  std::mt19937_64 random(4);
  SegmentDirectory directory({.directory_seed = 1, .zone_rows = 4'096, .filter_bits_per_key = 10});
  Rows rows;
  for (int i = 0; i < 3'000; ++i) {
    Row row;
    row.context_id = random_text(random, 40, "abcdefghijklmnop");
    row.sequence = 1;
    row.event_type = "t";
    row.payload = "{}";
    rows.push_back(row);
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.context_id < b.context_id; });
  shuffle_positions(random, rows);
  check_all(rows, directory, random);
}

TEST_CASE("segment: a scan gets the columns it asked for and no others") {
  std::mt19937_64 random(5);
  SegmentDirectory directory;
  const Rows rows = random_rows(random, {});
  const auto reader = directory.open(directory.write(rows));
  for (ColumnSet columns = 0; columns <= columns_all; ++columns)
    REQUIRE(*scan(*reader, columns) == project(rows, columns));
}

TEST_CASE("segment: a scan of numbers does not read the payloads") {
  std::mt19937_64 random(6);
  SegmentDirectory directory;
  const Rows rows = random_rows(random, {.payload_bytes_max = 20'000});
  const SegmentMeta meta = directory.write(rows);
  const auto reader = directory.open(meta);
  const std::uint64_t before = directory.fs->counters().read_bytes;
  REQUIRE(scan(*reader, column_timestamp | column_type).ok());
  CHECK((directory.fs->counters().read_bytes - before) * 4 < meta.file_bytes);
}

TEST_CASE("segment: whoever wants some rows of a zone gets their texts, and no block is read without one of them") {
  std::mt19937_64 random(13);
  SegmentDirectory directory({.directory_seed = 1, .zone_rows = 1'000, .filter_bits_per_key = 10}, 0);
  const Rows rows = random_rows(random, {.contexts = 200, .payload_bytes_max = 2'000});
  const auto reader = directory.open(directory.write(rows));
  const auto zones = *reader->zones();
  const auto read_bytes = [&] { return directory.fs->counters().read_bytes; };
  for (const ZoneMeta& zone : zones) {
    const std::uint64_t all_before = read_bytes();
    REQUIRE(reader->read_zone(static_cast<std::size_t>(zone.first_row / 1'000), columns_all).ok());
    const std::uint64_t all = read_bytes() - all_before;
    for (const std::size_t count : {1u, 2u, 20u, zone.rows}) {
      std::vector<std::uint64_t> wanted((zone.rows + 63) / 64);
      std::vector<bool> chosen(zone.rows);
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t row = count == zone.rows ? i : random() % zone.rows;
        wanted[row / 64] |= std::uint64_t{1} << row % 64;
        chosen[row] = true;
      }
      const std::uint64_t before = read_bytes();
      const auto read = reader->read_zone(static_cast<std::size_t>(zone.first_row / 1'000), columns_all, wanted);
      REQUIRE(read.ok());
      if (count <= 2 && zone.rows == 1'000)
        CHECK((read_bytes() - before) * 5 < all);
      for (std::uint32_t row = 0; row < zone.rows; ++row) {
        const Row& expected = rows[static_cast<std::size_t>(zone.first_row) + row];
        Row found = Row::of((*read)->row(row));
        if (!chosen[row]) { // the rest is there all the same
          found.event_id = expected.event_id;
          found.metadata = expected.metadata;
          found.payload = expected.payload;
        }
        REQUIRE(found == expected);
      }
    }
  }
}

TEST_CASE("segment: texts of a zone come some at a time where they are large, and whoever goes on gets them all") {
  std::mt19937_64 random(14);
  SegmentDirectory directory({.directory_seed = 1, .zone_rows = 64, .filter_bits_per_key = 10});
  Rows rows = random_rows(random, {.contexts = 3, .events_per_context_max = 10, .ids = false, .metadata = false});
  for (Row& row : rows)
    row.payload.assign(zone_texts_bytes_max / 4, 'x');
  rows[2].payload.assign(zone_texts_bytes_max + 1, 'y'); // alone more than there is room for
  rows[5].payload = "{}";
  const auto reader = directory.open(directory.write(rows));
  REQUIRE(rows.size() < 64);
  std::vector<std::uint64_t> wanted{~std::uint64_t{0} >> (64 - rows.size())};
  wanted[0] &= ~std::uint64_t{1}; // row 0 is not
  std::vector<std::uint32_t> ends;
  for (std::uint32_t row = 1; row < rows.size();) {
    const auto read = reader->read_zone(0, column_payload, wanted);
    REQUIRE(read.ok());
    const std::uint32_t end = (*read)->texts_end();
    REQUIRE(end > row);
    ends.push_back(end);
    std::uint64_t bytes = 0;
    for (; row < end; ++row) {
      REQUIRE((*read)->row(row).payload == rows[row].payload);
      bytes += rows[row].payload.size();
      wanted[0] &= ~(std::uint64_t{1} << row);
    }
    CHECK((bytes <= zone_texts_bytes_max || end == 3));
  }
  CHECK(ends[0] == 2); // row 1; the next one does not fit
  CHECK(ends[1] == 3);
  CHECK(ends[2] == 7); // three large ones, and one that hardly counts
  CHECK(ends.back() == rows.size());
}

TEST_CASE("segment: a cold replay of a context takes few reads") {
  std::mt19937_64 random(7);
  SegmentDirectory directory({.directory_seed = 1, .zone_rows = 4'096, .filter_bits_per_key = 10});
  const Rows rows = random_rows(random, {.contexts = 300, .events_per_context_max = 60});
  const auto reader = directory.open(directory.write(rows));
  REQUIRE(reader->types().ok()); // header and footer
  const std::string context = rows[rows.size() / 4].context_id;
  const auto reads = [&] { return directory.fs->counters().of(io::Operation::read); };
  const std::uint64_t before = reads();
  CHECK(*replay(*reader, context, {}, {}) == expected_replay(rows, context, {}));
  CHECK(reads() - before <= 4); // filter, index, small columns with the directory, strings
  const std::uint64_t warm = reads();
  CHECK(*replay(*reader, context, {}, {}) == expected_replay(rows, context, {}));
  CHECK(reads() == warm);
}

TEST_CASE("segment: zones say what is in them, neither more nor less") {
  std::mt19937_64 random(8);
  SegmentDirectory directory;
  const Rows rows = random_rows(random, {});
  const auto reader = directory.open(directory.write(rows));
  const auto types = *reader->types();
  std::size_t at = 0;
  const auto zones = *reader->zones();
  for (const ZoneMeta& zone : zones) {
    REQUIRE(zone.first_row == at);
    const Rows part(rows.begin() + static_cast<std::ptrdiff_t>(at),
                    rows.begin() + static_cast<std::ptrdiff_t>(at + zone.rows));
    const auto bounds = [&part](auto member) {
      const auto [low, high] = std::minmax_element(
          part.begin(), part.end(), [member](const Row& a, const Row& b) { return a.*member < b.*member; });
      return std::pair((*low).*member, (*high).*member);
    };
    CHECK(bounds(&Row::sequence) == std::pair(zone.sequence_min, zone.sequence_max));
    CHECK(bounds(&Row::position) == std::pair(zone.position_min, zone.position_max));
    CHECK(bounds(&Row::recorded_at) == std::pair(zone.recorded_at_min, zone.recorded_at_max));
    CHECK(bounds(&Row::timestamp) == std::pair(zone.timestamp_min, zone.timestamp_max));
    std::set<std::string> named, held; // a type is in the dictionary once for each schema version
    for (std::size_t type = 0; type < types.size(); ++type)
      if (zone.has_type(type))
        named.insert(types[type]);
    for (const Row& row : part)
      held.insert(row.event_type);
    CHECK(named == held);
    at += zone.rows;
  }
  CHECK(at == rows.size());
}

TEST_CASE("segment: views live as long as their batch, not as long as cache and reader") {
  std::mt19937_64 random(9);
  const Rows rows = random_rows(random, {});
  EventBatch batch;
  const std::string context = rows.front().context_id;
  {
    SegmentDirectory directory({.directory_seed = 1, .zone_rows = 64, .filter_bits_per_key = 10}, 0);
    const auto reader = directory.open(directory.write(rows));
    REQUIRE(reader->read_context(std::string(context), {}, {}, batch).ok());
  }
  const Rows expected = expected_replay(rows, context, {});
  REQUIRE(batch.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(Row::of(batch[i]) == expected[i]);
}

TEST_CASE("segment: bounds count what the batch already holds") {
  std::mt19937_64 random(10);
  SegmentDirectory directory;
  const Rows rows = random_rows(random, {.contexts = 1, .events_per_context_max = 1});
  const auto reader = directory.open(directory.write(rows));
  EventBatch batch;
  batch.add(rows.front().view());
  const auto read = reader->read_context(rows.front().context_id, {}, {1, 1'000'000}, batch);
  CHECK(*read);
  CHECK(batch.size() == 1);
}

TEST_CASE("segment: events out of order are refused and leave nothing behind") {
  std::mt19937_64 random(11);
  SegmentDirectory directory;
  const Rows rows = random_rows(random, {.contexts = 2, .events_per_context_max = 1});
  Rows gap = {rows[0], rows[0]};
  gap[1].sequence += 2;
  gap[1].position += 1;
  Rows twice = {rows[0], rows[1]};
  twice[1].position = twice[0].position;
  for (const Rows& bad : {Rows{}, Rows{rows[1], rows[0]}, gap, twice, Rows{rows[0], rows[0]}}) {
    RowSource source(bad);
    CHECK(directory.files.write(0, 1, source).code() == Errc::invalid_argument);
    CHECK(directory.fs->list("segments/000")->empty());
  }
}
