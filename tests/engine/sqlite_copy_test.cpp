#include "engine/io/memory_file_system.hpp"
#include "engine/sqlite/copy.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

using namespace weir;
using sqlite::Copy;
using sqlite::Database;
using test::TempDirectory;
using test::why;

namespace {

Database filled(const std::string& path) {
  auto database = Database::open(path, {.create = true, .exclusive = true});
  REQUIRE_MESSAGE(database.ok(), why(database));
  REQUIRE(database->use_wal().ok());
  REQUIRE(database->execute("CREATE TABLE t(x BLOB)").ok());
  for (int i = 0; i < 50; ++i)
    REQUIRE(database->execute("INSERT INTO t VALUES(zeroblob(3000))").ok());
  return std::move(*database);
}

} // namespace

TEST_CASE("sqlite copy: made page by page, it has what was written meanwhile, too") {
  const TempDirectory directory;
  auto database = filled(directory.path("a.db"));
  io::MemoryFileSystem target;
  auto copy = Copy::begin(database, target, "b.db");
  REQUIRE_MESSAGE(copy.ok(), why(copy));
  int steps = 0;
  for (Result<bool> done = false; !*done; ++steps) {
    if (steps < 3)
      REQUIRE(database.execute("INSERT INTO t VALUES(zeroblob(3000)); DELETE FROM t WHERE rowid = 1").ok());
    done = (*copy)->step(5);
    REQUIRE_MESSAGE(done.ok(), why(done));
  }
  CHECK(steps > 5);
  copy->reset();
  CHECK(target.list("")->size() == 1);  // no journal
  CHECK(target.unsynced().size() <= 2); // its name, and that of a journal that came and went
  auto read = Database::open(target, "b.db", {.create = false, .exclusive = true});
  REQUIRE_MESSAGE(read.ok(), why(read));
  CHECK(*read->query_integer("SELECT count(*) FROM t") == 52);
  CHECK(read->quick_check().ok());
}

TEST_CASE("sqlite copy: given up in the middle it leaves the original alone") {
  const TempDirectory directory;
  auto database = filled(directory.path("a.db"));
  auto fs = std::make_unique<io::MemoryFileSystem>();
  {
    auto copy = Copy::begin(database, *fs, "b.db");
    REQUIRE_MESSAGE(copy.ok(), why(copy));
    const auto more = (*copy)->step(5);
    REQUIRE(more.ok());
    CHECK(!*more);
  }
  CHECK(*database.query_integer("SELECT count(*) FROM t") == 50);
  fs->set_free_bytes(20'000);
  auto copy = Copy::begin(database, *fs, "c.db");
  Status failed = copy.ok() ? Status() : Status(copy.error());
  for (int i = 0; failed && i < 100; ++i)
    if (const auto step = (*copy)->step(5); !step)
      failed = step.error();
  CHECK(failed.code() == Errc::disk_full);
  CHECK(*database.query_integer("SELECT count(*) FROM t") == 50);
}
