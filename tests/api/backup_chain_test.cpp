// Backups on a real file system: linked, incremental, restored by the public functions.
#include "engine/io/posix_file_system.hpp"
#include "tests/api/backups.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <weir/backup.hpp>
#include <weir/engine.hpp>

#include <doctest/doctest.h>

#include <filesystem>

using namespace weir;
using namespace weir::test;

namespace {

Engine opened(const std::string& directory) {
  EngineOptions options;
  options.shards = 2;
  options.wal_file_bytes = 64 * KiB;
  auto engine = Engine::open(directory, options);
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  engine->pause_compaction(); // else the segments that are counted are merged, should the disk be slow
  return std::move(*engine);
}

void store(Engine& engine, Ledger& ledger, std::uint64_t events) {
  for (std::uint64_t i = 0; i < events; ++i) {
    const std::string context = "c" + std::to_string(i % 31); // so many that both shards have some
    REQUIRE(engine.store(numbered_event(context, 1, ++ledger[context])).ok());
  }
}

void check_restores(const TempDirectory& root, const std::string& backup, const Ledger& ledger) {
  const std::string directory = root.path("restored-" + backup);
  const auto restored = restore_backup(root.path(backup), directory);
  REQUIRE_MESSAGE(restored.ok(), why(restored));
  auto engine = opened(directory);
  for (const auto& [context, events] : ledger)
    CHECK(read_dense(engine, context).size() == events);
}

std::uintmax_t links(const std::string& file) {
  return std::filesystem::hard_link_count(file);
}

/// The segments in a backup or directory.
std::vector<std::filesystem::path> segments_in(const std::string& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory + "/segments"))
    if (entry.is_regular_file())
      files.push_back(entry.path());
  return files;
}

} // namespace

TEST_CASE("backup chain: segments are linked, from the engine or from the base, and each backup stands alone") {
  const TempDirectory root(fast_parent());
  auto engine = opened(root.path("data"));
  Ledger monday_ledger, ledger;
  store(engine, ledger, 50);
  REQUIRE(engine.flush().ok());
  store(engine, ledger, 10);
  monday_ledger = ledger;
  const auto monday = engine.backup(root.path("monday"));
  REQUIRE_MESSAGE(monday.ok(), why(monday));
  CHECK(monday->segments == 2);
  CHECK(monday->linked_segments == 2);
  CHECK(is_backup(root.path("monday")));
  CHECK(!is_backup(root.path("data")));
  for (const auto& file : segments_in(root.path("monday")))
    CHECK(links(file) == 2);

  store(engine, ledger, 50);
  REQUIRE(engine.flush().ok());
  BackupOptions options;
  options.base = root.path("monday");
  options.link_segments = false; // what the base does not have is copied
  const auto tuesday = engine.backup(root.path("tuesday"), options);
  REQUIRE_MESSAGE(tuesday.ok(), why(tuesday));
  CHECK(tuesday->segments == 4);
  CHECK(tuesday->linked_segments == 2);
  for (const auto& file : segments_in(root.path("monday")))
    CHECK(links(file) == 3);
  store(engine, ledger, 5);
  options.base = root.path("tuesday");
  REQUIRE(engine.backup(root.path("wednesday"), options).ok());

  // Nothing that happens to the others, the engine included, reaches the last one.
  REQUIRE(engine.close().ok());
  check_restores(root, "monday", monday_ledger);
  std::filesystem::remove_all(root.path("data"));
  std::filesystem::remove_all(root.path("monday"));
  std::filesystem::remove_all(root.path("tuesday"));
  std::vector<std::string> findings;
  CHECK(verify_directory(root.path("wednesday"), &findings).ok());
  check_restores(root, "wednesday", ledger);
}

TEST_CASE("backup chain: a base of another life of the directory has other segments under the same numbers") {
  const TempDirectory root(fast_parent());
  Ledger ledger, later;
  {
    auto engine = opened(root.path("data"));
    store(engine, ledger, 20);
    REQUIRE(engine.backup(root.path("first")).ok());
    later = ledger;
    store(engine, later, 14);
    REQUIRE(engine.flush().ok());
    REQUIRE(engine.backup(root.path("second")).ok());
  }
  REQUIRE(restore_backup(root.path("first"), root.path("again")).ok());
  auto engine = opened(root.path("again"));
  later = ledger;
  store(engine, later, 28); // as many segments, of the same numbers, as in "second"
  REQUIRE(engine.flush().ok());
  BackupOptions options;
  options.base = root.path("second");
  options.link_segments = false;
  const auto third = engine.backup(root.path("third"), options);
  REQUIRE_MESSAGE(third.ok(), why(third));
  CHECK(third->linked_segments == 0);
  check_restores(root, "third", later);
}

TEST_CASE("backup chain: a damaged segment is found by the backup, and directories may not lie in one another") {
  const TempDirectory root(fast_parent());
  auto engine = opened(root.path("data"));
  Ledger ledger;
  store(engine, ledger, 50);
  REQUIRE(engine.flush().ok());
  CHECK(engine.backup(root.path("data/backup")).code() == Errc::invalid_argument);
  CHECK(engine.backup(root.path()).code() == Errc::invalid_argument);
  const auto segment = segments_in(root.path("data")).front();
  const auto fs = io::open_posix_file_system(segment.parent_path().string(), false);
  REQUIRE(fs.ok());
  const auto file = (*fs)->open(segment.filename().string(), io::OpenMode::read_write);
  REQUIRE(file.ok());
  const std::byte other{0xFF};
  REQUIRE((*file)->pwrite(std::span(&other, 1), 300).ok());
  const auto damaged = engine.backup(root.path("damaged"));
  CHECK(damaged.code() == Errc::corruption);
  CHECK(!is_backup(root.path("damaged")));
  CHECK(restore_backup(root.path("damaged"), root.path("new")).code() == Errc::not_found);
  CHECK(!std::filesystem::exists(root.path("new")));
  REQUIRE((*file)->truncate(0).ok());
  CHECK(engine.backup(root.path("damaged")).code() == Errc::corruption); // the same place again: nothing was left
}

TEST_CASE("backup chain: a symbolic link in a backup leads nowhere") {
  const TempDirectory root(fast_parent());
  auto engine = opened(root.path("data"));
  Ledger ledger;
  store(engine, ledger, 20);
  REQUIRE(engine.flush().ok());
  REQUIRE(engine.backup(root.path("backup")).ok());
  const auto segment = segments_in(root.path("backup")).front();
  std::filesystem::rename(segment, root.path("elsewhere"));
  std::filesystem::create_symlink(root.path("elsewhere"), segment);
  CHECK(!restore_backup(root.path("backup"), root.path("new")).ok());
  CHECK(!verify_directory(root.path("backup")).ok());
}
