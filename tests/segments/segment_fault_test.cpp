// Segments on a disk whose reads fail: an error is told as what it is, and the next read works.

#include "tests/segments/forged_segment.hpp"

#include "segments/open_files.hpp"
#include "segments/segment_reader.hpp"
#include "segments/segment_walk.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <optional>

using namespace weir;
using namespace weir::segments;
using namespace weir::segments::test;

namespace {

Rows some_rows(std::uint64_t seed, std::size_t payload_bytes_max = 60) {
  std::mt19937_64 random(seed);
  return random_rows(random, {.contexts = 12, .events_per_context_max = 5, .payload_bytes_max = payload_bytes_max});
}

/// Makes the k-th call of the disk fail, for every k until there is no call left to fail.
void fail_every_call(io::MemoryFileSystem& fs, const std::function<Status()>& call) {
  for (std::uint64_t k = 1;; ++k) {
    CAPTURE(k);
    std::uint64_t calls = 0;
    fs.set_hook([&](const io::Call&) -> std::optional<Error> {
      return ++calls == k ? std::optional(fail(Errc::io_error, "injected")) : std::nullopt;
    });
    const Status status = call();
    fs.set_hook({});
    if (calls < k) {
      CHECK(status.ok());
      CHECK(k > 3);
      return;
    }
    CHECK(status.code() == Errc::io_error);
  }
}

} // namespace

TEST_CASE("segment reader: whichever read fails, the error is told, and nothing of it stays") {
  const Rows rows = some_rows(31);
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 8, .filter_bits_per_key = 10}, 0); // nothing is cached
  const SegmentMeta meta = directory.write(rows);
  const std::string path = segment_path(0, 1);
  const auto status_of = [](const auto& result) { return result.ok() ? Status{} : Status(result.error()); };
  // A reader of its own each time: the one before may have kept what it read.
  const auto fail_every_read = [&](const auto& read) {
    fail_every_call(*directory.fs, [&]() -> Status {
      const auto opened = directory.files.open(meta);
      return opened.ok() ? status_of(read(**opened)) : Status(opened.error());
    });
  };
  SUBCASE("of all columns") {
    fail_every_read([](const SegmentReader& reader) { return scan(reader); });
  }
  SUBCASE("of some columns") {
    fail_every_read([](const SegmentReader& reader) { return scan(reader, column_type | column_payload); });
  }
  SUBCASE("of contexts") {
    fail_every_read([](const SegmentReader& reader) { return scan(reader, column_context); });
  }
  SUBCASE("of a context") {
    fail_every_read([&](const SegmentReader& reader) { return replay(reader, rows.back().context_id, {}, {}); });
  }
  SUBCASE("of a place") {
    fail_every_read([&](const SegmentReader& reader) { return reader.find_context(rows[9].context_id); });
  }
  SUBCASE("of types") {
    fail_every_read([](const SegmentReader& reader) { return reader.types(); });
  }
  SUBCASE("of a zone") {
    fail_every_read([](const SegmentReader& reader) { return reader.read_zone(1, columns_all); });
  }
  SUBCASE("of an id") {
    const auto with_id = std::find_if(rows.begin(), rows.end(), [](const Row& row) { return !row.event_id.empty(); });
    fail_every_call(*directory.fs, [&]() -> Status {
      auto file = directory.fs->open(path, io::OpenMode::read_only);
      if (!file)
        return file.error();
      const SegmentFileReader direct(meta, *std::move(file), path, identity_of(directory, meta), directory.cache);
      return status_of(direct.may_hold_event_id(with_id->context_id, with_id->event_id));
    });
  }
  SUBCASE("of everything") {
    fail_every_call(*directory.fs, [&]() -> Status {
      const auto file = directory.fs->open(path, io::OpenMode::read_only);
      if (!file)
        return file.error();
      return verify_segment(**file, path, identity_of(directory, meta), meta, 0);
    });
  }
  SUBCASE("of a walk") {
    fail_every_call(*directory.fs, [&]() -> Status {
      auto file = directory.fs->open(path, io::OpenMode::read_only);
      if (!file)
        return file.error();
      auto walk = SegmentWalk::open(*std::move(file), path, identity_of(directory, meta), meta);
      if (!walk)
        return walk.error();
      EventView event;
      while (true) {
        const auto moved = (*walk)->next_context();
        if (!moved)
          return moved.error();
        if (!*moved)
          return (*walk)->check_derived();
        while ((*walk)->rows_left() != 0)
          WEIR_TRY((*walk)->next_row(event));
      }
    });
  }
  CHECK(*scan(*directory.open(meta)) == rows);
}

TEST_CASE("segment reader: there is no zone behind the last one") {
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 8, .filter_bits_per_key = 10});
  const auto reader = directory.open(directory.write(some_rows(32)));
  const std::size_t zones = reader->zones()->size();
  CHECK(reader->read_zone(zones - 1, columns_all).ok());
  CHECK(reader->read_zone(zones, columns_all).code() == Errc::invalid_argument);
}

TEST_CASE("segment writer: whichever write of a large segment fails, it is told, and nothing more is written") {
  const Rows rows = some_rows(33, 90'000);
  for (std::uint64_t k = 1;; ++k) {
    CAPTURE(k);
    SegmentDirectory directory;
    std::uint64_t writes = 0;
    directory.fs->set_hook([&](const io::Call& call) -> std::optional<Error> {
      if (call.operation != io::Operation::write || ++writes != k)
        return std::nullopt;
      return fail(Errc::disk_full, "injected");
    });
    RowSource source(rows);
    const auto meta = directory.files.write(0, 1, source);
    if (writes < k) {
      CHECK(meta.ok());
      CHECK(k > 5);
      break;
    }
    CHECK(meta.code() == Errc::disk_full);
    CHECK(writes == k);
    CHECK(directory.fs->list("segments/000")->empty());
  }
}

TEST_CASE("segment files: whichever call fails while a number is written again or swept, the next attempt works") {
  const Rows rows = some_rows(34);
  for (std::uint64_t k = 1;; ++k) {
    CAPTURE(k);
    SegmentDirectory directory;
    const SegmentMeta live = directory.write(rows, 1);
    directory.write(rows, 2);
    directory.write(rows, 9);
    std::uint64_t calls = 0;
    directory.fs->set_hook([&](const io::Call&) -> std::optional<Error> {
      return ++calls == k ? std::optional(fail(Errc::io_error, "injected")) : std::nullopt;
    });
    RowSource source(rows);
    Status status = [&]() -> Status {
      const auto written = directory.files.write(0, 9, source); // moves the old one to quarantine
      if (!written)
        return written.error();
      return directory.files.sweep(0, {&live, 1}, 5); // removes 2, moves 9 to quarantine
    }();
    directory.fs->set_hook({});
    CHECK((status.ok() || status.code() == Errc::io_error));
    REQUIRE(directory.files.sweep(0, {&live, 1}, 5).ok());
    CHECK(directory.fs->list("segments/000")->size() == 1);
    CHECK(*scan(*directory.open(live)) == rows);
    if (calls < k) {
      CHECK(status.ok());
      break;
    }
  }
}

TEST_CASE("segment files: a live segment that is a directory is corruption") {
  SegmentDirectory directory;
  const SegmentMeta meta = directory.write(some_rows(35));
  REQUIRE(directory.fs->unlink(segment_path(0, 1)).ok());
  REQUIRE(directory.fs->create_directory(segment_path(0, 1)).ok());
  const auto opened = directory.files.open(meta);
  REQUIRE(opened.code() == Errc::corruption);
  CHECK(opened.error().message == "a live segment is no file");
}

TEST_CASE("segment files: segments that no single one could hold are not merged") {
  SegmentDirectory directory;
  const Rows rows = some_rows(36);
  std::vector<SegmentMeta> inputs = {directory.write(rows, 1), directory.write(rows, 2)};
  const auto merged = [&] { return merged_of(directory.files.merge(inputs, 3, [] { return Status{}; }, {})).code(); };
  inputs[1].event_count = segment_rows_max - inputs[0].event_count + 1;
  CHECK(merged() == Errc::too_large);
  inputs[1].event_count -= 1; // just as many as fit: now the file is looked at, which holds fewer
  CHECK(merged() == Errc::corruption);
  inputs[0].event_count = segment_rows_max + 1; // by itself it can only be damaged
  CHECK(merged() == Errc::corruption);
}

TEST_CASE("segment writer: events without a context or with an impossible sequence are refused") {
  SegmentDirectory directory;
  Rows rows = some_rows(37);
  rows.resize(1);
  const auto refused = [&](const std::function<void(Row&)>& edit) {
    Rows changed = rows;
    edit(changed[0]);
    RowSource source(changed);
    return directory.files.write(0, 1, source).code() == Errc::invalid_argument;
  };
  CHECK(refused([](Row& row) { row.context_id.clear(); }));
  CHECK(refused([](Row& row) { row.context_id.assign(limits::context_id_bytes_max + 1, 'c'); }));
  CHECK(refused([](Row& row) { row.sequence = 0; }));
  CHECK(refused([](Row& row) { row.sequence = sequence_max; }));
  CHECK_FALSE(refused([](Row& row) { row.context_id.assign(limits::context_id_bytes_max, 'c'); }));
  CHECK_FALSE(refused([](Row& row) { row.sequence = sequence_max - 1; }));
  const auto reader = directory.open(directory.write(rows));
  CHECK(*scan(*reader) == rows);
}

TEST_CASE("open files: a file read on demand is read-only, and is opened again once it was closed for others") {
  io::MemoryFileSystem fs;
  for (const char* path : {"a", "b"}) {
    auto file = fs.open(path, io::OpenMode::create);
    REQUIRE((*file)->append(std::as_bytes(std::span(path, 1))).ok());
  }
  const auto files = std::make_shared<OpenFiles>(fs, 1);
  const auto a = open_on_demand(files, "a"), b = open_on_demand(files, "b");
  const auto first_byte = [](const io::File& file) {
    std::byte byte{};
    REQUIRE(file.pread({&byte, 1}, 0).ok());
    return static_cast<char>(byte);
  };
  for (int round = 0; round < 2; ++round) {
    CHECK(first_byte(*a) == 'a');
    CHECK(first_byte(*b) == 'b');
    CHECK(fs.open_files() == 1);
  }
  CHECK(*a->size() == 1);
  const std::byte byte{};
  CHECK(a->pwrite({&byte, 1}, 0).code() == Errc::unsupported);
  CHECK(a->append({&byte, 1}).code() == Errc::unsupported);
  CHECK(a->truncate(0).code() == Errc::unsupported);
  CHECK(a->sync_data().error().where == "a");
  CHECK(first_byte(*a) == 'a');

  fs.set_hook([](const io::Call& call) -> std::optional<Error> {
    return call.operation == io::Operation::open ? std::optional(fail(Errc::io_error, "injected")) : std::nullopt;
  });
  CHECK(b->size().code() == Errc::io_error);
  std::byte out{};
  CHECK(b->pread({&out, 1}, 0).code() == Errc::io_error);
  fs.set_hook({});
  CHECK(first_byte(*b) == 'b');
  REQUIRE(fs.unlink("a").ok());
  CHECK(a->size().code() == Errc::corruption);
}

TEST_CASE("open files: two readers that open a file at the same time share one descriptor afterwards") {
  io::MemoryFileSystem fs;
  REQUIRE(fs.open("a", io::OpenMode::create).ok());
  OpenFiles files(fs, 4);
  std::shared_ptr<const io::File> faster;
  fs.set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::open && !faster) {
      fs.set_hook({});
      faster = *files.get("a");
    }
    return std::nullopt;
  });
  const auto slower = files.get("a");
  REQUIRE(slower.ok());
  CHECK(*slower == faster);
  CHECK(fs.open_files() == 1);
  files.forget("a");
  files.forget("a");
  CHECK(fs.open_files() == 1); // whoever reads keeps it
}
