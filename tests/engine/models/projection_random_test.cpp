// Random events over three models: however they are cut into batches and whatever fails on the way, the rows are those
// of one event at a time.
#include "engine/io/memory_faults.hpp"
#include "engine/io/memory_file_system.hpp"
#include "engine/io/random.hpp"
#include "engine/models/es_events.hpp"
#include "tests/engine/models/projection_rig.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

class Dice {
public:
  explicit Dice(std::uint64_t seed) : random_(io::make_seeded_random(seed)) {}
  [[nodiscard]] std::uint64_t below(std::uint64_t limit) { return random_->next() % limit; }
  [[nodiscard]] bool one_in(std::uint64_t n) { return below(n) == 0; }

private:
  std::unique_ptr<io::Random> random_;
};

/// When functions fail: asked at the beginning of each.
using Failing = std::function<void()>;

/// Orders by events of their own, totals derived from them, and a journal that writes rows of every kind and brings
/// about orders itself.
std::vector<ModelDefinition> three_models(const Failing& fail_now) {
  ModelDefinition orders;
  orders.model.name = "orders";
  orders.model.columns = {{.name = "id", .type = ColumnType::integer}, {.name = "cents", .type = ColumnType::integer}};

  ModelDefinition totals;
  totals.model.name = "totals";
  totals.event_sourced = false;
  totals.types = {"es/orders"};
  totals.derive = [fail_now](const ModelEvent& event, DeriveContext& context) -> Status {
    fail_now();
    const std::string action(event.data["action"].string());
    const auto before = context.model("totals").get(action);
    if (!before)
      return before.error();
    const std::int64_t count = *before ? (**before)["count"].integer() : 0;
    const auto orders_now = context.model("orders").count();
    if (!orders_now)
      return orders_now.error();
    const auto stored =
        context.model("totals").set(Json::object({{"id", action}, {"count", count + 1}, {"orders", *orders_now}}));
    return stored ? Status() : stored.error();
  };

  ModelDefinition journal;
  journal.model.name = "journal";
  journal.event_sourced = false;
  journal.types = {"line", "big"};
  journal.reduce = [fail_now](const ModelEvent& event, ReduceContext& context) -> Result<Change> {
    fail_now();
    const Json id = event.data["id"];
    const auto there = context.model("journal").exists(id);
    if (!there)
      return there.error();
    Change change;
    const Json line = Json::object({{"id", id}, {"at", event.position}, {"n", event.data["n"]}});
    if (event.data["n"].integer() == 0)
      change.rm.push_back(id);
    else if (!*there)
      change.ins.push_back(line);
    else
      change.upd.push_back(line);
    change.sav.push_back(Json::object({{"id", "last"}, {"seen", id}}));
    for (std::int64_t i = 0; i < event.data["orders"].integer(); ++i)
      change.events.push_back(
          {"es/orders", es_event("orders", EsAction::insert, {}, Json::object({{"cents", i}})).data});
    return change;
  };
  journal.transact = [fail_now](const ModelEvent& event, TransactContext& context) -> Status {
    if (event.type != "big")
      return {};
    fail_now();
    const auto made = context.set("orders", Json::object({{"cents", event.data["n"]}}));
    if (!made)
      return made.error();
    return context.remove("orders", (*made)["id"].integer() - 3);
  };
  return {std::move(orders), std::move(totals), std::move(journal)};
}

EventLog random_log(Dice& dice, int events) {
  EventLog log;
  for (int i = 0; i < events; ++i) {
    const std::string context = "context-" + std::to_string(dice.below(5));
    const Json n = static_cast<std::int64_t>(dice.below(4));
    const Position step = dice.one_in(4) ? 1 + dice.below(9) : 1;
    log.set_next(log.next() + step - 1);
    switch (dice.below(8)) {
    case 0:
      log.add(context, "line", Json::object({{"id", std::to_string(dice.below(6))}, {"n", n}, {"orders", n}}));
      break;
    case 1: log.add(context, "big", Json::object({{"id", std::to_string(dice.below(6))}, {"n", n}})); break;
    case 2: log.add(context, "weather", Json::object({{"n", n}})); break;
    default: {
      const auto action = static_cast<EsAction>(dice.below(5));
      Json object = Json::object({{"cents", n}});
      if (dice.one_in(2))
        object.set("note", Json::object({{"n", n}}));
      log.add(context, es_event("orders", action, static_cast<std::int64_t>(dice.below(12)),
                                action == EsAction::remove ? Json() : std::move(object)));
    }
    }
  }
  return log;
}

std::string all_rows(ProjectionRig& rig) {
  return rig.rows("orders") + "--\n" + rig.rows("totals") + "--\n" + rig.rows("journal");
}

/// The rows when everything before a position is applied, one event at a time, nothing failing.
std::map<Position, std::string> rows_by_position(const EventLog& log) {
  ProjectionRig rig(three_models([] {}));
  std::map<Position, std::string> rows{{0, all_rows(rig)}};
  for (const EventView& event : log.events()) {
    const auto progress = rig.projection().apply({&event, 1}, event.position + 1);
    REQUIRE_MESSAGE(progress.ok(), why(progress));
    REQUIRE_MESSAGE(!progress->halted, progress->halted->error.message);
    rows[event.position + 1] = all_rows(rig);
  }
  return rows;
}

/// Of the last event before `position`.
const std::string& rows_at(const std::map<Position, std::string>& rows, Position position) {
  return std::prev(rows.upper_bound(position))->second;
}

/// The next piece of the log from the projection's position on, of random length; 0 and the end at least. Some are left
/// open for the next.
Result<Projection::Progress> apply_some(Projection& projection, const EventLog& log, Dice& dice) {
  const auto& events = log.events();
  const auto first = std::find_if(events.begin(), events.end(),
                                  [&](const EventView& event) { return event.position >= projection.position(); });
  const auto left = static_cast<std::uint64_t>(events.end() - first);
  const auto count = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(left, dice.below(40)));
  const auto last = first + count;
  return projection.apply({first, last}, last == events.end() ? log.next() : last->position,
                          dice.one_in(2) ? Projection::Commits::later : Projection::Commits::now);
}

/// Crashes at every write of a run of applies, and looks at what each crash leaves.
void crash_everywhere(std::uint64_t seed, bool synced) {
  CAPTURE(seed);
  Dice dice(seed);
  const EventLog log = random_log(dice, 60);
  const auto rows = rows_by_position(log);
  io::MemoryFileSystem fs;
  struct Image {
    std::unique_ptr<io::MemoryFileSystem> disk;
    Position told;
  };
  std::vector<Image> images;
  Position told = 0;
  fs.set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.operation != io::Operation::write && call.operation != io::Operation::sync_data)
      return std::nullopt;
    switch (call.number % 3) {
    case 0: images.push_back({fs.crash_image(io::CrashPolicy::lose_unsynced()), told}); break;
    case 1: images.push_back({fs.crash_image(io::CrashPolicy::keep_everything()), told}); break;
    default: images.push_back({fs.crash_image(io::CrashPolicy::random_subset(call.number)), told});
    }
    return std::nullopt;
  });
  {
    ProjectionRig rig(three_models([] {}), {.fs = &fs, .synced = synced});
    REQUIRE_MESSAGE(rig.opened().ok(), why(rig.opened()));
    while (rig.projection().position() < log.next()) {
      REQUIRE(apply_some(rig.projection(), log, dice).ok());
      if (dice.one_in(2))
        continue;
      REQUIRE(rig.projection().commit().ok());
      told = rig.projection().position();
    }
  }
  fs.set_hook({});
  CHECK(images.size() > 50);
  for (const Image& image : images) {
    ProjectionRig rig(three_models([] {}), {.fs = image.disk.get(), .synced = synced});
    REQUIRE_MESSAGE(rig.opened().ok(), why(rig.opened()));
    const Position position = rig.projection().position();
    if (synced)
      REQUIRE(position >= image.told);
    REQUIRE(all_rows(rig) == rows_at(rows, position));
    const auto rest = std::find_if(log.events().begin(), log.events().end(),
                                   [&](const EventView& event) { return event.position >= position; });
    REQUIRE(rig.projection().events_applied() == static_cast<std::uint64_t>(rest - log.events().begin()));
    REQUIRE(rig.projection().apply(log.events(), log.next()).ok());
    REQUIRE(all_rows(rig) == rows.rbegin()->second);
  }
}

} // namespace

TEST_CASE("projection: however events are cut and whatever functions throw, rows are those of one event at a time") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    Dice dice(seed);
    const EventLog log = random_log(dice, 300);
    const auto rows = rows_by_position(log);
    bool calm = false;
    ProjectionRig rig(three_models([&] {
      if (!calm && dice.one_in(15))
        throw std::runtime_error("bad luck");
    }));
    int halts = 0;
    for (int calls = 0; rig.projection().position() < log.next(); ++calls) {
      REQUIRE(calls < 2'000);
      const auto progress = apply_some(rig.projection(), log, dice);
      REQUIRE_MESSAGE(progress.ok(), why(progress));
      halts += progress->halted ? 1 : 0;
      if (progress->halted) {
        REQUIRE(progress->halted->error.message.find("bad luck") != std::string::npos);
        REQUIRE(progress->halted->position == rig.projection().position());
      }
      if (dice.one_in(2)) // which commits
        REQUIRE(all_rows(rig) == rows_at(rows, rig.projection().position()));
    }
    CHECK(all_rows(rig) == rows.rbegin()->second);
    CHECK(halts > 5);
    CHECK(rig.projection().events_applied() == log.events().size());
  }
}

TEST_CASE("projection: quarantined contexts leave the rows of all others as they are without them") {
  for (std::uint64_t seed = 11; seed <= 13; ++seed) {
    CAPTURE(seed);
    Dice dice(seed);
    const EventLog log = random_log(dice, 200);
    // Some events cannot be applied, whenever they are tried.
    std::vector<Position> bad;
    for (const EventView& event : log.events())
      if (event.event_type != "weather" && dice.one_in(40))
        bad.push_back(event.position);
    const auto models = [&] {
      auto definitions = three_models([] {});
      definitions.front().reduce = [&bad](const ModelEvent& event, ReduceContext& context) -> Result<Change> {
        if (context.depth() == 0 && std::count(bad.begin(), bad.end(), event.position) != 0)
          return fail(Errc::invalid_argument, "bad");
        return Change{};
      };
      return definitions;
    };
    ProjectionRig one_by_one(models(), {.on_failure = OnFailure::quarantine});
    for (const EventView& event : log.events())
      REQUIRE(one_by_one.projection().apply({&event, 1}, event.position + 1).ok());
    ProjectionRig rig(models(), {.on_failure = OnFailure::quarantine});
    for (int calls = 0; rig.projection().position() < log.next(); ++calls) {
      REQUIRE(calls < 2'000);
      REQUIRE(apply_some(rig.projection(), log, dice).ok());
    }
    CHECK(all_rows(rig) == all_rows(one_by_one));
    CHECK(rig.projection().quarantined() == one_by_one.projection().quarantined());
    CHECK(rig.projection().dead_letters()->size() == one_by_one.projection().dead_letters()->size());

    // What is left out is the same as if it had never been there.
    ProjectionRig without(models());
    std::vector<EventView> others;
    std::vector<std::string_view> stopped;
    for (const EventView& event : log.events()) {
      if (std::count(bad.begin(), bad.end(), event.position) != 0)
        stopped.push_back(event.context_id);
      if (std::count(stopped.begin(), stopped.end(), event.context_id) == 0)
        others.push_back(event);
    }
    REQUIRE_FALSE(without.projection().apply(others, log.next())->halted);
    CHECK(all_rows(rig) == all_rows(without));
    CHECK(rig.projection().events_applied() == others.size());
    CHECK(rig.projection().dead_letters()->size() == log.events().size() - others.size());
  }
}

TEST_CASE("projection: a disk that fails now and then costs time, never an event, and none comes twice") {
  for (std::uint64_t seed = 21; seed <= 23; ++seed) {
    CAPTURE(seed);
    Dice dice(seed);
    const EventLog log = random_log(dice, 150);
    const auto rows = rows_by_position(log);
    io::MemoryFileSystem fs;
    int failures = 0, lives = 0;
    Position reached = 0;
    while (reached < log.next()) {
      REQUIRE(++lives < 500);
      ProjectionRig rig(three_models([] {}), {.fs = &fs});
      REQUIRE_MESSAGE(rig.opened().ok(), why(rig.opened()));
      REQUIRE(rig.projection().position() >= reached); // A commit whose sync failed may still have happened.
      REQUIRE(all_rows(rig) == rows_at(rows, rig.projection().position()));
      const auto tally = std::make_shared<io::FaultTally>();
      const auto fault = dice.one_in(2) ? io::DiskFault::eio : io::DiskFault::enospc;
      fs.set_hook(io::failing_calls({fault, 1 + dice.below(40), false}, tally));
      for (bool going_on = true; going_on && rig.projection().position() < log.next();) {
        const auto progress = apply_some(rig.projection(), log, dice);
        // A failing disk is nobody's fault: no event is halted or put aside for it.
        if (progress)
          REQUIRE_FALSE(progress->halted);
        going_on = progress.ok();
        if (going_on && (dice.one_in(3) || rig.projection().position() == log.next())) {
          going_on = rig.projection().commit().ok();
          if (going_on)
            reached = rig.projection().position();
        }
      }
      failures += tally->failed != 0 ? 1 : 0;
      fs.set_hook({});
    }
    CHECK(failures > 2);
    ProjectionRig rig(three_models([] {}), {.fs = &fs});
    CHECK(rig.projection().events_applied() == log.events().size());
    CHECK(all_rows(rig) == rows.rbegin()->second);
  }
}

TEST_CASE("projection: after a crash at any write the models are the fold of the events before the position") {
  crash_everywhere(31, true);
}

TEST_CASE("projection: commits that did not wait for the disk may be taken back by a power cut, never half of one") {
  crash_everywhere(32, false);
}
