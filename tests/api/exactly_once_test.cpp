#include "tests/api/simulated_engine.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <weir/exactly_once.hpp>

#include <doctest/doctest.h>

#include <sqlite3.h>

#include <memory>
#include <stdexcept>
#include <string>

using namespace weir;
using namespace weir::test;

namespace {

struct Close {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
};
using Connection = std::unique_ptr<sqlite3, Close>;

Connection connect(const std::string& path) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
  return Connection(database);
}

Status execute(sqlite3* database, const std::string& sql) {
  if (sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return fail(Errc::io_error, sqlite3_errmsg(database));
  return {};
}

int number(sqlite3* database, const char* sql) {
  int value = -1;
  const auto take = [](void* into, int, char** values, char**) {
    *static_cast<int*>(into) = values[0] == nullptr ? -1 : std::stoi(values[0]);
    return 0;
  };
  REQUIRE(sqlite3_exec(database, sql, take, &value, nullptr) == SQLITE_OK);
  return value;
}

QueueBatch batch_of(Position first, Position end) {
  QueueBatch batch;
  for (Position position = first; position < end; ++position) {
    EventView event;
    event.position = position;
    batch.events.add(event);
  }
  batch.next = end;
  return batch;
}

Status insert(sqlite3* database, const EventView& event) {
  return execute(database, "INSERT INTO seen VALUES(" + std::to_string(event.position) + ")");
}

} // namespace

TEST_CASE("exactly once: rows and position are in one transaction, whatever fails, and a batch that comes again does "
          "nothing") {
  TempDirectory directory;
  const std::string path = directory.path("rows.db");
  auto database = connect(path);
  REQUIRE(execute(database.get(), "CREATE TABLE seen(position)").ok());
  auto once = ExactlyOnce::open(database.get(), "rows");
  REQUIRE_MESSAGE(once.ok(), why(once));
  CHECK(once->position() == 0);
  const auto handle = [&](const EventView& event) { return insert(database.get(), event); };
  REQUIRE(once->apply(batch_of(1, 5), handle).ok());
  CHECK(once->position() == 5);
  REQUIRE(once->apply(batch_of(1, 5), handle).ok());
  CHECK(number(database.get(), "SELECT count(*) FROM seen") == 4);

  const auto fails_at_seven = [&](const EventView& event) {
    return event.position == 7 ? Status(fail(Errc::unsupported, "the handler's own trouble"))
                               : insert(database.get(), event);
  };
  CHECK(once->apply(batch_of(5, 10), fails_at_seven).code() == Errc::unsupported);
  CHECK(once->position() == 5);
  CHECK(number(database.get(), "SELECT count(*) FROM seen") == 4);
  const auto throws_at_seven = [&](const EventView& event) -> Status {
    if (event.position == 7)
      throw std::runtime_error("no more");
    return insert(database.get(), event);
  };
  const Status thrown = once->apply(batch_of(5, 10), throws_at_seven);
  REQUIRE(!thrown.ok());
  CHECK(thrown.code() == Errc::invalid_argument);
  CHECK(thrown.error().message == "the handler threw: no more");
  CHECK(once->position() == 5);
  CHECK(number(database.get(), "SELECT count(*) FROM seen") == 4);
  CHECK(number(database.get(), "SELECT position FROM weir_positions") == 5);

  auto restarted = ExactlyOnce::open(database.get(), "rows");
  REQUIRE(restarted.ok());
  CHECK(restarted->position() == 5);
  REQUIRE(restarted->apply(batch_of(3, 10), handle).ok()); // the queue may begin a little before
  CHECK(number(database.get(), "SELECT count(*) FROM seen") == 9);
  CHECK(number(database.get(), "SELECT count(DISTINCT position) FROM seen") == 9);

  CHECK(once->apply(batch_of(5, 11), handle).code() == Errc::locked); // the older one has been overtaken
  CHECK(number(database.get(), "SELECT count(*) FROM seen") == 9);
  REQUIRE(restarted->apply(batch_of(10, 10), handle).ok());
  QueueBatch nothing;
  nothing.next = 20; // the filter dropped it all
  REQUIRE(restarted->apply(nothing, handle).ok());
  CHECK(number(database.get(), "SELECT position FROM weir_positions") == 20);
}

TEST_CASE("exactly once: several consumers share a database, a closed or busy one is an error") {
  TempDirectory directory;
  const std::string path = directory.path("rows.db");
  auto database = connect(path);
  REQUIRE(execute(database.get(), "CREATE TABLE seen(position)").ok());
  auto one = ExactlyOnce::open(database.get(), "one"), two = ExactlyOnce::open(database.get(), "two");
  REQUIRE(one.ok());
  REQUIRE(two.ok());
  const auto handle = [&](const EventView& event) { return insert(database.get(), event); };
  REQUIRE(one->apply(batch_of(1, 3), handle).ok());
  REQUIRE(two->apply(batch_of(1, 5), handle).ok());
  CHECK(number(database.get(), "SELECT sum(position) FROM weir_positions") == 8);
  CHECK(ExactlyOnce::open(database.get(), "").code() == Errc::invalid_argument);
  auto other = connect(path);
  REQUIRE(execute(other.get(), "BEGIN IMMEDIATE").ok());
  CHECK(one->apply(batch_of(3, 4), handle).code() == Errc::locked);
  REQUIRE(execute(other.get(), "ROLLBACK").ok());
  REQUIRE(execute(database.get(), "BEGIN").ok());
  CHECK(one->apply(batch_of(3, 4), handle).code() == Errc::io_error); // a transaction of the caller's is in the way
  REQUIRE(execute(database.get(), "ROLLBACK").ok());
  CHECK(one->apply(batch_of(3, 4), handle).ok());
  CHECK(one->position() == 4);
}
