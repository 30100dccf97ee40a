// Crash images by choice, and disks that fail by plan.
#include "engine/io/memory_faults.hpp"
#include "engine/io/memory_file_system.hpp"
#include "tests/support/bytes.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

namespace weir::io {

namespace {

using test::as_bytes;
using test::read_text;

/// A disk with a durable file "f" of 8 dots.
struct Disk {
  Disk() {
    file = fs.open("f", OpenMode::create).value();
    REQUIRE(file->append(as_bytes("........")).ok());
    REQUIRE(file->sync_data().ok());
    REQUIRE(fs.sync_directory("").ok());
  }
  MemoryFileSystem fs;
  std::unique_ptr<File> file;
};

/// Keeps operation `number` of those unsynced, counted from 0, as `fate` says, and loses the others.
CrashPolicy only(const MemoryFileSystem& fs, std::size_t number, Fate fate = Fate::kept()) {
  return CrashPolicy::chosen([wanted = fs.unsynced().at(number).number, fate](const UnsyncedOperation& operation) {
    return operation.number == wanted ? fate : Fate::lost();
  });
}

} // namespace

TEST_CASE("memory disk: unsynced operations are listed in the order they were done, until they are synced") {
  Disk disk;
  REQUIRE(disk.file->pwrite(as_bytes("ab"), 2).ok());
  const auto other = disk.fs.open("g", OpenMode::create).value();
  REQUIRE(other->append(as_bytes("xyz")).ok());
  REQUIRE(disk.file->truncate(5).ok());
  using Kind = UnsyncedOperation::Kind;
  auto unsynced = disk.fs.unsynced();
  REQUIRE(unsynced.size() == 4);
  CHECK(unsynced[0].kind == Kind::write);
  CHECK(unsynced[0].offset == 2);
  CHECK(unsynced[0].size_bytes == 2);
  CHECK(unsynced[1].kind == Kind::name);
  CHECK(unsynced[2].kind == Kind::write);
  CHECK(unsynced[3].kind == Kind::truncate);
  REQUIRE(disk.file->sync_data().ok());
  REQUIRE(disk.fs.unlink("g").ok()); // its bytes may still come back, under the name they had
  CHECK(disk.fs.unsynced().size() == 3);
  REQUIRE(disk.fs.sync_directory("").ok());
  CHECK(disk.fs.unsynced().empty());
}

TEST_CASE("memory disk: an image may keep one operation alone, in whole or torn") {
  Disk disk;
  REQUIRE(disk.file->pwrite(as_bytes("abcd"), 1).ok());
  REQUIRE(disk.file->pwrite(as_bytes("WXYZ"), 3).ok());
  const auto text = [&](const CrashPolicy& policy) { return read_text(*disk.fs.crash_image(policy), "f"); };
  CHECK(text(only(disk.fs, 0)) == ".abcd...");
  CHECK(text(only(disk.fs, 1)) == "...WXYZ.");
  CHECK(text(only(disk.fs, 0, {1, Fate::Rest::old})) == ".a......");
  CHECK(text(only(disk.fs, 0, {1, Fate::Rest::zeros})) == std::string(".a\0\0\0...", 8));
  const std::string garbage = text(only(disk.fs, 0, {0, Fate::Rest::garbage}));
  CHECK(garbage.substr(0, 1) + garbage.substr(5) == "....");
  CHECK(garbage != "........");
  CHECK(garbage == text(only(disk.fs, 0, {0, Fate::Rest::garbage})));
  CHECK(text(CrashPolicy::chosen([](const UnsyncedOperation&) { return Fate::kept(); })) == read_text(disk.fs, "f"));
}

TEST_CASE("memory disk: disks that hold the same have the same hash, and each name, byte and length counts") {
  Disk one, two;
  CHECK(one.fs.content_hash() == two.fs.content_hash());
  const auto before = one.fs.content_hash();
  REQUIRE(one.file->pwrite(as_bytes("x"), 3).ok());
  const auto written = one.fs.content_hash();
  CHECK(written != before);
  CHECK(one.fs.crash_image(CrashPolicy::lose_unsynced())->content_hash() == before);
  CHECK(one.fs.crash_image(CrashPolicy::keep_everything())->content_hash() == written);
  REQUIRE(one.file->pwrite(as_bytes("."), 3).ok());
  CHECK(one.fs.content_hash() == before);
  REQUIRE(one.fs.rename("f", "g").ok());
  CHECK(one.fs.content_hash() != before);
  REQUIRE(two.fs.create_directory("d").ok());
  CHECK(two.fs.content_hash("d") != 0);
  CHECK(two.fs.content_hash("none") == 0);
  CHECK(two.fs.share()->content_hash() == two.fs.content_hash());
  REQUIRE(two.file->truncate(7).ok());
  CHECK(two.fs.content_hash() != before);
}

TEST_CASE("memory disk: an image shares its bytes with the disk until one of them writes") {
  Disk disk;
  const auto image = disk.fs.crash_image(CrashPolicy::lose_unsynced());
  const auto third = image->crash_image(CrashPolicy::lose_unsynced());
  REQUIRE(disk.file->pwrite(as_bytes("d"), 0).ok());
  REQUIRE(disk.file->sync_data().ok());
  const auto file = image->open("f", OpenMode::read_write).value();
  REQUIRE(file->pwrite(as_bytes("i"), 0).ok());
  CHECK(read_text(disk.fs, "f") == "d.......");
  CHECK(read_text(*image, "f") == "i.......");
  CHECK(read_text(*third, "f") == "........");
  CHECK(read_text(*image->crash_image(CrashPolicy::lose_unsynced()), "f") == "........");
}

TEST_CASE("memory disk: the death of the process leaves what readers saw, and what was unsynced stays so") {
  Disk disk;
  const auto lock = disk.fs.lock("LOCK");
  REQUIRE(disk.file->pwrite(as_bytes("ab"), 0).ok());
  REQUIRE(disk.fs.rename("f", "g").ok());
  const auto killed = disk.fs.after_kill();
  CHECK(killed->lock("LOCK").ok());
  CHECK(read_text(*killed, "g") == "ab......");
  CHECK(read_text(*killed->crash_image(CrashPolicy::lose_unsynced()), "f") == "........");
  const auto file = killed->open("g", OpenMode::read_write).value();
  REQUIRE(file->sync_data().ok()); // whoever comes next can still save it
  REQUIRE(killed->sync_directory("").ok());
  CHECK(read_text(*killed->crash_image(CrashPolicy::lose_unsynced()), "g") == "ab......");
  CHECK(read_text(*disk.fs.crash_image(CrashPolicy::lose_unsynced()), "f") == "........");
}

TEST_CASE("memory disk: a failed sync may take back what readers saw") {
  Disk disk;
  disk.fs.set_failed_sync_reverts(true);
  REQUIRE(disk.file->append(as_bytes("lost")).ok());
  disk.fs.set_hook([](const Call&) { return std::optional(fail(Errc::io_error, "no")); });
  CHECK_FALSE(disk.file->sync_data().ok());
  disk.fs.set_hook({});
  CHECK(read_text(disk.fs, "f") == "........");
  CHECK(disk.fs.unsynced().empty());
}

TEST_CASE("memory disk: the k-th call fails by plan, once or for good, with the error of the real file system") {
  const auto tally = std::make_shared<FaultTally>();
  const auto sizes = [&](FaultPlan plan) { // of four calls, those that fail
    Disk disk;
    *tally = {};
    disk.fs.set_hook(failing_calls(plan, tally));
    std::string answers;
    for (int i = 0; i < 4; ++i)
      answers += std::string(to_string(disk.fs.stat("f").code())) + " ";
    return answers;
  };
  CHECK(sizes({DiskFault::eio, 2, false}) == "ok io_error ok ok ");
  CHECK(tally->failed == 1);
  CHECK(tally->last.number != 0);
  CHECK(sizes({DiskFault::enospc, 3, true}) == "ok ok disk_full disk_full ");
  CHECK(sizes({DiskFault::edquot, 1, false}) == "disk_full ok ok ok ");
  CHECK(sizes({DiskFault::emfile, 4, false}) == "ok ok ok io_error ");
  CHECK(sizes({DiskFault::short_write, 1, true}) == "ok ok ok ok ");
  CHECK(tally->calls == 4);
  CHECK(tally->failed == 0);
}

TEST_CASE("memory disk: a short write leaves half of its bytes and says that the disk is full") {
  Disk disk;
  disk.fs.set_hook(failing_calls({DiskFault::short_write, 1, false}, std::make_shared<FaultTally>()));
  CHECK(disk.file->pwrite(as_bytes("abcd"), 0).code() == Errc::disk_full);
  CHECK(read_text(disk.fs, "f") == "ab......");
  CHECK(disk.file->pwrite(as_bytes("abcd"), 0).ok());
}

TEST_CASE("memory disk: a full disk can be locked, and locks") {
  Disk disk;
  disk.fs.set_free_bytes(0);
  const auto lock = disk.fs.lock("LOCK");
  CHECK(lock.ok());
  CHECK(disk.fs.lock("LOCK").code() == Errc::locked);
  CHECK(read_text(disk.fs, "LOCK").empty());
}

TEST_CASE("memory disk: open files are counted") {
  Disk disk;
  CHECK(disk.fs.open_files() == 1);
  {
    const auto again = disk.fs.open("f", OpenMode::read_only);
    CHECK(disk.fs.open_files() == 2);
    CHECK(disk.fs.open("none", OpenMode::read_only).code() == Errc::not_found);
  }
  CHECK(disk.fs.open_files() == 1);
  disk.file.reset();
  CHECK(disk.fs.open_files() == 0);
}

} // namespace weir::io
