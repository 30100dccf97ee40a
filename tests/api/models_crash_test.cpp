// Models on a simulated disk that loses its power at any call.
#include "tests/api/simulated_engine.hpp"
#include "tests/support/why.hpp"

#include <weir/event_sourcing_db.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

constexpr int writes = 48;

EngineOptions small_options() {
  EngineOptions options;
  options.shards = 2;
  options.wal_file_bytes = 64u << 10; // crash images are copies of the disk
  options.disk_reserve_bytes = 1u << 20;
  return options;
}

/// Items, and a row that is counted up for every write to them: an event that is applied twice shows.
/// Without that row no function of a service's runs for an event, and changes are left open for the next.
EventSourcingOptions shop_options(bool tallied) {
  ModelDefinition items;
  items.model.name = "items";
  items.model.columns = {{.name = "id", .type = ColumnType::integer}, {.name = "count", .index = ColumnIndex::all}};
  ModelDefinition tallies;
  tallies.model.name = "tallies";
  tallies.event_sourced = false;
  tallies.reduce = [](const ModelEvent& event, ReduceContext& context) -> Result<Change> {
    const auto row = context.model("tallies").get("all");
    if (!row)
      return row.error();
    Change change;
    const std::int64_t before = *row ? (**row)["events"].integer() : 0;
    change.sav.push_back(Json::object({{"id", "all"}, {"events", before + 1}, {"last", event.position}}));
    return change;
  };
  EventSourcingOptions options;
  options.name = "shop";
  options.models = {items};
  if (tallied)
    options.models.push_back(tallies);
  options.batch_events_max = 8; // a rebuild has several transactions
  return options;
}

struct Shop {
  Engine engine;
  std::unique_ptr<EventSourcingDB> db;
};

Shop open_shop(SimulatedDisk& disk, bool tallied = true) {
  auto engine = disk.open(small_options());
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  auto db = EventSourcingDB::open(*engine, shop_options(tallied));
  REQUIRE_MESSAGE(db.ok(), why(db));
  return {*std::move(engine), *std::move(db)};
}

/// The number'th write of a run, which says its number; some change and remove what earlier ones made.
void write(Shop& shop, int number) {
  ESModel& items = *shop.db->model("items");
  WriteOptions options;
  options.metadata = Json::object({{"number", number}});
  const int id = 1 + number % 7;
  if (number % 11 == 0) {
    const Status removed = items.remove(id, options);
    REQUIRE_MESSAGE(removed.ok(), why(removed));
    return;
  }
  const Json object = Json::object({{"id", id}, {"count", number}, {"text", std::string(40, 'x')}});
  const auto written = number % 3 == 0 ? items.update(object, true, options) : items.set(object, false, options);
  REQUIRE_MESSAGE(written.ok(), why(written));
}

/// What the log makes of the models, by other code than theirs; and the numbers of its writes.
struct Fold {
  std::map<std::int64_t, Json> items;
  std::uint64_t events = 0;
  Position last = 0;
  std::vector<std::int64_t> numbers;

  explicit Fold(const Engine& engine) {
    SubscribeOptions options;
    options.follow = false;
    auto queue = engine.subscribe(options);
    REQUIRE_MESSAGE(queue.ok(), why(queue));
    for (;;) {
      const auto batch = queue->next();
      REQUIRE_MESSAGE(batch.ok(), why(batch));
      for (const EventView& event : batch->events)
        take(event);
      if (batch->ended)
        return;
    }
  }

private:
  void take(const EventView& event) {
    ++events;
    last = event.position;
    const auto payload = Json::parse(event.payload);
    REQUIRE_MESSAGE(payload.ok(), why(payload));
    const Json& write = *payload;
    numbers.push_back(write["meta"]["number"].integer());
    const std::int64_t id = write["id"].integer();
    if (write["action"].string() == "remove") {
      items.erase(id);
      return;
    }
    Json& row = items[id];
    if (row.is_null() || write["action"].string() == "set")
      row = Json::object({{"id", id}});
    for (const auto& [name, value] : write["data"].members())
      row.set(name, value);
  }
};

void judge_tally(const Shop& shop, const Fold& fold) {
  const auto tally = shop.db->rows("tallies")->get("all");
  REQUIRE_MESSAGE(tally.ok(), why(tally));
  REQUIRE(tally->has_value() == (fold.events != 0));
  if (fold.events == 0)
    return;
  CHECK((**tally)["events"].unsigned_integer() == fold.events);
  CHECK((**tally)["last"].unsigned_integer() == fold.last);
}

/// Whether the models are the fold of the log, once each, with the first `acknowledged` writes in it; and go on.
void judge(SimulatedDisk& disk, int acknowledged, bool tallied = true) {
  Shop shop = open_shop(disk, tallied);
  const auto queue = shop.db->wait_for_queue();
  REQUIRE_MESSAGE(queue.ok(), why(queue));
  const Fold fold(shop.engine);
  for (int number = 1; number <= acknowledged; ++number)
    CHECK(std::count(fold.numbers.begin(), fold.numbers.end(), number) == 1);

  std::map<std::int64_t, Json> items;
  const auto rows = shop.db->rows("items")->all();
  REQUIRE_MESSAGE(rows.ok(), why(rows));
  for (const Json& row : *rows)
    items[row["id"].integer()] = row;
  CHECK(items.size() == rows->size());
  CHECK(items == fold.items);

  const auto health = shop.db->health();
  REQUIRE_MESSAGE(health.ok(), why(health));
  CHECK(health->state == ProjectionState::running);
  CHECK(health->events_applied == fold.events);
  CHECK(health->lag_events == 0);
  if (tallied)
    judge_tally(shop, fold);
  if (fold.events == 0)
    return;
  CHECK(health->position > fold.last);

  write(shop, 100);
  const auto written = shop.db->rows("items")->get(1 + 100 % 7);
  REQUIRE_MESSAGE(written.ok(), why(written));
  REQUIRE(written->has_value());
  CHECK((**written)["count"].integer() == 100);
}

bool changes_disk(io::Operation operation) {
  using enum io::Operation;
  return operation == write || operation == sync_data || operation == truncate || operation == rename ||
         operation == unlink || operation == sync_directory;
}

struct Image {
  SimulatedDisk disk;
  int acknowledged = 0; ///< When it was made.
};

/// Takes images of a disk while somebody works on it, before every so many'th call that changes it.
class Camera {
public:
  Camera(SimulatedDisk& disk, std::uint64_t every, const std::atomic<int>& acknowledged) : disk_(disk) {
    disk_.fs().set_hook([this, every, &acknowledged](const io::Call& call) -> std::optional<Error> {
      if (!changes_disk(call.operation))
        return std::nullopt;
      const std::lock_guard lock(mutex_);
      if (calls_++ % every != 0)
        return std::nullopt;
      const int promised = acknowledged.load(); // before the image: this much must be in it
      const std::uint64_t number = images_.size();
      images_.push_back({disk_.crash_image(number % 3 == 0   ? io::CrashPolicy::lose_unsynced()
                                           : number % 3 == 1 ? io::CrashPolicy::keep_everything()
                                                             : io::CrashPolicy::random_subset(number)),
                         promised});
      return std::nullopt;
    });
  }
  ~Camera() { stop(); }
  Camera(const Camera&) = delete;
  Camera& operator=(const Camera&) = delete;

  void stop() { disk_.fs().set_hook({}); }
  [[nodiscard]] std::uint64_t calls() const { return calls_; }
  [[nodiscard]] std::vector<Image>& images() { return images_; }

private:
  SimulatedDisk& disk_;
  std::mutex mutex_;
  std::uint64_t calls_ = 0;
  std::vector<Image> images_;
};

} // namespace

TEST_CASE("projection: crashed at any call of a run of writes, the models are what the log makes of them") {
  std::atomic<int> acknowledged{0};
  const auto run = [&acknowledged](SimulatedDisk& disk) {
    acknowledged = 0;
    Shop shop = open_shop(disk);
    for (int number = 1; number <= writes; ++number) {
      write(shop, number);
      acknowledged = number;
      if (number % 16 == 0)
        REQUIRE(shop.engine.flush().ok());
    }
  };
  std::uint64_t calls = 0;
  {
    SimulatedDisk counted(SimulatedDisk::CatalogKind::sqlite);
    const Camera camera(counted, UINT64_MAX, acknowledged);
    run(counted);
    calls = camera.calls();
  }
  SimulatedDisk disk(SimulatedDisk::CatalogKind::sqlite);
  Camera camera(disk, std::max<std::uint64_t>(1, calls / 60), acknowledged);
  run(disk);
  camera.stop();
  std::uint64_t again = 0;
  for (Image& image : camera.images()) {
    CAPTURE(image.acknowledged);
    if (again++ % 10 != 5) {
      judge(image.disk, image.acknowledged);
      continue;
    }
    // Crashed once more, while it catches up with the log.
    const std::atomic<int> promised{image.acknowledged};
    Camera second(image.disk, 12, promised);
    judge(image.disk, image.acknowledged);
    second.stop();
    for (Image& later : second.images())
      judge(later.disk, later.acknowledged);
  }
  CHECK(camera.images().size() >= 30);
}

TEST_CASE("projection: crashed at any call while changes are left open, the models are what the log makes of them") {
  std::atomic<int> acknowledged{0};
  SimulatedDisk disk(SimulatedDisk::CatalogKind::sqlite);
  Camera camera(disk, 5, acknowledged);
  {
    Shop shop = open_shop(disk, false);
    for (int number = 1; number <= writes; ++number) {
      write(shop, number);
      acknowledged = number;
      if (number % 7 == 0) { // reads commit
        const auto count = shop.db->model("items")->count();
        REQUIRE_MESSAGE(count.ok(), why(count));
      }
    }
  }
  camera.stop();
  for (Image& image : camera.images()) {
    CAPTURE(image.acknowledged);
    judge(image.disk, image.acknowledged, false);
  }
  CHECK(camera.images().size() >= 20);
}

TEST_CASE("projection: crashed at any call of a rebuild, the swap too, the models are what the log makes of them") {
  const std::atomic<int> acknowledged{writes};
  const auto rebuild = [](Shop& shop) {
    const auto report = shop.db->rebuild();
    REQUIRE_MESSAGE(report.ok(), why(report));
    CHECK(report->events == writes);
  };
  const auto prepare = [](SimulatedDisk& disk) {
    Shop shop = open_shop(disk);
    for (int number = 1; number <= writes; ++number)
      write(shop, number);
    return shop;
  };
  SimulatedDisk disk(SimulatedDisk::CatalogKind::sqlite);
  std::uint64_t calls = 0;
  {
    Shop shop = prepare(disk);
    Camera camera(disk, UINT64_MAX, acknowledged);
    rebuild(shop);
    calls = camera.calls();
  }
  Shop shop = open_shop(disk);
  Camera camera(disk, std::max<std::uint64_t>(1, calls / 40), acknowledged);
  rebuild(shop);
  camera.stop();
  for (Image& image : camera.images())
    judge(image.disk, image.acknowledged);
  CHECK(camera.images().size() >= 20);
}
