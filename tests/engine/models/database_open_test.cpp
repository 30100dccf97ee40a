// Opening and closing a model database, its hooks, and who is told of what.
#include "engine/sqlite/connections.hpp"
#include "tests/engine/models/database_support.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/temp_directory.hpp"

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

using namespace weir;
using test::column;
using test::make_database;
using test::must;
using test::number;
using test::says;
using test::TempDirectory;
using test::Values;
using test::why;

TEST_CASE("json_model: database options that make no sense are refused by name") {
  const auto refused = [](ModelDatabaseOptions options, std::string_view option) {
    return says(ModelDatabase::create(std::move(options)), Errc::invalid_argument, option);
  };
  CHECK(refused({.file = ":memory:"}, "file"));
  CHECK(refused({.file = std::string("a\0b", 3)}, "file"));
  CHECK(refused({.read_only = true}, "read_only"));
  CHECK(refused({.readers_max = 0}, "readers_max"));
  CHECK(refused({.readers_max = 65}, "readers_max"));
  CHECK(refused({.busy_timeout_ms = std::chrono::milliseconds(-1)}, "busy_timeout_ms"));
  CHECK(refused({.busy_timeout_ms = std::chrono::milliseconds::max()}, "busy_timeout_ms"));
  CHECK(refused({.vacuum_interval_ms = std::chrono::milliseconds::max()}, "vacuum_interval_ms"));
  CHECK(refused({.statements_max = 0}, "statements_max"));
  CHECK(refused({.vacuum_interval_ms = std::chrono::milliseconds(-1)}, "vacuum_interval_ms"));
  CHECK(refused({.vacuum_pages = 0}, "vacuum_pages"));
}

TEST_CASE("json_model: database opens at its first use, closes, and opens again") {
  const TempDirectory directory;
  const std::string file = directory.path("a.db");
  const auto db = make_database({.file = file});
  CHECK(!db->is_open());
  CHECK(!std::filesystem::exists(file));
  must(db->execute("CREATE TABLE t(x); INSERT INTO t VALUES(1)"));
  CHECK(db->is_open());
  CHECK(std::filesystem::exists(file + "-wal"));
  CHECK(std::filesystem::status(file).permissions() ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  must(db->close());
  must(db->close());
  CHECK(!db->is_open());
  CHECK(!std::filesystem::exists(file + "-wal")); // its content is in the file
  CHECK(number(*db, "SELECT x FROM t") == 1);
  CHECK(db->is_open());
  must(db->open());
}

TEST_CASE("json_model: database in memory is empty after closing") {
  const auto db = make_database();
  must(db->execute("CREATE TABLE t(x)"));
  CHECK(number(*db, "SELECT count(*) FROM sqlite_schema") == 1);
  must(db->close());
  CHECK(number(*db, "SELECT count(*) FROM sqlite_schema") == 0);
}

TEST_CASE("json_model: database connections enforce foreign keys, run triggers of triggers and bound the journal") {
  const TempDirectory directory;
  for (const bool synced : {true, false}) {
    const auto db = make_database({.file = directory.path("a.db"), .synced = synced});
    must(db->transaction([&]() -> Status { // inside, reads are made through the connection that writes
      CHECK(number(*db, "PRAGMA foreign_keys") == 1);
      CHECK(number(*db, "PRAGMA recursive_triggers") == 1);
      CHECK(number(*db, "PRAGMA journal_size_limit") == (synced ? 4 : 32) * 1024 * 1024);
      auto lease = db->connections().write(); // nothing that callers may ask
      REQUIRE(lease.ok());
      const auto pages = lease->prepare("PRAGMA wal_autocheckpoint");
      REQUIRE(pages.ok());
      CHECK((*pages)->step().ok());
      CHECK((*pages)->integer(0) == (synced ? 1'000 : 4'000));
      CHECK(number(*db, "PRAGMA synchronous") == (synced ? 2 : 1));
      CHECK(number(*db, "PRAGMA query_only") == 0);
      return {};
    }));
    CHECK(number(*db, "PRAGMA query_only") == 1);
  }
}

TEST_CASE("json_model: database selects without order come the other way round where that is asked for") {
  const TempDirectory directory;
  for (const std::string& file : {std::string(), directory.path("a.db")}) {
    const auto db = make_database({.file = file, .reverse_unordered = true});
    must(db->execute("CREATE TABLE t(x); INSERT INTO t VALUES(1), (2), (3)"));
    CHECK(column(*db, "SELECT x FROM t") == "3 2 1");
    CHECK(column(*db, "SELECT x FROM t ORDER BY x") == "1 2 3");
  }
}

TEST_CASE("json_model: database open fails if a hook fails or throws, closes, and can be tried again") {
  const TempDirectory directory;
  std::string failing;
  std::string calls;
  const auto hook = [&](std::string name) -> Status {
    calls += name + " ";
    if (failing == name)
      return fail(Errc::cancelled, "not " + name);
    if (failing == name + "!")
      throw std::runtime_error("thrown by " + name);
    return {};
  };
  const auto db = make_database({.file = directory.path("a.db"),
                                 .before_open = [&] { return hook("before_open"); },
                                 .after_open = [&](ModelDatabase& self) -> Status {
                                   CHECK(number(self, "SELECT 7") == 7); // it can be used already
                                   return hook("after_open");
                                 },
                                 .before_migrations = [&](ModelDatabase&) { return hook("before_migrations"); }});
  for (const char* const name : {"before_open", "before_migrations", "after_open"}) {
    failing = name;
    const Status failed = db->open();
    CHECK(says(failed, Errc::cancelled, "not " + failing));
    CHECK(failed.error().message.starts_with(db->name()));
    CHECK(!db->is_open());
    failing += "!";
    CHECK(says(db->all("SELECT 1"), Errc::invalid_argument, "thrown by "));
    CHECK(!db->is_open());
  }
  failing.clear();
  calls.clear();
  must(db->open());
  CHECK(calls == "before_open before_migrations after_open ");
  must(db->open());
  CHECK(calls == "before_open before_migrations after_open ");
}

TEST_CASE("json_model: database hooks cannot close it, and the one before opening cannot use it") {
  ModelDatabase* self = nullptr;
  const auto db = make_database({.before_open = [&]() -> Status {
                                   const auto rows = self->all("SELECT 1");
                                   return rows ? Status() : Status(rows.error());
                                 },
                                 .after_open = [](ModelDatabase& opened) { return opened.close(); }});
  self = db.get();
  CHECK(says(db->open(), Errc::closing, "closed"));
  const auto other = make_database({.after_open = [](ModelDatabase& opened) { return opened.close(); }});
  CHECK(says(other->open(), Errc::invalid_argument, "cannot be closed"));
  CHECK(!other->is_open());
}

TEST_CASE("json_model: database errors of opening name the file") {
  const TempDirectory directory;
  const std::string file = directory.path("nowhere/a.db");
  const auto db = make_database({.file = file});
  const Status failed = db->open();
  REQUIRE(says(failed, Errc::io_error, "unable to open database file"));
  CHECK(failed.error().where.find(file) != std::string::npos);
  const std::string other = directory.path("b.db");
  { std::ofstream(other) << std::string(5000, 'x'); }
  CHECK(says(make_database({.file = other})->open(), Errc::corruption, "not a database"));
}

TEST_CASE("json_model: database opened by ten threads at once is opened once") {
  std::atomic<int> opens{0};
  const auto db = make_database({.before_open = [&]() -> Status {
    ++opens;
    return {};
  }});
  std::vector<std::thread> threads;
  std::atomic<int> worked{0};
  for (int i = 0; i < 10; ++i)
    threads.emplace_back([&] { worked += db->open().ok() && db->all("SELECT 1").ok() ? 1 : 0; });
  for (auto& thread : threads)
    thread.join();
  CHECK(worked == 10);
  CHECK(opens == 1);
}

TEST_CASE("json_model: database open that others wait for fails for them with its error, later ones make it anew") {
  test::Gate gate;
  gate.close();
  std::atomic<int> opens{0};
  const auto db = make_database({.before_open = [&]() -> Status {
    if (++opens == 1) {
      gate.pass();
      return fail(Errc::cancelled, "the first one");
    }
    return {};
  }});
  std::array<Status, 4> results;
  std::vector<std::thread> threads;
  threads.emplace_back([&] { results[0] = db->open(); });
  gate.wait_until_n_waiting(1);
  for (std::size_t i = 1; i < results.size(); ++i)
    threads.emplace_back([&, i] { results[i] = db->open(); });
  CHECK(!db->is_open());
  gate.open();
  for (auto& thread : threads)
    thread.join();
  CHECK(says(results[0], Errc::cancelled, "the first one"));
  // Nobody knows which threads came in time to wait for it: those have its error, all others the one open after it.
  bool later = false;
  for (const Status& result : results)
    later |= says(result, result.ok() ? Errc::ok : Errc::cancelled, "the first one") && result.ok();
  CHECK(opens == (later ? 2 : 1));
  CHECK(db->is_open() == later);
  must(db->open());
  CHECK(opens == 2);
}

TEST_CASE("json_model: database runs a function once: now if it is open, else after the next open") {
  const auto db = make_database();
  std::string calls;
  const auto note = [&](std::string text) {
    return [&calls, text](ModelDatabase& self) -> Status {
      CHECK(number(self, "SELECT 1") == 1);
      calls += text;
      return {};
    };
  };
  must(db->run_once_on_open(note("a")));
  must(db->run_once_on_open(note("b")));
  CHECK(calls.empty());
  must(db->open());
  CHECK(calls == "ab");
  must(db->run_once_on_open(note("c")));
  CHECK(calls == "abc");
  must(db->close());
  must(db->open());
  CHECK(calls == "abc");
  CHECK(says(db->run_once_on_open([](ModelDatabase&) -> Status { throw std::runtime_error("boom"); }),
             Errc::invalid_argument, "boom"));
  CHECK(says(db->run_once_on_open({}), Errc::invalid_argument, "no function"));
}

TEST_CASE("json_model: database function to run once that fails fails the open, and says where it was registered") {
  std::string calls;
  const auto db = make_database({.after_open = [&](ModelDatabase& self) -> Status {
    calls += "after_open ";
    return self.run_once_on_open([&](ModelDatabase&) -> Status {
      calls += "inner ";
      return {};
    });
  }});
  must(db->run_once_on_open([](ModelDatabase&) -> Status { throw std::runtime_error("boom"); }, "shop.cpp:7"));
  const Status failed = db->open();
  CHECK(says(failed, Errc::invalid_argument, "registered at shop.cpp:7"));
  CHECK(says(failed, Errc::invalid_argument, "boom"));
  CHECK(!db->is_open());
  calls.clear();
  must(db->open());
  CHECK(calls == "after_open inner inner "); // the one of the open that failed was left
}

TEST_CASE("json_model: database tells of each statement, with its error, and never of what the listener does") {
  struct Told {
    std::string sql, error;
  };
  std::vector<Told> told;
  ModelDatabase* self = nullptr;
  const auto db = make_database({.name = "told", .on_call = [&](const SqlCall& call) {
                                   CHECK(call.database == self->name());
                                   CHECK(call.duration_us.count() >= 0);
                                   told.push_back({std::string(call.sql), call.error ? call.error->message : ""});
                                   CHECK(number(*self, "SELECT 9") == 9);
                                   throw std::runtime_error("goes nowhere");
                                 }});
  self = db.get();
  must(db->open());
  told.clear();
  must(db->execute("CREATE TABLE t(x UNIQUE)"));
  REQUIRE(db->run("INSERT INTO t VALUES(?)", Values{std::int64_t{1}}).ok());
  CHECK(!db->run("INSERT INTO t VALUES(?)", Values{std::int64_t{1}}).ok());
  CHECK(number(*db, "SELECT x FROM t") == 1);
  CHECK(!db->all("SELECT y FROM t").ok());
  must(db->transaction([]() -> Status { return {}; }));
  REQUIRE(told.size() == 7);
  CHECK(told[0].sql == "CREATE TABLE t(x UNIQUE)");
  CHECK(told[1].sql == "INSERT INTO t VALUES(?)");
  CHECK(told[1].error.empty());
  CHECK(told[2].error.find("UNIQUE") != std::string::npos);
  CHECK(told[3].sql == "SELECT x FROM t");
  CHECK(told[4].error.find("no such column") != std::string::npos);
  CHECK(told[5].sql == "BEGIN IMMEDIATE");
  CHECK(told[6].sql == "COMMIT");
}

TEST_CASE("json_model: database tells of a statement that each walks once, when it is through with it") {
  std::vector<std::string> told;
  const auto db = make_database({.on_call = [&](const SqlCall& call) {
    told.push_back(std::string(call.sql) + (call.error != nullptr ? ": " + call.error->message : ""));
  }});
  must(db->execute("CREATE TABLE t(x); INSERT INTO t VALUES(1), (2), (-9223372036854775808)"));
  told.clear();
  const auto walk = [&](const std::string& sql, std::uint64_t last, bool fails = false) {
    const auto seen = db->each(sql, {}, [&](const auto&, std::uint64_t index) -> Result<bool> {
      CHECK(told.empty());
      if (fails)
        return fail(Errc::cancelled, "enough");
      return index != last;
    });
    REQUIRE(told.size() == 1);
    const std::string what = told.front();
    told.clear();
    return std::pair(seen.ok() ? *seen : 0, what);
  };
  const std::string all = "SELECT x FROM t ORDER BY rowid";
  CHECK(walk(all, 99) == std::pair(std::uint64_t{3}, all));
  CHECK(walk(all, 1) == std::pair(std::uint64_t{2}, all)); // ended early
  // It is the function that fails here, and not the statement.
  CHECK(walk(all, 99, true) == std::pair(std::uint64_t{0}, all));
  const std::string overflow = "SELECT abs(x) FROM t ORDER BY rowid";
  const auto failed = walk(overflow, 99);
  CHECK(failed.first == 0);
  CHECK(failed.second.starts_with(overflow + ": "));
  CHECK(failed.second.find("integer overflow") != std::string::npos);
  CHECK(!walk("SELECT y FROM t", 99).second.ends_with("SELECT y FROM t"));
}

TEST_CASE("json_model: database closing waits for calls under way and lets the next use open it again") {
  const TempDirectory directory;
  const auto db = make_database({.file = directory.path("a.db")});
  must(db->execute("CREATE TABLE t(x); INSERT INTO t VALUES(1), (2)"));
  test::Gate gate;
  gate.close();
  std::atomic<bool> over{false};
  Result<std::uint64_t> rows = std::uint64_t{0};
  std::thread reader([&] {
    rows = db->each("SELECT x FROM t", {}, [&](const SqlRow&, std::uint64_t index) -> Result<bool> {
      if (index == 0)
        gate.pass();
      else
        over = number(*db, "SELECT count(*) FROM t") == 2; // a call inside of one does not wait for the close
      return true;
    });
  });
  gate.wait_until_n_waiting(1);
  std::thread closer([&] {
    CHECK(db->close().ok());
    CHECK(over);
  });
  gate.open();
  reader.join();
  closer.join();
  REQUIRE_MESSAGE(rows.ok(), why(rows));
  CHECK(*rows == 2);
  CHECK(number(*db, "SELECT count(*) FROM t") == 2);
}

TEST_CASE("json_model: database opened, used and closed by many threads gives each its answer") {
  const TempDirectory directory(test::fast_parent());
  const auto db = make_database({.file = directory.path("a.db"), .synced = false, .readers_max = 2});
  must(db->execute("CREATE TABLE t(x)"));
  std::array<std::thread, 4> threads;
  std::atomic<int> failures{0};
  for (std::size_t i = 0; i < threads.size(); ++i)
    threads[i] = std::thread([&, i] {
      for (int round = 0; round < 25; ++round) {
        const bool closes = i == 0 && round % 5 == 0;
        if (closes ? !db->close().ok() : !db->run("INSERT INTO t VALUES(1)").ok() || !db->all("SELECT x FROM t").ok())
          ++failures;
      }
    });
  for (auto& thread : threads)
    thread.join();
  CHECK(failures == 0);
  CHECK(number(*db, "SELECT count(*) FROM t") == 95);
}
