// What every file system promises, real or simulated: one suite for both.
#include "engine/io/memory_file_system.hpp"
#include "engine/io/posix_file_system.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/temp_directory.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <unistd.h>

namespace weir::io {

namespace {

using test::as_bytes;
using test::as_text;
using test::read_text;
using namespace std::string_literals;

struct PosixDisk {
  test::TempDirectory temp;
  std::unique_ptr<FileSystem> fs = open_posix_file_system(temp.path(), false).value();
};

struct SimulatedDisk {
  std::unique_ptr<FileSystem> fs = std::make_unique<MemoryFileSystem>();
};

std::unique_ptr<File> opened(FileSystem& fs, const std::string& path, OpenMode mode) {
  auto file = fs.open(path, mode);
  REQUIRE_MESSAGE(file.ok(), (file.ok() ? "" : to_string(file.error())));
  return std::move(file).value();
}

} // namespace

TEST_CASE_TEMPLATE("file systems: what is written is read back, at any offset", Disk, PosixDisk, SimulatedDisk) {
  const Disk disk;
  const auto& fs = disk.fs;
  const auto file = opened(*fs, "file", OpenMode::create);
  REQUIRE(file->append(as_bytes("hello")).ok());
  REQUIRE(file->append(as_bytes(" world")).ok());
  REQUIRE(file->pwrite(as_bytes("J"), 0).ok());
  REQUIRE(file->pwrite(as_bytes("!"), 12).ok()); // One past the end: a hole of one zero.
  REQUIRE(file->sync_data().ok());
  CHECK(read_text(*fs, "file") == std::string("Jello world\0!", 13));

  std::array<std::byte, 8> buffer = {};
  CHECK(*file->pread(buffer, 8) == 5);
  CHECK(*file->pread(buffer, 13) == 0);
  CHECK(*file->pread(buffer, UINT64_MAX) == 0);
  REQUIRE(file->truncate(4).ok());
  CHECK(*file->size() == 4);
  CHECK(read_text(*fs, "file") == "Jell");
}

TEST_CASE_TEMPLATE("file systems: open modes say whether the file may exist", Disk, PosixDisk, SimulatedDisk) {
  const Disk disk;
  const auto& fs = disk.fs;
  const auto missing = fs->open("file", OpenMode::read_write);
  REQUIRE(missing.code() == Errc::not_found);
  CHECK(missing.error().where == "file");
  CHECK(fs->open("file", OpenMode::read_only).code() == Errc::not_found);
  opened(*fs, "file", OpenMode::create);
  CHECK(fs->open("file", OpenMode::create).code() == Errc::io_error);
  const auto reader = opened(*fs, "file", OpenMode::read_only);
  const auto refused = reader->pwrite(as_bytes("x"), 7);
  REQUIRE(refused.code() == Errc::io_error);
  CHECK(refused.error().where == "file:7");
}

TEST_CASE_TEMPLATE("file systems: paths that leave the directory are refused", Disk, PosixDisk, SimulatedDisk) {
  const Disk disk;
  const auto& fs = disk.fs;
  const auto paths = {"../x"s, "/etc/passwd"s, "a/../b"s, "a//b"s, "./a"s, "a/"s, ".."s, "a\0b"s};
  for (const auto& path : paths) {
    CAPTURE(path);
    CHECK(fs->open(path, OpenMode::create).code() == Errc::invalid_argument);
    CHECK(fs->list(path).code() == Errc::invalid_argument);
    CHECK(fs->rename("x", path).code() == Errc::invalid_argument);
  }
  CHECK(fs->unlink("").code() == Errc::invalid_argument);
}

TEST_CASE_TEMPLATE("file systems: rename replaces, unlink removes, both say what is missing", Disk, PosixDisk,
                   SimulatedDisk) {
  const Disk disk;
  const auto& fs = disk.fs;
  REQUIRE(fs->create_directory("d").ok());
  REQUIRE(opened(*fs, "old", OpenMode::create)->append(as_bytes("old")).ok());
  REQUIRE(opened(*fs, "d/new", OpenMode::create)->append(as_bytes("new")).ok());
  REQUIRE(fs->rename("d/new", "old").ok());
  CHECK(fs->sync_directory("d").ok());
  CHECK(fs->sync_directory("").ok());
  CHECK(fs->sync_directory("none").code() == Errc::not_found);
  CHECK(read_text(*fs, "old") == "new");
  CHECK(fs->rename("d/new", "old").code() == Errc::not_found);
  CHECK(fs->unlink("old").ok());
  CHECK(fs->unlink("old").code() == Errc::not_found);
  CHECK(fs->unlink("d").code() == Errc::io_error);
}

TEST_CASE_TEMPLATE("file systems: directories list names in order with their kinds", Disk, PosixDisk, SimulatedDisk) {
  const Disk disk;
  const auto& fs = disk.fs;
  REQUIRE(fs->create_directory("b").ok());
  REQUIRE(fs->create_directory("b").ok());
  REQUIRE(opened(*fs, "c", OpenMode::create)->append(as_bytes("1234")).ok());
  opened(*fs, "a", OpenMode::create);
  opened(*fs, "b/x", OpenMode::create);
  const auto entries = fs->list(".");
  REQUIRE(entries.ok());
  REQUIRE(entries->size() == 3);
  CHECK((*entries)[0].name == "a");
  CHECK((*entries)[0].kind == EntryKind::file);
  CHECK((*entries)[1].name == "b");
  CHECK((*entries)[1].kind == EntryKind::directory);
  CHECK((*entries)[2].name == "c");
  CHECK(fs->list("b")->size() == 1);
  CHECK(fs->list("none").code() == Errc::not_found);
  CHECK(fs->list("c").code() == Errc::io_error);
  CHECK(fs->create_directory("c").code() == Errc::io_error);
  CHECK(fs->create_directory("none/sub").code() == Errc::not_found);
  CHECK(fs->open("c/x", OpenMode::create).code() == Errc::io_error);
  CHECK(fs->open("b", OpenMode::read_only).code() == Errc::io_error);
  CHECK(fs->stat("c")->size_bytes == 4);
  CHECK(fs->stat("c")->link_count == 1);
  CHECK(fs->stat("b")->kind == EntryKind::directory);
  CHECK(fs->stat("")->kind == EntryKind::directory);
  CHECK(fs->stat("none").code() == Errc::not_found);
}

TEST_CASE_TEMPLATE("file systems: a file stays usable after its name is gone or given to another", Disk, PosixDisk,
                   SimulatedDisk) {
  const Disk disk;
  const auto& fs = disk.fs;
  const auto file = opened(*fs, "file", OpenMode::create);
  REQUIRE(fs->unlink("file").ok());
  const auto other = opened(*fs, "file", OpenMode::create);
  REQUIRE(file->append(as_bytes("first")).ok());
  REQUIRE(other->append(as_bytes("second one")).ok());
  CHECK(*file->size() == 5);
  CHECK(read_text(*fs, "file") == "second one");
}

TEST_CASE_TEMPLATE("file systems: a lock is held once, names its holder and ends with its object", Disk, PosixDisk,
                   SimulatedDisk) {
  const Disk disk;
  const auto& fs = disk.fs;
  auto held = fs->lock("LOCK");
  REQUIRE(held.ok());
  CHECK(read_text(*fs, "LOCK") == std::to_string(::getpid()) + "\n");
  const auto refused = fs->lock("LOCK");
  REQUIRE(refused.code() == Errc::locked);
  CHECK(refused.error().message == "directory is in use by process " + std::to_string(::getpid()));
  held.value().reset();
  CHECK(fs->lock("LOCK").ok());
}

TEST_CASE_TEMPLATE("file systems: reading a whole file refuses one beyond the limit", Disk, PosixDisk, SimulatedDisk) {
  const Disk disk;
  const auto& fs = disk.fs;
  REQUIRE(opened(*fs, "file", OpenMode::create)->append(as_bytes("12345")).ok());
  CHECK(as_text(*read_whole_file(*fs, "file", 5)) == "12345");
  const auto refused = read_whole_file(*fs, "file", 4);
  REQUIRE(refused.code() == Errc::too_large);
  CHECK(refused.error().message == "file has 5 bytes, at most 4 are read");
  CHECK(read_whole_file(*fs, "none", 4).code() == Errc::not_found);
}

} // namespace weir::io
