#include "tests/wal/log_fixture.hpp"

#include "wal/paths.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace weir::wal {
namespace {

using namespace test;

std::size_t count(io::FileSystem& fs, NameKind kind) {
  std::size_t found = 0;
  for (const auto& [name, content] : snapshot(fs)) {
    const auto parsed = parse_name(name);
    found += parsed && parsed->kind == kind ? 1 : 0;
  }
  return found;
}

/// Appends and syncs records of 500 bytes until `files` files are in use.
void fill_files(Writer& writer, std::uint64_t files) {
  while (writer.first_file_holding(writer.last_record() + 1) < files) {
    append_one(writer, body_for(writer.last_record() + 1, 500));
    REQUIRE(writer.sync().ok());
  }
}

TEST_CASE("wal group: bodies stay where they are once the last one is added, whatever the writer does") {
  Group group(8); // Too small on purpose: the buffer grows while records are added.
  group.add("one");
  group.add("");
  char* const third = group.add_uninitialized(5);
  std::copy_n("three", 5, third);
  CHECK(group.records() == 3);
  const auto bodies = group.bodies();
  const char* const place = group.body(2).data();
  CHECK(group.frame(1, 4096, 7, 0).size() == group.bytes());
  CHECK(group.frame(2, 8192, 9, 4096).size() == group.bytes());
  CHECK(group.body(2).data() == place);
  CHECK(group.body(0) == "one");
  CHECK(group.body(1).empty());
  CHECK(bodies[2] == "three");
}

TEST_CASE_FIXTURE(Disk, "wal writer: records come back in order across many change-overs") {
  Records written;
  Writer writer(fs, writer_options(), {});
  for (std::uint64_t record = 1; record <= 300;) {
    std::vector<std::string> bodies;
    for (std::uint64_t i = 0; i <= record % 4; ++i)
      bodies.push_back(body_for(record + i, (record * 37 + i) % 400));
    const auto first = writer.append(*group_of(bodies));
    REQUIRE(first.ok());
    CHECK(*first == record);
    for (const std::string& body : bodies)
      written[record++] = body;
    CHECK(writer.last_record() == record - 1);
    if (record % 3 == 0) {
      REQUIRE(writer.sync().ok());
      CHECK(writer.synced_record() == writer.last_record());
    }
  }
  CHECK(writer.first_file_holding(writer.last_record()) > 5);

  SUBCASE("after a clean close") {
    REQUIRE(writer.seal().ok());
  }
  SUBCASE("after the death of the process") {
  }
  const auto recovered = recover_all(fs);
  REQUIRE(recovered.end.ok());
  CHECK(recovered.records == written);
  CHECK(recovered.end->last_record == written.rbegin()->first);
}

TEST_CASE_FIXTURE(Disk, "wal writer: numbers go on after a restart, and no recovered file is appended to") {
  std::uint64_t records = 0;
  Records written;
  for (int life = 0; life < 5; ++life) {
    const auto recovered = recover_all(fs);
    REQUIRE(recovered.end.ok());
    CHECK(recovered.records == written);
    CHECK(recovered.end->last_record == records);
    Writer writer(fs, writer_options(), *recovered.end);
    CHECK(writer.synced_record() == records);
    for (int i = 0; i < 3; ++i) {
      const std::string body = body_for(records + 1);
      CHECK(append_one(writer, body) == records + 1);
      written[++records] = body;
    }
    CHECK(writer.first_file_holding(records) == static_cast<std::uint64_t>(life) + 1);
    if (life % 2 == 0)
      REQUIRE(writer.seal().ok());
  }
}

TEST_CASE_FIXTURE(Disk, "wal writer: a shard that is never written to leaves nothing on the disk") {
  const auto recovered = recover_all(fs);
  REQUIRE(recovered.end.ok());
  Writer writer(fs, writer_options(), *recovered.end);
  CHECK(writer.sync().ok());
  CHECK(writer.seal().ok());
  CHECK(writer.abandon_file().ok());
  CHECK_FALSE(writer.wants_spare());
  CHECK(writer.prepare_spare().ok());
  CHECK(writer.first_file_holding(1) == 1);
  CHECK(fs.list("")->empty());
}

TEST_CASE_FIXTURE(Disk, "wal writer: a group larger than a file gets a file of its own") {
  Writer writer(fs, writer_options(), {});
  append_one(writer, "small");
  const std::string huge = body_for(2, 3 << 20);
  CHECK(append_one(writer, huge) == 2);
  const std::string next = body_for(3, 5000);
  append_one(writer, next);
  CHECK(writer.first_file_holding(2) == 2);
  CHECK(writer.first_file_holding(3) == 3);
  REQUIRE(writer.sync().ok());

  const auto recovered = recover_all(fs);
  REQUIRE(recovered.end.ok());
  CHECK(recovered.records == Records{{1, "small"}, {2, huge}, {3, next}});

  INFO("its length is no good for a spare");
  REQUIRE(writer.release_before(3).ok());
  CHECK(count(fs, NameKind::spare) == 1);
}

TEST_CASE_FIXTURE(Disk, "wal writer: going on after a close replaces the empty file the seal promised") {
  Writer writer(fs, writer_options(), {});
  append_one(writer, "one");
  REQUIRE(writer.seal().ok());
  CHECK(fs.stat(file_path(0, 2))->size_bytes == 0);
  CHECK(append_one(writer, "two") == 2);
  CHECK(fs.stat(file_path(0, 2))->size_bytes == small_file_bytes);
  CHECK(recover_all(fs).records == Records{{1, "one"}, {2, "two"}});
}

TEST_CASE_FIXTURE(Disk, "wal spares: released files are used again, and at most four are kept") {
  Writer writer(fs, writer_options(), {});
  fill_files(writer, 8);
  CHECK(count(fs, NameKind::spare) == 0);
  const std::uint64_t first = writer.first_file_holding(writer.last_record());
  REQUIRE(writer.release_before(first).ok());
  CHECK(writer.first_file_holding(1) == first);
  CHECK(count(fs, NameKind::file) == 1);
  CHECK(count(fs, NameKind::spare) == 4);

  fill_files(writer, first + 3);
  CHECK(count(fs, NameKind::file) == 4);
  CHECK(count(fs, NameKind::spare) == 1);
  const auto recovered = recover_all(fs, recover_options(first));
  REQUIRE(recovered.end.ok());
  CHECK(recovered.records.rbegin()->first == writer.last_record());
  CHECK(recovered.end->spares.size() == 1);
}

TEST_CASE_FIXTURE(Disk, "wal spares: they are wanted from the first write on, and then used") {
  Writer writer(fs, writer_options(), {});
  CHECK_FALSE(writer.wants_spare());
  append_one(writer, "one");
  for (std::size_t spares = 0; writer.wants_spare(); ++spares) {
    REQUIRE(spares < 4);
    REQUIRE(writer.prepare_spare().ok());
    CHECK(count(fs, NameKind::spare) == spares + 1);
  }
  const std::size_t made = count(fs, NameKind::spare);
  CHECK(made > 0);
  REQUIRE(writer.prepare_spare().ok());
  CHECK(count(fs, NameKind::spare) == made);
  fill_files(writer, 2);
  CHECK(count(fs, NameKind::spare) == made - 1);
  CHECK(writer.wants_spare());
}

TEST_CASE_FIXTURE(Disk, "wal spares: a file that a backup has linked is never written over") {
  Writer writer(fs, writer_options(), {});
  fill_files(writer, 3);
  const auto link = [&](const std::string& path, const std::string& name) {
    REQUIRE(fs.add_hard_link(path, name).ok());
  };

  SUBCASE("linked before it is released") {
    link(file_path(0, 1), "backup");
    const auto before = read_file(fs, "backup");
    REQUIRE(writer.release_before(3).ok());
    CHECK(count(fs, NameKind::spare) == 1);
    fill_files(writer, 6);
    CHECK(read_file(fs, "backup") == before);
  }
  SUBCASE("linked when it is a spare already") {
    REQUIRE(writer.release_before(2).ok());
    link(spare_path(0, 4), "backup"); // 1, 2 and 3 were drawn for the files the writer made itself.
    const auto before = read_file(fs, "backup");
    fill_files(writer, 6);
    CHECK(read_file(fs, "backup") == before);
  }
  SUBCASE("linked before a restart") {
    link(file_path(0, 1), "backup");
    const auto recovered = recover_all(fs, recover_options(2));
    REQUIRE(recovered.end.ok());
    CHECK(recovered.end->spares.empty());
    CHECK_FALSE(fs.stat(file_path(0, 1)).ok());
  }
}

TEST_CASE_FIXTURE(Disk, "wal writer: release keeps what may hold a record, and never the file in use") {
  Writer writer(fs, writer_options(), {});
  fill_files(writer, 3);
  const std::uint64_t records = writer.last_record();
  for (std::uint64_t record = 1; record <= records; ++record)
    CHECK(writer.first_file_holding(record) <= writer.first_file_holding(record + 1));

  const std::uint64_t middle = records / 2;
  const std::uint64_t first = writer.first_file_holding(middle + 1);
  REQUIRE(writer.release_before(first).ok());
  const auto recovered = recover_all(fs, recover_options(first, middle));
  REQUIRE(recovered.end.ok());
  CHECK(recovered.records.begin()->first == middle + 1);
  CHECK(recovered.records.rbegin()->first == records);
  CHECK(recovered.records.size() == records - middle);

  REQUIRE(writer.release_before(1000).ok());
  CHECK(append_one(writer, "still there") == records + 1);
}

TEST_CASE_FIXTURE(Disk,
                  "wal recovery: numbering goes on above the cut when flushed records were lost with the machine") {
  {
    Writer writer(fs, writer_options(), {});
    append_one(writer, "one");
  }
  auto recovered = recover_all(fs, recover_options(1, 10));
  REQUIRE(recovered.end.ok());
  CHECK(recovered.records.empty());
  CHECK(recovered.end->last_record == 10);
  Writer writer(fs, writer_options(), *recovered.end);
  CHECK(append_one(writer, "eleven") == 11);
  CHECK(writer.first_file_holding(11) == 2);
  recovered = recover_all(fs, recover_options(1, 10));
  REQUIRE(recovered.end.ok());
  CHECK(recovered.records == Records{{11, "eleven"}});
}

TEST_CASE_FIXTURE(Disk, "wal recovery: large and small groups are read in pieces and lose nothing") {
  Records written;
  {
    Writer writer(fs, writer_options(16 << 20), {});
    for (std::uint64_t record = 1; record <= 12; ++record) {
      const std::string body = body_for(record, record % 3 == 0 ? 1'500'000 : record % 3 == 1 ? 700'000 : 10);
      append_one(writer, body);
      written[record] = body;
    }
  }
  CHECK(recover_all(fs).records == written);
}

} // namespace
} // namespace weir::wal
