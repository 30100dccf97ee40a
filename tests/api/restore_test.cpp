// Restores: damaged, truncated, missing and planted files, and a machine that dies on the way.
#include "tests/api/backups.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace weir;
using namespace weir::test;

namespace {

using Kind = SimulatedDisk::CatalogKind;

/// A small backup with a segment and logs, and its manifest.
struct Made {
  io::MemoryFileSystem fs;
  BackupManifest manifest;

  Made() {
    SimulatedDisk disk(Kind::sqlite);
    EngineOptions options;
    options.shards = 2;
    auto engine = disk.open(options);
    REQUIRE_MESSAGE(engine.ok(), why(engine));
    for (std::uint64_t i = 1; i <= 40; ++i) {
      REQUIRE(engine->store(numbered_event("c" + std::to_string(i % 4), 1, i)).ok());
      if (i == 20)
        REQUIRE(engine->flush().ok());
    }
    REQUIRE(back_up(*engine, fs).ok());
    auto read = read_manifest(fs);
    REQUIRE_MESSAGE(read.ok(), why(read));
    manifest = std::move(*read);
  }
  std::unique_ptr<io::MemoryFileSystem> copy() const { return fs.crash_image(io::CrashPolicy::keep_everything()); }
};

void check_refused(io::MemoryFileSystem& backup, const std::string& path) {
  CAPTURE(path);
  io::MemoryFileSystem target;
  const auto restored = restore(backup, target);
  REQUIRE(!restored.ok());
  CHECK(restored.error().where.starts_with(path));
  CHECK(target.list("")->size() <= 2); // empty directories at most
  CHECK(!target.stat("catalog.db").ok());
  CHECK(!target.stat(unfinished_catalog_path).ok());
  std::vector<Error> findings;
  CHECK(!verify_backup(backup, &findings, {}).ok());
  REQUIRE(!findings.empty());
  CHECK(findings.front().where.starts_with(path));
}

} // namespace

TEST_CASE("restore: a damaged, shortened, longer or missing file is named, and nothing is restored") {
  const Made made;
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (const BackupFile& file : made.manifest.files) {
    const std::string path = file.path();
    if (file.size_bytes > 0) {
      for (int i = 0; i < 3; ++i) {
        const auto damaged = made.copy();
        const auto open = damaged->open(path, io::OpenMode::read_write);
        REQUIRE(open.ok());
        const std::uint64_t at = random() % file.size_bytes;
        std::byte byte{};
        REQUIRE((*open)->pread(std::span(&byte, 1), at).ok());
        byte ^= static_cast<std::byte>(1u << random() % 8);
        REQUIRE((*open)->pwrite(std::span(&byte, 1), at).ok());
        check_refused(*damaged, path);
      }
      const auto shortened = made.copy();
      REQUIRE((*shortened->open(path, io::OpenMode::read_write))->truncate(file.size_bytes - 1).ok());
      check_refused(*shortened, path);
    }
    const auto longer = made.copy();
    const std::byte more{0};
    REQUIRE((*longer->open(path, io::OpenMode::read_write))->append(std::span(&more, 1)).ok());
    check_refused(*longer, path);
    const auto missing = made.copy();
    REQUIRE(missing->unlink(path).ok());
    check_refused(*missing, path);
    REQUIRE(missing->create_directory(path).ok());
    io::MemoryFileSystem target;
    CHECK(!restore(*missing, target).ok());
  }
}

TEST_CASE("restore: files that the manifest does not name stay behind") {
  const Made made;
  const auto planted = made.copy();
  for (const char* path : {"segments/000/0000000000009999.seg", "wal/000/0000000000009999.wal", "consumers.db", "x"})
    REQUIRE(write_file(*planted, path, std::as_bytes(std::span("planted"))).ok());
  SimulatedDisk disk(Kind::sqlite);
  REQUIRE(restore(*planted, disk.fs()).ok());
  for (const char* path : {"segments/000/0000000000009999.seg", "wal/000/0000000000009999.wal", "consumers.db", "x",
                           manifest_path, unfinished_catalog_path})
    CHECK(!disk.fs().stat(path).ok());
  auto engine = disk.open();
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  CHECK(read_dense(*engine, "c1").size() == 10);
}

TEST_CASE("restore: whenever the machine dies, the directory opens with everything, or says that it was not finished") {
  const Made made;
  io::MemoryFileSystem target;
  std::vector<std::unique_ptr<io::MemoryFileSystem>> images;
  target.set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.operation != io::Operation::read && call.operation != io::Operation::stat) {
      images.push_back(target.crash_image(io::CrashPolicy::lose_unsynced()));
      images.push_back(target.crash_image(io::CrashPolicy::keep_everything()));
      images.push_back(target.crash_image(io::CrashPolicy::random_subset(call.number)));
    }
    return std::nullopt;
  });
  io::MemoryFileSystem backup;
  REQUIRE(restore(*made.copy(), target).ok());
  target.set_hook({});
  images.push_back(target.crash_image(io::CrashPolicy::lose_unsynced()));
  std::uint64_t whole = 0, unfinished = 0, nothing = 0;
  for (const auto& image : images) {
    if (image->stat("catalog.db").ok()) {
      ++whole;
      for (const BackupFile& file : made.manifest.files) {
        const auto checksum =
            checksum_of_file(*image, file.path(), file.size_bytes, [](std::uint64_t) { return Status(); });
        REQUIRE_MESSAGE(checksum.ok(), why(checksum));
        CHECK(*checksum == file.checksum);
      }
      CHECK(check_no_backup(*image).ok());
    } else if (image->stat(unfinished_catalog_path).ok()) {
      ++unfinished;
      CHECK(check_no_backup(*image).code() == Errc::incompatible);
      CHECK(check_no_files(*image).code() == Errc::invalid_argument);
    } else {
      ++nothing;
      CHECK(!image->stat("segments").ok());
      CHECK(!image->stat("wal").ok());
    }
  }
  CHECK(whole >= 1);
  CHECK(unfinished > 0);
  CHECK(nothing > 0);
}

TEST_CASE("restore: whichever call on the target fails, it says so and can be done again") {
  const Made made;
  for (std::uint64_t call = 1;; ++call) {
    CAPTURE(call);
    io::MemoryFileSystem target;
    std::uint64_t calls = 0;
    target.set_hook([&](const io::Call&) -> std::optional<Error> {
      return ++calls == call ? std::optional(fail(Errc::io_error, "broken")) : std::nullopt;
    });
    const auto backup = made.copy();
    const auto restored = restore(*backup, target);
    target.set_hook({});
    if (calls < call) {
      CHECK(restored.ok());
      break;
    }
    CHECK(restored.code() == Errc::io_error);
    CHECK(!target.stat("catalog.db").ok());
    const auto again = restore(*backup, target);
    CHECK_MESSAGE(again.ok(), why(again));
  }
}

TEST_CASE("backup manifest: it reads back, and one changed byte makes it none") {
  const Made made;
  const std::string text = format_manifest(made.manifest);
  const auto read = parse_manifest(text);
  REQUIRE_MESSAGE(read.ok(), why(read));
  CHECK(*read == made.manifest);
  for (std::size_t i = 0; i < text.size(); ++i)
    for (const char c : {'\0', '0', '1', 'f', '/', '\n', ' '}) {
      std::string changed = text;
      if (changed[i] == c)
        continue;
      changed[i] = c;
      CAPTURE(i);
      CHECK(!parse_manifest(changed).ok());
    }
  for (std::size_t size = 0; size < text.size(); ++size)
    CHECK(!parse_manifest(text.substr(0, size)).ok());
  CHECK(!parse_manifest(text + "\n").ok());
}

TEST_CASE("backup manifest: a valid checksum makes no nonsense believable") {
  const Made made;
  BackupManifest manifest = made.manifest;
  const auto parsed = [&] { return parse_manifest(format_manifest(manifest)); };
  CHECK(parsed().ok());
  manifest.files.push_back(manifest.files.back());
  CHECK(parsed().code() == Errc::corruption); // twice
  manifest = made.manifest;
  std::swap(manifest.files[1], manifest.files[2]);
  CHECK(parsed().code() == Errc::corruption);
  manifest = made.manifest;
  manifest.files.erase(manifest.files.begin());
  CHECK(parsed().code() == Errc::corruption); // no catalog
  manifest = made.manifest;
  manifest.files.back().shard = 2; // of two
  CHECK(parsed().code() == Errc::corruption);
  manifest = made.manifest;
  manifest.shards = 65;
  CHECK(parsed().code() == Errc::corruption);
  std::string text = format_manifest(made.manifest);
  text[std::string("weir backup ").size()] = '2';
  CHECK(parse_manifest(text).code() == Errc::incompatible);
}
