#include "engine/content_hash.hpp"
#include "segments/segment_reader.hpp"
#include "tests/segments/segment_fixture.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace weir::segments {

namespace {

using namespace test;
using weir::test::why;

Sequence find(const SegmentReader& reader, const std::string& context, std::string_view id) {
  FoundId event;
  const Status found = reader.find_event_ids(context, {&id, 1}, {&event, 1});
  REQUIRE_MESSAGE(found.ok(), why(found));
  return event.sequence;
}

} // namespace

TEST_CASE("segment: every event id is found in its context, across zones, and in no other") {
  std::mt19937_64 random(1);
  SegmentDirectory directory;
  const Rows rows = random_rows(random, {.contexts = 30, .events_per_context_max = 200});
  const auto reader = directory.open(directory.write(rows));
  std::size_t ids = 0;
  for (const Row& row : rows) {
    if (row.event_id.empty())
      continue;
    ++ids;
    const Sequence found = find(*reader, row.context_id, row.event_id);
    if (found != row.sequence) { // an id that was given twice: one of them is found
      REQUIRE(found != 0);
      const Rows other = expected_replay(rows, row.context_id, {found, found, false});
      REQUIRE(other.size() == 1);
      REQUIRE(other[0].event_id == row.event_id);
    }
    REQUIRE_FALSE(reader->excludes_event_id(row.context_id, row.event_id));
    REQUIRE(find(*reader, row.context_id, row.event_id + "x") == 0);
    REQUIRE(find(*reader, row.context_id + "x", row.event_id) == 0);
  }
  CHECK(ids > 500);
}

TEST_CASE("segment: many ids of a context are found in one go, and what was found before stays") {
  std::mt19937_64 random(2);
  SegmentDirectory directory;
  Rows rows = random_rows(random, {.contexts = 1, .events_per_context_max = 1'500, .ids = false});
  for (std::size_t i = 0; i < rows.size(); i += 3)
    rows[i].event_id = "id-" + std::to_string(rows[i].sequence);
  const auto reader = directory.open(directory.write(rows));
  std::vector<std::string> names;
  for (const Row& row : rows)
    names.push_back("id-" + std::to_string(row.sequence));
  const std::vector<std::string_view> ids(names.begin(), names.end());
  std::vector<FoundId> found(ids.size());
  found[0].sequence = 77;
  REQUIRE(reader->find_event_ids(rows[0].context_id, ids, found).ok());
  CHECK(found[0].sequence == 77);
  std::string scratch;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    REQUIRE(found[i].sequence == (i % 3 == 0 ? rows[i].sequence : 0));
    if (i % 3 != 0)
      continue;
    REQUIRE(found[i].position == rows[i].position);
    REQUIRE(found[i].timestamp == rows[i].timestamp);
    REQUIRE(found[i].content == content_hash(rows[i].view(), scratch));
  }
}

TEST_CASE("segment: ids asked for in the order they were stored are not searched for from the end each time") {
  std::mt19937_64 random(6);
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 64, .filter_bits_per_key = 10}, 0); // nothing is cached
  Rows rows;
  while (rows.size() <= 640)
    rows = random_rows(random, {.contexts = 1, .events_per_context_max = 1'500, .ids = false});
  for (Row& row : rows)
    row.event_id = "id-" + std::to_string(row.sequence);
  const auto reader = directory.open(directory.write(rows));
  const auto reads = [&] { return directory.fs->counters().of(io::Operation::read); };
  const auto reads_for = [&](const Row& row) {
    const std::uint64_t before = reads();
    CHECK(find(*reader, row.context_id, row.event_id) == row.sequence);
    return reads() - before;
  };
  const std::uint64_t searched_for = reads_for(rows[rows.size() / 4]);
  reads_for(rows[0]);
  for (std::size_t i = 1; i < rows.size(); ++i)
    REQUIRE(reads_for(rows[i]) < searched_for / 2);
  for (std::size_t i = rows.size(); i-- != 0;) // in any other order they are found all the same
    reads_for(rows[(i * 7) % rows.size()]);
}

TEST_CASE("segment: memory alone rules a new id out once footer and filter are in it, and never reads to do so") {
  std::mt19937_64 random(3);
  SegmentDirectory directory;
  const Rows rows = random_rows(random, {.contexts = 40});
  const auto reader = directory.open(directory.write(rows));
  const auto reads = [&] { return directory.fs->counters().of(io::Operation::read); };
  const std::uint64_t before = reads();
  CHECK_FALSE(reader->excludes_event_id("order-1", "new")); // nothing is in memory yet
  CHECK(reads() == before);
  CHECK(find(*reader, "order-1", "new") == 0);
  const std::uint64_t warm = reads();
  CHECK(warm > before);
  int ruled_out = 0;
  for (int i = 0; i < 1'000; ++i)
    ruled_out += reader->excludes_event_id("order-1", "new-" + std::to_string(i)) ? 1 : 0;
  CHECK(ruled_out > 950);
  CHECK(reads() == warm);
}

TEST_CASE("segment: without any id in it, a segment rules out all of them") {
  std::mt19937_64 random(4);
  SegmentDirectory directory;
  const Rows rows = random_rows(random, {.contexts = 5, .ids = false});
  const auto reader = directory.open(directory.write(rows));
  CHECK(find(*reader, rows[0].context_id, "x") == 0);
  CHECK(reader->excludes_event_id(rows[0].context_id, "x"));
}

TEST_CASE("segment: an id that cannot be looked up is an error, never a new one") {
  std::mt19937_64 random(5);
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 64, .filter_bits_per_key = 10}, 0);
  const Rows rows = random_rows(random, {.contexts = 5});
  const auto meta = directory.write(rows);
  const auto reader = directory.open(meta);
  REQUIRE(reader->types().ok());
  directory.fs->set_hook([](const io::Call& call) -> std::optional<Error> {
    return call.operation == io::Operation::read
               ? std::optional(fail(Errc::io_error, "made to fail", std::string(call.path)))
               : std::nullopt;
  });
  FoundId found;
  const std::string_view id = "x";
  CHECK(reader->find_event_ids(rows[0].context_id, {&id, 1}, {&found, 1}).code() == Errc::io_error);
  CHECK_FALSE(reader->excludes_event_id(rows[0].context_id, id));
}

} // namespace weir::segments
