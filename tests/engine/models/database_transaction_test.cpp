// Transactions of a model database: turns, isolation, events.
#include "tests/engine/models/database_support.hpp"
#include "tests/support/temp_directory.hpp"

#include <array>
#include <atomic>
#include <limits>
#include <stdexcept>
#include <thread>

using namespace weir;
using namespace weir::test;

namespace {

std::unique_ptr<ModelDatabase> counter(ModelDatabaseOptions options = {}) {
  auto db = make_database(std::move(options));
  must(db->execute("CREATE TABLE t(x); INSERT INTO t VALUES(0)"));
  return db;
}

Status set(ModelDatabase& db, std::int64_t x) {
  const auto ran = db.run("UPDATE t SET x = ?", Values{x});
  return ran ? Status() : Status(ran.error());
}

} // namespace

TEST_CASE("json_model: database transaction commits what succeeded and rolls back what failed or threw") {
  const TempDirectory directory;
  for (const std::string& file : {std::string(), directory.path("a.db")}) {
    const auto db = counter({.file = file});
    must(db->transaction([&] { return set(*db, 1); }));
    CHECK(number(*db, "SELECT x FROM t") == 1);
    const Status failed = db->transaction([&]() -> Status {
      WEIR_TRY(set(*db, 2));
      CHECK(db->in_transaction());
      CHECK(number(*db, "SELECT x FROM t") == 2); // its own writes are seen inside
      return fail(Errc::cancelled, "no");
    });
    CHECK(says(failed, Errc::cancelled, "no"));
    CHECK(failed.error().message.starts_with(db->name()));
    CHECK(number(*db, "SELECT x FROM t") == 1);
    CHECK(says(db->transaction([&]() -> Status {
      WEIR_TRY(set(*db, 3));
      throw std::runtime_error("boom");
    }),
               Errc::invalid_argument, "boom"));
    CHECK(says(db->transaction([&]() -> Status {
      WEIR_TRY(set(*db, 3));
      throw 3;
    }),
               Errc::invalid_argument, "no std::exception"));
    CHECK(number(*db, "SELECT x FROM t") == 1);
    CHECK(!db->in_transaction());
    must(db->transaction([&] { return set(*db, 4); }));
    CHECK(number(*db, "SELECT x FROM t") == 4);
  }
}

TEST_CASE("json_model: database transactions of many threads run one after the other, failures among them") {
  const TempDirectory directory(test::fast_parent());
  for (const std::string& file : {std::string(), directory.path("a.db")}) {
    const auto db = counter({.file = file, .synced = false});
    std::array<std::thread, 4> threads;
    std::atomic<int> inside{0};
    std::atomic<bool> alone{true};
    for (auto& thread : threads)
      thread = std::thread([&] {
        for (int i = 0; i < 20; ++i)
          (void)
              db->transaction([&]() -> Status {
                  alone = alone && ++inside == 1;
                  const auto row = db->get("SELECT x FROM t");
                  const Status written = set(*db, std::get<std::int64_t>((**row)[0]) + 1);
                  --inside;
                  return i % 2 == 0 ? written : Status(fail(Errc::cancelled, "every other one"));
                }).ok();
      });
    for (auto& thread : threads)
      thread.join();
    CHECK(alone);
    CHECK(number(*db, "SELECT x FROM t") == 40);
  }
}

TEST_CASE("json_model: database readers of a file see nothing of a transaction before it is committed") {
  const TempDirectory directory;
  const auto db = counter({.file = directory.path("a.db")});
  must(db->transaction([&]() -> Status {
    WEIR_TRY(set(*db, 1));
    std::thread([&] {
      CHECK(number(*db, "SELECT x FROM t") == 0);
      CHECK(!db->in_transaction());
    }).join();
    return {};
  }));
  CHECK(number(*db, "SELECT x FROM t") == 1);
}

TEST_CASE("json_model: database in memory lets other threads read before or after a transaction, never inside") {
  const auto db = counter();
  std::thread reader;
  must(db->transaction([&]() -> Status {
    WEIR_TRY(set(*db, 1));
    reader = std::thread([&] { CHECK(number(*db, "SELECT x FROM t") == 2); });
    return set(*db, 2);
  }));
  reader.join();
}

TEST_CASE("json_model: database transactions do not nest, and cannot be begun or ended by hand") {
  const auto db = counter();
  must(db->transaction([&]() -> Status {
    CHECK(says(db->transaction([]() -> Status { return {}; }), Errc::invalid_argument, "inside another"));
    CHECK(says(db->close(), Errc::invalid_argument, "cannot be closed"));
    CHECK(db->execute("COMMIT").code() == Errc::unsupported);
    CHECK(db->execute("ROLLBACK").code() == Errc::unsupported);
    return set(*db, 1);
  }));
  CHECK(says(db->execute("BEGIN"), Errc::unsupported, "BEGIN"));
  CHECK(says(db->execute("SAVEPOINT a"), Errc::unsupported, "SAVEPOINT"));
  must(db->transaction([&] { return set(*db, 2); }));
  CHECK(number(*db, "SELECT x FROM t") == 2);
  CHECK(says(db->transaction({}), Errc::invalid_argument, "function"));
}

TEST_CASE("json_model: database transaction that SQLite rolled back by itself fails even if nobody looked") {
  const auto db = counter();
  const Status failed = db->transaction([&]() -> Status {
    WEIR_TRY(set(*db, 1));
    CHECK(db->run("INSERT OR ROLLBACK INTO t SELECT x FROM t WHERE abs(-9223372036854775807 - 1)").code() ==
          Errc::invalid_argument); // this error alone rolls nothing back
    CHECK(db->in_transaction());
    must(db->execute("CREATE UNIQUE INDEX u ON t(x)"));
    CHECK(db->run("INSERT OR ROLLBACK INTO t VALUES(1)").code() == Errc::condition_failed);
    CHECK(!db->in_transaction());
    return {};
  });
  CHECK(says(failed, Errc::invalid_argument, "ended before"));
  CHECK(number(*db, "SELECT x FROM t") == 0);
}

TEST_CASE("json_model: database tells of a transaction's beginning, its end or rollback, and that it is over") {
  const auto db = counter();
  using Event = ModelDatabase::TransactionEvent;
  std::vector<Event> events;
  db->on_transaction([&](Event event) {
    events.push_back(event);
    throw std::runtime_error("goes nowhere");
  });
  db->on_transaction({});
  must(db->transaction([&]() -> Status {
    CHECK(events == std::vector<Event>{Event::begin});
    return {};
  }));
  CHECK(events == std::vector<Event>{Event::begin, Event::end, Event::finally});
  events.clear();
  CHECK(!db->transaction([]() -> Status { return fail(Errc::cancelled, "no"); }).ok());
  CHECK(events == std::vector<Event>{Event::begin, Event::rollback, Event::finally});
}

TEST_CASE("json_model: database that another connection keeps busy is locked after all attempts, then free again") {
  const TempDirectory directory;
  const auto db = counter({.file = directory.path("a.db"), .busy_timeout_ms = std::chrono::milliseconds(0)});
  const auto other = make_database({.file = directory.path("a.db")});
  must(other->transaction([&]() -> Status {
    CHECK(says(db->transaction([]() -> Status { return {}; }), Errc::locked, "database is locked (code 5)"));
    CHECK(says(set(*db, 1), Errc::locked, "locked"));
    CHECK(number(*db, "SELECT x FROM t") == 0); // reads are not in the way
    return {};
  }));
  must(db->transaction([&] { return set(*db, 1); }));
  CHECK(number(*other, "SELECT x FROM t") == 1);
}

TEST_CASE("json_model: database data_version changes when another connection has written, and only then") {
  const TempDirectory directory;
  const auto db = counter({.file = directory.path("a.db")});
  const auto other = make_database({.file = directory.path("a.db")});
  const auto version = [&] {
    const auto now = db->data_version();
    REQUIRE_MESSAGE(now.ok(), why(now));
    return *now;
  };
  const std::int64_t before = version();
  must(set(*db, 1));
  CHECK(number(*other, "SELECT x FROM t") == 1);
  CHECK(version() == before);
  must(set(*other, 2));
  const std::int64_t after = version();
  CHECK(after != before);
  CHECK(version() == after);
}

TEST_CASE("json_model: database user_version is part of a transaction, and can be set back to 0") {
  const TempDirectory directory;
  const auto db = make_database({.file = directory.path("a.db")});
  const auto other = make_database({.file = directory.path("a.db")});
  CHECK(*db->user_version() == 0);
  must(db->transaction([&]() -> Status {
    WEIR_TRY(db->set_user_version(7));
    CHECK(*db->user_version() == 7);
    CHECK(*other->user_version() == 0);
    return {};
  }));
  CHECK(*other->user_version() == 7);
  CHECK(!db->transaction([&]() -> Status {
             WEIR_TRY(db->set_user_version(8));
             return fail(Errc::cancelled, "no");
           }).ok());
  CHECK(*db->user_version() == 7);
  must(db->set_user_version(std::numeric_limits<std::int32_t>::min()));
  CHECK(*other->user_version() == std::numeric_limits<std::int32_t>::min());
  must(db->set_user_version(0));
  CHECK(*other->user_version() == 0);
}
