// Transactions of a model database that stay open for the next call.
#include "engine/io/memory_file_system.hpp"
#include "engine/sqlite/connections.hpp"
#include "tests/engine/models/database_support.hpp"
#include "tests/support/temp_directory.hpp"

#include <array>
#include <atomic>
#include <functional>
#include <stdexcept>
#include <thread>
#include <utility>

using namespace weir;
using namespace weir::test;

namespace {

/// A database with a table, and a writer who leaves his transactions open.
struct Opened {
  explicit Opened(std::unique_ptr<ModelDatabase> made) : db(std::move(made)) {
    must(db->execute("CREATE TABLE IF NOT EXISTS t(x)"));
  }
  explicit Opened(const std::string& file) : Opened(make_database({.file = file, .synced = false})) {}

  using Undo = sqlite::Connections::Undo;
  Status add(
      std::int64_t x, const std::function<Status()>& then = [] { return Status(); }, Undo undo = Undo::savepoint) {
    return db->connections().leave_open(
        [&](bool joins) -> Status {
          joined = joins;
          const auto ran = db->run("INSERT INTO t VALUES(?)", Values{x});
          if (!ran)
            return ran.error();
          return then();
        },
        [this] {
          ++commits;
          return commit_fails ? Status(fail(Errc::disk_full, "no room")) : Status();
        },
        undo);
  }
  [[nodiscard]] std::string rows() const { return column(*db, "SELECT x FROM t ORDER BY x"); }

  std::unique_ptr<ModelDatabase> db;
  bool joined = false, commit_fails = false;
  int commits = 0;
};

/// As another process sees the file.
std::string rows_beside(const std::string& file) {
  const auto beside = make_database({.file = file, .read_only = true});
  return column(*beside, "SELECT x FROM t ORDER BY x");
}

} // namespace

TEST_CASE("json_model: database changes left open are seen by who reads it, and beside it once they are committed") {
  const TempDirectory directory;
  const std::string file = directory.path("a.db");
  Opened opened(file);
  must(opened.add(1));
  CHECK_FALSE(opened.joined);
  must(opened.add(2));
  CHECK(opened.joined);
  CHECK(rows_beside(file).empty());
  CHECK(opened.commits == 0);
  CHECK(opened.rows() == "1 2");
  CHECK(opened.commits == 1);
  CHECK(rows_beside(file) == "1 2");
  CHECK(opened.rows() == "1 2"); // nothing is open any more
  CHECK(opened.commits == 1);

  must(opened.add(3));
  CHECK_FALSE(opened.joined);
  must(opened.db->connections().commit_left_open());
  CHECK(rows_beside(file) == "1 2 3");
  must(opened.db->connections().commit_left_open());
  CHECK(opened.commits == 2);
  CHECK_FALSE(opened.db->connections().is_behind());
}

TEST_CASE("json_model: database changes left open are committed before whatever else is done") {
  const TempDirectory directory;
  const auto other = make_database({.file = directory.path("other.db")});
  must(other->execute("CREATE TABLE t(x); INSERT INTO t VALUES(7)"));
  using Use = std::function<void(ModelDatabase&)>;
  const std::array<Use, 9> uses = {
      [](ModelDatabase& db) { CHECK(db.run("UPDATE t SET x = x").ok()); },
      [](ModelDatabase& db) { must(db.execute("CREATE TABLE u(x)")); },
      [](ModelDatabase& db) { must(db.transaction([] { return Status(); })); },
      [](ModelDatabase& db) { CHECK(db.data_version().ok()); },
      [](ModelDatabase& db) { CHECK(db.user_version().ok()); },
      [](ModelDatabase& db) { CHECK(db.vacuum_step().ok()); },
      [](ModelDatabase& db) { must(db.check()); },
      [](ModelDatabase& db) { must(db.close()); },
      [&](ModelDatabase& db) { must(db.replace_content_with(*other)); },
  };
  for (std::size_t i = 0; i < uses.size(); ++i) {
    CAPTURE(i);
    const std::string file = directory.path(std::to_string(i) + ".db");
    Opened opened(file);
    must(opened.add(1));
    uses[i](*opened.db);
    CHECK(opened.commits == 1);
    CHECK(rows_beside(file) == (i + 1 == uses.size() ? "7" : "1"));
  }
}

TEST_CASE("json_model: database additions that fail leave nothing of their own, and all that was there") {
  const TempDirectory directory;
  for (const std::string& file : {std::string(), directory.path("a.db")}) {
    Opened opened(file);
    const auto refuse = []() -> Status { return fail(Errc::cancelled, "no"); };
    CHECK(says(opened.add(1, refuse), Errc::cancelled, "no"));
    CHECK(opened.rows().empty());
    CHECK(opened.commits == 0);
    must(opened.add(2));
    CHECK(says(opened.add(3, refuse), Errc::cancelled, "no"));
    CHECK(opened.joined);
    CHECK(says(opened.add(4, []() -> Status { throw std::runtime_error("boom"); }), Errc::invalid_argument, "boom"));
    must(opened.add(5));
    CHECK(opened.joined);
    CHECK(opened.rows() == "2 5");
    CHECK(opened.commits == 1);
  }
}

TEST_CASE("json_model: database additions of one statement take themselves back; should they not, all is lost") {
  using Undo = sqlite::Connections::Undo;
  const TempDirectory directory;
  Opened opened(directory.path("a.db"));
  must(opened.db->execute("CREATE TABLE u(x UNIQUE); INSERT INTO u VALUES(7)"));
  const auto succeed = [] { return Status(); };
  must(opened.add(1, succeed, Undo::statement));
  must(opened.add(2, succeed, Undo::statement));
  CHECK(opened.joined);
  const auto taken = opened.db->connections().leave_open(
      [&](bool) { // two rows, of which the second is refused
        const auto ran = opened.db->run("INSERT INTO u VALUES(8),(7)");
        return ran ? Status() : Status(ran.error());
      },
      succeed, Undo::statement);
  CHECK(says(taken, Errc::condition_failed, "u.x"));
  must(opened.add(3, succeed, Undo::statement));
  CHECK(opened.joined);
  CHECK(opened.rows() == "1 2 3");
  CHECK(column(*opened.db, "SELECT x FROM u") == "7");

  must(opened.add(4, succeed, Undo::statement));
  const auto refuse = []() -> Status { return fail(Errc::cancelled, "no"); };
  CHECK(says(opened.add(5, refuse, Undo::statement), Errc::cancelled, "no")); // it has written before
  CHECK(opened.db->connections().is_behind());
  CHECK(says(opened.db->all("SELECT x FROM t"), Errc::cancelled, "no"));
  must(opened.db->close());
  must(opened.db->open());
  opened.db->connections().caught_up();
  CHECK(opened.rows() == "1 2 3");
}

TEST_CASE("json_model: database changes left open while it is being closed are committed or known to be lost") {
  const TempDirectory directory;
  for (int round = 0; round < 10; ++round) {
    Opened opened(directory.path(std::to_string(round) + ".db"));
    std::thread closing;
    const Status added = opened.add(1, [&] {
      closing = std::thread([&] { must(opened.db->close()); });
      for (int i = 0; i < 100; ++i) // it waits for this one, as a rule
        std::this_thread::yield();
      return Status();
    });
    closing.join();
    must(added);
    const bool lost = opened.db->connections().is_behind();
    opened.db->connections().caught_up();
    must(opened.db->open());
    CHECK(opened.rows() == (lost ? "" : "1"));
  }
}

TEST_CASE("json_model: database changes that are lost are missed by nobody: use fails until they are there again") {
  const TempDirectory directory;
  for (const std::string& file : {std::string(), directory.path("a.db")}) {
    CAPTURE(file);
    Opened opened(file);
    must(opened.add(1));
    must(opened.db->connections().commit_left_open());
    must(opened.add(2));
    opened.commit_fails = true;
    CHECK(says(opened.db->all("SELECT x FROM t"), Errc::disk_full, "no room"));
    CHECK(opened.db->connections().is_behind());
    CHECK(says(opened.db->all("SELECT x FROM t"), Errc::disk_full, "no room"));
    CHECK(says(opened.db->run("DELETE FROM t"), Errc::disk_full, "no room"));
    CHECK(says(opened.add(3), Errc::disk_full, "no room"));
    CHECK(says(opened.db->connections().commit_left_open(), Errc::disk_full, "no room"));
    opened.db->connections().caught_up(); // it is not: nothing has been written since
    CHECK(opened.db->connections().is_behind());

    must(opened.db->close());
    opened.commit_fails = false;
    must(opened.db->open());
    CHECK(says(opened.db->all("SELECT x FROM t"), Errc::disk_full, "no room"));
    if (file.empty())
      must(opened.db->execute("CREATE TABLE t(x); INSERT INTO t VALUES(1)")); // memory was emptied
    must(opened.add(2));
    CHECK(opened.db->connections().is_behind());
    opened.db->connections().caught_up();
    CHECK(opened.rows() == "1 2");
  }
}

TEST_CASE("json_model: database changes are lost, too, where SQLite undoes the transaction or it is closed too late") {
  const TempDirectory directory;
  Opened opened(directory.path("a.db"));
  must(opened.add(1));
  const Status undone = opened.add(2, [&]() -> Status {
    auto lease = opened.db->connections().write();
    return lease ? lease->execute("ROLLBACK") : Status(lease.error());
  });
  CHECK(says(undone, Errc::io_error, "ended before"));
  CHECK(says(opened.db->all("SELECT x FROM t"), Errc::io_error, "ended before"));
  CHECK(opened.commits == 0);

  Opened late(directory.path("b.db"));
  must(late.add(1));
  late.commit_fails = true;
  must(late.db->close());
  CHECK(late.commits == 1);
  CHECK(says(late.db->all("SELECT x FROM t"), Errc::disk_full, "no room"));
  CHECK(rows_beside(directory.path("b.db")).empty());
}

TEST_CASE("json_model: database changes left open on a disk that fails are lost as a whole") {
  io::MemoryFileSystem fs;
  REQUIRE(fs.create_directory("d").ok());
  auto made = ModelDatabase::create(fs, {.file = "d/a.db", .synced = false});
  REQUIRE_MESSAGE(made.ok(), why(made));
  Opened opened(std::move(*made));
  must(opened.add(1));
  CHECK(opened.rows() == "1");
  must(opened.add(2));
  fs.set_hook([](const io::Call& call) -> std::optional<Error> {
    if (call.operation != io::Operation::write)
      return std::nullopt;
    return fail(Errc::disk_full, "no space left");
  });
  const Status lost = opened.db->connections().commit_left_open();
  CHECK_MESSAGE(lost.code() == Errc::disk_full, why(lost));
  CHECK(opened.db->all("SELECT x FROM t").code() == Errc::disk_full);
  fs.set_hook({});
  CHECK(opened.db->all("SELECT x FROM t").code() == Errc::disk_full);
  must(opened.db->close());
  must(opened.add(2));
  opened.db->connections().caught_up();
  CHECK(opened.rows() == "1 2");
}

TEST_CASE("json_model: database readers in other threads see all that they have been told of") {
  const TempDirectory directory(test::fast_parent());
  Opened opened(directory.path("a.db"));
  must(opened.db->execute("INSERT INTO t VALUES(0)"));
  std::atomic<std::int64_t> told{0};
  constexpr std::int64_t last = 400;
  std::array<std::thread, 2> readers;
  std::atomic<int> older{0};
  for (std::thread& reader : readers)
    reader = std::thread([&] {
      for (std::int64_t known = 0; known < last;) {
        known = told.load();
        const auto row = opened.db->get("SELECT x FROM t");
        const bool fine = row.ok() && row->has_value() && std::get<std::int64_t>((**row)[0]) >= known;
        older += fine ? 0 : 1;
      }
    });
  for (std::int64_t x = 1; x <= last; ++x) {
    const Status added = opened.db->connections().leave_open(
        [&](bool) -> Status {
          const auto ran = opened.db->run("UPDATE t SET x = ?", Values{x});
          return ran ? Status() : Status(ran.error());
        },
        [] { return Status(); });
    REQUIRE_MESSAGE(added.ok(), why(added));
    told.store(x);
  }
  for (std::thread& reader : readers)
    reader.join();
  CHECK(older == 0);
}

TEST_CASE("json_model: database changes left open can be held: all others wait until they are let go") {
  const TempDirectory directory;
  const std::string file = directory.path("a.db");
  Opened opened(file);
  sqlite::Connections& connections = opened.db->connections();
  CHECK_FALSE(connections.hold_left_open()); // nothing is
  must(opened.add(1));
  {
    auto lease = connections.read(); // commits
    CHECK(lease.ok());
  }
  CHECK_FALSE(connections.hold_left_open());
  must(opened.add(2));
  std::atomic<bool> let_go{false};
  std::thread reader;
  {
    const auto held = connections.hold_left_open();
    REQUIRE(held);
    CHECK_FALSE(connections.hold_left_open()); // has it already
    std::thread([&] { CHECK_FALSE(connections.hold_left_open()); }).join();
    must(opened.add(3));
    CHECK(opened.joined);
    reader = std::thread([&] {
      CHECK(opened.rows() == "1 2 3");
      CHECK(let_go.load());
    });
    for (int i = 0; i < 100; ++i)
      std::this_thread::yield();
    CHECK(rows_beside(file) == "1");
    let_go = true;
  }
  reader.join();
  CHECK(opened.commits == 2);
  must(opened.db->close());
  CHECK_FALSE(connections.hold_left_open());
}

TEST_CASE("json_model: database changes that were held and are given up are lost with all that was left open") {
  const TempDirectory directory;
  const std::string file = directory.path("a.db");
  Opened opened(file);
  sqlite::Connections& connections = opened.db->connections();
  must(opened.add(1));
  must(connections.commit_left_open());
  must(opened.add(2));
  {
    const auto held = connections.hold_left_open();
    REQUIRE(held);
    must(opened.add(3));
    connections.lose_left_open(fail(Errc::cancelled, "given up"));
  }
  CHECK_FALSE(connections.hold_left_open());
  CHECK(connections.is_behind());
  CHECK(says(opened.db->all("SELECT x FROM t"), Errc::cancelled, "given up"));
  CHECK(rows_beside(file) == "1");
  must(opened.db->close());
  must(opened.add(2));
  connections.caught_up();
  CHECK(opened.rows() == "1 2");
}
