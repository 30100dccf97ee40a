// What recovery makes of everything beside the chain, and how it leaves the directory.

#include "tests/wal/damaged_log.hpp"

#include <doctest/doctest.h>

namespace weir::wal {
namespace {

using namespace test;

TEST_CASE_FIXTURE(
    Log, "wal recovery: a prepared file that was never begun is not believed, a chain with a hole is refused") {
  write(2, false);
  const auto leave = [&](std::uint64_t number, const Bytes& content) {
    REQUIRE(fs.open(file_path(0, number), io::OpenMode::create).ok());
    replace_file(fs, file_path(0, number), content);
  };
  SUBCASE("prepared") {
    leave(2, Bytes(small_file_bytes));
    check_cut(2);
  }
  SUBCASE("prepared from a spare, and the last group is torn") {
    leave(2, original.at("0000000000000001.wal"));
    flip(fs, file_path(0, 1), data_offset + group_bytes + 100);
    check_cut(1);
  }
  SUBCASE("further away") {
    leave(3, Bytes(small_file_bytes));
    check_corrupt();
  }
}

TEST_CASE_FIXTURE(Log, "wal recovery: names it does not know are reported and left alone, half-made spares go") {
  write(2, true);
  for (const char* name : {"wal/000/notes.txt", "wal/000/1.wal", "wal/000/spare-0000000000000009.tmp"})
    REQUIRE(fs.open(name, io::OpenMode::create).ok());
  REQUIRE(fs.create_directory("wal/000/0000000000000077.wal").ok());
  const auto recovered = recover_all(fs);
  REQUIRE(recovered.end.ok());
  CHECK((recovered.records == records));
  CHECK(recovered.end->unknown ==
        std::vector<std::string>{"wal/000/0000000000000077.wal", "wal/000/1.wal", "wal/000/notes.txt"});
  CHECK(fs.stat("wal/000/notes.txt").ok());
  CHECK_FALSE(fs.stat("wal/000/spare-0000000000000009.tmp").ok());
  CHECK(recovered.end->next_spare == 10);
}

TEST_CASE_FIXTURE(Log, "wal recovery: files before the first live one become spares, and corruption stops even that") {
  write(10, true);
  const std::uint64_t cut = 6;
  const auto options = recover_options(3, cut);
  SUBCASE("a good log") {
    const auto recovered = recover_all(fs, options);
    REQUIRE(recovered.end.ok());
    records.erase(records.begin(), records.upper_bound(cut));
    CHECK((recovered.records == records));
    CHECK(recovered.end->spares.size() == 2);
    CHECK_FALSE(fs.stat(file_path(0, 1)).ok());
  }
  SUBCASE("a damaged one") {
    flip(fs, file_path(0, 3), data_offset + 100);
    const auto before = snapshot(fs);
    CHECK(recover_all(fs, options).end.code() == Errc::corruption);
    CHECK((snapshot(fs) == before));
  }
}

TEST_CASE_FIXTURE(Log, "wal recovery: a log of another format version is refused as incompatible, not as damaged") {
  write(2, true);
  std::uint32_t version = 0;
  SUBCASE("an earlier one") {
    version = format_version_min - 1;
  }
  SUBCASE("a later one") {
    version = format_version + 1;
  }
  auto header = load<FileHeader>(original.at("0000000000000001.wal").data());
  header.version = version;
  header.check = check_of(header, file_identity(directory_seed, identity_kind, 0, 1), 0);
  const auto file = fs.open(file_path(0, 1), io::OpenMode::read_write);
  REQUIRE((*file)->pwrite(std::as_bytes(std::span(&header, 1)), 0).ok());
  CHECK(recover_all(fs).end.code() == Errc::incompatible);
  CHECK(verify(fs, recover_options()).code() == Errc::incompatible);
}

TEST_CASE_FIXTURE(Log, "wal recovery: a log of the version before is read, and goes on in this one") {
  write(2, true);
  const std::string path = file_path(0, 1);
  auto header = load<FileHeader>(original.at("0000000000000001.wal").data());
  header.version = format_version_min;
  header.check = check_of(header, file_identity(directory_seed, identity_kind, 0, 1), 0);
  const auto file = fs.open(path, io::OpenMode::read_write);
  REQUIRE((*file)->pwrite(std::as_bytes(std::span(&header, 1)), 0).ok());
  CHECK(verify(fs, recover_options()).ok());
  const auto recovered = recover_all(fs);
  REQUIRE(recovered.end.ok());
  CHECK((recovered.records == records));
}

TEST_CASE_FIXTURE(Log, "wal recovery: a clean log is not changed, and the visitor's error is passed on") {
  write(5, true);
  CHECK(recover_all(fs).end.ok());
  CHECK((snapshot(fs) == original));
  const auto stopped =
      recover(fs, recover_options(), [](auto&&...) -> Status { return fail(Errc::too_large, "enough"); });
  CHECK(stopped.code() == Errc::too_large);
  CHECK((snapshot(fs) == original));
}

TEST_CASE_FIXTURE(Log, "wal recovery: lengths and counts that were never written do not lead outside the file") {
  write(1, false);
  const std::uint64_t identity = file_identity(directory_seed, identity_kind, 0, 1);
  const auto file = fs.open(file_path(0, 1), io::OpenMode::read_write);
  const auto put = [&](auto value, std::uint64_t offset) {
    REQUIRE((*file)->pwrite(std::as_bytes(std::span(&value, 1)), offset).ok());
  };
  const std::uint64_t start = data_offset + group_bytes;
  GroupHeader group;
  group.first_record = 2;
  SUBCASE("a group longer than the file") {
    group.records = 1;
    group.group_bytes = UINT32_MAX - 100;
  }
  SUBCASE("more records than bytes") {
    group.records = UINT32_MAX;
    group.group_bytes = 60;
  }
  SUBCASE("a body longer than its group") {
    group.records = 1;
    group.group_bytes = 80;
    char length[varint_bytes_max];
    put_varint(length, UINT64_MAX);
    put(load<std::array<char, varint_bytes_max>>(length), start + sizeof group);
  }
  SUBCASE("a block that would become longer than LZ4 can make it") {
    group.records = 1;
    group.group_bytes = 80;
    group.raw_bytes = 80 * lz4::ratio_max;
  }
  SUBCASE("a block that would become longer than any group") {
    group.records = 1;
    group.group_bytes = 3000;
    group.raw_bytes = UINT32_MAX;
  }
  SUBCASE("a block without a byte") {
    group.records = 1;
    group.group_bytes = sizeof group + sizeof(Check);
    group.raw_bytes = 1;
  }
  group.check = check_of(group, identity, start);
  put(group, start);
  check_cut(1);
}

} // namespace
} // namespace weir::wal
