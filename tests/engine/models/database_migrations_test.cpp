// Migrations of a model database: their order, once, all or nothing.
#include "tests/engine/models/database_support.hpp"
#include "tests/support/temp_directory.hpp"

#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>

using namespace weir;
using test::column;
using test::make_database;
using test::must;
using test::number;
using test::says;
using test::TempDirectory;
using test::why;

namespace {

/// A migration that notes its name in the table "ran".
Migration noting(std::string key, std::string text) {
  return {std::move(key), [text = std::move(text)](ModelDatabase& db) -> Status {
            WEIR_TRY(db.execute("CREATE TABLE IF NOT EXISTS ran(name TEXT)"));
            const auto ran = db.run("INSERT INTO ran VALUES(?)", test::Values{text});
            return ran ? Status() : Status(ran.error());
          }};
}

constexpr const char* runs = R"(SELECT run_key || up FROM "{weir} migrations" ORDER BY id)";

} // namespace

TEST_CASE("json_model: database migrations run by key and group over all groups, before after_open, once") {
  const TempDirectory directory;
  const std::string file = directory.path("a.db");
  for (int round = 0; round < 2; ++round) {
    std::string seen;
    std::vector<std::int64_t> tables_before;
    const auto db = make_database({.file = file,
                                   .after_open = [&](ModelDatabase& self) -> Status {
                                     seen = column(self, "SELECT name FROM ran ORDER BY rowid");
                                     return {};
                                   },
                                   .before_migrations = [&](ModelDatabase& self) -> Status {
                                     tables_before.push_back(number(self, "SELECT count(*) FROM sqlite_schema"));
                                     return {};
                                   }});
    must(db->register_migrations("z", {noting("c", "cz"), noting("a", "az")}));
    must(db->register_migrations("a", {noting("b", "ba")}));
    must(db->register_migrations("z", {noting("b", "bz")}));
    must(db->open());
    CHECK(seen == "'az' 'ba' 'bz' 'cz'");
    CHECK(tables_before.front() == (round == 0 ? 0 : 2));
    must(db->close());
    must(db->open());
    CHECK(seen == "'az' 'ba' 'bz' 'cz'");
    CHECK(column(*db, runs) == "'a z1' 'b a1' 'b z1' 'c z1'");
    CHECK(number(*db, R"(SELECT min(ran_at_s) > 1600000000 FROM "{weir} migrations")") == 1);
  }
}

TEST_CASE("json_model: database migrations registered for a file that has some run those that are new") {
  const TempDirectory directory;
  const std::string file = directory.path("a.db");
  {
    const auto db = make_database({.file = file});
    must(db->register_migrations("g", {noting("b", "b")}));
    must(db->open());
  }
  const auto db = make_database({.file = file});
  must(db->register_migrations("g", {noting("a", "a"), noting("b", "b"), noting("c", "c")}));
  CHECK(column(*db, "SELECT name FROM ran ORDER BY rowid") == "'b' 'a' 'c'");
}

TEST_CASE("json_model: database migration whose last run was no up runs again") {
  const TempDirectory directory;
  const std::string file = directory.path("a.db");
  const auto migrated = [&] {
    auto db = make_database({.file = file});
    must(db->register_migrations("g", {noting("a", "a")}));
    return db;
  };
  must(migrated()->execute(R"(INSERT INTO "{weir} migrations"(run_key, ran_at_s, up) VALUES('a g', 1, 0))"));
  CHECK(column(*migrated(), "SELECT name FROM ran") == "'a' 'a'");
  CHECK(column(*migrated(), "SELECT name FROM ran") == "'a' 'a'");
}

TEST_CASE("json_model: database migrations without a function, without a key, or twice are refused") {
  const auto db = make_database();
  CHECK(says(db->register_migrations("g", {{.key = "a"}}), Errc::invalid_argument, "migration a of g has no function"));
  CHECK(says(db->register_migrations("g", {noting("", "")}), Errc::invalid_argument, "no key"));
  CHECK(says(db->register_migrations("", {noting("a", "a")}), Errc::invalid_argument, "name"));
  CHECK(says(db->register_migrations("g", {noting("a", "a"), noting("a", "b")}), Errc::invalid_argument,
             "there already"));
  must(db->register_migrations("g", {noting("a", "a")}));
  CHECK(says(db->register_migrations("g", {noting("a", "a")}), Errc::invalid_argument, "there already"));
  must(db->register_migrations("b g", {noting("a", "a")}));
  CHECK(says(db->register_migrations("g", {noting("a b", "a")}), Errc::invalid_argument, "there already"));
  CHECK(number(*db, "SELECT count(*) FROM ran") == 2); // what was refused left nothing behind
}

TEST_CASE("json_model: database migrations are refused once they have run, or while they run") {
  const auto db = make_database();
  Status inside;
  must(db->register_migrations("g", {{"a", [&](ModelDatabase& self) -> Status {
                                        inside = self.register_migrations("g", {noting("b", "b")});
                                        return {};
                                      }}}));
  must(db->open());
  CHECK(says(inside, Errc::invalid_argument, "migrations have run"));
  CHECK(says(db->register_migrations("h", {noting("a", "a")}), Errc::invalid_argument, "migrations have run"));
  must(db->close());
  CHECK(says(db->register_migrations("h", {noting("a", "a")}), Errc::invalid_argument, "migrations have run"));
}

TEST_CASE("json_model: database migration that fails takes all back, fails the open, and is tried by a later one") {
  const TempDirectory directory;
  const auto db = make_database({.file = directory.path("a.db")});
  std::string how = "fails";
  must(db->register_migrations("g", {noting("a", "a"), {"b", [&](ModelDatabase& self) -> Status {
                                                          CHECK(self.in_transaction());
                                                          if (how == "fails")
                                                            return fail(Errc::cancelled, "not yet");
                                                          if (how == "throws")
                                                            throw std::runtime_error("boom");
                                                          return {};
                                                        }}}));
  const Status failed = db->open();
  CHECK(says(failed, Errc::cancelled, "migration b g: not yet"));
  CHECK(failed.error().message.starts_with(db->name()));
  CHECK(!db->is_open());
  how = "throws";
  CHECK(says(db->all("SELECT 1"), Errc::invalid_argument, "boom"));
  {
    const auto other = make_database({.file = directory.path("a.db")});
    CHECK(number(*other, "SELECT count(*) FROM sqlite_schema") == 0);
  }
  must(db->register_migrations("g", {noting("c", "c")})); // none has run yet
  how = "works";
  must(db->open());
  CHECK(column(*db, "SELECT name FROM ran") == "'a' 'c'");
  CHECK(column(*db, runs) == "'a g1' 'b g1' 'c g1'");
}

TEST_CASE("json_model: database in memory migrates at each open") {
  const auto db = make_database();
  must(db->register_migrations("g", {noting("a", "a")}));
  for (int round = 0; round < 3; ++round) {
    CHECK(column(*db, "SELECT name FROM ran") == "'a'");
    must(db->close());
  }
}

TEST_CASE("json_model: database without migrations has no table of them") {
  const auto db = make_database();
  CHECK(number(*db, "SELECT count(*) FROM sqlite_schema") == 0);
}

TEST_CASE("json_model: database of a new file opened ten times at once migrates once, and all ten work") {
  const TempDirectory directory(test::fast_parent());
  for (int round = 0; round < 3; ++round) {
    const std::string file = directory.path("a" + std::to_string(round) + ".db");
    std::array<std::unique_ptr<ModelDatabase>, 10> databases;
    std::atomic<int> ups{0};
    for (auto& db : databases) {
      db = make_database({.file = file, .busy_timeout_ms = std::chrono::minutes(1)});
      must(db->register_migrations("g", {noting("a", "a"), {"b", [&](ModelDatabase&) -> Status {
                                                              ++ups;
                                                              return {};
                                                            }}}));
    }
    std::array<std::string, 20> failures; // two threads for each object
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < failures.size(); ++i)
      threads.emplace_back([&, i] {
        const Status opened = databases[i / 2]->open();
        failures[i] = why(opened);
        if (opened)
          failures[i] = why(databases[i / 2]->all("SELECT name FROM ran"));
      });
    for (auto& thread : threads)
      thread.join();
    for (const std::string& failure : failures)
      CHECK(failure.empty());
    CHECK(ups == 1);
    CHECK(column(*databases[0], runs) == "'a g1' 'b g1'");
    CHECK(number(*databases[9], "SELECT count(*) FROM ran") == 1);
  }
}
