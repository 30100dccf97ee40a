// A service's own SQL through a model database.
#include "tests/engine/models/database_support.hpp"
#include "tests/support/temp_directory.hpp"

#include <limits>
#include <stdexcept>

using namespace weir;
using namespace weir::test;

namespace {

std::unique_ptr<ModelDatabase> with_rows(ModelDatabaseOptions options = {}) {
  auto db = make_database(std::move(options));
  must(db->execute("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t(name) VALUES('a'), ('b'), ('c')"));
  return db;
}

} // namespace

TEST_CASE("json_model: database literals are NULL, numbers as they are, texts with quotes doubled, blobs in hex") {
  CHECK(sql_literal({}) == "NULL");
  CHECK(sql_literal(std::int64_t{0}) == "0");
  CHECK(sql_literal(std::int64_t{-5}) == "-5");
  CHECK(sql_literal(2.5) == "2.5");
  CHECK(sql_literal(5.0) == "5.0");
  CHECK(sql_literal(1e300) == "1e+300");
  CHECK(sql_literal(std::string("it's")) == "'it''s'");
  CHECK(sql_literal(std::string()) == "''");
  CHECK(sql_literal(SqlBlob{std::string("\x00\xFF", 2)}) == "X'00FF'");
  CHECK(sql_identifier("a\"b") == "\"a\"\"b\"");
  CHECK(sql_identifier("it's") == "\"it's\"");
}

TEST_CASE("json_model: database literals come back from SQL as the values they were") {
  const auto db = make_database();
  const Values values = {SqlValue(),
                         std::int64_t{7},
                         std::numeric_limits<std::int64_t>::min(),
                         std::numeric_limits<std::int64_t>::max(),
                         0.1,
                         5.0,
                         -1e-300,
                         std::numeric_limits<double>::infinity(),
                         -std::numeric_limits<double>::infinity(),
                         std::string("'; DROP TABLE t; --"),
                         std::string("zero\0byte'", 10),
                         std::string("Straße 日本"),
                         SqlBlob{},
                         SqlBlob{std::string("\0'\xFF", 3)}};
  for (const SqlValue& value : values) {
    const auto row = db->get("SELECT " + sql_literal(value));
    REQUIRE_MESSAGE(row.ok(), why(row));
    CHECK((**row)[0] == value);
    const auto bound = db->get("SELECT ?", Values{value});
    REQUIRE_MESSAGE(bound.ok(), why(bound));
    CHECK((**bound)[0] == value);
  }
}

TEST_CASE("json_model: database all gives every row, get the first or nothing, again from the beginning") {
  const auto db = with_rows();
  const auto rows = db->all("SELECT id, name FROM t WHERE id > ? ORDER BY id", Values{std::int64_t{1}});
  REQUIRE_MESSAGE(rows.ok(), why(rows));
  REQUIRE(rows->size() == 2);
  CHECK((*rows)[0].names() == std::vector<std::string>{"id", "name"});
  CHECK((*rows)[0]["name"] == SqlValue(std::string("b")));
  CHECK((*rows)[1][0] == SqlValue(std::int64_t{3}));
  CHECK((*rows)[1]["nothing"] == SqlValue());
  CHECK((*rows)[1][2] == SqlValue());
  for (int again = 0; again < 3; ++again)
    CHECK(number(*db, "SELECT id FROM t ORDER BY id") == 1);
  const auto none = db->get("SELECT id FROM t WHERE id = 99");
  REQUIRE(none.ok());
  CHECK(!none->has_value());
}

TEST_CASE("json_model: database run tells the last id and the rows changed, of this statement alone") {
  const auto db = with_rows();
  auto ran = db->run("INSERT INTO t(name) VALUES(?)", Values{std::string("d")});
  REQUIRE_MESSAGE(ran.ok(), why(ran));
  CHECK(ran->last_id == 4);
  CHECK(ran->changes == 1);
  ran = db->run("UPDATE t SET name = name || '!' WHERE id < 3");
  REQUIRE(ran.ok());
  CHECK(ran->last_id == 0);
  CHECK(ran->changes == 2);
  ran = db->run("CREATE TABLE u(x)");
  REQUIRE(ran.ok());
  CHECK(ran->changes == 0);
  ran = db->run("DELETE FROM t WHERE id = 99");
  REQUIRE(ran.ok());
  CHECK(ran->changes == 0);
}

TEST_CASE("json_model: database each calls for every row in order until told to stop, and counts them") {
  const auto db = with_rows();
  std::string seen;
  auto count = db->each("SELECT id, name FROM t ORDER BY id DESC", {},
                        [&](const SqlRow& row, std::uint64_t index) -> Result<bool> {
                          seen += std::to_string(index) + std::get<std::string>(row["name"]);
                          return true;
                        });
  REQUIRE_MESSAGE(count.ok(), why(count));
  CHECK(*count == 3);
  CHECK(seen == "0c1b2a");
  count = db->each("SELECT id FROM t ORDER BY id", {},
                   [&](const SqlRow&, std::uint64_t index) -> Result<bool> { return index < 1; });
  REQUIRE(count.ok());
  CHECK(*count == 2);
  count = db->each("SELECT id FROM t", {},
                   [&](const SqlRow&, std::uint64_t) -> Result<bool> { return fail(Errc::cancelled, "enough"); });
  CHECK(says(count, Errc::cancelled, "enough"));
  count = db->each("SELECT id FROM t", {},
                   [&](const SqlRow&, std::uint64_t) -> Result<bool> { throw std::runtime_error("boom"); });
  CHECK(says(count, Errc::invalid_argument, "boom"));
  CHECK(number(*db, "SELECT count(*) FROM t") == 3);
}

TEST_CASE("json_model: database each may be entered again for the same statement, and write beside itself") {
  const TempDirectory directory;
  for (const std::string& file : {std::string(), directory.path("a.db")}) {
    const auto db = with_rows({.file = file, .readers_max = 1});
    std::uint64_t pairs = 0;
    const auto count = db->each("SELECT id FROM t ORDER BY id", {}, [&](const SqlRow& row, auto) -> Result<bool> {
      const auto inner = db->each("SELECT id FROM t ORDER BY id", {}, [&](const SqlRow&, auto) -> Result<bool> {
        ++pairs;
        return true;
      });
      if (!inner)
        return inner.error();
      const auto ran = db->run("UPDATE t SET name = 'x' WHERE id = ?", Values{row[0]});
      return ran ? Result<bool>(true) : Result<bool>(ran.error());
    });
    REQUIRE_MESSAGE(count.ok(), why(count));
    CHECK(*count == 3);
    CHECK(pairs == 9);
    CHECK(number(*db, "SELECT count(*) FROM t WHERE name = 'x'") == 3);
  }
}

TEST_CASE("json_model: database errors name the database, the file, the statement and SQLite's code") {
  const TempDirectory directory;
  const auto db = make_database({.file = directory.path("a.db"), .name = "shop"});
  CHECK(db->name().starts_with("shop-"));
  auto failed = db->all("SELECT x FROM nowhere");
  REQUIRE(says(failed, Errc::invalid_argument, "no such table"));
  CHECK(failed.error().message.starts_with(db->name() + ": "));
  CHECK(failed.error().message.find("code 1") != std::string::npos);
  CHECK(failed.error().where == directory.path("a.db") + ": SELECT x FROM nowhere");
  must(db->execute("CREATE TABLE t(x UNIQUE); INSERT INTO t VALUES(1)"));
  const auto taken = db->run("INSERT INTO t VALUES(?)", Values{std::int64_t{1}});
  REQUIRE(says(taken, Errc::condition_failed, "UNIQUE constraint failed: t.x (code 2067)"));
  CHECK(taken.error().message.starts_with(db->name() + ": "));
  const auto other = make_database({.name = "shop"});
  CHECK(other->name() != db->name());
}

TEST_CASE("json_model: database statements recover after a failed run, for other values and for the same") {
  const auto db = make_database();
  must(db->execute("CREATE TABLE t(x UNIQUE)"));
  const auto insert = [&](std::int64_t x) { return db->run("INSERT INTO t VALUES(?)", Values{x}).code(); };
  CHECK(insert(1) == Errc::ok);
  CHECK(insert(1) == Errc::condition_failed);
  CHECK(insert(1) == Errc::condition_failed);
  CHECK(insert(2) == Errc::ok);
  must(db->execute("DELETE FROM t"));
  CHECK(insert(1) == Errc::ok);
}

TEST_CASE("json_model: database statements survive closing and a change of the schema") {
  const TempDirectory directory;
  const auto db = with_rows({.file = directory.path("a.db")});
  const auto names = [&] {
    const auto row = db->get("SELECT * FROM t");
    REQUIRE_MESSAGE(row.ok(), why(row));
    return (*row)->names();
  };
  CHECK(names() == std::vector<std::string>{"id", "name"});
  must(db->close());
  CHECK(names() == std::vector<std::string>{"id", "name"});
  must(db->execute("ALTER TABLE t ADD COLUMN more TEXT"));
  CHECK(names() == std::vector<std::string>{"id", "name", "more"});
}

TEST_CASE("json_model: database keeps no more compiled statements than told, and none wrongly") {
  for (const std::int64_t most : {1, 2, 5}) {
    const auto db = make_database({.statements_max = static_cast<std::size_t>(most)});
    // A table of the statements that are compiled on the connection, itself among them; not every SQLite is built with
    // it.
    const bool countable = number(*db, "SELECT sqlite_compileoption_used('ENABLE_STMTVTAB')") == 1;
    for (int round = 0; round < 3; ++round) {
      for (std::int64_t i = 0; i < 10; ++i)
        CHECK(number(*db, "SELECT " + std::to_string(i)) == i);
      if (countable)
        CHECK(number(*db, "SELECT count(*) FROM sqlite_stmt") == most);
    }
  }
}

TEST_CASE("json_model: database wants as many values as parameters, and forgets them afterwards") {
  const auto db = make_database();
  CHECK(says(db->all("SELECT ?"), Errc::invalid_argument, "0 values for 1 parameters"));
  CHECK(says(db->all("SELECT 1", Values{SqlValue()}), Errc::invalid_argument, "1 values for 0 parameters"));
  CHECK(says(db->run("SELECT ?, ?2", Values{SqlValue()}), Errc::invalid_argument, "1 values for 2 parameters"));
  CHECK((**db->get("SELECT ?", Values{std::string("x")}))[0] == SqlValue(std::string("x")));
  CHECK((**db->get("SELECT ?", Values{SqlValue()}))[0] == SqlValue());
}

TEST_CASE("json_model: database takes one statement at a time, except for execute") {
  const auto db = with_rows();
  CHECK(says(db->all(""), Errc::invalid_argument, "no statement"));
  CHECK(says(db->all(" -- nothing\n"), Errc::invalid_argument, "no statement"));
  CHECK(says(db->run("INSERT INTO t(name) VALUES('d'); DROP TABLE t"), Errc::invalid_argument, "more than one"));
  CHECK(says(db->all("SELECT 1; nonsense"), Errc::invalid_argument, "more than one"));
  CHECK(says(db->all(std::string_view("SELECT 1\0; SELECT 2", 19)), Errc::invalid_argument, "more than one"));
  CHECK(db->all("SELECT 1; -- and no more\n /* at all */ ;").ok());
  must(db->execute("; INSERT INTO t(name) VALUES('d');;\nINSERT INTO t(name) VALUES('e') -- the end"));
  must(db->execute(""));
  CHECK(says(db->execute(std::string_view("DELETE FROM t WHERE id = 5;\0DELETE FROM t", 41)), Errc::invalid_argument,
             "zero byte"));
  CHECK(number(*db, "SELECT count(*) FROM t") == 4);
}
