#include "tests/segments/segment_fixture.hpp"

#include "tests/support/bytes.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace weir;
using namespace weir::segments;
using namespace weir::segments::test;

namespace {

Rows some_rows(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  return random_rows(random, {.contexts = 5, .events_per_context_max = 5});
}

std::vector<std::string> names(io::FileSystem& fs, const std::string& path) {
  std::vector<std::string> names;
  if (const auto entries = fs.list(path); entries.ok()) {
    for (const io::DirectoryEntry& entry : *entries)
      names.push_back(entry.name);
  }
  return names;
}

void put(io::FileSystem& fs, const std::string& path, std::string_view text) {
  auto file = fs.open(path, io::OpenMode::create);
  REQUIRE(file.ok());
  REQUIRE((*file)->append(weir::test::as_bytes(text)).ok());
}

using Names = std::vector<std::string>;

} // namespace

TEST_CASE("segment files: a segment that was written survives a crash that keeps only what was synced") {
  SegmentDirectory directory;
  const Rows rows = some_rows(1);
  const SegmentMeta meta = directory.write(rows);
  const auto after = directory.fs->crash_image({});
  const auto reader = SegmentFiles(*after, directory.cache, directory.options).open(meta);
  REQUIRE(reader.ok());
  CHECK((*reader)->verify().ok());
  CHECK(*scan(**reader) == rows);
}

TEST_CASE("segment files: an error at any call leaves no segment behind, and the next attempt works") {
  const Rows rows = some_rows(2);
  bool failed = true;
  for (std::uint64_t failing = 1; failed; ++failing) {
    SegmentDirectory directory;
    std::uint64_t calls = 0;
    directory.fs->set_hook([&](const io::Call&) -> std::optional<Error> {
      return ++calls == failing ? std::optional(fail(Errc::disk_full, "no space")) : std::nullopt;
    });
    RowSource source(rows);
    const auto meta = directory.files.write(0, 1, source);
    directory.fs->set_hook({});
    failed = calls >= failing;
    CAPTURE(failing);
    if (failed && !meta.ok()) {
      CHECK(meta.code() == Errc::disk_full);
      for (const std::string& name : names(*directory.fs, "segments/000"))
        CHECK(name == "0000000000000001.tmp");
    }
    const SegmentMeta again = directory.write(rows, 2);
    CHECK(directory.open(again)->verify().ok());
  }
}

TEST_CASE("segment files: a crash before the rename leaves no live segment, and the sweep removes what it left") {
  const Rows rows = some_rows(3);
  SegmentDirectory directory;
  std::unique_ptr<io::MemoryFileSystem> crashed;
  directory.fs->set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::rename)
      crashed = directory.fs->crash_image({});
    return std::nullopt;
  });
  directory.write(rows);
  REQUIRE(crashed);
  // Even if the directory's new name had reached the disk.
  put(*crashed, "segments/000/0000000000000007.tmp", "half a segment");
  for (const std::string& name : names(*crashed, "segments/000"))
    CHECK(name.ends_with(".tmp"));
  SegmentFiles files(*crashed, directory.cache, directory.options);
  CHECK(files.sweep(0, {}, 1).ok());
  CHECK(names(*crashed, "segments/000").empty());
  CHECK(names(*crashed, "quarantine").empty());
}

TEST_CASE("segment files: the sweep keeps live segments and moves unknown files to quarantine, overwriting nothing") {
  SegmentDirectory directory;
  const Rows rows = some_rows(4);
  const SegmentMeta live = directory.write(rows, 1);
  for (const char* text : {"first", "second", "third"}) {
    directory.write(rows, 2);
    put(*directory.fs, "segments/000/notes.txt", text);
    REQUIRE(directory.files.sweep(0, {&live, 1}, 2).ok());
  }
  CHECK(names(*directory.fs, "segments/000") == Names{"0000000000000001.seg"});
  const Names kept = names(*directory.fs, "quarantine");
  CHECK(kept.size() == 6);
  CHECK(weir::test::read_text(*directory.fs, "quarantine/segments-000-notes.txt") == "first");
  CHECK(weir::test::read_text(*directory.fs, "quarantine/segments-000-notes.txt.1") == "second");
  CHECK(weir::test::read_text(*directory.fs, "quarantine/segments-000-notes.txt.2") == "third");
  CHECK(*scan(*directory.open(live)) == rows);
}

TEST_CASE("segment files: the sweep of a shard without a directory has nothing to do") {
  SegmentDirectory directory;
  CHECK(directory.files.sweep(3, {}, 1).ok());
}

TEST_CASE("segment files: a missing live segment is corruption that names the file") {
  SegmentDirectory directory;
  const SegmentMeta meta = directory.write(some_rows(5));
  REQUIRE(directory.fs->unlink(segment_path(0, 1)).ok());
  const auto opened = directory.files.open(meta);
  CHECK(opened.code() == Errc::corruption);
  CHECK(opened.error().where == "segments/000/0000000000000001.seg:0");
  CHECK(directory.files.sweep(0, {&meta, 1}, 2).code() == Errc::corruption);
}

TEST_CASE("segment files: a live segment of another size is corruption where the file or its record ends") {
  SegmentDirectory directory;
  const SegmentMeta meta = directory.write(some_rows(5));
  const std::string good = directory.content(meta);
  directory.overwrite(meta, good.substr(0, 77));
  CHECK(directory.files.open(meta).error().where == "segments/000/0000000000000001.seg:77");
  directory.overwrite(meta, good + "more");
  CHECK(directory.files.open(meta).error().where ==
        "segments/000/0000000000000001.seg:" + std::to_string(meta.file_bytes));
}

TEST_CASE("segment files: writing a number again moves what was there out of the way") {
  SegmentDirectory directory;
  const std::string first = directory.content(directory.write(some_rows(6)));
  const Rows rows = some_rows(7);
  const SegmentMeta meta = directory.write(rows);
  CHECK(*scan(*directory.open(meta)) == rows);
  CHECK(weir::test::read_text(*directory.fs, "quarantine/segments-000-0000000000000001.seg") == first);
}

TEST_CASE("segment files: opening reads nothing, and a file that has gone by the first read is corruption") {
  SegmentDirectory directory({.directory_seed = 7}, 0);
  const Rows rows = some_rows(8);
  const SegmentMeta meta = directory.write(rows);
  const std::uint64_t before = directory.fs->counters().of(io::Operation::read);
  const std::uint64_t opens = directory.fs->counters().of(io::Operation::open);
  auto reader = directory.open(meta);
  CHECK(directory.fs->counters().of(io::Operation::read) == before);
  CHECK(directory.fs->counters().of(io::Operation::open) == opens);
  CHECK(*scan(*reader) == rows);
  CHECK(directory.fs->counters().of(io::Operation::open) == opens + 1);
  reader = directory.open(meta);
  REQUIRE(directory.files.remove(meta).ok());
  CHECK(directory.files.remove(meta).ok()); // it is gone, which is what was asked for
  const auto missing = scan(*reader);
  CHECK(missing.code() == Errc::corruption);
  CHECK(missing.error().where == "segments/000/0000000000000001.seg:0");
}

TEST_CASE("segment files: many segments are read with few files open") {
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 64, .filter_bits_per_key = 10, .open_files_max = 3},
                             0); // nothing is cached: every read is one of a file
  std::vector<Rows> rows;
  std::vector<std::shared_ptr<const SegmentReader>> readers;
  for (std::uint64_t number = 1; number <= 10; ++number) {
    rows.push_back(some_rows(100 + number));
    readers.push_back(directory.open(directory.write(rows.back(), number)));
  }
  const auto opens = [&] { return directory.fs->counters().of(io::Operation::open); };
  for (int round = 0; round < 3; ++round) {
    const std::uint64_t before = opens();
    for (std::size_t i = 0; i < readers.size(); ++i)
      CHECK(*scan(*readers[i]) == rows[i]);
    CHECK(opens() - before == 10); // in turn, so each had been closed for others since its last time
  }
  const std::uint64_t before = opens();
  for (int round = 0; round < 5; ++round)
    for (std::size_t i = 0; i < 3; ++i)
      CHECK(*scan(*readers[i]) == rows[i]);
  CHECK(opens() - before == 3);
}

TEST_CASE("segment files: the sweep deletes what others have replaced, and only that") {
  SegmentDirectory directory;
  const Rows rows = some_rows(4);
  directory.write(rows, 1); // merged into 3 before a crash
  directory.write(rows, 2);
  const SegmentMeta live = directory.write(rows, 3);
  directory.write(rows, 4); // never published
  put(*directory.fs, "segments/000/2.seg", "no name of ours");
  REQUIRE(directory.files.sweep(0, {&live, 1}, 4).ok());
  CHECK(names(*directory.fs, "segments/000") == Names{"0000000000000003.seg"});
  CHECK(names(*directory.fs, "quarantine") == Names{"segments-000-0000000000000004.seg", "segments-000-2.seg"});
}

TEST_CASE("segment files: a big segment is written in large pieces, and synced while it is written") {
  std::mt19937_64 random(9);
  SegmentDirectory directory;
  const Rows rows = random_rows(random, {.contexts = 1'200, .payload_bytes_max = 2'000});
  const SegmentMeta meta = directory.write(rows);
  CHECK(meta.file_bytes > 4 * MiB);
  CHECK(directory.fs->counters().of(io::Operation::write) <= meta.file_bytes / (256 * KiB) + 1);
  CHECK(directory.fs->counters().of(io::Operation::sync_data) == meta.file_bytes / (2 * MiB) + 1);
}
