// The file of a model database: free pages, another content, a simulated disk.
#include "engine/io/memory_file_system.hpp"
#include "tests/engine/models/database_support.hpp"
#include "tests/support/temp_directory.hpp"

#include <array>
#include <atomic>
#include <filesystem>
#include <set>
#include <thread>

using namespace weir;
using namespace weir::test;

namespace {

constexpr std::size_t vacuum_pages = 2;

ModelDatabaseOptions vacuuming(std::string file, int interval_ms) {
  return {.file = std::move(file),
          .auto_vacuum = true,
          .vacuum_interval_ms = std::chrono::milliseconds(interval_ms),
          .vacuum_pages = vacuum_pages};
}

void fill(ModelDatabase& db) {
  must(db.execute("CREATE TABLE IF NOT EXISTS t(x)"));
  must(db.transaction([&]() -> Status {
    for (int i = 0; i < 60; ++i)
      WEIR_TRY(db.execute("INSERT INTO t VALUES(zeroblob(4000))"));
    return {};
  }));
}

/// Two rows that say the same, so that half of a content is found out.
void store(ModelDatabase& db, std::int64_t x, int rows) {
  must(db.execute("CREATE TABLE IF NOT EXISTS t(x, filler); DELETE FROM t"));
  must(db.transaction([&]() -> Status {
    for (int row = 0; row < rows; ++row) {
      const auto ran = db.run("INSERT INTO t VALUES(?, zeroblob(1000))", Values{x});
      if (!ran)
        return ran.error();
    }
    return {};
  }));
}

std::string summary(const ModelDatabase& db) {
  return column(db, "SELECT min(x) || ' ' || max(x) || ' ' || count(*) FROM t");
}

std::unique_ptr<ModelDatabase> on(io::FileSystem& fs, ModelDatabaseOptions options = {}) {
  if (options.file.empty())
    options.file = "a.db";
  auto made = ModelDatabase::create(fs, std::move(options));
  REQUIRE_MESSAGE(made.ok(), why(made));
  return std::move(*made);
}

} // namespace

// --- free pages ---

TEST_CASE("json_model: database gives free pages back step by step, while there are many") {
  const TempDirectory directory;
  const auto db = make_database(vacuuming(directory.path("a.db"), 3'600'000));
  fill(*db);
  must(db->execute("DELETE FROM t"));
  const std::int64_t pages = number(*db, "PRAGMA page_count");
  const std::int64_t free = number(*db, "PRAGMA freelist_count");
  REQUIRE(free >= 40);
  auto stepped = db->vacuum_step();
  REQUIRE_MESSAGE(stepped.ok(), why(stepped));
  CHECK(*stepped);
  CHECK(number(*db, "PRAGMA page_count") == pages - 2);
  CHECK(number(*db, "PRAGMA freelist_count") == free - 2);
  for (std::int64_t left = free; *stepped; --left) {
    REQUIRE(left > 0);
    stepped = db->vacuum_step();
    REQUIRE_MESSAGE(stepped.ok(), why(stepped));
  }
  CHECK(number(*db, "PRAGMA freelist_count") < 40);
  CHECK(number(*db, "PRAGMA freelist_count") >= 38);
}

TEST_CASE("json_model: database gives free pages back by itself after writes, at most once in each interval") {
  const TempDirectory directory;
  for (const int interval_ms : {0, 3'600'000}) {
    const auto db = make_database(vacuuming(directory.path(std::to_string(interval_ms)), interval_ms));
    fill(*db);
    must(db->execute("DELETE FROM t"));
    const std::int64_t free = number(*db, "PRAGMA freelist_count");
    must(db->execute("INSERT INTO t VALUES(1)"));
    CHECK(free - number(*db, "PRAGMA freelist_count") == (interval_ms == 0 ? 2 : 0));
  }
}

TEST_CASE("json_model: database of a file that keeps free pages is switched to giving them back") {
  const TempDirectory directory;
  const std::string file = directory.path("a.db");
  {
    const auto db = make_database({.file = file});
    fill(*db);
    must(db->execute("DELETE FROM t"));
    CHECK(number(*db, "PRAGMA auto_vacuum") == 0);
    CHECK(!*db->vacuum_step()); // it has no such pages to give
  }
  const auto db = make_database(vacuuming(file, 3'600'000));
  CHECK(number(*db, "PRAGMA auto_vacuum") == 2);
  CHECK(number(*db, "PRAGMA freelist_count") == 0);
  fill(*db);
  CHECK(column(*db, "PRAGMA quick_check") == "'ok'");
}

// --- another content ---

TEST_CASE("json_model: database content is replaced in one step for readers here and elsewhere") {
  const TempDirectory directory;
  const auto db = make_database({.file = directory.path("a.db")});
  const auto elsewhere = make_database({.file = directory.path("a.db"), .read_only = true});
  const auto rebuilt = make_database({.file = directory.path("b.db")});
  store(*db, 1, 30);
  store(*rebuilt, 2, 500);
  must(rebuilt->set_user_version(9));
  CHECK(summary(*db) == "'1 1 30'");
  CHECK(summary(*elsewhere) == "'1 1 30'");
  std::set<std::string> seen;
  const auto rows = db->each("SELECT x FROM t", {}, [&](const SqlRow& row, std::uint64_t index) -> Result<bool> {
    seen.insert(sql_literal(row[0]));
    if (index == 3) { // with a reader in the middle of the old content
      must(db->replace_content_with(*rebuilt));
      CHECK(summary(*db) == "'1 1 30'"); // this thread reads on where it is
      std::thread([&] {
        CHECK(summary(*db) == "'2 2 500'");
        CHECK(summary(*elsewhere) == "'2 2 500'");
      }).join();
    }
    return true;
  });
  REQUIRE_MESSAGE(rows.ok(), why(rows));
  CHECK(*rows == 30);
  CHECK(seen == std::set<std::string>{"1"});
  CHECK(summary(*db) == "'2 2 500'");
  CHECK(*db->user_version() == 9);
  store(*rebuilt, 3, 5);
  must(db->replace_content_with(*rebuilt)); // smaller, and nobody in the way
  CHECK(summary(*db) == "'3 3 5'");
  CHECK(summary(*elsewhere) == "'3 3 5'");
  CHECK(std::filesystem::file_size(directory.path("a.db-wal")) == 0);
  must(db->execute("INSERT INTO t(x) VALUES(4)")); // statements from before still work
  must(db->close());
  CHECK(summary(*db) == "'3 4 6'");
  CHECK(column(*db, "PRAGMA quick_check") == "'ok'");
  CHECK(summary(*rebuilt) == "'3 3 5'"); // the source is as it was
}

TEST_CASE("json_model: database content is not replaced inside a transaction, nor while another process writes") {
  const TempDirectory directory;
  const auto db = make_database({.file = directory.path("a.db"), .busy_timeout_ms = std::chrono::milliseconds(0)});
  const auto elsewhere = make_database({.file = directory.path("a.db")});
  const auto rebuilt = make_database();
  store(*db, 1, 3);
  store(*rebuilt, 2, 3);
  must(db->transaction([&]() -> Status {
    CHECK(says(db->replace_content_with(*rebuilt), Errc::invalid_argument, "inside a transaction"));
    return {};
  }));
  must(rebuilt->transaction([&]() -> Status {
    CHECK(says(db->replace_content_with(*rebuilt), Errc::invalid_argument, "transaction"));
    return {};
  }));
  const auto rows = rebuilt->each("SELECT x FROM t", {}, [&](const SqlRow&, std::uint64_t) -> Result<bool> {
    CHECK(says(rebuilt->replace_content_with(*db), Errc::invalid_argument, "in use"));
    return false;
  });
  CHECK(rows.ok());
  must(elsewhere->transaction([&]() -> Status {
    CHECK(says(db->replace_content_with(*rebuilt), Errc::locked, "database is locked"));
    return {};
  }));
  CHECK(summary(*db) == "'1 1 3'");
  must(db->replace_content_with(*rebuilt));
  CHECK(summary(*db) == "'2 2 3'");
}

TEST_CASE("json_model: database content replaced again and again is never half of two for those who read it") {
  const TempDirectory directory(test::fast_parent());
  const auto db = make_database({.file = directory.path("a.db"), .synced = false});
  std::array<std::unique_ptr<ModelDatabase>, 2> contents;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    contents[i] = make_database();
    store(*contents[i], static_cast<std::int64_t>(i), 20 + 80 * static_cast<int>(i));
  }
  must(db->replace_content_with(*contents[0]));
  std::atomic<bool> over{false};
  std::atomic<int> wrong{0};
  std::array<std::thread, 2> readers;
  for (auto& reader : readers)
    reader = std::thread([&] {
      do {
        const auto row = db->get("SELECT min(x) || ' ' || max(x) || ' ' || count(*) FROM t");
        const bool right =
            row && ((**row)[0] == SqlValue(std::string("0 0 20")) || (**row)[0] == SqlValue(std::string("1 1 100")));
        wrong += right ? 0 : 1;
      } while (!over);
    });
  for (int round = 0; round < 20; ++round)
    CHECK(db->replace_content_with(*contents[static_cast<std::size_t>(round) % 2]).ok());
  over = true;
  for (auto& reader : readers)
    reader.join();
  CHECK(wrong == 0);
}

// --- a simulated disk ---

TEST_CASE("json_model: database on a simulated disk is switched to giving free pages back") {
  io::MemoryFileSystem fs;
  {
    const auto db = on(fs);
    fill(*db);
    must(db->execute("DELETE FROM t"));
  }
  const auto db = on(fs, vacuuming("a.db", 3'600'000));
  CHECK(number(*db, "PRAGMA auto_vacuum") == 2);
  CHECK(number(*db, "PRAGMA freelist_count") == 0);
}

TEST_CASE("json_model: database on a simulated disk works as on a real one") {
  io::MemoryFileSystem fs;
  const auto db = on(fs);
  must(db->register_migrations("g", {{"a", [](ModelDatabase& self) { return self.execute("CREATE TABLE t(x)"); }}}));
  must(db->transaction([&]() -> Status {
    for (std::int64_t x = 0; x < 100; ++x) {
      const auto ran = db->run("INSERT INTO t VALUES(?)", Values{x});
      if (!ran)
        return ran.error();
    }
    return {};
  }));
  CHECK(number(*db, "SELECT count(*) FROM (SELECT DISTINCT x FROM t ORDER BY -x)") == 100); // sorts in memory
  must(db->execute("CREATE INDEX tx ON t(x)"));
  CHECK(*db->user_version() == 0);
  must(db->close());
  CHECK(number(*db, "SELECT max(x) FROM t") == 99);
  must(db->close());
  const auto reader = on(fs, {.read_only = true});
  CHECK(number(*reader, "SELECT count(*) FROM t") == 100);
  CHECK(reader->all("DELETE FROM t").code() == Errc::unsupported);
  CHECK(says(on(fs, {.file = "b.db", .read_only = true})->open(), Errc::not_found, ""));
}

TEST_CASE("json_model: database whose content is replaced has the old or the new one after a crash at any call") {
  io::MemoryFileSystem fs;
  const auto db = on(fs);
  const auto rebuilt = make_database();
  store(*db, 1, 20);
  store(*rebuilt, 2, 60);
  REQUIRE(fs.sync_directory("").ok());
  bool replaced = false;
  std::set<std::string> found;
  int images = 0;
  const auto look = [&](const io::CrashPolicy& policy) {
    const auto image = fs.crash_image(policy);
    const auto after = on(*image);
    const std::string content = summary(*after);
    CHECK((content == "'2 2 60'" || (!replaced && content == "'1 1 20'")));
    CHECK(column(*after, "PRAGMA quick_check") == "'ok'");
    found.insert(content);
    ++images;
  };
  fs.set_hook([&](const io::Call& call) -> std::optional<Error> {
    for (const auto& policy : {io::CrashPolicy::lose_unsynced(), io::CrashPolicy::keep_everything(),
                               io::CrashPolicy::random_subset(call.number)})
      look(policy);
    return std::nullopt;
  });
  must(db->replace_content_with(*rebuilt));
  fs.set_hook({});
  replaced = true;
  look(io::CrashPolicy::lose_unsynced());
  CHECK(images > 30);
  CHECK(found.size() == 2);
  CHECK(summary(*db) == "'2 2 60'");
}

TEST_CASE("json_model: database on a disk that fails answers with the error, and works again when that works") {
  io::MemoryFileSystem fs;
  const auto db = on(fs);
  must(db->execute("CREATE TABLE t(x); INSERT INTO t VALUES(0)"));
  for (const io::Operation operation : {io::Operation::write, io::Operation::sync_data}) {
    fs.set_hook([&](const io::Call& call) -> std::optional<Error> {
      if (call.operation == operation)
        return fail(operation == io::Operation::write ? Errc::disk_full : Errc::io_error, "no");
      return std::nullopt;
    });
    const Status failed = db->transaction([&] { return db->execute("UPDATE t SET x = x + 1"); });
    CHECK(failed.code() == (operation == io::Operation::write ? Errc::disk_full : Errc::io_error));
    CHECK(!db->in_transaction());
    fs.set_hook({});
    CHECK(number(*db, "SELECT x FROM t") == 0);
  }
  must(db->execute("UPDATE t SET x = x + 1"));
  must(db->close());
  CHECK(number(*db, "SELECT x FROM t") == 1);
}
