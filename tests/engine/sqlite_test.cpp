#include "engine/sqlite/database.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/temp_directory.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>

using namespace weir;
using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;
using test::as_text;
using test::TempDirectory;

namespace {

Database must_open(const std::string& path, sqlite::OpenOptions options = {.create = true}) {
  auto database = Database::open(path, options);
  REQUIRE_MESSAGE(database.ok(), to_string(database.ok() ? Error{} : database.error()));
  return std::move(*database);
}

Statement must_prepare(Database& database, std::string_view sql) {
  auto statement = database.prepare(sql);
  REQUIRE_MESSAGE(statement.ok(), to_string(statement.ok() ? Error{} : statement.error()));
  return std::move(*statement);
}

std::int64_t count(Database& database) {
  return *database.query_integer("SELECT count(*) FROM t");
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

} // namespace

TEST_CASE("sqlite: every kind of value comes back as it was bound") {
  auto database = Database::open_in_memory();
  REQUIRE(database.ok());
  REQUIRE(database->execute("CREATE TABLE t(a INTEGER, b INTEGER, c TEXT, d TEXT, e BLOB, f BLOB, g) STRICT").code() !=
          Errc::ok); // STRICT wants a type for g: the error below is about the statement, not about us.
  REQUIRE(database->execute("CREATE TABLE t(a INTEGER, b INTEGER, c TEXT, d TEXT, e BLOB, f BLOB, g ANY) STRICT").ok());
  const std::string text("a\0\xc3\xa4", 4), blob("\xff\0\x01", 3);
  Statement insert = must_prepare(*database, "INSERT INTO t VALUES(?,?,?,?,?,?,?)");
  insert.bind(1, std::int64_t{INT64_MIN}).bind_u64(2, UINT64_MAX).bind(3, std::string_view(text));
  insert.bind(4, std::string_view{}).bind(5, test::as_bytes(blob)).bind(6, std::span<const std::byte>{}).bind_null(7);
  REQUIRE(insert.run().ok());

  Statement select = must_prepare(*database, "SELECT * FROM t");
  REQUIRE(*select.step());
  CHECK(select.integer(0) == INT64_MIN);
  CHECK(select.u64(1) == UINT64_MAX);
  CHECK(select.text(2) == text);
  CHECK(!select.is_null(3));
  CHECK(select.text(3).empty());
  CHECK(as_text(select.blob(4)) == blob);
  CHECK(!select.is_null(5));
  CHECK(select.blob(5).empty());
  CHECK(select.is_null(6));
  CHECK(!*select.step());
}

TEST_CASE("sqlite: a statement can be run again with other values") {
  auto database = Database::open_in_memory();
  REQUIRE(database->execute("CREATE TABLE t(a INTEGER PRIMARY KEY)").ok());
  Statement insert = must_prepare(*database, "INSERT INTO t VALUES(?)");
  for (std::int64_t i = 1; i <= 3; ++i)
    REQUIRE(insert.bind(1, i).run().ok());
  CHECK(insert.bind(1, std::int64_t{2}).run().code() == Errc::io_error);
  CHECK(insert.bind(1, std::int64_t{4}).run().ok());
  CHECK(count(*database) == 4);
}

TEST_CASE("sqlite: errors carry SQLite's words and code, the path and the statement") {
  auto database = Database::open_in_memory();
  const auto missing = database->prepare("SELECT * FROM nowhere");
  REQUIRE(!missing.ok());
  CHECK(missing.error().code == Errc::io_error);
  CHECK(missing.error().message == "SQLite: no such table: nowhere (code 1)");
  CHECK(missing.error().where == ":memory:: SELECT * FROM nowhere");
  REQUIRE(database->execute("CREATE TABLE t(a INTEGER PRIMARY KEY); INSERT INTO t VALUES(1)").ok());
  Statement insert = must_prepare(*database, "INSERT INTO t VALUES(?)");
  const Status twice = insert.bind(1, std::int64_t{1}).run();
  REQUIRE(!twice.ok());
  CHECK(twice.error().message == "SQLite: UNIQUE constraint failed: t.a (code 1555)");
  CHECK(twice.error().where == ":memory:: INSERT INTO t VALUES(?)");
  CHECK(insert.bind(2, std::int64_t{1}).run().code() == Errc::io_error); // no such parameter
  CHECK(database->query_integer("SELECT a FROM t WHERE a=7").code() == Errc::corruption);
}

TEST_CASE("sqlite: a missing file is not made unless asked for, and then it is private") {
  TempDirectory directory;
  const std::string path = directory.path("a.db");
  CHECK(Database::open(path, {}).code() == Errc::not_found);
  CHECK(!std::filesystem::exists(path));
  const auto old_mask = ::umask(0);
  Database database = must_open(path);
  REQUIRE(database.use_wal().ok());
  REQUIRE(database.execute("CREATE TABLE t(a)").ok());
  ::umask(old_mask);
  struct stat info {};
  for (const char* suffix : {"", "-wal"}) {
    REQUIRE(::stat((path + suffix).c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
  }
  CHECK(Database::open(directory.path("no/such/a.db"), {.create = true}).code() == Errc::io_error);
}

TEST_CASE("sqlite: a file that is no database is corruption, and stays as it is") {
  TempDirectory directory;
  const std::string path = directory.path("a.db"), content(4096, 'x');
  write_file(path, content);
  const auto database = Database::open(path, {.create = true});
  REQUIRE(!database.ok());
  CHECK(database.error().code == Errc::corruption);
  CHECK(database.error().message == "SQLite: file is not a database (code 26)");
  CHECK(database.error().where == path);
  CHECK(std::filesystem::file_size(path) == content.size());
}

TEST_CASE("sqlite: a path never turns into a URI") {
  TempDirectory directory;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  {
    Database database = must_open("file:a.db?mode=memory");
    CHECK(database.execute("CREATE TABLE t(a)").ok());
  }
  std::filesystem::current_path(before);
  CHECK(std::filesystem::file_size(directory.path("file:a.db?mode=memory")) > 0);
}

TEST_CASE("sqlite: an exclusive connection keeps every other one out until it is closed") {
  TempDirectory directory;
  const std::string path = directory.path("a.db");
  Database first = must_open(path, {.create = true, .exclusive = true});
  REQUIRE(first.use_wal().ok());
  REQUIRE(first.execute("CREATE TABLE t(a); INSERT INTO t VALUES(1)").ok());
  CHECK(Database::open(path, {.exclusive = true}).code() == Errc::locked);
  CHECK(Database::open(path, {}).code() == Errc::locked);
  CHECK(!std::filesystem::exists(path + "-shm"));
  first.close();
  Database second = must_open(path, {.exclusive = true});
  CHECK(count(second) == 1);
}

TEST_CASE("sqlite: a second writer is told at its beginning") {
  TempDirectory directory;
  Database first = must_open(directory.path("a.db"));
  REQUIRE(first.use_wal().ok());
  REQUIRE(first.execute("CREATE TABLE t(a)").ok());
  Database second = must_open(directory.path("a.db"));
  auto writing = Transaction::begin(first);
  REQUIRE(writing.ok());
  CHECK(Transaction::begin(second).code() == Errc::locked);
  REQUIRE(writing->commit().ok());
  CHECK(Transaction::begin(second).ok());
}

TEST_CASE("sqlite: a transaction holds after its commit and is undone without one") {
  TempDirectory directory;
  {
    Database database = must_open(directory.path("a.db"));
    REQUIRE(database.use_wal().ok());
    REQUIRE(database.execute("CREATE TABLE t(a)").ok());
    {
      auto transaction = Transaction::begin(database);
      REQUIRE(database.execute("INSERT INTO t VALUES(1)").ok());
      REQUIRE(transaction->commit().ok());
    }
    {
      auto transaction = Transaction::begin(database);
      REQUIRE(database.execute("INSERT INTO t VALUES(2)").ok());
      CHECK(count(database) == 2);
    }
    CHECK(count(database) == 1);
  }
  Database again = must_open(directory.path("a.db"), {});
  CHECK(count(again) == 1);
}

TEST_CASE("sqlite: a full database is disk_full, its transaction is undone and the next one works") {
  auto database = Database::open_in_memory();
  REQUIRE(database->execute("CREATE TABLE t(a); PRAGMA max_page_count=8").ok());
  {
    auto transaction = Transaction::begin(*database);
    REQUIRE(transaction.ok());
    REQUIRE(database->execute("INSERT INTO t VALUES('small')").ok());
    const Status full = database->execute("INSERT INTO t VALUES(zeroblob(100000))");
    REQUIRE(!full.ok());
    CHECK(full.error().code == Errc::disk_full);
    CHECK(full.error().message == "SQLite: database or disk is full (code 13)");
  }
  CHECK(count(*database) == 0);
  auto transaction = Transaction::begin(*database);
  REQUIRE(transaction.ok());
  CHECK(database->execute("INSERT INTO t VALUES(1)").ok());
  CHECK(transaction->commit().ok());
  CHECK(count(*database) == 1);
}

TEST_CASE("sqlite: identity and version belong to the transaction that sets them") {
  TempDirectory directory;
  Database database = must_open(directory.path("a.db"));
  CHECK(*database.user_version() == 0);
  CHECK(*database.application_id() == 0);
  {
    auto transaction = Transaction::begin(database);
    REQUIRE(database.set_user_version(7).ok());
    REQUIRE(database.set_application_id(-5).ok());
  }
  CHECK(*database.user_version() == 0);
  CHECK(*database.application_id() == 0);
  auto transaction = Transaction::begin(database);
  REQUIRE(database.set_user_version(7).ok());
  REQUIRE(database.set_application_id(-5).ok());
  REQUIRE(transaction->commit().ok());
  CHECK(*database.user_version() == 7);
  CHECK(*database.application_id() == -5);
}

TEST_CASE("sqlite: every connection syncs fully, distrusts the schema and protects it") {
  TempDirectory directory;
  Database database = must_open(directory.path("a.db"));
  REQUIRE(database.execute("CREATE TABLE t(a)").ok());
  CHECK(*database.query_integer("PRAGMA synchronous") == 2);
  CHECK(*database.query_integer("PRAGMA trusted_schema") == 0);
  CHECK(*database.query_integer("PRAGMA cell_size_check") == 1);
  CHECK(database.execute("PRAGMA writable_schema=ON").ok());
  CHECK(!database.execute("UPDATE sqlite_schema SET sql='CREATE TABLE t(b)'").ok());
}

TEST_CASE("sqlite: a checkpoint empties the journal, closing may be told to leave it") {
  TempDirectory directory;
  const std::string path = directory.path("a.db"), journal = path + "-wal";
  Database database = must_open(path);
  REQUIRE(database.use_wal().ok());
  REQUIRE(database.execute("CREATE TABLE t(a)").ok());
  CHECK(std::filesystem::file_size(journal) > 0);
  REQUIRE(database.checkpoint().ok());
  CHECK(std::filesystem::file_size(journal) == 0);
  REQUIRE(database.execute("INSERT INTO t VALUES(1)").ok());
  database.checkpoint_on_close(false);
  database.close();
  CHECK(std::filesystem::file_size(journal) > 0);
  Database again = must_open(path, {});
  CHECK(count(again) == 1);
  again.close();
  CHECK(!std::filesystem::exists(journal));
}

TEST_CASE("sqlite: a database in memory has no write-ahead journal") {
  auto database = Database::open_in_memory();
  CHECK(database->use_wal().code() == Errc::io_error);
}

TEST_CASE("sqlite: damage to a page's structure is found by the quick check") {
  TempDirectory directory;
  const std::string path = directory.path("a.db");
  {
    Database database = must_open(path);
    REQUIRE(database.execute("CREATE TABLE t(a); INSERT INTO t VALUES(1),(2),(3)").ok());
    CHECK(database.quick_check().ok());
  }
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(4096 + 3); // Page 2 is the root of t; bytes 3 and 4 count its cells.
  file.write("\0\7", 2);
  file.close();
  Database database = must_open(path, {});
  CHECK(database.quick_check().code() == Errc::corruption);
}
