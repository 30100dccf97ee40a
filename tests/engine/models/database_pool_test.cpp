// The connections below a model database: turns, readers, patience with others.
#include "engine/sqlite/connection_pool.hpp"
#include "engine/sqlite/fair_semaphore.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace weir;
using sqlite::ConnectionPool;
using sqlite::Database;
using sqlite::FairSemaphore;
using sqlite::PoolOptions;
using std::chrono::milliseconds;
using test::TempDirectory;
using test::why;

namespace {

struct OpenPool {
  explicit OpenPool(PoolOptions options) : pool(std::move(options)) {
    const auto opened = pool.open();
    REQUIRE_MESSAGE(opened.ok(), why(opened));
    number = *opened;
  }
  [[nodiscard]] sqlite::Lease read() {
    auto lease = pool.read(number);
    REQUIRE_MESSAGE(lease.ok(), why(lease));
    return std::move(*lease);
  }
  [[nodiscard]] sqlite::Lease own() {
    auto lease = pool.own(number);
    REQUIRE_MESSAGE(lease.ok(), why(lease));
    return std::move(*lease);
  }
  ConnectionPool pool;
  std::uint64_t number = 0;
};

std::int64_t integer(sqlite::Lease& lease, std::string_view sql) {
  auto statement = lease.prepare(sql);
  REQUIRE_MESSAGE(statement.ok(), why(statement));
  const auto row = (*statement)->step();
  REQUIRE_MESSAGE(row.ok(), why(row));
  REQUIRE(*row);
  return (*statement)->integer(0);
}

} // namespace

TEST_CASE("json_model: database turns are given in the order they were asked for") {
  FairSemaphore semaphore(1);
  semaphore.acquire();
  std::vector<int> order;
  std::vector<std::thread> threads;
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&, i] {
      semaphore.acquire();
      order.push_back(i);
      semaphore.release();
    });
    while (semaphore.waiting() != static_cast<std::size_t>(i) + 1)
      std::this_thread::yield();
  }
  semaphore.release();
  for (auto& thread : threads)
    thread.join();
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
  semaphore.acquire(); // it is free again
  CHECK(semaphore.waiting() == 0);
}

TEST_CASE("json_model: database connection that writes is one thread's at a time, and its own again and again") {
  const TempDirectory directory;
  OpenPool open({.file = directory.path("a.db")});
  std::thread waiting;
  std::atomic<bool> had{false};
  {
    auto lease = open.own();
    REQUIRE(lease.execute("CREATE TABLE t(x); INSERT INTO t VALUES(1)").ok());
    REQUIRE(lease.execute("BEGIN IMMEDIATE; UPDATE t SET x = 2").ok());
    CHECK(open.pool.in_own_transaction());
    waiting = std::thread([&] {
      auto own = open.own();
      had = true;
      CHECK(integer(own, "SELECT x FROM t") == 2);
    });
    while (open.pool.waiting_for_turn() != 1)
      std::this_thread::yield();
    {
      auto again = open.own();
      CHECK(again.in_transaction());
      auto read = open.read();
      CHECK(integer(read, "SELECT x FROM t") == 2); // through the transaction
    }
    std::thread([&] {
      CHECK(!open.pool.in_own_transaction());
      auto read = open.read();
      CHECK(integer(read, "SELECT x FROM t") == 1);
    }).join();
    CHECK(!had);
    REQUIRE(lease.execute("COMMIT").ok());
    CHECK(!open.pool.in_own_transaction());
  }
  waiting.join();
  CHECK(had);
}

TEST_CASE("json_model: database transaction left open with the turn is rolled back") {
  const TempDirectory directory;
  OpenPool open({.file = directory.path("a.db")});
  {
    auto lease = open.own();
    REQUIRE(lease.execute("CREATE TABLE t(x)").ok());
    REQUIRE(lease.execute("BEGIN; INSERT INTO t VALUES(1)").ok());
  }
  auto lease = open.own();
  CHECK(!lease.in_transaction());
  CHECK(integer(lease, "SELECT count(*) FROM t") == 0);
}

TEST_CASE("json_model: database readers are opened as needed, no more than told, and refuse to write") {
  const TempDirectory directory;
  OpenPool open({.file = directory.path("a.db"), .readers_max = 2});
  {
    auto lease = open.own();
    REQUIRE(lease.execute("CREATE TABLE t(x); INSERT INTO t VALUES(1)").ok());
  }
  auto first = open.read();
  auto second = open.read(); // of the same thread: the same one, which is no third
  CHECK(integer(second, "PRAGMA wal_autocheckpoint") == 0);
  CHECK(integer(second, "PRAGMA query_only") == 1);
  CHECK(second.execute("INSERT INTO t VALUES(2)").code() == Errc::io_error);
  std::atomic<int> reading{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        auto lease = open.read();
        most = std::max(most.load(), ++reading);
        CHECK(integer(lease, "SELECT x FROM t") == 1);
        --reading;
      }
    });
  for (auto& thread : threads)
    thread.join();
  CHECK(most == 1); // the other one is held here
}

TEST_CASE("json_model: database statement in use is compiled a second time for a second user") {
  OpenPool open({});
  auto lease = open.own();
  REQUIRE(lease.execute("CREATE TABLE t(x); INSERT INTO t VALUES(1), (2)").ok());
  constexpr const char* sql = "SELECT x FROM t ORDER BY x";
  auto outer = lease.prepare(sql);
  REQUIRE(outer.ok());
  CHECK(*(*outer)->step());
  {
    auto inner = lease.prepare(sql);
    REQUIRE(inner.ok());
    CHECK(&**inner != &**outer);
    CHECK(*(*inner)->step());
    CHECK((*inner)->integer(0) == 1);
  }
  CHECK(*(*outer)->step());
  CHECK((*outer)->integer(0) == 2);
}

TEST_CASE("json_model: database waits for other processes in growing pauses, and goes on when they are done") {
  const TempDirectory directory;
  const std::string file = directory.path("a.db");
  std::vector<milliseconds> pauses;
  std::unique_ptr<Database> other;
  OpenPool open({.file = file, .wait = [&](milliseconds pause) {
                   pauses.push_back(pause);
                   if (pauses.size() == 5)
                     REQUIRE(other->execute("COMMIT").ok());
                 }});
  auto opened = Database::open(file, {});
  REQUIRE_MESSAGE(opened.ok(), why(opened));
  other = std::make_unique<Database>(std::move(*opened));
  REQUIRE(other->execute("BEGIN IMMEDIATE").ok());
  auto lease = open.own();
  const Status begun = lease.execute("BEGIN IMMEDIATE");
  CHECK_MESSAGE(begun.ok(), why(begun));
  REQUIRE(pauses.size() == 5);
  milliseconds longest{1};
  for (const milliseconds pause : pauses) {
    CHECK(pause >= milliseconds{1});
    CHECK(pause <= longest);
    longest *= 2;
  }
}

TEST_CASE("json_model: database waits for other processes no longer than ten times its patience") {
  const TempDirectory directory;
  const std::string file = directory.path("a.db");
  milliseconds waited{0};
  OpenPool open(
      {.file = file, .busy_timeout_ms = milliseconds(100), .wait = [&](milliseconds pause) { waited += pause; }});
  auto other = Database::open(file, {});
  REQUIRE_MESSAGE(other.ok(), why(other));
  REQUIRE(other->execute("BEGIN IMMEDIATE").ok());
  for (int round = 1; round <= 2; ++round) {
    auto lease = open.own();
    waited = {};
    CHECK(lease.execute("BEGIN IMMEDIATE").code() == Errc::locked);
    CHECK(waited >= milliseconds(1'000));
    CHECK(waited <= milliseconds(1'064));
  }
  waited = {};
  ConnectionPool late({.file = file, .wait = [&](milliseconds pause) { waited += pause; }});
  CHECK(late.open().ok()); // what only opens and closes a file waits for nobody
  late.close();
  open.pool.close();
  CHECK(waited.count() == 0);
}

TEST_CASE("json_model: database lease asked for by the number of another opening is refused") {
  ConnectionPool pool({});
  CHECK(pool.read(0).code() == Errc::closing);
  const auto first = pool.open();
  REQUIRE(first.ok());
  pool.close();
  CHECK(pool.own(*first).code() == Errc::closing);
  const auto second = pool.open();
  REQUIRE(second.ok());
  CHECK(pool.own(*first).code() == Errc::closing);
  CHECK(pool.own(*second).ok());
  CHECK(!pool.in_use_here());
}
