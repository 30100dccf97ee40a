// Writes that share a commit: who sees them when, and what a failed commit comes to.
#include "tests/api/models/model_rig.hpp"
#include "tests/support/happenings.hpp"

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

Json item(int id, int count) {
  return Json::object({{"id", id}, {"count", count}});
}

EventSourcingOptions one_model_left_open(std::chrono::milliseconds commit_within_ms) {
  EventSourcingOptions options = one_model();
  options.commit_within_ms = commit_within_ms;
  options.retry_first_ms = std::chrono::milliseconds(1);
  return options;
}

constexpr std::chrono::milliseconds longest{1'000};

} // namespace

TEST_CASE("event_sourcing_db: commit_within_ms has bounds") {
  EventSourcingOptions options = one_model();
  for (const int ms : {0, 1, 1'000}) {
    options.commit_within_ms = std::chrono::milliseconds(ms);
    CHECK(options.validate().ok());
  }
  for (const int ms : {-1, 1'001}) {
    options.commit_within_ms = std::chrono::milliseconds(ms);
    const Status refused = options.validate();
    CHECK(refused.code() == Errc::invalid_argument);
    CHECK(refused.error().where == "commit_within_ms");
  }
}

TEST_CASE("es_model: whoever reads here sees a write at once, another process once it is committed") {
  ModelRig rig;
  const auto db = rig.open(one_model_left_open(longest));
  must(db->model("test")->set(item(1, 1)));
  CHECK(must(db->model("test")->count()) == 1); // commits
  const auto beside = must(EventSourcingDB::open_read_only(rig.file(""), one_model()));
  for (int count = 2; count < 20; ++count) {
    must(db->model("test")->set(item(1, count)));
    if (count % 3 != 0)
      continue;
    std::thread([&] { // in any thread
      CHECK((*must(db->model("test")->get(1)))["count"].integer() == count);
      CHECK((*must(db->rows("test")->get(1)))["count"].integer() == count);
      CHECK(must(db->database().all("SELECT 1 FROM test WHERE json_extract(json, '$.count') = ?",
                                    std::vector<SqlValue>{std::int64_t{count}}))
                .size() == 1);
    })
        .join();
    CHECK((*must(beside->model("test")->get(1)))["count"].integer() == count);
  }
  must(db->model("test")->set(item(1, 100))); // nobody reads here
  CHECK(eventually([&] { return (*must(beside->model("test")->get(1)))["count"].integer() == 100; }));
}

TEST_CASE("es_model: writes share a commit, and are all there after a restart") {
  ModelRig rig;
  std::uint64_t applied = 0;
  {
    const auto db = rig.open(one_model_left_open(longest));
    for (int i = 0; i < 700; ++i) { // more than are left open at a time
      must(db->model("test")->set(item(i % 10, i)));
      ++applied;
    }
    CHECK(must(db->health()).events_applied == applied);
    CHECK(must(db->health()).lag_events == 0);
  }
  const auto beside = must(EventSourcingDB::open_read_only(rig.file(""), one_model()));
  CHECK(must(beside->model("test")->count()) == 10); // closing has committed
  CHECK((*must(beside->model("test")->get(9)))["count"].integer() == 699);
  const auto db = rig.open(one_model_left_open(longest));
  CHECK(must(db->health()).events_applied == applied);
}

TEST_CASE("es_model: an event that cannot be applied takes nothing from those that were left open before it") {
  ModelRig rig;
  const auto db = rig.open(one_model_left_open(longest));
  must(db->model("test")->set(item(1, 1)));
  must(
      rig.engine().store({.context_id = "test:2", .event_type = "es/test", .payload = R"({"action":"dance","id":2})"}));
  CHECK(db->wait_for_queue().code() == Errc::projection_failed);
  CHECK((*must(db->model("test")->get(1)))["count"].integer() == 1);
  CHECK(health_once_halted(*db).events_applied == 1);
}

TEST_CASE("es_model: a commit that fails is made good from the log; until then reads fail, and show nothing older") {
  SimulatedDisk disk;
  EngineOptions small;
  small.shards = 2;
  auto engine = must(disk.open(small));
  const auto db = must(EventSourcingDB::open(engine, one_model_left_open(longest)));
  ESModel& test = *db->model("test");
  must(test.set(item(1, 1)));
  CHECK(must(test.count()) == 1);

  std::atomic<int> refused{0};
  const auto no_room = [&](const io::Call& call) -> std::optional<Error> {
    if (call.operation != io::Operation::write || call.path.find("models/") == std::string_view::npos)
      return std::nullopt;
    ++refused;
    return fail(Errc::disk_full, "no space left", std::string(call.path));
  };
  for (int round = 2; round < 6; ++round) {
    CAPTURE(round);
    for (int id = 1; id <= 3; ++id)
      must(test.set(item(id, round))); // durable in the log, and applied
    disk.fs().set_hook(no_room);
    const auto read = test.get(1);
    CHECK_FALSE(read.ok());
    CHECK(refused > 0);
    for (int i = 0; i < 50; ++i) { // retries of the projection come in between
      const auto again = test.get(1);
      CHECK_FALSE(again.ok());
    }
    disk.fs().set_hook({});
    // From the first that works on, everything is there.
    CHECK(eventually([&] { return test.get(1).ok(); }));
    for (int id = 1; id <= 3; ++id)
      CHECK((*must(test.get(id)))["count"].integer() == round);
    must(db->wait_for_queue());
    CHECK(must(db->health()).events_applied == static_cast<std::uint64_t>(1 + 3 * (round - 1)));
    CHECK(must(db->health()).state == ProjectionState::running);
  }
}

TEST_CASE("es_model: a rebuild takes in what was left open, and what comes while it runs") {
  ModelRig rig;
  const auto db = rig.open(one_model_left_open(longest));
  for (int id = 1; id <= 20; ++id)
    must(db->model("test")->set(item(id, 1)));
  std::atomic<bool> done{false};
  std::atomic<int> older{0};
  std::thread writer([&] {
    for (int count = 2; !done; ++count) {
      must(db->model("test")->set(item(1 + count % 20, count)));
      older += (*must(db->model("test")->get(1 + count % 20)))["count"].integer() == count ? 0 : 1;
    }
  });
  for (int i = 0; i < 3; ++i)
    must(db->rebuild());
  done = true;
  writer.join();
  CHECK(older == 0);
  CHECK(must(db->model("test")->count()) == 20);
}
