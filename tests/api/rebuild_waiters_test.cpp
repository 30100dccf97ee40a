// Who waits for events while the models are made anew.
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/why.hpp"

#include <weir/event_sourcing_db.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <semaphore>
#include <string>
#include <thread>
#include <utility>

using namespace weir;
using namespace weir::test;

TEST_CASE("projection: who waits for an event that a rebuild brings in is told what became of it") {
  SimulatedDisk disk;
  auto engine = disk.open({.shards = 1});
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  // The live models stand at an event, until a rebuild, in this thread, has everything.
  const std::thread::id rebuilding = std::this_thread::get_id();
  std::counting_semaphore<> held(0);
  std::atomic<bool> holding{true};
  EventSourcingOptions options;
  ModelDefinition& items = options.models.emplace_back();
  items.model.name = "items";
  items.derive = [&](const ModelEvent& event, DeriveContext&) -> Status {
    if (event.data["id"].string() == "held" && std::this_thread::get_id() != rebuilding) {
      held.release();
      holding.wait(true);
    }
    return {};
  };
  options.batch_events_max = 1;
  options.event_time_max_ms = std::chrono::minutes(10);
  auto opened = EventSourcingDB::open(*engine, std::move(options));
  REQUIRE_MESSAGE(opened.ok(), why(opened));
  EventSourcingDB& db = **opened;
  ESModel& model = *db.model("items");

  constexpr int writes = 40;
  std::latch answered(writes + 1);
  std::atomic<int> right{0};
  const auto write = [&](const std::string& id) {
    model.set_async(Json::object({{"id", id}}), [&, id](const Result<Json>& written) {
      right.fetch_add(written.ok() && written->string() == id ? 1 : 0);
      answered.count_down();
    });
  };
  write("held");
  held.acquire();
  for (int i = 0; i < writes; ++i)
    write(std::to_string(i));
  CHECK(eventually([&] {
    const auto health = db.health();
    return health.ok() && health->lag_events == writes + 1;
  }));

  RebuildOptions rebuild;
  rebuild.progress = [&](const RebuildProgress& progress) {
    if (progress.events <= writes)
      return;
    holding.store(false);
    holding.notify_all();
  };
  const auto report = db.rebuild(rebuild);
  REQUIRE_MESSAGE(report.ok(), why(report));
  CHECK(report->events == writes + 1);
  answered.wait();
  CHECK(right.load() == writes + 1);
  db.close();
}
