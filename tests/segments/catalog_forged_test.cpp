// Records with checksums that are right and values that no catalog would write.

#include "engine/io/memory_file_system.hpp"
#include "segments/catalog_records.hpp"
#include "tests/segments/catalog_fixture.hpp"
#include "tests/support/bytes.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

constexpr const char* path = "catalog.db";

/// Everything in a catalog; write() makes checksums, sum and count right unless told otherwise.
struct Records {
  catalog::Head head{.shard_count = 2, .directory_seed = seed, .positions_reserved = 1'000};
  std::vector<ShardRecord> shards = {{.shard = 0, .next_segment = 10}, {.shard = 1, .next_segment = 10}};
  std::vector<SegmentMeta> segments = {segment(0, 5), segment(0, 6, 20), segment(1, 5, 40)};
  std::int64_t segments_too_many = 0;
  std::string sql; ///< Run at the end.
};

void write(io::FileSystem& fs, Records records) {
  REQUIRE(Catalog::create(fs, path, 1, 7).ok());
  auto database = sqlite::Database::open(fs, path, {.exclusive = true});
  REQUIRE(database.ok());
  REQUIRE(database->execute("DELETE FROM head; DELETE FROM shards; DELETE FROM segments").ok());
  catalog::Head& head = records.head;
  for (const ShardRecord& shard : records.shards) {
    REQUIRE(catalog::write(*database, shard, head.directory_seed).ok());
    head.records_sum += catalog::checksum(shard, head.directory_seed);
  }
  for (const SegmentMeta& each : records.segments) {
    REQUIRE(catalog::write(*database, each, head.directory_seed).ok());
    head.records_sum += catalog::checksum(each, head.directory_seed);
  }
  head.segment_count = records.segments.size() + static_cast<std::uint64_t>(records.segments_too_many);
  REQUIRE(catalog::write(*database, head).ok());
  REQUIRE(database->execute(records.sql).ok());
  REQUIRE(database->checkpoint().ok());
}

struct Case {
  std::function<void(Records&)> edit;
  std::string message;
  std::string record;
};

} // namespace

TEST_CASE("catalog: records of impossible values are corruption, whatever their checksums say") {
  const auto head = [](std::function<void(catalog::Head&)> edit) { return [edit](Records& r) { edit(r.head); }; };
  const auto shard = [](std::function<void(ShardRecord&)> edit) { return [edit](Records& r) { edit(r.shards[1]); }; };
  const auto of_segment = [](std::function<void(SegmentMeta&)> edit) {
    return [edit](Records& r) { edit(r.segments[1]); };
  };
  const std::string second = "table segments, shard 0 number 6";
  const auto later = std::chrono::hours(9);
  const std::vector<Case> cases = {
      {[](Records&) {}, "", ""},
      {head([](auto& h) { h.shard_count = 0; }), "the shard count is outside 1 to 64", "table head"},
      {head([](auto& h) { h.shard_count = 65; }), "the shard count is outside 1 to 64", "table head"},
      {head([](auto& h) { h.positions_reserved = 0; }), "positions begin at 1", "table head"},
      {head([](auto& h) { h.shard_count = 1; }), "expected the shards 0 to 0 in turn", "table shards, shard 1"},
      {head([](auto& h) { h.shard_count = 3; }), "2 of 3 shards are recorded", "table shards"},
      {shard([](auto& s) { s.wal_first_file = 0; }), "WAL files are numbered from 1", "table shards, shard 1"},
      {shard([](auto& s) { s.next_segment = 0; }), "segments are numbered from 1", "table shards, shard 1"},
      {shard([](auto& s) { s.shard = 2; }), "expected the shards 0 to 1 in turn", "table shards, shard 2"},
      {shard([](auto& s) { s.next_segment = 5; }), "the shard has not come to this number yet",
       "table segments, shard 1 number 5"},
      {of_segment([](auto& s) { s.shard = 2; }), "there is no such shard", "table segments, shard 2 number 6"},
      {of_segment([](auto& s) { s.number = 0; }), "the segment number is out of range",
       "table segments, shard 0 number 0"},
      {of_segment([](auto& s) { s.footer_offset = s.file_bytes; }), "the footer lies outside the file", second},
      {of_segment([](auto& s) { s.event_count = 0; }), "the count of contexts does not fit the count of events",
       second},
      {of_segment([](auto& s) { s.context_count = 0; }), "the count of contexts does not fit the count of events",
       second},
      {of_segment([](auto& s) { s.context_count = 11; }), "the count of contexts does not fit the count of events",
       second},
      {of_segment([](auto& s) { s.event_count = 11; }), "the positions do not fit the count of events", second},
      {of_segment([](auto& s) { s.position_min = 0; }), "the positions do not fit the count of events", second},
      {of_segment([](auto& s) { s.position_max = 1'000; }), "a position was never reserved", second},
      {of_segment([&](auto& s) { s.timestamp_min += later; }), "the times are out of order or range", second},
      {of_segment([&](auto& s) { s.recorded_at_min += later; }), "the times are out of order or range", second},
      {of_segment([](auto& s) { s.timestamp_min = Timestamp::min(); }), "the times are out of order or range", second},
      {of_segment([](auto& s) { s.recorded_at_max = Timestamp::max(); }), "the times are out of order or range",
       second},
      {of_segment([](auto& s) { s.position_min = 10; }), "the positions of two segments overlap", second},
      {[](Records& r) { r.segments_too_many = 1; }, "3 of 4 segments are recorded", "table segments"},
      {[](Records& r) { r.segments_too_many = -1; }, "3 of 2 segments are recorded", "table segments"},
      {[](Records& r) { r.head.records_sum = 1; }, "the sum over all records differs", "table head"}};
  for (const Case& each : cases) {
    CAPTURE(each.message);
    io::MemoryFileSystem fs;
    Records records;
    each.edit(records);
    write(fs, records);
    auto opened = Catalog::open(fs, path);
    REQUIRE(opened.ok());
    const auto state = (*opened)->load();
    if (each.message.empty()) {
      CHECK(state.ok());
      continue;
    }
    REQUIRE(state.code() == Errc::corruption);
    CHECK(state.error().message == each.message);
    CHECK(state.error().where == std::string(path) + ": " + each.record);
    // A change reads everything first, and finds the same.
    const Status changed = (*opened)->publish_segment(segment(1, 20, 500), 1, 1);
    REQUIRE(changed.code() == Errc::corruption);
    CHECK(changed.error().message == each.message);
  }
}

TEST_CASE("catalog: a second head is corruption before any change") {
  io::MemoryFileSystem fs;
  Records records;
  records.sql = "PRAGMA ignore_check_constraints=1; INSERT INTO head SELECT 2, shard_count, directory_seed, "
                "positions_reserved, segment_count, records_sum, checksum FROM head";
  write(fs, records);
  const auto catalog = must(Catalog::open(fs, path));
  CHECK(catalog->load().code() == Errc::corruption); // SQLite sees it as well
  for (const Status& changed : {catalog->reserve_positions(2'000), catalog->publish_segment(segment(1, 20, 500), 1, 1),
                                catalog->replace_segments(records.segments, segment(0, 20))}) {
    REQUIRE(changed.code() == Errc::corruption);
    CHECK(changed.error().message == "there is more than one head record");
  }
}

TEST_CASE("catalog: a segment that a damaged tree holds twice is corruption") {
  io::MemoryFileSystem fs;
  Records records;
  records.segments = {segment(0, 5), segment(0, 6)}; // alike but for number, checksums and what they are sums of
  records.segments[1].footer_checksum = records.segments[0].footer_checksum;
  write(fs, records);
  // The row of the second becomes that of the first: they are of one length.
  std::string bytes = read_text(fs, path);
  const auto row_end = [&](const SegmentMeta& meta) { // it ends with the checksum, most significant byte first
    std::string stored;
    for (int shift = 56; shift >= 0; shift -= 8)
      stored += static_cast<char>(catalog::checksum(meta, seed) >> shift);
    const std::size_t at = bytes.rfind(stored);
    REQUIRE(at != std::string::npos);
    return at + stored.size();
  };
  const std::size_t first = row_end(records.segments[0]), second = row_end(records.segments[1]);
  constexpr std::size_t row_bytes = 70; // of the values: less than there are
  bytes.replace(second - row_bytes, row_bytes, bytes, first - row_bytes, row_bytes);
  auto file = fs.open(path, io::OpenMode::read_write);
  REQUIRE((*file)->pwrite(as_bytes(bytes), 0).ok());
  const auto catalog = must(Catalog::open(fs, path));
  const Status changed = catalog->publish_segment(segment(1, 20, 500), 1, 1);
  REQUIRE(changed.code() == Errc::corruption);
  CHECK(changed.error().message == "a segment is recorded twice");
  CHECK(catalog->load().code() == Errc::corruption);
}

TEST_CASE("catalog: a merge must hold what its inputs do") {
  auto catalog = must(Catalog::create_in_memory(2, seed));
  REQUIRE(catalog->reserve_positions(1'000).ok());
  const std::vector<SegmentMeta> inputs = {segment(0, 1), segment(0, 2, 20)};
  for (const SegmentMeta& input : inputs)
    REQUIRE(catalog->publish_segment(input, 0, 1).ok());
  const CatalogState before = must_load(*catalog);
  const auto refused = [&](const std::function<void(SegmentMeta&)>& edit) {
    SegmentMeta meta = merged(inputs, 3);
    edit(meta);
    const Status status = catalog->replace_segments(inputs, meta);
    return status.code() == Errc::invalid_argument ? status.error().message : "";
  };
  const std::string holds = "the merged segment does not hold as much as its inputs";
  const std::string contexts = "the merged segment's contexts are not those of its inputs";
  const std::string bounds = "the merged segment's bounds are not those of its inputs";
  const auto second = std::chrono::seconds(1);
  CHECK(refused([](auto& m) { ++m.event_count; }) == holds);
  CHECK(refused([](auto& m) { ++m.payload_bytes; }) == holds);
  CHECK(refused([](auto& m) { m.context_count = 2; }) == contexts);
  CHECK(refused([](auto& m) { m.context_count = 7; }) == contexts);
  CHECK(refused([](auto& m) { ++m.position_min; }) == bounds);
  CHECK(refused([](auto& m) { ++m.position_max; }) == bounds);
  CHECK(refused([&](auto& m) { m.timestamp_min -= second; }) == bounds);
  CHECK(refused([&](auto& m) { m.timestamp_max += second; }) == bounds);
  CHECK(refused([&](auto& m) { m.recorded_at_min -= second; }) == bounds);
  CHECK(refused([&](auto& m) { m.recorded_at_max += second; }) == bounds);
  CHECK(refused([](auto& m) { m.shard = 1; }) == "the segments belong to several shards");
  CHECK(refused([](auto& m) { m.number = 2; }) == "there is a segment of this number");
  CHECK(refused([](auto& m) { m.number = 0; }) == "the segment number is out of range");
  CHECK(catalog->replace_segments({}, merged(inputs, 3)).error().message ==
        "the segments to replace are not live neighbours");
  CHECK(same(must_load(*catalog), before));
  CHECK(refused([](auto&) {}).empty());
}

TEST_CASE("catalog: on a simulated disk, too, only a new directory gets one, with 1 to 64 shards") {
  io::MemoryFileSystem fs;
  for (const std::uint32_t shards : {0u, 65u}) {
    CHECK(Catalog::create(fs, path, shards, seed).code() == Errc::invalid_argument);
    CHECK(Catalog::create_in_memory(shards, seed).code() == Errc::invalid_argument);
  }
  CHECK(fs.stat(path).code() == Errc::not_found);
  CHECK(Catalog::open(fs, path).code() == Errc::not_found);
  REQUIRE(Catalog::create(fs, path, 64, seed).ok());
  CHECK(Catalog::create(fs, path, 64, seed).code() == Errc::invalid_argument);
}

TEST_CASE("catalog: whichever call of the disk fails, a change is there or not, and the next one works") {
  io::MemoryFileSystem made;
  write(made, {});
  std::uint64_t failed = 0;
  for (std::uint64_t k = 1;; ++k) {
    CAPTURE(k);
    const auto fs = made.after_kill();
    std::uint64_t calls = 0;
    fs->set_hook([&](const io::Call&) -> std::optional<Error> {
      return ++calls == k ? std::optional(fail(Errc::io_error, "injected")) : std::nullopt;
    });
    Status status;
    {
      auto opened = Catalog::open(*fs, path);
      status = opened.ok() ? (*opened)->publish_segment(segment(1, 20, 500), 1, 1) : Status(opened.error());
      if (status)
        status = (*opened)->close();
    }
    fs->set_hook({});
    failed += status.ok() ? 0 : 1;
    const auto catalog = must(Catalog::open(*fs, path));
    const std::size_t segments = must_load(*catalog).segments.size();
    CHECK((segments == 4 || (segments == 3 && !status)));
    if (segments == 3)
      CHECK(catalog->publish_segment(segment(1, 20, 500), 1, 1).ok());
    if (calls < k)
      break;
  }
  CHECK(failed > 10);
}
