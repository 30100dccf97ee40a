#include "engine/io/memory_file_system.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/gate.hpp"

#include <doctest/doctest.h>

#include <array>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace weir::io {

namespace {

using test::as_bytes;
using test::read_text;

std::unique_ptr<File> create(FileSystem& fs, const std::string& path) {
  auto file = fs.open(path, OpenMode::create);
  REQUIRE(file.ok());
  return std::move(file).value();
}

void create(FileSystem& fs, const std::string& path, std::string_view text) {
  REQUIRE(create(fs, path)->append(as_bytes(text)).ok());
}

/// As an application should: content, then name.
void create_durably(FileSystem& fs, const std::string& path, std::string_view text) {
  const auto file = create(fs, path);
  REQUIRE(file->append(as_bytes(text)).ok());
  REQUIRE(file->sync_data().ok());
  const auto slash = path.find_last_of('/');
  REQUIRE(fs.sync_directory(slash == std::string::npos ? "" : path.substr(0, slash)).ok());
}

std::string names(FileSystem& fs, const std::string& directory = "") {
  std::string text;
  const auto entries = fs.list(directory);
  REQUIRE(entries.ok());
  for (const auto& entry : *entries)
    text += entry.name + ' ';
  return text;
}

std::string names_after_crash(const MemoryFileSystem& fs) {
  return names(*fs.crash_image(CrashPolicy::lose_unsynced()));
}

std::string text_after_crash(const MemoryFileSystem& fs, const std::string& path) {
  return read_text(*fs.crash_image(CrashPolicy::lose_unsynced()), path);
}

/// The different outcomes for `path` over many seeds; "" where the file is missing or empty.
std::set<std::string> outcomes(const MemoryFileSystem& fs, const std::string& path, std::uint64_t seeds = 400) {
  std::set<std::string> texts;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const auto image = fs.crash_image(CrashPolicy::random_subset(seed));
    texts.insert(image->stat(path) ? read_text(*image, path) : std::string());
  }
  return texts;
}

const Error broken = fail(Errc::io_error, "injected");

/// Fails every `operation`.
CallHook failing(Operation operation) {
  return [operation](const Call& call) { return call.operation == operation ? std::optional(broken) : std::nullopt; };
}

} // namespace

TEST_CASE("memory disk: a synced file without a synced name is gone after a crash") {
  MemoryFileSystem fs;
  const auto file = create(fs, "file");
  REQUIRE(file->append(as_bytes("text")).ok());
  REQUIRE(file->sync_data().ok());
  CHECK(names(fs) == "file ");
  CHECK(names_after_crash(fs).empty());
  REQUIRE(fs.sync_directory("").ok());
  CHECK(text_after_crash(fs, "file") == "text");
}

TEST_CASE("memory disk: a synced name without synced content is an empty file after a crash") {
  MemoryFileSystem fs;
  create(fs, "file", "text");
  REQUIRE(fs.sync_directory("").ok());
  CHECK(text_after_crash(fs, "file").empty());
  CHECK(names_after_crash(fs) == "file ");
}

TEST_CASE("memory disk: writes and truncations since the last sync are lost, in order and together") {
  MemoryFileSystem fs;
  create_durably(fs, "file", "0123456789");
  const auto file = fs.open("file", OpenMode::read_write).value();
  REQUIRE(file->pwrite(as_bytes("ab"), 2).ok());
  REQUIRE(file->truncate(6).ok());
  REQUIRE(file->append(as_bytes("xy")).ok());
  CHECK(read_text(fs, "file") == "01ab45xy");
  CHECK(text_after_crash(fs, "file") == "0123456789");
  REQUIRE(file->sync_data().ok());
  CHECK(text_after_crash(fs, "file") == "01ab45xy");
}

TEST_CASE("memory disk: a rename that replaces is undone by a crash until the directory is synced") {
  MemoryFileSystem fs;
  create_durably(fs, "file", "old");
  create_durably(fs, "temp", "new");
  REQUIRE(fs.rename("temp", "file").ok());
  CHECK(names(fs) == "file ");
  CHECK(read_text(fs, "file") == "new");
  CHECK(names_after_crash(fs) == "file temp ");
  CHECK(text_after_crash(fs, "file") == "old");
  REQUIRE(fs.sync_directory("").ok());
  CHECK(names_after_crash(fs) == "file ");
  CHECK(text_after_crash(fs, "file") == "new");
}

TEST_CASE("memory disk: a rename inside a directory leaves one of the names whatever a crash keeps") {
  MemoryFileSystem fs;
  create_durably(fs, "temp", "new");
  REQUIRE(fs.rename("temp", "file").ok());
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed)
    seen.insert(names(*fs.crash_image(CrashPolicy::random_subset(seed))));
  CHECK(seen == std::set<std::string>{"file ", "temp "});
}

TEST_CASE("memory disk: a rename between directories needs both of them synced") {
  MemoryFileSystem fs;
  REQUIRE(fs.create_directory("a").ok());
  REQUIRE(fs.create_directory("b").ok());
  REQUIRE(fs.sync_directory("").ok());
  create_durably(fs, "a/file", "text");
  REQUIRE(fs.rename("a/file", "b/file").ok());
  REQUIRE(fs.sync_directory("b").ok());
  CHECK(text_after_crash(fs, "a/file") == "text");
  CHECK(text_after_crash(fs, "b/file") == "text");
  CHECK(fs.crash_image(CrashPolicy::lose_unsynced())->stat("b/file")->link_count == 2);
  REQUIRE(fs.sync_directory("a").ok());
  CHECK(names(*fs.crash_image(CrashPolicy::lose_unsynced()), "a").empty());
}

TEST_CASE("memory disk: an unlinked file comes back after a crash until the directory is synced") {
  MemoryFileSystem fs;
  create_durably(fs, "file", "text");
  REQUIRE(fs.unlink("file").ok());
  CHECK(text_after_crash(fs, "file") == "text");
  REQUIRE(fs.sync_directory(".").ok());
  CHECK(names_after_crash(fs).empty());
}

TEST_CASE("memory disk: a directory needs its parent synced, what it holds needs the directory synced") {
  MemoryFileSystem fs;
  REQUIRE(fs.create_directory("wal").ok());
  REQUIRE(fs.create_directory("wal/000").ok());
  create_durably(fs, "wal/000/1.wal", "text");
  CHECK(names_after_crash(fs).empty());
  REQUIRE(fs.sync_directory("").ok());
  CHECK(names_after_crash(fs) == "wal ");
  CHECK(fs.crash_image(CrashPolicy::lose_unsynced())->stat("wal/000").code() == Errc::not_found);
  REQUIRE(fs.sync_directory("wal").ok());
  CHECK(text_after_crash(fs, "wal/000/1.wal") == "text");
}

TEST_CASE("memory disk: an image that keeps everything is what readers saw, and is durable itself") {
  MemoryFileSystem fs;
  create_durably(fs, "old", "old");
  REQUIRE(fs.create_directory("d").ok());
  create(fs, "d/new", "new");
  REQUIRE(fs.rename("old", "older").ok());
  const auto image = fs.crash_image(CrashPolicy::keep_everything());
  CHECK(names(*image) == "d older ");
  CHECK(read_text(*image, "d/new") == "new");
  CHECK(text_after_crash(*image, "d/new") == "new");
}

TEST_CASE("memory disk: an image and its original go separate ways, and locks stay behind") {
  MemoryFileSystem fs;
  create_durably(fs, "file", "text");
  const auto lock = fs.lock("LOCK");
  REQUIRE(lock.ok());
  REQUIRE(fs.sync_directory("").ok());
  const auto image = fs.crash_image(CrashPolicy::lose_unsynced());
  CHECK(image->lock("LOCK").ok());
  REQUIRE(fs.open("file", OpenMode::read_write).value()->pwrite(as_bytes("T"), 0).ok());
  REQUIRE(image->open("file", OpenMode::read_write).value()->append(as_bytes("!")).ok());
  CHECK(read_text(fs, "file") == "Text");
  CHECK(read_text(*image, "file") == "text!");
}

TEST_CASE("memory disk: a random crash keeps any subset of the unsynced writes and never touches what was synced") {
  MemoryFileSystem fs;
  create_durably(fs, "file", "....");
  const auto file = fs.open("file", OpenMode::read_write).value();
  REQUIRE(file->pwrite(as_bytes("a"), 0).ok());
  REQUIRE(file->pwrite(as_bytes("b"), 2).ok());
  CHECK(outcomes(fs, "file") == std::set<std::string>{"....", "a...", "..b.", "a.b."});
}

TEST_CASE("memory disk: a random crash tears a write at bytes, at sectors, and leaves holes of zeros") {
  MemoryFileSystem fs;
  create_durably(fs, "file", std::string(100, 's'));
  const std::string added(2000, 'x');
  REQUIRE(fs.open("file", OpenMode::read_write).value()->append(as_bytes(added)).ok());
  bool lost = false;
  bool whole = false;
  bool at_byte = false;
  bool at_sector = false;
  bool hole = false;
  for (const auto& text : outcomes(fs, "file")) {
    REQUIRE(text.size() >= 100);
    REQUIRE(text.size() <= 2100);
    REQUIRE(text.substr(0, 100) == std::string(100, 's'));
    const auto tail = text.substr(100);
    REQUIRE(tail.find_first_not_of(std::string("x\0", 2)) == std::string::npos);
    const auto zeros = tail.find('\0') != std::string::npos;
    lost = lost || tail.empty();
    whole = whole || tail == added;
    at_byte = at_byte || (!zeros && text.size() % 512 != 0 && text.size() < 2100);
    at_sector = at_sector || (!zeros && text.size() % 512 == 0);
    hole = hole || zeros;
    if (zeros) { // Only whole sectors are missing.
      for (std::size_t start = 512; start + 512 <= text.size(); start += 512)
        REQUIRE(text.substr(start, 512) == std::string(512, text[start]));
    }
  }
  CHECK(lost);
  CHECK(whole);
  CHECK(at_byte);
  CHECK(at_sector);
  CHECK(hole);
}

TEST_CASE("memory disk: the same seed gives the same image") {
  MemoryFileSystem fs;
  for (int i = 0; i < 10; ++i)
    create(fs, "file" + std::to_string(i), std::string(1500, 'x'));
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    const auto a = fs.crash_image(CrashPolicy::random_subset(seed));
    const auto b = fs.crash_image(CrashPolicy::random_subset(seed));
    REQUIRE(names(*a) == names(*b));
    const auto entries = a->list("");
    for (const auto& entry : *entries)
      CHECK(read_text(*a, entry.name) == read_text(*b, entry.name));
  }
}

TEST_CASE("memory disk: after a failed sync the writes are readable and lost for good, and no later sync succeeds") {
  MemoryFileSystem fs;
  create_durably(fs, "file", "synced");
  const auto file = fs.open("file", OpenMode::read_write).value();
  REQUIRE(file->append(as_bytes(" lost")).ok());
  fs.set_hook(failing(Operation::sync_data));
  CHECK(file->sync_data().code() == Errc::io_error);
  fs.set_hook({});
  CHECK(file->sync_data().code() == Errc::io_error);
  CHECK(read_text(fs, "file") == "synced lost");

  // The trap itself: on a new descriptor the sync succeeds, and the lost bytes are still not on the disk.
  const auto again = fs.open("file", OpenMode::read_write).value();
  REQUIRE(again->append(as_bytes("!")).ok());
  REQUIRE(again->sync_data().ok());
  CHECK(text_after_crash(fs, "file") == std::string("synced\0\0\0\0\0!", 12));
  CHECK(outcomes(fs, "file").size() == 1);
}

TEST_CASE("memory disk: every operation passes the hook, which may refuse it before it has any effect") {
  MemoryFileSystem fs;
  REQUIRE(fs.create_directory("d").ok());
  create_durably(fs, "file", "text");
  const auto file = fs.open("file", OpenMode::read_write).value();
  std::array<std::byte, 4> buffer = {};
  std::uint64_t number = 0;
  std::vector<Operation> seen;
  fs.set_hook([&](const Call& call) -> std::optional<Error> {
    CHECK((number == 0 || call.number == number + 1));
    number = call.number;
    seen.push_back(call.operation);
    return broken;
  });
  CHECK(fs.open("new", OpenMode::create).code() == Errc::io_error);
  CHECK(fs.rename("file", "other").code() == Errc::io_error);
  CHECK(fs.unlink("file").code() == Errc::io_error);
  CHECK(fs.create_directory("e").code() == Errc::io_error);
  CHECK(fs.sync_directory("").code() == Errc::io_error);
  CHECK(fs.list("").code() == Errc::io_error);
  CHECK(fs.stat("file").code() == Errc::io_error);
  CHECK(fs.lock("LOCK").code() == Errc::io_error);
  CHECK(fs.free_bytes().code() == Errc::io_error);
  CHECK(file->pread(buffer, 0).code() == Errc::io_error);
  CHECK(file->pwrite(as_bytes("x"), 0).code() == Errc::io_error);
  CHECK(file->size().code() == Errc::io_error);
  CHECK(file->truncate(0).code() == Errc::io_error);
  CHECK(file->sync_data().code() == Errc::io_error);
  CHECK(file->append(as_bytes("x")).code() == Errc::io_error);
  fs.set_hook({});
  REQUIRE(seen.size() == operation_count + 1);
  for (std::size_t i = 0; i < operation_count; ++i)
    CHECK(seen[i] == static_cast<Operation>(i));
  CHECK(seen.back() == Operation::write);
  CHECK(names(fs) == "d file ");
  CHECK(read_text(fs, "file") == "text");
}

TEST_CASE("memory disk: the hook is told what is about to happen") {
  MemoryFileSystem fs;
  std::vector<std::string> calls;
  fs.set_hook([&](const Call& call) -> std::optional<Error> {
    calls.push_back(std::string(call.path) + ' ' + std::to_string(call.offset) + ' ' + std::to_string(call.size_bytes) +
                    ' ' + std::string(call.rename_to));
    return std::nullopt;
  });
  const auto file = create(fs, "file");
  REQUIRE(file->pwrite(as_bytes("abc"), 5).ok());
  REQUIRE(file->append(as_bytes("de")).ok());
  REQUIRE(file->truncate(4).ok());
  REQUIRE(fs.rename("file", "other").ok());
  CHECK(calls == std::vector<std::string>{"file 0 0 ", "file 5 3 ", "file 8 2 ", "file 0 4 ", "file 0 0 other"});
  const auto counters = fs.counters();
  CHECK(counters.of(Operation::write) == 2);
  CHECK(counters.of(Operation::open) == 1);
  CHECK(counters.total() == 5);
  CHECK(counters.written_bytes == 5);
}

TEST_CASE("memory disk: a write beyond the free space is cut short with disk_full, and space comes back") {
  MemoryFileSystem fs;
  create(fs, "other", "0123456789");
  const auto file = create(fs, "file");
  fs.set_free_bytes(4);
  CHECK(*fs.free_bytes() == 4);
  const auto full = file->append(as_bytes("abcdef"));
  REQUIRE(full.code() == Errc::disk_full);
  CHECK(full.error().where == "file:4");
  CHECK(read_text(fs, "file") == "abcd");
  CHECK(*fs.free_bytes() == 0);
  CHECK(file->pwrite(as_bytes("AB"), 0).ok()); // Overwriting needs no space.
  CHECK(file->truncate(5).code() == Errc::disk_full);
  CHECK(file->pwrite(as_bytes("x"), UINT64_MAX).code() == Errc::disk_full);

  REQUIRE(fs.unlink("other").ok());
  CHECK(*fs.free_bytes() == 10);
  REQUIRE(file->truncate(0).ok());
  CHECK(*fs.free_bytes() == 14);
  create(fs, "third", "12345");
  REQUIRE(fs.rename("third", "file").ok());
  CHECK(*fs.free_bytes() == 9);
  CHECK(*fs.crash_image(CrashPolicy::keep_everything())->free_bytes() == 9);
}

TEST_CASE("memory disk: a hard link is a second name for one file") {
  MemoryFileSystem fs;
  create(fs, "file", "text");
  REQUIRE(fs.add_hard_link("file", "link").ok());
  CHECK(fs.stat("file")->link_count == 2);
  REQUIRE(fs.open("link", OpenMode::read_write).value()->append(as_bytes("!")).ok());
  CHECK(read_text(fs, "file") == "text!");
  const auto image = fs.crash_image(CrashPolicy::keep_everything());
  REQUIRE(image->open("file", OpenMode::read_write).value()->append(as_bytes("?")).ok());
  CHECK(read_text(*image, "link") == "text!?");
  REQUIRE(fs.unlink("file").ok());
  CHECK(fs.stat("link")->link_count == 1);
  CHECK(fs.add_hard_link("none", "x").code() == Errc::not_found);
}

TEST_CASE("memory disk: a gate in the hook holds one file's sync and nobody else") {
  MemoryFileSystem fs;
  for (const auto* path : {"wal", "wal/000", "wal/001"})
    REQUIRE(fs.create_directory(path).ok());
  const auto held = create(fs, "wal/000/1.wal");
  const auto other = create(fs, "wal/001/1.wal");
  REQUIRE(fs.sync_directory("").ok());
  REQUIRE(fs.sync_directory("wal").ok());
  REQUIRE(fs.sync_directory("wal/000").ok());
  REQUIRE(held->append(as_bytes("held")).ok());
  test::Gate gate;
  fs.set_hook(test::hold(gate, Operation::sync_data, "wal/000/"));
  REQUIRE(held->sync_data().ok()); // Open: goes through.
  REQUIRE(held->append(as_bytes(" more")).ok());
  gate.close();
  bool synced = false;
  std::thread writer([&] { synced = held->sync_data().ok(); });
  gate.wait_until_n_waiting(1);
  CHECK(other->append(as_bytes("x")).ok());
  CHECK(other->sync_data().ok());
  CHECK(read_text(fs, "wal/000/1.wal") == "held more");
  CHECK(text_after_crash(fs, "wal/000/1.wal") == "held");
  gate.open();
  writer.join();
  CHECK(synced);
  CHECK(text_after_crash(fs, "wal/000/1.wal") == "held more");
}

TEST_CASE("memory disk: open files outlive the file system") {
  auto fs = std::make_unique<MemoryFileSystem>();
  const auto file = create(*fs, "file");
  fs.reset();
  CHECK(file->append(as_bytes("text")).ok());
  CHECK(*file->size() == 4);
}

TEST_CASE("memory disk: threads may use different files, and images may be made meanwhile") {
  MemoryFileSystem fs;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t)
      threads.emplace_back([&fs, t] {
        const auto file = fs.open("file" + std::to_string(t), OpenMode::create).value();
        for (int i = 0; i < 100; ++i)
          if (!file->append(as_bytes("x")) || !file->sync_data() || !fs.sync_directory(""))
            return;
      });
    for (std::uint64_t seed = 0; seed < 20; ++seed)
      static_cast<void>(fs.crash_image(CrashPolicy::random_subset(seed))->list(""));
  }
  for (int t = 0; t < 3; ++t)
    CHECK(text_after_crash(fs, "file" + std::to_string(t)) == std::string(100, 'x'));
}

} // namespace weir::io
