// Projections through the engine: rebuilt, damaged, deleted, read beside.
#include "engine/models/projection.hpp"
#include "engine/models/projection_tables.hpp"
#include "tests/api/models/model_rig.hpp"
#include "tests/support/gate.hpp"

#include <weir/model_database.hpp>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

EventSourcingOptions sums() {
  EventSourcingOptions options;
  options.models.push_back(adding_model());
  return options;
}

void store_adds(ModelRig& rig, int count) {
  std::vector<Ticket> tickets;
  for (int i = 0; i < count; ++i)
    tickets.push_back(
        rig.engine().store_async({.context_id = "c" + std::to_string(i % 7), .event_type = "add", .payload = "{}"}));
  for (Ticket& ticket : tickets)
    REQUIRE(ticket.wait().ok());
}

std::string all_rows(const EventSourcingDB& db) {
  std::string text;
  for (const Json& row : must(db.rows("sums")->all()))
    text += row.to_text() + "\n";
  return text;
}

std::string row_text(const SqlRow& row) {
  std::string text;
  for (const SqlValue& value : row.values())
    text += sql_literal(value) + ",";
  return text;
}

/// What callers can ask of the models "sums" and "things", as one text.
std::string all_answers(const EventSourcingDB& db) {
  std::string text = all_rows(db);
  const JsonModel& things = *db.rows("things");
  for (const Json& row : must(things.all()))
    text += row.to_text() + "\n";
  for (const char* column : {"kind", "size", "tag", "id"}) {
    SearchOptions page;
    page.sort = {{.column = column, .descending = column[0] == 's'}};
    page.limit = 7;
    std::uint64_t seen = 0;
    for (;;) {
      const SearchResult found = must(things.search({}, page));
      for (const Json& row : found.items)
        text += row.to_text() + " ";
      seen += found.items.size();
      text += std::to_string(seen) + " of " + std::to_string(*found.total) + "\n" + found.cursor + "\n" +
              found.previous_cursor + "\n";
      if (found.cursor.empty())
        break;
      page.cursor = found.cursor;
    }
  }
  for (const char* column : {"size", "id"})
    for (const auto& value : {things.min(column), things.max(column), things.sum(column), things.average(column)})
      text += std::string(column) + " " + std::to_string(*must(value)) + "\n";
  for (const char* kind : {"a", "b", "c"})
    text += std::to_string(must(things.count(Json::object({{"kind", kind}})))) + "\n";
  for (const SqlRow& row : must(db.database().all("SELECT rowid, * FROM things ORDER BY id")))
    text += row_text(row) + "\n";
  for (const SqlRow& row : must(db.database().all("SELECT * FROM sums ORDER BY id")))
    text += row_text(row) + "\n";
  return text;
}

} // namespace

TEST_CASE("projection: a rebuild gives the same rows, tells how far it is, and the live model goes on meanwhile") {
  ModelRig rig;
  store_adds(rig, 3'000);
  const auto db = rig.open(sums());
  must(db->wait_for_queue());
  const std::string before = all_rows(*db);
  RebuildOptions options;
  std::vector<RebuildProgress> told;
  std::uint64_t stored_meanwhile = 0;
  options.progress = [&](const RebuildProgress& progress) {
    told.push_back(progress);
    if (stored_meanwhile == 0) {
      // From the rebuild's thread, and the live model has it at once.
      const auto receipt =
          must(rig.engine().store_async({.context_id = "late", .event_type = "add", .payload = "{}"}).wait());
      stored_meanwhile = receipt.position;
    }
  };
  const auto report = must(db->rebuild(options));
  CHECK(report.events == 3'001);
  CHECK(told.size() >= 3);
  CHECK(told.front().events_left > told.back().events_left);
  CHECK(sum_of(*db, "late") == 1);
  must(db->wait_for_queue());
  std::string after = all_rows(*db);
  CHECK(after.find(before.substr(0, 20)) != std::string::npos);
  CHECK(after.size() > before.size());
  must(db->dispatch("add", {}, {.context_id = "late"}));
  CHECK(sum_of(*db, "late") == 2);
  CHECK_FALSE(std::filesystem::exists(rig.file("models/models.rebuild.db")));
}

TEST_CASE("projection: readers see the old rows or the new ones during a rebuild, never none and none older") {
  ModelRig rig;
  store_adds(rig, 2'000);
  const auto db = rig.open(sums());
  must(db->wait_for_queue());
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0}, reads{0};
  std::thread reader([&] {
    while (!stop) {
      const auto sum = db->rows("sums")->sum("sum");
      wrong += sum.ok() && *sum && **sum == 2'000.0 ? 0 : 1;
      ++reads;
    }
  });
  for (int i = 0; i < 3; ++i)
    must(db->rebuild());
  stop = true;
  reader.join();
  CHECK(wrong == 0);
  CHECK(reads > 0);
}

TEST_CASE("projection: a rebuild that takes the live models' place has all that they had") {
  ModelRig rig;
  const auto db = rig.open(one_model());
  must(db->model("test")->set(Json::object({{"id", 1}})));
  std::uint64_t events = 1;
  RebuildOptions options;
  options.progress = [&](const RebuildProgress& progress) {
    if (events != 1 || progress.events_left != 0)
      return;
    // It has come to the end of the log; now there is more.
    std::thread([&] { must(db->model("test")->set(Json::object({{"id", 2}}))); }).join();
    ++events;
  };
  const RebuildReport report = must(db->rebuild(options));
  CHECK(events == 2);
  CHECK(report.events == 2);
  CHECK(must(db->model("test")->count()) == 2);
}

TEST_CASE("projection: a rebuild can be cancelled, and only one runs at a time") {
  ModelRig rig;
  store_adds(rig, 3'000);
  const auto db = rig.open(sums());
  must(db->wait_for_queue());
  const std::string before = all_rows(*db);
  RebuildOptions options;
  options.cancel = std::make_shared<std::atomic<bool>>(false);
  Errc second = Errc::ok;
  bool rebuilding = false;
  options.progress = [&](const RebuildProgress&) {
    second = std::async(std::launch::async, [&] { return db->rebuild().code(); }).get();
    rebuilding = must(db->health()).rebuilding;
    *options.cancel = true;
  };
  CHECK(db->rebuild(options).code() == Errc::cancelled);
  CHECK(second == Errc::locked);
  CHECK(rebuilding);
  CHECK(all_rows(*db) == before);
  CHECK_FALSE(must(db->health()).rebuilding);
  CHECK_FALSE(std::filesystem::exists(rig.file("models/models.rebuild.db")));
  must(db->rebuild());
  CHECK(all_rows(*db) == before);
}

TEST_CASE("projection: a rebuild that fails leaves the live model as it is") {
  ModelRig rig;
  auto options = sums();
  std::atomic<bool> broken{false};
  const auto reduce = options.models[0].reduce;
  options.models[0].reduce = [&broken, reduce](const ModelEvent& event, ReduceContext& context) -> Result<Change> {
    if (broken)
      return fail(Errc::invalid_argument, "broken today");
    return reduce(event, context);
  };
  const auto db = rig.open(std::move(options));
  must(db->dispatch("add", {}, {.context_id = "a"}));
  broken = true;
  CHECK(db->rebuild().code() == Errc::projection_failed);
  broken = false;
  CHECK(sum_of(*db, "a") == 1);
  must(db->dispatch("add", {}, {.context_id = "a"}));
  CHECK(sum_of(*db, "a") == 2);
}

TEST_CASE("projection: a database that was deleted is made anew with the same bytes in every answer") {
  ModelRig rig;
  store_adds(rig, 500);
  EventSourcingOptions options = sums();
  ModelDefinition things;
  things.model.name = "things";
  things.model.columns = {{.name = "id", .type = ColumnType::integer},
                          {.name = "kind", .type = ColumnType::text, .index = ColumnIndex::all},
                          {.name = "size", .type = ColumnType::real},
                          {.name = "tag", .index = ColumnIndex::sparse}};
  options.models.push_back(std::move(things));
  std::string before;
  {
    const auto db = rig.open(options);
    for (int id = 1; id <= 60; ++id) {
      Json thing = Json::object({{"id", id}, {"kind", id % 3 == 0 ? "a" : "b"}, {"size", id * 0.1}, {"more", id}});
      if (id % 4 == 0)
        thing.set("tag", "tag " + std::to_string(id % 8));
      must(db->model("things")->set(thing));
    }
    must(db->model("things")->remove(7));
    must(db->model("things")->update(Json::object({{"id", 8}, {"tag", Json()}})));
    must(db->wait_for_queue());
    before = all_answers(*db);
  }
  for (const char* ending : {"", "-wal", "-shm"})
    std::filesystem::remove(rig.file("models/models.db") + ending);
  const auto db = rig.open(options);
  must(db->wait_for_queue());
  const std::string after = all_answers(*db);
  CHECK(after == before);
  CHECK(after.find("59 of 59") != std::string::npos);
  must(db->rebuild());
  CHECK(all_answers(*db) == before);
}

TEST_CASE("projection: a database that is further than the log is not believed, and made anew") {
  ModelRig rig;
  store_adds(rig, 50);
  std::string before;
  {
    const auto db = rig.open(sums());
    must(db->wait_for_queue());
    before = all_rows(*db);
  }
  {
    const auto database = must(ModelDatabase::create({.file = rig.file("models/models.db")}));
    must(Projection::add_models(*database, sums().models));
    must(database->open());
    ProjectionTables tables(*database);
    auto record = must(tables.read());
    record.position += Position{1} << 50;
    must(database->transaction([&] { return tables.write(record); }));
    must(database->run("UPDATE sums SET json = '{\"sum\":1000}'"));
  }
  const auto db = rig.open(sums());
  must(db->wait_for_queue());
  CHECK(all_rows(*db) == before);
  CHECK(std::filesystem::exists(rig.file("quarantine")));
  const auto warnings = rig.engine().health().warnings;
  CHECK(std::any_of(warnings.begin(), warnings.end(), [](const std::string& warning) {
    return warning.find("that the log does not have") != std::string::npos;
  }));
  must(db->dispatch("add", {}, {.context_id = "c0"}));
  CHECK(all_rows(*db) != before);
}

TEST_CASE("projection: a damaged database is put aside and made anew, never served") {
  ModelRig rig;
  store_adds(rig, 500);
  std::string before;
  {
    const auto db = rig.open(sums());
    must(db->wait_for_queue());
    before = all_rows(*db);
  }
  const std::string file = rig.file("models/models.db");
  SUBCASE("a page in the middle") {
    std::fstream damaged(file, std::ios::in | std::ios::out | std::ios::binary);
    const auto size = std::filesystem::file_size(file);
    damaged.seekp(static_cast<std::streamoff>(4096));
    damaged << std::string(size - 4096, '\x55');
  }
  SUBCASE("no database at all") {
    std::ofstream(file, std::ios::trunc) << "this is no database, whatever its name says";
  }
  const auto db = rig.open(sums());
  must(db->wait_for_queue());
  CHECK(all_rows(*db) == before);
  CHECK(std::filesystem::exists(rig.file("quarantine")));
  CHECK_FALSE(rig.engine().health().warnings.empty());
}

TEST_CASE("projection: other functions have another revision, and the models are made anew for it") {
  ModelRig rig;
  store_adds(rig, 100);
  {
    const auto db = rig.open(sums());
    must(db->wait_for_queue());
    CHECK(*must(db->rows("sums")->sum("sum")) == 100);
  }
  auto options = sums();
  options.revision = 2;
  options.models[0].reduce = [](const ModelEvent& event, ReduceContext& context) -> Result<Change> {
    const auto old = context.model("sums").get(event.context_id);
    if (!old)
      return old.error();
    Change change;
    change.set.push_back(Json::object({{"id", event.context_id}, {"sum", (*old ? (**old)["sum"].integer() : 0) + 10}}));
    return change;
  };
  const auto db = rig.open(std::move(options));
  must(db->wait_for_queue());
  CHECK(*must(db->rows("sums")->sum("sum")) == 1'000);
}

TEST_CASE("projection: a database of another directory is not believed") {
  ModelRig one, other;
  store_adds(one, 50);
  {
    const auto db = one.open(sums());
    must(db->wait_for_queue());
  }
  std::filesystem::create_directories(other.file("models"));
  std::filesystem::copy_file(one.file("models/models.db"), other.file("models/models.db"));
  store_adds(other, 7);
  const auto db = other.open(sums());
  must(db->wait_for_queue());
  CHECK(*must(db->rows("sums")->sum("sum")) == 7);
}

TEST_CASE("projection: the models can be read by another process while the engine runs, and not written") {
  ModelRig rig;
  auto committed = one_model();
  committed.commit_within_ms = std::chrono::milliseconds(0);
  const auto db = rig.open(std::move(committed));
  must(db->model("test")->set(Json::object({{"id", 1}, {"n", "x"}})));
  ModelDatabaseOptions options;
  options.file = rig.file("models/models.db");
  options.read_only = true;
  const auto beside = must(ModelDatabase::create(options));
  const auto test = must(beside->add_model(one_model().models[0].model));
  CHECK((*must(test->get(1)))["n"].string() == "x");
  must(db->model("test")->update(Json::object({{"id", 1}, {"n", "y"}})));
  CHECK((*must(test->get(1)))["n"].string() == "y");
  CHECK_FALSE(test->set(Json::object({{"id", 2}})).ok());
  CHECK_FALSE(beside->run("DELETE FROM test").ok());
  CHECK(must(db->model("test")->count()) == 1);
}

TEST_CASE("projection: a service's own SQL on the models only reads") {
  ModelRig rig;
  const auto db = rig.open(one_model());
  // What may only be read leads to nothing that writes: not a service's reducer, nor whoever has an EventSourcingDB.
  static_assert(std::is_same_v<decltype(std::declval<const JsonModel&>().database()), const ModelDatabase&>);
  static_assert(std::is_same_v<decltype(db->database().model("test")), const JsonModel*>);
  CHECK(db->database().model("test") == db->rows("test"));
  must(db->model("test")->set(Json::object({{"id", 1}, {"count", 5}})));
  CHECK(must(db->database().all("SELECT count(*) AS n FROM test")).size() == 1);
  CHECK_FALSE(db->database().all("DELETE FROM test RETURNING id").ok());
  CHECK_FALSE(db->database().all("ATTACH '/tmp/x' AS x").ok());
  CHECK(must(db->model("test")->count()) == 1);
}

TEST_CASE("projection: lag counts what is stored and not applied") {
  ModelRig rig;
  auto options = sums();
  Gate gate;
  gate.close();
  options.models[0].derive = [&](const ModelEvent&, DeriveContext&) -> Status {
    gate.pass();
    return {};
  };
  const auto db = rig.open(std::move(options));
  std::vector<Receipt> receipts;
  for (int i = 0; i < 5; ++i)
    receipts.push_back(must(rig.engine().store({.context_id = "a", .event_type = "add", .payload = "{}"})));
  gate.wait_until_n_waiting(1);
  CHECK(must(db->health()).lag_events == 5);
  gate.open();
  must(db->wait_for(receipts.back()));
  const auto health = must(db->health());
  CHECK(health.lag_events == 0);
  CHECK(health.lag_ms.count() == 0);
  CHECK(health.events_applied == 5);
}

TEST_CASE("event_sourcing_db: a read-only one sees what the other commits, and refuses all that would write or wait") {
  ModelRig rig;
  CHECK(EventSourcingDB::open_read_only(rig.file(""), one_model()).code() == Errc::not_found);
  auto committed = one_model();
  committed.commit_within_ms = std::chrono::milliseconds(0);
  const auto db = rig.open(std::move(committed));
  must(db->model("test")->set(Json::object({{"id", 1}, {"count", 1}})));
  const auto reader = must(EventSourcingDB::open_read_only(rig.file(""), one_model()));
  CHECK((*must(reader->model("test")->get(1)))["count"].integer() == 1);
  must(db->model("test")->update(Json::object({{"id", 1}, {"count", 2}})));
  CHECK((*must(reader->model("test")->get(1)))["count"].integer() == 2);
  CHECK((*must(reader->rows("test")->get(1)))["count"].integer() == 2);
  CHECK(reader->model("test")->set(Json::object({{"id", 2}})).code() == Errc::unsupported);
  CHECK(reader->model("test")->remove(1).code() == Errc::unsupported);
  CHECK(reader->model("test")->get_next_id().code() == Errc::unsupported);
  CHECK(reader->dispatch("any").code() == Errc::unsupported);
  Errc later = Errc::ok;
  reader->dispatch_async({}, [&](Result<Dispatched> done) { later = done.code(); });
  CHECK(later == Errc::unsupported);
  CHECK(reader->handled(1).code() == Errc::unsupported);
  CHECK(reader->wait_for_queue().code() == Errc::unsupported);
  CHECK(reader->health().code() == Errc::unsupported);
  CHECK(reader->retry().code() == Errc::unsupported);
  CHECK(reader->repair(1, "a", {}).code() == Errc::unsupported);
  CHECK(reader->dead_letters().code() == Errc::unsupported);
  CHECK(reader->retry_context("a").code() == Errc::unsupported);
  CHECK(reader->rebuild().code() == Errc::unsupported);
  CHECK(must(db->model("test")->count()) == 1);
}

TEST_CASE("projection: a database in a directory that may not be written is read all the same") {
  ModelRig rig;
  {
    const auto db = rig.open(one_model());
    must(db->model("test")->set(Json::object({{"id", 1}})));
  }
  const std::filesystem::path models = rig.file("models");
  const auto rights = std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec;
  std::filesystem::permissions(models, rights);
  const auto reader = must(EventSourcingDB::open_read_only(rig.file(""), one_model()));
  CHECK(must(reader->model("test")->count()) == 1);
  std::filesystem::permissions(models, rights | std::filesystem::perms::owner_write);
}
