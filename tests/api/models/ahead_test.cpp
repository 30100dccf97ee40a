// A lone caller's write, applied while the disk works for it: who sees it when, and what a failed sync comes to.
#include "tests/api/models/model_rig.hpp"
#include "tests/support/happenings.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

Json row(int id, int count) {
  return Json::object({{"id", id}, {"count", count}});
}

/// An engine whose syncs of the log are told, in the thread that makes them.
class Synced {
public:
  explicit Synced(EventSourcingOptions options = one_model()) : engine_(must(disk_.open(two_shards()))) {
    options.commit_within_ms = std::chrono::seconds(1);
    options.retry_first_ms = std::chrono::milliseconds(1);
    db = must(EventSourcingDB::open(engine_, std::move(options)));
    must(model().set(row(1, 0)));
  }
  ~Synced() { disk_.fs().set_hook({}); }

  [[nodiscard]] ESModel& model() { return *db->model("test"); }
  [[nodiscard]] Engine& engine() { return engine_; }
  [[nodiscard]] SimulatedDisk& disk() { return disk_; }
  using DuringSync = std::function<std::optional<Error>()>;
  void at_each_sync(DuringSync then) {
    disk_.fs().set_hook([then = std::move(then)](const io::Call& call) -> std::optional<Error> {
      return call.operation == io::Operation::sync_data && call.path.ends_with(".wal") ? then() : std::nullopt;
    });
  }
  /// What this thread finds in the model while `write` is being synced. Who has the transaction sees its rows.
  [[nodiscard]] std::int64_t seen_during(const std::function<void()>& write) {
    std::optional<std::int64_t> seen;
    at_each_sync([&]() -> std::optional<Error> {
      seen = count();
      return std::nullopt;
    });
    write();
    disk_.fs().set_hook({});
    REQUIRE(seen);
    return *seen;
  }
  /// Whether writes with the next counts come to be applied ahead; the projection's thread may be busy with the one
  /// before.
  [[nodiscard]] bool come_ahead(int& count) {
    for (int attempt = 0; attempt < 1'000; ++attempt) {
      ++count;
      if (seen_during([&] { must(model().set(row(1, count))); }) == count)
        return true;
    }
    return false;
  }
  [[nodiscard]] std::int64_t count(int id = 1) { return (*must(model().get(id)))["count"].integer(); }

  static EngineOptions two_shards() {
    EngineOptions options;
    options.shards = 2;
    return options;
  }

private:
  SimulatedDisk disk_;
  Engine engine_;

public:
  std::unique_ptr<EventSourcingDB> db;
};

} // namespace

TEST_CASE("es_model: a lone write is applied while the disk works for it, unless somebody reads in between") {
  Synced synced;
  int count = 0;
  CHECK(synced.come_ahead(count));
  CHECK(synced.come_ahead(count));
  for (int i = 0; i < 5; ++i) {
    CHECK(synced.count() == count); // commits
    const int before = count++;
    CHECK(synced.seen_during([&] { must(synced.model().set(row(1, count))); }) == before);
  }
  CHECK(synced.come_ahead(count));

  // What would be slow, or can be left by its caller, or is told to a listener, is applied after the sync.
  const std::string large(20'000, 'x');
  WriteOptions patient;
  patient.timeout_ms = std::chrono::minutes(2);
  for (int i = 0; i < 5; ++i) {
    const int before = count++;
    CHECK(synced.seen_during([&] {
      if (i % 2 == 0)
        must(synced.model().set(Json::object({{"id", 1}, {"count", count}, {"text", large}})));
      else
        must(synced.model().set(row(1, count), false, patient));
    }) == before);
  }
  CHECK(synced.come_ahead(count));
  std::vector<std::int64_t> told;
  synced.db->on_result(
      [&](const Dispatched& done) { told.push_back(done.applied.event.data["data"]["count"].integer()); });
  std::vector<std::int64_t> written;
  for (int i = 0; i < 5; ++i) {
    const int before = count++;
    written.push_back(count);
    CHECK(synced.seen_during([&] { must(synced.model().set(row(1, count))); }) == before);
  }
  CHECK(told == written);
  CHECK(must(synced.db->health()).events_applied == static_cast<std::uint64_t>(count) + 1);
}

TEST_CASE("es_model: whoever reads while a write is applied ahead of its sync sees it once it is safe") {
  Synced synced;
  int count = 0;
  CHECK(synced.come_ahead(count));
  const auto before = static_cast<std::uint64_t>(count) + 1;
  std::atomic<bool> safe{false}, seen{false};
  std::thread reader;
  synced.at_each_sync([&]() -> std::optional<Error> {
    const auto health = must(synced.db->health());
    CHECK(health.events_applied == before);
    CHECK(health.lag_events == 0);
    const bool ahead = synced.count() == count;
    reader = std::thread([&, ahead] {
      const std::int64_t found = synced.count();
      if (ahead) {
        CHECK(found == count);
        CHECK(safe.load());
      }
      seen = true;
    });
    for (int i = 0; i < 1'000 && !seen; ++i)
      std::this_thread::yield();
    safe = true;
    return std::nullopt;
  });
  ++count;
  must(synced.model().set(row(1, count)));
  reader.join();
  CHECK(must(synced.db->health()).events_applied == before + 1);
}

TEST_CASE("es_model: a write whose sync fails is in no model, and all that was answered before is") {
  bool was_ahead = false;
  for (int round = 0; round < 100 && !was_ahead; ++round) {
    Synced synced;
    for (int count = 1; count <= 4; ++count)
      must(synced.model().set(row(1, count)));
    CHECK(synced.count() == 4); // commits
    must(synced.model().set(row(1, 5)));
    std::atomic<std::int64_t> ahead{0};
    synced.at_each_sync([&]() -> std::optional<Error> {
      ahead = synced.count();
      return fail(Errc::io_error, "the disk is broken");
    });
    const auto refused = synced.model().set(row(1, 6));
    CHECK_MESSAGE(refused.code() == Errc::shard_failed, why(refused));
    was_ahead = ahead == 6;
    // Nothing older is read meanwhile, either.
    CHECK(eventually([&] {
      const auto read = synced.model().get(1);
      if (read)
        CHECK((**read)["count"].integer() == 5);
      return read.ok();
    }));
    CHECK(must(synced.db->health()).events_applied == 6);
    synced.db.reset();
    synced.disk().fs().set_hook({});
    const auto copy = must(ModelDatabase::create(synced.disk().fs(), {.file = "models/models.db", .read_only = true}));
    CHECK(must(copy->all("SELECT 1 FROM test WHERE json_extract(json, '$.count') = 6")).empty());
  }
  CHECK(was_ahead);
}

TEST_CASE("es_model: an event that cannot be applied is found out after its sync, and halts the models as ever") {
  Synced synced;
  must(synced.model().set(row(1, 1)));
  must(synced.model().set(row(1, 2)));
  Event wrong{.context_id = "test:2", .event_type = "es/test", .payload = R"({"action":"dance","id":2})"};
  CHECK(synced.db->store(std::move(wrong)).code() == Errc::projection_failed);
  CHECK(synced.count() == 2);
  CHECK(health_once_halted(*synced.db).events_applied == 3);
}

TEST_CASE("es_model: writes ahead of their syncs, others beside them, readers and rebuilds: all is applied once") {
  ModelRig rig;
  EventSourcingOptions options = one_model();
  options.commit_within_ms = std::chrono::milliseconds(2);
  const auto db = rig.open(options);
  ESModel& test = *db->model("test");
  constexpr int writes = 400;
  std::atomic<bool> done{false};
  std::atomic<int> older{0};
  std::uint64_t others = 0;
  std::thread beside([&] { // takes positions in between
    for (; !done; ++others)
      must(rig.engine().store(
          {.context_id = "other-" + std::to_string(others % 7), .event_type = "noted", .payload = "{}"}));
  });
  std::thread rebuilds([&] {
    while (!done)
      must(db->rebuild());
  });
  std::thread reader([&] {
    for (std::int64_t known = 0; !done;) {
      const auto found = must(test.get(1));
      const std::int64_t now = found ? (*found)["count"].integer() : 0;
      older += now < known ? 1 : 0;
      known = now;
      for (int i = 0; i < 50; ++i)
        std::this_thread::yield();
    }
  });
  for (int count = 1; count <= writes; ++count) {
    const Json written = must(test.set(row(1, count)));
    older += written["count"].integer() == count ? 0 : 1;
    if (count % 5 == 0)
      older += (*must(test.get(1)))["count"].integer() == count ? 0 : 1;
  }
  done = true;
  beside.join();
  rebuilds.join();
  reader.join();
  CHECK(older == 0);
  must(db->wait_for_queue());
  CHECK(must(db->health()).events_applied == writes + others);
  CHECK(must(test.count()) == 1);
}
