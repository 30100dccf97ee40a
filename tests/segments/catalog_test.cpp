#include "engine/io/memory_file_system.hpp"
#include "tests/segments/catalog_fixture.hpp"
#include "tests/support/temp_directory.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <sys/stat.h>

using namespace weir;
using namespace weir::test;

namespace {

/// The file as another program would change it.
void change(const std::string& path, const std::string& sql) {
  auto database = sqlite::Database::open(path, {});
  REQUIRE(database.ok());
  const Status changed = database->execute(sql);
  REQUIRE_MESSAGE(changed.ok(), to_string(changed.ok() ? Error{} : changed.error()));
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

/// A closed catalog of two shards, three segments, one of them merged, and a schema.
std::string small_catalog(const TempDirectory& directory) {
  const std::string path = directory.path("catalog.db");
  auto catalog = must(Catalog::create(path, 2, seed));
  REQUIRE(catalog->reserve_positions(1'000).ok());
  REQUIRE(catalog->publish_segment(segment(0, 1), 10, 1).ok());
  REQUIRE(catalog->publish_segment(segment(1, 1, 20), 7, 2).ok());
  REQUIRE(catalog->publish_segment(segment(0, 2, 40), 30, 3).ok());
  REQUIRE(catalog->publish_segment(segment(1, 2, 60), 9, 2).ok());
  const std::vector<SegmentMeta> inputs = {segment(1, 1, 20), segment(1, 2, 60)};
  REQUIRE(catalog->replace_segments(inputs, merged(inputs, 3)).ok());
  REQUIRE(catalog->add_schema({"paid", 1, "DEFINE paid FIELDS {}"}).ok());
  REQUIRE(catalog->set_retention({{{.context_prefix = "order-", .count = 100}}, RetentionPoint{40, {}}, true}).ok());
  REQUIRE(catalog->close().ok());
  return path;
}

} // namespace

TEST_CASE("catalog: a new one records its shards and seed and survives a reopen") {
  TempDirectory directory;
  const std::string path = directory.path("catalog.db");
  auto catalog = must(Catalog::create(path, 3, seed));
  const CatalogState fresh = must_load(*catalog);
  CHECK(fresh.format_version == Catalog::format_version);
  CHECK(fresh.shard_count == 3);
  CHECK(fresh.directory_seed == seed);
  CHECK(fresh.positions_reserved == 1);
  CHECK(fresh.segments.empty());
  REQUIRE(fresh.shards.size() == 3);
  for (ShardId shard = 0; shard < 3; ++shard) {
    CHECK(fresh.shards[shard].shard == shard);
    CHECK(fresh.shards[shard].wal_first_file == 1);
    CHECK(fresh.shards[shard].wal_cut_record == 0);
    CHECK(fresh.shards[shard].next_segment == 1);
  }
  REQUIRE(catalog->close().ok());
  CHECK(!std::filesystem::exists(path + "-wal"));
  CHECK(same(must_load(*must(Catalog::open(path))), fresh));
}

TEST_CASE("catalog: the file is private whatever the umask") {
  TempDirectory directory;
  const auto old_mask = ::umask(0);
  auto catalog = must(Catalog::create(directory.path("catalog.db"), 1, seed));
  ::umask(old_mask);
  struct stat info {};
  REQUIRE(::stat(directory.path("catalog.db").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("catalog: publishing makes the segment live and moves number and cut together") {
  TempDirectory directory;
  const std::string path = directory.path("catalog.db");
  auto catalog = must(Catalog::create(path, 2, seed));
  REQUIRE(catalog->reserve_positions(100).ok());
  REQUIRE(catalog->publish_segment(segment(1, 4), 17, 3).ok());
  const CatalogState state = must_load(*catalog);
  CHECK(state.segments == std::vector<SegmentMeta>{segment(1, 4)});
  CHECK(state.shards[1].next_segment == 5);
  CHECK(state.shards[1].wal_cut_record == 17);
  CHECK(state.shards[1].wal_first_file == 3);
  CHECK(state.shards[0].next_segment == 1);
  CHECK(state.positions_reserved == 100);
  catalog.reset(); // Not closed: as after a crash, the journal holds the last transactions.
  CHECK(same(must_load(*must(Catalog::open(path))), state));
}

TEST_CASE("catalog: segments come by shard, then position, whatever their numbers") {
  auto catalog = must(Catalog::create_in_memory(12, seed));
  REQUIRE(catalog->reserve_positions(10'000).ok());
  Position position = 1;
  for (const std::uint64_t number : {1u, 2u, 9u, 10u})
    for (const ShardId shard : {11u, 2u, 0u}) {
      REQUIRE(catalog->publish_segment(segment(shard, number, position), 0, 1).ok());
      position += 10;
    }
  for (const ShardId shard : {11u, 2u, 0u}) { // the two oldest are merged into a segment with the highest number
    const CatalogState state = must_load(*catalog);
    std::vector<SegmentMeta> inputs;
    std::copy_if(state.segments.begin(), state.segments.end(), std::back_inserter(inputs),
                 [shard](const SegmentMeta& s) { return s.shard == shard && s.number <= 2; });
    REQUIRE(catalog->replace_segments(inputs, merged(inputs, 11)).ok());
  }
  const CatalogState state = must_load(*catalog);
  REQUIRE(state.segments.size() == 9);
  for (std::size_t i = 0; i < 9; ++i) {
    CHECK(state.segments[i].shard == std::vector<ShardId>{0, 2, 11}[i / 3]);
    CHECK(state.segments[i].number == std::vector<std::uint64_t>{11, 9, 10}[i % 3]);
  }
}

TEST_CASE("catalog: what load would not read back is refused, and changes nothing") {
  auto catalog = must(Catalog::create_in_memory(2, seed));
  REQUIRE(catalog->reserve_positions(100).ok());
  REQUIRE(catalog->publish_segment(segment(0, 3), 10, 2).ok());
  const CatalogState before = must_load(*catalog);
  const auto refused = [&](auto break_it, std::uint64_t cut = 10, std::uint64_t file = 2) {
    SegmentMeta meta = segment(0, 4, 20);
    break_it(meta);
    return catalog->publish_segment(meta, cut, file).code() == Errc::invalid_argument;
  };
  const auto nothing = [](SegmentMeta&) {};
  CHECK(refused([](SegmentMeta& m) { m.shard = 2; }));
  CHECK(refused([](SegmentMeta& m) { m.shard = UINT32_MAX; }));
  CHECK(refused([](SegmentMeta& m) { m.number = 3; }));
  CHECK(refused([](SegmentMeta& m) { m.number = 0; }));
  CHECK(refused([](SegmentMeta& m) { m.number = UINT64_MAX; }));
  CHECK(refused([](SegmentMeta& m) { m.footer_offset = m.file_bytes; }));
  CHECK(refused([](SegmentMeta& m) { m.event_count = 0; }));
  CHECK(refused([](SegmentMeta& m) { m.event_count = 11; }));
  CHECK(refused([](SegmentMeta& m) { m.context_count = 0; }));
  CHECK(refused([](SegmentMeta& m) { m.context_count = 11; }));
  CHECK(refused([](SegmentMeta& m) { m.position_min = 0; }));
  CHECK(refused([](SegmentMeta& m) { m.position_min = 10; })); // in another segment
  CHECK(refused([](SegmentMeta& m) { m.position_max = 100; }));
  CHECK(refused([](SegmentMeta& m) { m.position_max = m.position_min - 1; }));
  CHECK(refused([](SegmentMeta& m) { m.timestamp_min = m.timestamp_max + std::chrono::microseconds{1}; }));
  CHECK(refused([](SegmentMeta& m) { m.timestamp_max = Timestamp::max(); }));
  CHECK(refused([](SegmentMeta& m) { m.recorded_at_max = m.recorded_at_min - std::chrono::microseconds{1}; }));
  CHECK(refused(nothing, 9, 2));
  CHECK(refused(nothing, 10, 1));
  CHECK(same(must_load(*catalog), before));
  CHECK(!refused(nothing));
}

TEST_CASE("catalog: positions only go up") {
  auto catalog = must(Catalog::create_in_memory(1, seed));
  REQUIRE(catalog->reserve_positions(1'048'577).ok());
  CHECK(catalog->reserve_positions(1'048'576).code() == Errc::invalid_argument);
  CHECK(catalog->reserve_positions(1'048'577).ok());
  CHECK(catalog->reserve_positions(UINT64_MAX).ok());
  CHECK(must_load(*catalog).positions_reserved == UINT64_MAX);
}

TEST_CASE("catalog: after close every call says so") {
  auto catalog = must(Catalog::create_in_memory(1, seed));
  REQUIRE(catalog->close().ok());
  CHECK(catalog->close().code() == Errc::closing);
  CHECK(catalog->load().code() == Errc::closing);
  CHECK(catalog->reserve_positions(5).code() == Errc::closing);
  CHECK(catalog->publish_segment(segment(0, 1), 1, 1).code() == Errc::closing);
  CHECK(catalog->replace_segments({}, segment(0, 1)).code() == Errc::closing);
}

TEST_CASE("catalog: one program at a time") {
  TempDirectory directory;
  const std::string path = directory.path("catalog.db");
  auto catalog = must(Catalog::create(path, 1, seed));
  CHECK(Catalog::open(path).code() == Errc::locked);
  CHECK(Catalog::create(path, 1, seed).code() == Errc::locked);
  CHECK(sqlite::Database::open(path, {}).code() == Errc::locked);
  catalog.reset();
  CHECK(Catalog::open(path).ok());
}

TEST_CASE("catalog: only a new directory gets one, with 1 to 64 shards") {
  TempDirectory directory;
  const std::string path = directory.path("catalog.db");
  CHECK(Catalog::create(path, 0, seed).code() == Errc::invalid_argument);
  CHECK(Catalog::create(path, 65, seed).code() == Errc::invalid_argument);
  CHECK(!std::filesystem::exists(path));
  CHECK(Catalog::open(path).code() == Errc::not_found);
  REQUIRE(Catalog::create(path, 64, seed).ok());
  CHECK(Catalog::create(path, 64, seed).code() == Errc::invalid_argument);
  CHECK(must_load(*must(Catalog::open(path))).shard_count == 64);
}

TEST_CASE("catalog: a creation cut short is no catalog, and can be done again") {
  TempDirectory directory;
  const std::string path = directory.path("catalog.db");
  SUBCASE("before SQLite wrote anything") {
    write_file(path, "");
  }
  SUBCASE("before the one transaction") {
    auto database = sqlite::Database::open(path, {.create = true});
    REQUIRE(database->use_wal().ok());
  }
  SUBCASE("inside the one transaction") {
    auto catalog = must(Catalog::create(directory.path("other.db"), 2, seed));
    catalog.reset();
    auto database = sqlite::Database::open(path, {.create = true});
    REQUIRE(database->use_wal().ok());
    auto transaction = sqlite::Transaction::begin(*database);
    REQUIRE(database->execute("CREATE TABLE head(a)").ok());
    REQUIRE(database->set_application_id(Catalog::application_id).ok());
  }
  CHECK(Catalog::open(path).code() == Errc::not_found);
  REQUIRE(Catalog::create(path, 2, seed).ok());
  CHECK(must_load(*must(Catalog::open(path))).shard_count == 2);
}

TEST_CASE("catalog: another program's database or another version is refused without changing a byte") {
  TempDirectory directory;
  std::string path = directory.path("catalog.db");
  std::string message;
  SUBCASE("a plain database") {
    change((write_file(path, ""), path), "CREATE TABLE t(a)");
    message = "not a weir directory: the catalog is a database of another program";
  }
  SUBCASE("another application") {
    change((write_file(path, ""), path), "PRAGMA application_id=1; PRAGMA user_version=1");
    message = "not a weir directory: the catalog is a database of another program";
  }
  SUBCASE("a later version") {
    path = small_catalog(directory);
    change(path, "PRAGMA user_version=5; CREATE TABLE t(a)");
    message = "unsupported format 5; this program reads 1 to 4";
  }
  const std::string before = read_file(path);
  for (const auto& result : {Catalog::open(path), Catalog::create(path, 2, seed)}) {
    REQUIRE(!result.ok());
    CHECK(result.error().code == Errc::incompatible);
    CHECK(result.error().message == message);
    CHECK(result.error().where == path);
  }
  CHECK(read_file(path) == before);
}

TEST_CASE("catalog: values changed behind its back are corruption, with their place") {
  const std::map<std::string, std::string> changes = {
      {"UPDATE head SET shard_count=3", "table head"},
      {"UPDATE head SET positions_reserved=5000000000", "table head"},
      {"UPDATE head SET directory_seed=1", "table head"},
      {"DELETE FROM head", "table head"},
      {"UPDATE shards SET wal_cut_record=8 WHERE shard=1", "table shards, shard 1"},
      {"UPDATE shards SET shard=7 WHERE shard=1", "table shards, shard 7"},
      {"UPDATE shards SET shard=-1 WHERE shard=1", "table shards, shard 4294967295"},
      {"DELETE FROM shards WHERE shard=1", "table shards"},
      {"DELETE FROM shards WHERE shard=0", "table shards, shard 1"},
      {"UPDATE segments SET file_bytes=4097 WHERE number=2", "table segments, shard 0 number 2"},
      {"UPDATE segments SET timestamp_max=timestamp_max+1 WHERE shard=1", "table segments, shard 1 number 3"},
      {"UPDATE segments SET shard=1 WHERE number=2", "table segments, shard 1 number 2"},
      {"UPDATE segments SET number=-5 WHERE number=2", "table segments, shard 0 number 18446744073709551611"},
      {"DELETE FROM segments WHERE number=2", "table segments"},
      {"CREATE VIEW v AS SELECT 1", "sqlite_schema"},
      {"CREATE TRIGGER a AFTER INSERT ON segments BEGIN DELETE FROM segments; END", "sqlite_schema"},
      {"CREATE INDEX i ON segments(number)", "sqlite_schema"},
      {"DROP TABLE shards", "sqlite_schema"},
      {"ALTER TABLE shards RENAME COLUMN wal_first_file TO f", "sqlite_schema"},
  };
  for (const auto& entry : changes) {
    const std::string &sql = entry.first, &place = entry.second;
    CAPTURE(sql);
    TempDirectory directory;
    const std::string path = small_catalog(directory);
    change(path, sql);
    auto catalog = Catalog::open(path);
    const Error error = catalog.ok() ? (*catalog)->load().error() : catalog.error();
    CHECK(error.code == Errc::corruption);
    CHECK(error.where == path + ": " + place);
  }
}

TEST_CASE("catalog: a file header that SQLite would not write to or read by is corruption") {
  for (const auto& [at, value] : {std::pair{18, '\3'}, {47, '\11'}}) { // version to write with, format of schemas
    const int offset = at;                                             // clang 14 captures no structured binding
    CAPTURE(offset);
    TempDirectory directory;
    const std::string path = small_catalog(directory);
    std::string bytes = read_file(path);
    bytes[static_cast<std::size_t>(offset)] = value;
    write_file(path, bytes);
    const auto opened = Catalog::open(path);
    CHECK(opened.code() == Errc::corruption);
    CHECK(opened.error().where == path);
    CHECK(read_file(path) == bytes);
  }
}

TEST_CASE("catalog: a name in the schema that differs by the case of one letter is corruption") {
  TempDirectory directory;
  const std::string path = small_catalog(directory);
  std::string bytes = read_file(path);
  const std::size_t names = bytes.find("tableheadhead"); // type, name and table of the row
  REQUIRE(names != std::string::npos);
  bytes[names + 9] = 'H';
  write_file(path, bytes);
  const auto opened = Catalog::open(path);
  REQUIRE(opened.code() == Errc::corruption);
  CHECK(opened.error().where == path + ": sqlite_schema");
}

TEST_CASE("catalog: a genuine record of another history is corruption, by the sum over all records") {
  TempDirectory directory;
  for (const std::uint64_t cut : {10u, 11u}) {
    auto catalog = must(Catalog::create(directory.path(std::to_string(cut)), 1, seed));
    REQUIRE(catalog->reserve_positions(1'000).ok());
    REQUIRE(catalog->publish_segment(segment(0, 1), cut, 1).ok());
    REQUIRE(catalog->close().ok());
  }
  const std::string path = directory.path("10");
  change(path, "ATTACH '" + directory.path("11") + "' AS other; REPLACE INTO shards SELECT * FROM other.shards");
  const auto state = must(Catalog::open(path))->load();
  REQUIRE(!state.ok());
  CHECK(state.error().message == "the sum over all records differs");
  CHECK(state.error().where == path + ": table head");
}

TEST_CASE("catalog: whichever byte of the closed file is damaged, it loads the same state or says no") {
  TempDirectory directory(fast_parent());
  const std::string path = small_catalog(directory);
  const std::string good = read_file(path);
  const CatalogState expected = must_load(*must(Catalog::open(path)));
  std::map<Errc, std::size_t> outcomes;
  std::size_t zeros_before = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    // Long runs of zeros are space that no page uses: a sample of them will do.
    const bool unused = zeros_before > 16 && good.find_first_not_of('\0', i) > i + 16;
    zeros_before = good[i] == '\0' ? zeros_before + 1 : 0;
    if (unused && i % 61 != 0)
      continue;
    CAPTURE(i);
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (i % 2 == 0 ? 0xFF : 1 << (i / 2 % 8)));
    write_file(path, bad);
    auto catalog = Catalog::open(path);
    if (!catalog) {
      ++outcomes[catalog.code()];
      continue;
    }
    const auto state = (*catalog)->load();
    ++outcomes[state.code()];
    if (state.ok())
      REQUIRE(same(*state, expected));
    else
      CHECK_MESSAGE(state.code() == Errc::corruption, to_string(state.error()));
  }
  CHECK(outcomes[Errc::corruption] > 1'000);
  CHECK(outcomes[Errc::ok] > 100); // Unused space, and counters that only SQLite reads.
}

TEST_CASE("catalog: a file cut short anywhere loads the same state or says no") {
  TempDirectory directory(fast_parent());
  const std::string path = small_catalog(directory);
  const std::string good = read_file(path);
  const CatalogState expected = must_load(*must(Catalog::open(path)));
  for (std::size_t size = 0; size < good.size(); size += 509) {
    CAPTURE(size);
    write_file(path, good.substr(0, size));
    auto catalog = Catalog::open(path);
    if (!catalog)
      continue;
    const auto state = (*catalog)->load();
    CHECK((!state.ok() || same(*state, expected)));
  }
}

TEST_CASE("catalog: a copy is one file that loads the same, and an interrupted one says so") {
  TempDirectory directory;
  auto catalog = must(Catalog::open(small_catalog(directory)));
  REQUIRE(catalog->reserve_positions(2'000).ok()); // in the journal only
  io::MemoryFileSystem target;
  REQUIRE(catalog->copy_to(target, "catalog.db").ok());
  CHECK(target.list("")->size() == 1);
  auto copy = must(Catalog::open(target, "catalog.db"));
  const CatalogState copied = must_load(*copy), wanted = must_load(*catalog);
  CHECK(copied.positions_reserved == 2'000);
  CHECK(copied.segments == wanted.segments);
  CHECK(copied.shards[1].wal_cut_record == wanted.shards[1].wal_cut_record);

  io::MemoryFileSystem broken;
  for (const io::Operation operation : {io::Operation::open, io::Operation::write}) {
    broken.set_hook([operation](const io::Call& call) -> std::optional<Error> {
      return call.operation == operation ? std::optional(fail(Errc::io_error, "broken")) : std::nullopt;
    });
    CHECK(catalog->copy_to(broken, "catalog.db").code() == Errc::io_error);
  }
  REQUIRE(catalog->close().ok());
  CHECK(catalog->copy_to(target, "again.db").code() == Errc::closing);
}
