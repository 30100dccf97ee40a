// What callers' SQL may not do, and databases that nobody may write to.
#include "tests/engine/models/database_support.hpp"
#include "tests/support/shared_data.hpp"
#include "tests/support/temp_directory.hpp"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace weir;
using namespace weir::test;

namespace {

std::unique_ptr<ModelDatabase> with_row(ModelDatabaseOptions options = {}) {
  auto db = make_database(std::move(options));
  must(db->execute("CREATE TABLE t(x); CREATE INDEX tx ON t(x); INSERT INTO t VALUES(1)"));
  return db;
}

std::string content(const ModelDatabase& db) {
  return column(db, "SELECT sql FROM sqlite_schema") + column(db, "SELECT x FROM t");
}

const std::vector<std::string>& writes() {
  static const std::vector<std::string> all = {"INSERT INTO t VALUES(2)",
                                               "INSERT INTO t VALUES(2) RETURNING x",
                                               "WITH two(x) AS (SELECT 2) INSERT INTO t SELECT x FROM two",
                                               "UPDATE t SET x = 2",
                                               "DELETE FROM t",
                                               "REPLACE INTO t VALUES(2)",
                                               "DROP TABLE t",
                                               "CREATE TABLE u(x)",
                                               "CREATE TEMP TABLE u(x)",
                                               "CREATE INDEX i ON t(x)",
                                               "ALTER TABLE t ADD COLUMN y",
                                               "REINDEX",
                                               "ANALYZE",
                                               "VACUUM",
                                               "PRAGMA user_version=5",
                                               "PRAGMA application_id=5",
                                               "PRAGMA optimize"};
  return all;
}

/// Not for callers at all, in `directory`.
std::vector<std::string> meddling(const TempDirectory& directory) {
  const std::string file = sql_literal(directory.path("other.db"));
  return {"ATTACH " + file + " AS other",
          "ATTACH DATABASE ':memory:' AS other",
          "DETACH main",
          "BEGIN",
          "BEGIN IMMEDIATE",
          "COMMIT",
          "END",
          "ROLLBACK",
          "SAVEPOINT a",
          "RELEASE a",
          "PRAGMA query_only=0",
          "pragma QUERY_ONLY(off)",
          "PRAGMA main.query_only = 0",
          "PRAGMA writable_schema=1",
          "PRAGMA journal_mode=DELETE",
          "PRAGMA locking_mode=EXCLUSIVE",
          "PRAGMA synchronous=OFF",
          "PRAGMA foreign_keys=OFF",
          "PRAGMA wal_autocheckpoint=1",
          "PRAGMA wal_checkpoint(TRUNCATE)",
          "PRAGMA trusted_schema=1",
          "PRAGMA temp_store_directory='/'",
          "PRAGMA ignore_check_constraints=1",
          "PRAGMA mmap_size=1000000",
          "PRAGMA no_such_pragma=1"};
}

/// Root may write everywhere: it becomes nobody while this lives.
class AsNobody {
public:
  AsNobody() : was_root_(::geteuid() == 0), is_nobody_(!was_root_ || ::seteuid(65534) == 0) {}
  ~AsNobody() {
    if (was_root_ && is_nobody_)
      (void)!::seteuid(0);
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
  /// Whether it can look at `file`; a user namespace, or a private directory above, may be in the way.
  [[nodiscard]] bool sees(const std::string& file) const {
    return is_nobody_ && ::faccessat(AT_FDCWD, file.c_str(), R_OK, AT_EACCESS) == 0;
  }

private:
  const bool was_root_;
  const bool is_nobody_;
};

} // namespace

TEST_CASE("json_model: database reads of a caller can neither write nor change the connection, in any way") {
  const TempDirectory directory;
  for (const std::string& file : {std::string(), directory.path("a.db")}) {
    const auto db = with_row({.file = file});
    const std::string before = content(*db);
    const auto refuse = [&](const std::string& sql) {
      INFO(sql);
      CHECK(db->all(sql).code() == Errc::unsupported);
      CHECK(db->get(sql).code() == Errc::unsupported);
      CHECK(db->each(sql, {}, [](const SqlRow&, auto) -> Result<bool> { return true; }).code() == Errc::unsupported);
      CHECK(!db->all("SELECT 1; " + sql).ok());
      CHECK(content(*db) == before);
      CHECK(!db->in_transaction());
    };
    for (const std::string& sql : writes())
      refuse(sql);
    for (const std::string& sql : meddling(directory))
      refuse(sql);
    must(db->transaction([&]() -> Status { // nor inside, on the connection that writes
      for (const std::string& sql : writes())
        CHECK_MESSAGE(db->all(sql).code() == Errc::unsupported, sql);
      for (const std::string& sql : meddling(directory))
        CHECK_MESSAGE(db->all(sql).code() == Errc::unsupported, sql);
      CHECK(db->in_transaction());
      return {};
    }));
    CHECK(content(*db) == before);
    CHECK(!std::filesystem::exists(directory.path("other.db")));
    CHECK(!db->all("SELECT load_extension('x')").ok());
    must(db->execute("INSERT INTO t VALUES(2)"));
    CHECK(number(*db, "SELECT count(*) FROM t") == 2);
  }
}

TEST_CASE("json_model: database statements that weir has compiled itself are no way round the rights of callers") {
  const auto db = with_row();
  must(db->transaction([]() -> Status { return {}; })); // BEGIN and COMMIT of weir's own
  must(db->set_user_version(3));
  CHECK(db->all("BEGIN IMMEDIATE").code() == Errc::unsupported);
  CHECK(db->run("BEGIN IMMEDIATE").code() == Errc::unsupported);
  CHECK(db->run("COMMIT").code() == Errc::unsupported);
  CHECK(db->run("INSERT INTO t VALUES(2)").ok()); // kept, and then asked for by a reader
  CHECK(db->all("INSERT INTO t VALUES(2)").code() == Errc::unsupported);
  CHECK(number(*db, "SELECT count(*) FROM t") == 2);
}

TEST_CASE("json_model: database writes of a caller cannot take files in, end transactions or change settings") {
  const TempDirectory directory;
  const auto db = with_row({.file = directory.path("a.db")});
  const std::string before = content(*db);
  for (const std::string& sql : meddling(directory)) {
    INFO(sql);
    CHECK(db->run(sql).code() == Errc::unsupported);
    CHECK(db->execute("SELECT 1; " + sql).code() == Errc::unsupported);
    CHECK(content(*db) == before);
    CHECK(!db->in_transaction());
  }
  for (const std::string& sql : writes()) {
    INFO(sql);
    if (sql != "DROP TABLE t" && sql != "CREATE TEMP TABLE u(x)")
      CHECK(why(db->execute(sql)).empty());
  }
  CHECK(*db->user_version() == 5);
}

TEST_CASE("json_model: database PRAGMAs that only tell something are for readers") {
  const auto db = with_row();
  for (const char* const sql : {"PRAGMA table_info(t)",      "PRAGMA table_xinfo(t)",
                                "PRAGMA index_list(t)",      "PRAGMA foreign_key_list(t)",
                                "PRAGMA integrity_check",    "PRAGMA quick_check(1)",
                                "PRAGMA compile_options",    "PRAGMA application_id",
                                "PRAGMA auto_vacuum",        "PRAGMA cache_size",
                                "PRAGMA data_version",       "PRAGMA encoding",
                                "PRAGMA foreign_keys",       "PRAGMA freelist_count",
                                "PRAGMA journal_size_limit", "PRAGMA page_count",
                                "PRAGMA page_size",          "PRAGMA query_only",
                                "PRAGMA recursive_triggers", "PRAGMA reverse_unordered_selects",
                                "PRAGMA schema_version",     "PRAGMA synchronous",
                                "PRAGMA user_version",       "SELECT * FROM pragma_table_info('t')",
                                "EXPLAIN SELECT x FROM t"})
    CHECK(why(db->all(sql)) == "");
  CHECK(number(*db, "SELECT count(*) FROM t") == 1);
}

TEST_CASE("json_model: database that is read-only must exist, refuses every write, and leaves migrations out") {
  const TempDirectory directory;
  const std::string file = directory.path("a.db");
  const auto reader = make_database({.file = file, .name = "reader", .read_only = true});
  must(
      reader->register_migrations("g", {{"a", [](ModelDatabase&) -> Status { return fail(Errc::cancelled, "ran"); }}}));
  CHECK(says(reader->open(), Errc::not_found, "does not exist"));
  CHECK(!std::filesystem::exists(file));
  const auto writer = with_row({.file = file});
  must(reader->open());
  CHECK(number(*reader, "SELECT x FROM t") == 1);
  CHECK(says(reader->run("INSERT INTO t VALUES(2)"), Errc::unsupported, "read-only"));
  CHECK(says(reader->execute("INSERT INTO t VALUES(2)"), Errc::unsupported, "read-only"));
  CHECK(says(reader->transaction([]() -> Status { return {}; }), Errc::unsupported, "read-only"));
  CHECK(says(reader->set_user_version(1), Errc::unsupported, "read-only"));
  CHECK(says(reader->vacuum_step(), Errc::unsupported, "read-only"));
  CHECK(says(reader->replace_content_with(*writer), Errc::unsupported, "read-only"));
  for (const std::string& sql : writes())
    CHECK(reader->all(sql).code() == Errc::unsupported);
  const std::int64_t version = *reader->data_version();
  must(writer->execute("INSERT INTO t VALUES(2)"));
  CHECK(*reader->data_version() != version);
  CHECK(number(*reader, "SELECT count(*) FROM t") == 2);
  CHECK(*reader->user_version() == 0);
  must(reader->close());
  must(writer->close());
  CHECK(number(*reader, "SELECT count(*) FROM t") == 2); // alone, too
}

TEST_CASE("json_model: database that is read-only is read from a directory and a file nobody may write to") {
  const TempDirectory directory(test::fast_parent()); // others may pass through it
  const std::string file = directory.path("odd ?name#%.db");
  must(with_row({.file = file})->close());
  REQUIRE(::chmod(file.c_str(), 0444) == 0);
  REQUIRE(::chmod(directory.path().c_str(), 0555) == 0);
  {
    const AsNobody nobody;
    if (nobody.sees(file)) {
      const auto reader = make_database({.file = file, .read_only = true});
      CHECK(number(*reader, "SELECT x FROM t") == 1);
      CHECK(reader->all("DELETE FROM t").code() == Errc::unsupported);
      CHECK(*reader->user_version() == 0);
      const auto writer = make_database({.file = file});
      CHECK(!writer->open().ok());
    } else {
      test::skip_test("no user without rights");
    }
  }
  REQUIRE(::chmod(directory.path().c_str(), 0700) == 0);
}

TEST_CASE("json_model: database that is read-only does not read past a journal that it cannot see") {
  const TempDirectory directory(test::fast_parent());
  const std::string file = directory.path("a.db");
  {
    const auto writer = with_row({.file = file});
    std::filesystem::copy(file, directory.path("b.db"));
    std::filesystem::copy(file + "-wal", directory.path("b.db-wal"));
  }
  const std::string copy = directory.path("b.db");
  for (const std::string& each : {copy, copy + "-wal"})
    REQUIRE(::chmod(each.c_str(), 0444) == 0);
  REQUIRE(::chmod(directory.path().c_str(), 0555) == 0);
  {
    const AsNobody nobody;
    if (nobody.sees(copy)) {
      const auto reader = make_database({.file = copy, .read_only = true});
      CHECK(reader->all("SELECT x FROM t").code() == Errc::io_error);
    } else {
      test::skip_test("no user without rights");
    }
  }
  REQUIRE(::chmod(directory.path().c_str(), 0700) == 0);
  CHECK(number(*make_database({.file = copy}), "SELECT x FROM t") == 1);
}
