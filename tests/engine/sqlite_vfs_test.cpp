// SQLite on the simulated disk.
#include "engine/io/memory_faults.hpp"
#include "engine/io/memory_file_system.hpp"
#include "engine/sqlite/database.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>

using namespace weir;
using io::CrashPolicy;
using io::MemoryFileSystem;
using sqlite::Database;
using sqlite::Transaction;

namespace {

Database must_open(io::FileSystem& fs) {
  auto database = Database::open(fs, "a.db", {.create = true, .exclusive = true});
  REQUIRE_MESSAGE(database.ok(), to_string(database.ok() ? Error{} : database.error()));
  return std::move(*database);
}

Database must_create(MemoryFileSystem& fs) {
  Database database = must_open(fs);
  REQUIRE(database.use_wal().ok());
  REQUIRE(database.execute("CREATE TABLE t(n INTEGER)").ok());
  REQUIRE(fs.sync_directory("").ok());
  return database;
}

Status insert(Database& database, int n) {
  auto transaction = Transaction::begin(database);
  if (!transaction)
    return transaction.error();
  WEIR_TRY(database.execute("INSERT INTO t VALUES(" + std::to_string(n) + ")"));
  return transaction->commit();
}

std::int64_t rows(io::FileSystem& fs) {
  Database database = must_open(fs);
  REQUIRE(database.quick_check().ok());
  const auto count = database.query_integer("SELECT count(*) FROM t");
  return count ? *count : -1;
}

struct Inserted {
  Status answered;
  std::unique_ptr<MemoryFileSystem> power_cut; ///< What one leaves right after a row was inserted.
};

/// Opens the database, inserts a row, and closes it, which moves the journal away. Faults end before that.
Inserted insert_into_new_journal(MemoryFileSystem& fs) {
  Inserted inserted;
  const auto attempt = [&]() -> Status {
    auto database = Database::open(fs, "a.db", {.create = true, .exclusive = true});
    if (!database)
      return database.error();
    WEIR_TRY(database->use_wal());
    WEIR_TRY(database->execute("CREATE TABLE IF NOT EXISTS t(n INTEGER)"));
    WEIR_TRY(insert(*database, 1));
    inserted.power_cut = fs.crash_image(CrashPolicy::lose_unsynced());
    fs.set_hook({});
    return {};
  };
  inserted.answered = attempt();
  fs.set_hook({});
  return inserted;
}

} // namespace

TEST_CASE("sqlite: on a simulated disk a committed transaction survives a power cut at any later call") {
  MemoryFileSystem fs;
  int committed = 0;
  std::uint64_t images = 0;
  {
    Database database = must_create(fs);
    fs.set_hook([&](const io::Call& call) -> std::optional<Error> {
      for (const auto& policy :
           {CrashPolicy::lose_unsynced(), CrashPolicy::keep_everything(), CrashPolicy::random_subset(call.number)}) {
        const auto found = rows(*fs.crash_image(policy));
        CHECK(found >= committed);
        CHECK(found <= committed + 1);
        ++images;
      }
      return std::nullopt;
    });
    for (int n = 1; n <= 5; ++n) {
      REQUIRE(insert(database, n).ok());
      committed = n;
    }
    REQUIRE(database.checkpoint().ok());
    fs.set_hook({});
    CHECK(images > 60);
    CHECK(rows(*fs.crash_image(CrashPolicy::lose_unsynced())) == 5);
    CHECK(fs.stat("a.db-wal")->size_bytes == 0);
  }
  CHECK(fs.stat("a.db-wal").code() == Errc::not_found); // the last connection has removed it
}

TEST_CASE("sqlite: on a simulated disk a transaction whose sync failed is refused, and a later one is durable") {
  MemoryFileSystem fs;
  Database database = must_create(fs);
  REQUIRE(insert(database, 1).ok());
  bool broken = true;
  fs.set_hook([&](const io::Call& call) -> std::optional<Error> {
    return broken && call.operation == io::Operation::sync_data ? std::optional(fail(Errc::io_error, "no"))
                                                                : std::nullopt;
  });
  CHECK(insert(database, 2).code() == Errc::io_error);
  broken = false;
  CHECK(*database.query_integer("SELECT count(*) FROM t") == 1);
  REQUIRE(insert(database, 3).ok());
  CHECK(rows(*fs.crash_image(CrashPolicy::lose_unsynced())) == 2);
  fs.set_hook(nullptr); // closing the database syncs once more, when `broken` is gone
}

TEST_CASE("sqlite: whatever fails while a journal is begun, what was committed survives a power cut") {
  std::size_t committed_although = 0;
  for (const int rows_before : {0, 1})
    for (const auto fault : {io::DiskFault::eio, io::DiskFault::emfile})
      for (const bool for_good : {false, true})
        for (std::uint64_t call = 1;; ++call) {
          INFO(rows_before, " rows before, ", std::string(io::name_of(fault)), ", for good: ", for_good, ", call ",
               call);
          MemoryFileSystem fs;
          if (rows_before != 0)
            REQUIRE(insert_into_new_journal(fs).answered.ok());
          const auto tally = std::make_shared<io::FaultTally>();
          fs.set_hook(io::failing_calls({.fault = fault, .first_call = call, .for_good = for_good}, tally));
          const Inserted inserted = insert_into_new_journal(fs);
          if (inserted.answered)
            CHECK(rows(*inserted.power_cut) == rows_before + 1);
          if (tally->failed == 0) {
            CHECK(inserted.answered.ok());
            break;
          }
          committed_although += inserted.answered ? 1 : 0;
        }
  CHECK(committed_although > 0);
}

TEST_CASE("sqlite: a full simulated disk is disk_full, a missing file is not_found") {
  MemoryFileSystem fs;
  CHECK(Database::open(fs, "none.db", {}).code() == Errc::not_found);
  Database database = must_create(fs);
  fs.set_free_bytes(100);
  CHECK(insert(database, 1).code() == Errc::disk_full);
  fs.set_free_bytes(1 << 20);
  CHECK(insert(database, 1).ok());
  CHECK(*database.query_integer("SELECT count(*) FROM t") == 1);
}

TEST_CASE("sqlite: a read that fails while every page is checked is no corruption") {
  MemoryFileSystem fs;
  {
    Database database = must_create(fs);
    for (int n = 1; n <= 5; ++n)
      REQUIRE(insert(database, n).ok());
  }
  for (int fails = 1; fails < 20; ++fails) {
    int reads = 0;
    fs.set_hook([&](const io::Call& call) -> std::optional<Error> {
      return call.operation == io::Operation::read && ++reads == fails ? std::optional(fail(Errc::io_error, "no"))
                                                                       : std::nullopt;
    });
    auto database = Database::open(fs, "a.db", {.exclusive = true});
    const Status checked = database ? database->quick_check() : Status(database.error());
    fs.set_hook(nullptr);
    CHECK(checked.ok() == (reads < fails));
    if (!checked)
      CHECK_MESSAGE(checked.code() == Errc::io_error, to_string(checked.error()));
  }
}
