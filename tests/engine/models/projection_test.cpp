#include "engine/io/memory_file_system.hpp"
#include "engine/models/es_events.hpp"
#include "tests/engine/models/projection_rig.hpp"
#include "tests/support/temp_directory.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <thread>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

ModelDefinition notes() {
  ModelDefinition definition;
  definition.model.name = "notes";
  return definition;
}

/// Refuses events of type "bad", as often as `failing` says.
ModelDefinition picky(int* failing = nullptr) {
  ModelDefinition definition;
  definition.model.name = "picky";
  definition.event_sourced = false;
  definition.types = {"good", "bad"};
  definition.reduce = [failing](const ModelEvent& event, ReduceContext&) -> Result<Change> {
    if (event.type == "bad" && (failing == nullptr || *failing > 0))
      return fail(Errc::not_found, "it is bad");
    Change change;
    change.set.push_back(Json::object({{"id", event.context_id + "-" + std::to_string(event.sequence)}}));
    return change;
  };
  return definition;
}

/// Counts in one row every event that it is given.
std::vector<ModelDefinition> counter() {
  ModelDefinition definition;
  definition.model.name = "counter";
  definition.event_sourced = false;
  definition.reduce = [](const ModelEvent&, ReduceContext& context) -> Result<Change> {
    const auto found = context.model("counter").get("x");
    if (!found)
      return found.error();
    Change change;
    change.set.push_back(Json::object({{"id", "x"}, {"n", *found ? (**found)["n"].integer() + 1 : 1}}));
    return change;
  };
  return {std::move(definition)};
}

/// Applies all that the log has in steps of so many events and so many, in turn, each when `meeting` is over; how many
/// events it dealt with itself.
Result<std::size_t> apply_in_steps(ProjectionRig& rig, std::array<std::size_t, 2> steps, std::barrier<>& meeting) {
  const std::span<const EventView> events = rig.log().events();
  std::size_t dealt_with = 0;
  for (std::size_t from = 0, round = 0; from < events.size(); ++round) {
    const std::size_t to = std::min(from + steps[round % 2], events.size());
    const auto apply = [&] {
      return rig.projection().apply(events.subspan(from, to - from), events[to - 1].position + 1);
    };
    meeting.arrive_and_wait();
    auto progress = apply();
    while (progress.code() == Errc::locked)
      progress = apply(); // Nothing has happened: the other one had the file for longer than the patience lasts.
    if (!progress)
      return progress.error();
    if (progress->halted)
      return progress->halted->error;
    dealt_with += progress->events;
    from = to;
  }
  return dealt_with;
}

Status added(std::vector<ModelDefinition> definitions) {
  const auto database = ModelDatabase::create({});
  REQUIRE(database.ok());
  return Projection::add_models(**database, definitions);
}

std::vector<ModelDefinition> both(int* failing = nullptr) {
  return {notes(), picky(failing)};
}

ModelEvent write(const std::string& id, int n) {
  return es_event("notes", EsAction::set, id, Json::object({{"n", n}}));
}

std::vector<std::string> letters(const Projection& projection, std::string_view context_id = {}) {
  const auto all = projection.dead_letters(context_id);
  REQUIRE_MESSAGE(all.ok(), why(all));
  std::vector<std::string> texts;
  for (const DeadLetter& letter : *all)
    texts.push_back(std::to_string(letter.position) + " " + letter.context_id + "/" + std::to_string(letter.sequence) +
                    " " + letter.event_type + " x" + std::to_string(letter.attempts) + " " + letter.error);
  return texts;
}

} // namespace

TEST_CASE("projection: definitions that can do nothing, or take names that are not theirs, are refused") {
  const auto refused = [](const auto& change) {
    ModelDefinition definition = notes();
    change(definition);
    const Status status = added({std::move(definition)});
    CHECK(status.code() == Errc::invalid_argument);
    return status.ok() ? std::string() : status.error().message;
  };
  CHECK(refused([](ModelDefinition& each) {
          each.event_sourced = false;
        }).find("model 'notes': it is not event-sour") == 0);
  CHECK(refused([](ModelDefinition& each) { each.model.name = "weir_notes"; }) ==
        "model 'weir_notes': names that begin with weir_ are taken");
  CHECK(refused([](ModelDefinition& each) { each.types = {""}; }).find("no event can have the type ''") !=
        std::string::npos);
  CHECK(refused([](ModelDefinition& each) { each.model.name = std::string(126, 'x'); }).find("no event can have") !=
        std::string::npos);
  CHECK(refused([](ModelDefinition& each) {
          each.model.columns.push_back({.name = "id", .path = "a.id"});
        }).find("at the top of its objects") != std::string::npos);
  CHECK(added({notes(), notes()}).error().message == "model 'notes': is defined twice");
  CHECK(added({}).ok());
  CHECK(added({notes()}).ok());
}

TEST_CASE("projection: rows and position are kept together, and events come once") {
  io::MemoryFileSystem fs;
  EventLog log;
  for (int i = 0; i < 10; ++i)
    log.add("c", write(std::to_string(i % 3), i));
  const std::vector<EventView>& events = log.events();
  std::string rows;
  {
    ProjectionRig rig(both(), {.fs = &fs});
    const auto progress = rig.projection().apply({events.begin(), events.begin() + 7}, 8);
    REQUIRE_MESSAGE(progress.ok(), why(progress));
    CHECK(progress->events == 7);
    CHECK(progress->next == 8);
    // Again, and a piece that begins with what is applied: nothing happens twice.
    const auto again = rig.projection().apply({events.begin(), events.begin() + 7}, 8);
    REQUIRE(again.ok());
    CHECK(again->events == 0);
    CHECK(rig.projection().apply({events.begin() + 5, events.end()}, 11)->events == 3);
    CHECK(rig.projection().events_applied() == 10);
    rows = rig.rows("notes");
  }
  ProjectionRig rig(both(), {.fs = &fs});
  REQUIRE_MESSAGE(rig.opened().ok(), why(rig.opened()));
  CHECK(rig.projection().position() == 11);
  CHECK(rig.projection().events_applied() == 10);
  CHECK(rig.rows("notes") == rows);
  // Positions may have gaps, and go on where there is no event.
  CHECK(rig.projection().apply({}, 1'000)->next == 1'000);
  CHECK(rig.projection().apply({}, 5)->next == 1'000);
  CHECK(rig.projection().events_applied() == 10);
}

TEST_CASE("projection: events out of order, or not before the next position, are refused") {
  ProjectionRig rig(both());
  EventLog log;
  log.add("c", write("a", 1));
  log.add("c", write("a", 2));
  std::vector<EventView> events(log.events().rbegin(), log.events().rend());
  CHECK(rig.projection().apply(events, 3).code() == Errc::invalid_argument);
  CHECK(rig.projection().apply(log.events(), 2).code() == Errc::invalid_argument);
  CHECK(rig.projection().position() == 0);
}

TEST_CASE("projection: positions have 64 bits") {
  io::MemoryFileSystem fs;
  EventLog log;
  const std::vector<Position> positions{(1ULL << 31U) - 1, 1ULL << 31U,       (1ULL << 32U) + 5, (1ULL << 63U) - 1,
                                        1ULL << 63U,       (1ULL << 63U) + 1, UINT64_MAX - 1};
  for (const Position position : positions) {
    log.set_next(position);
    log.add(position < (1ULL << 63U) ? "low" : "high", "bad");
  }
  for (std::size_t i = 0; i < positions.size(); ++i) {
    ProjectionRig rig(both(), {.on_failure = OnFailure::quarantine, .fs = &fs});
    REQUIRE_MESSAGE(rig.opened().ok(), why(rig.opened()));
    const auto progress = rig.projection().apply({&log.events()[i], 1}, positions[i] + 1);
    REQUIRE_MESSAGE(progress.ok(), why(progress));
    CHECK(rig.projection().position() == positions[i] + 1);
  }
  ProjectionRig rig(both(), {.on_failure = OnFailure::quarantine, .fs = &fs});
  CHECK(rig.projection().position() == UINT64_MAX);
  const auto letters = rig.projection().dead_letters();
  REQUIRE(letters.ok());
  REQUIRE(letters->size() == positions.size());
  for (std::size_t i = 0; i < positions.size(); ++i)
    CHECK((*letters)[i].position == positions[i]);
  CHECK(rig.projection().retry("high", log.of_context("high"))->halted->position == positions[4]);
}

TEST_CASE("projection: what another source or other functions made is not taken for one's own") {
  io::MemoryFileSystem fs;
  CHECK(ProjectionRig(both(), {.fs = &fs, .source = 7, .revision = 2}).opened().ok());
  CHECK(ProjectionRig(both(), {.fs = &fs, .source = 7, .revision = 2}).opened().ok());
  const ProjectionRig source(both(), {.fs = &fs, .source = 8, .revision = 2});
  CHECK(source.opened().code() == Errc::incompatible);
  const ProjectionRig revision(both(), {.fs = &fs, .source = 7, .revision = 3});
  CHECK(revision.opened().code() == Errc::incompatible);
  CHECK(revision.opened().error().message.find("revision 2 of their functions, not 3") != std::string::npos);
}

TEST_CASE("projection: damage to what it keeps about itself is found when it is opened") {
  for (const char* const damage :
       {"DELETE FROM weir_projection", "UPDATE weir_projection SET position = position - 1",
        "UPDATE weir_projection SET events = 9", "DELETE FROM weir_dead_letters WHERE position = 2",
        "UPDATE weir_dead_letters SET context_id = x'41'", "UPDATE weir_dead_letters SET error = x''"}) {
    CAPTURE(damage);
    io::MemoryFileSystem fs;
    {
      ProjectionRig rig(both(), {.on_failure = OnFailure::quarantine, .fs = &fs});
      rig.log().add("c", "bad");
      rig.log().add("c", "good");
      CHECK(rig.apply().events == 2);
      const Status damaged = rig.database().execute(damage);
      REQUIRE_MESSAGE(damaged.ok(), why(damaged));
    }
    CHECK(ProjectionRig(both(), {.fs = &fs}).opened().code() == Errc::corruption);
  }
  io::MemoryFileSystem fs;
  {
    ProjectionRig rig(both(), {.fs = &fs});
    REQUIRE(rig.database().execute("UPDATE weir_projection SET format = 2").ok());
  }
  CHECK(ProjectionRig(both(), {.fs = &fs}).opened().code() == Errc::incompatible);
}

TEST_CASE("projection: halted it stands at the event that failed, with all before it applied") {
  int failing = 1;
  ProjectionRig rig(both(&failing));
  rig.log().add("c", write("a", 1));
  rig.log().add("c", "good");
  const Position bad = rig.log().add("c", "bad");
  rig.log().add("d", write("b", 1));
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto progress = rig.apply();
    REQUIRE(progress.halted);
    CHECK(progress.halted->position == bad);
    CHECK(progress.halted->error.message == "_reduce_picky: it is bad");
    CHECK(progress.halted->error.where == "context c, sequence 3, position 3");
    CHECK(progress.next == bad);
    CHECK(progress.events == (attempt == 0 ? 2 : 0));
    CHECK(progress.outcomes.size() == (attempt == 0 ? 2 : 0));
    CHECK(rig.projection().position() == bad);
    CHECK(rig.rows("notes") == "{\"id\":\"a\",\"n\":1}\n");
  }
  failing = 0;
  const auto progress = rig.apply();
  CHECK_FALSE(progress.halted);
  CHECK(progress.events == 2);
  CHECK(rig.projection().events_applied() == 4);
  CHECK(rig.rows("picky") == "{\"id\":\"c-2\"}\n{\"id\":\"c-3\"}\n");
}

TEST_CASE("projection: a correction takes the place of an event's type and payload") {
  ProjectionRig rig(both());
  rig.log().add("c", write("a", 1));
  const Position bad = rig.log().add("c", "bad");
  REQUIRE(rig.apply().halted);
  rig.projection().set_corrections({{bad, {"es/notes", write("b", 7).data.to_text()}}});
  const auto progress = rig.apply();
  CHECK_FALSE(progress.halted);
  CHECK(progress.outcomes.at(bad).applied.event.type == "es/notes");
  CHECK(rig.rows("notes") == "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":7}\n");
}

TEST_CASE("projection: quarantine stops the context that failed, all others go on") {
  int failing = 1;
  io::MemoryFileSystem fs;
  {
    ProjectionRig rig(both(&failing), {.on_failure = OnFailure::quarantine, .fs = &fs});
    rig.clock().set_now(Timestamp{std::chrono::microseconds{77}});
    rig.log().add("c", "good");
    rig.log().add("c", "bad");
    rig.log().add("d", "good");
    rig.log().add("c", "good");
    rig.log().add("c", write("from-c", 1));
    const auto progress = rig.apply();
    CHECK_FALSE(progress.halted);
    CHECK(progress.events == 5);
    REQUIRE(progress.quarantined.size() == 1);
    CHECK(progress.quarantined[0].position == 2);
    CHECK(progress.outcomes.at(2).error->message == "_reduce_picky: it is bad");
    CHECK(progress.outcomes.at(4).error->code == Errc::projection_failed);
    CHECK_FALSE(progress.outcomes.at(3).error);
    CHECK(rig.projection().quarantined() == std::vector<std::string>{"c"});
    CHECK(rig.projection().events_applied() == 2);
    CHECK(rig.rows("picky") == "{\"id\":\"c-1\"}\n{\"id\":\"d-1\"}\n");
    const auto dead = rig.projection().dead_letters();
    REQUIRE(dead.ok());
    REQUIRE_FALSE(dead->empty());
    CHECK(dead->front().since == Timestamp{std::chrono::microseconds{77}});
  }
  ProjectionRig rig(both(&failing), {.on_failure = OnFailure::quarantine, .fs = &fs});
  CHECK(rig.projection().quarantined() == std::vector<std::string>{"c"});
  CHECK(letters(rig.projection()) ==
        std::vector<std::string>{"2 c/2 bad x1 _reduce_picky: it is bad", "4 c/3 good x0 ", "5 c/4 es/notes x0 "});
  CHECK(letters(rig.projection(), "d").empty());
  // What comes to it after a restart waits, too.
  rig.log().set_next(6);
  rig.log().add("c", "good");
  rig.log().add("d", "good");
  CHECK(rig.apply().quarantined.empty());
  CHECK(letters(rig.projection(), "c").size() == 4);
  CHECK(rig.rows("picky") == "{\"id\":\"c-1\"}\n{\"id\":\"d-1\"}\n");
}

TEST_CASE("projection: a retry goes through the dead letters of a context as far as it gets") {
  int failing = 1;
  ProjectionRig rig(both(&failing), {.on_failure = OnFailure::quarantine});
  for (const char* const type : {"bad", "good", "bad"})
    rig.log().add("c", type);
  rig.log().add("d", "bad");
  CHECK(rig.apply().quarantined.size() == 2);
  const auto events = rig.log().of_context("c");

  auto progress = rig.projection().retry("c", events);
  REQUIRE_MESSAGE(progress.ok(), why(progress));
  REQUIRE(progress->halted);
  CHECK(progress->halted->position == 1);
  CHECK(progress->events == 0);
  CHECK(letters(rig.projection(), "c").front() == "1 c/1 bad x2 _reduce_picky: it is bad");

  // The first one is corrected: the second works by itself, the third fails in its place.
  rig.projection().add_correction(1, {"good", "{}"});
  progress = rig.projection().retry("c", events);
  REQUIRE(progress.ok());
  CHECK(progress->halted->position == 3);
  CHECK(progress->events == 2);
  CHECK(letters(rig.projection(), "c") == std::vector<std::string>{"3 c/3 bad x1 _reduce_picky: it is bad"});
  CHECK(rig.projection().quarantined() == std::vector<std::string>{"c", "d"});
  CHECK(rig.rows("picky") == "{\"id\":\"c-1\"}\n{\"id\":\"c-2\"}\n");

  failing = 0;
  CHECK(rig.projection().retry("c", events).code() == Errc::invalid_argument); // They do not begin with the next one.
  progress = rig.projection().retry("c", {&events[2], 1});
  REQUIRE(progress.ok());
  CHECK_FALSE(progress->halted);
  CHECK(rig.projection().quarantined() == std::vector<std::string>{"d"});
  CHECK(rig.projection().events_applied() == 3);
  CHECK(rig.projection().position() == 5);
  rig.log().add("c", "good");
  CHECK(rig.apply().events == 1);
  CHECK(rig.rows("picky") == "{\"id\":\"c-1\"}\n{\"id\":\"c-2\"}\n{\"id\":\"c-3\"}\n{\"id\":\"c-4\"}\n");
  CHECK(rig.projection().retry("nobody", {}).ok());
}

TEST_CASE("projection: what becomes of an event is told for contexts that somebody waits for") {
  ProjectionRig rig(both(), {.all_wanted = false});
  rig.log().add("c", write("a", 1));
  CHECK(rig.apply().outcomes.empty());
  ProjectionRig wanted(both());
  CHECK(wanted.run(write("a", 1)).applied.result.to_text() == R"({"notes":{"ins":[{"id":"a","n":1}]}})");
  CHECK(wanted.run("nobody cares", loose_json("{'n':1}")).applied.event.data.to_text() == R"({"n":1})");
}

TEST_CASE("projection: an event whose functions take too long has failed") {
  io::ManualClock* clock = nullptr;
  ModelDefinition slow = picky();
  slow.derive = [&clock](const ModelEvent& event, DeriveContext&) -> Status {
    clock->advance(std::chrono::seconds(event.data["s"].integer()));
    return {};
  };
  ProjectionRig rig({std::move(slow)});
  clock = &rig.clock();
  rig.run("good", loose_json("{'s':30}"));
  CHECK(rig.failure("good", loose_json("{'s':31}")) == "the functions of the event took 31000 ms, more than 30000 ms");
  CHECK(rig.projection().position() == 2);
  CHECK(rig.rows("picky") == "{\"id\":\"context-1\"}\n");
}

TEST_CASE("projection: events that reach no model only move the position") {
  ProjectionRig rig(both(), {.all_wanted = false});
  for (int i = 0; i < 100; ++i)
    rig.log().add("c", "weather");
  const auto progress = rig.apply();
  CHECK(progress.events == 100);
  CHECK(rig.projection().events_applied() == 100);
  CHECK(rig.projection().position() == 101);
}

TEST_CASE("projection: no event is blamed for a database that fails") {
  bool broken = true;
  ModelDefinition model = picky();
  model.derive = [&broken](const ModelEvent& event, DeriveContext&) -> Status {
    return broken && event.type == "bad" ? Status(fail(Errc::io_error, "the disk is gone")) : Status();
  };
  model.transact = [](const ModelEvent& event, TransactContext& context) -> Status {
    if (event.type != "bad")
      if (const auto done = context.dispatch("bad", {}); !done)
        return fail(Errc::not_found, "as if it were the event's fault");
    return {};
  };
  model.reduce = {};
  ProjectionRig rig({std::move(model)}, {.on_failure = OnFailure::quarantine});
  rig.log().add("c", "good");
  const auto failed = rig.projection().apply(rig.log().events(), rig.log().next());
  CHECK(failed.code() == Errc::io_error);
  CHECK(failed.error().message.find("_transact_picky: _handle bad: _apply_derive picky: the disk is gone") !=
        std::string::npos);
  CHECK(rig.projection().position() == 0);
  CHECK(rig.projection().quarantined().empty());
  broken = false;
  CHECK(rig.apply().events == 1);
}

TEST_CASE("event_sourcing_db: two instances on one file apply each event once between them") {
  const TempDirectory directory(fast_parent());
  ProjectionRig one(counter(), {.file = directory.path("models.db")});
  ProjectionRig two(counter(), {.file = directory.path("models.db")});
  REQUIRE_MESSAGE(two.opened().ok(), why(two.opened()));
  for (int i = 0; i < 40; ++i) {
    one.log().add("c", "more");
    two.log().add("c", "more");
    const bool first = i % 3 == 0;
    CHECK((first ? one : two).apply().events + (first ? two : one).apply().events == 1);
  }
  CHECK(one.rows("counter") == "{\"id\":\"x\",\"n\":40}\n");
  CHECK(two.rows("counter") == one.rows("counter"));
  CHECK(two.projection().events_applied() == 40);
}

TEST_CASE("projection: two instances on one file, at once in two threads, apply each event once between them") {
  const TempDirectory directory(fast_parent());
  ProjectionRig one(counter(), {.file = directory.path("models.db")});
  ProjectionRig two(counter(), {.file = directory.path("models.db")});
  REQUIRE_MESSAGE(one.opened().ok(), why(one.opened()));
  REQUIRE_MESSAGE(two.opened().ok(), why(two.opened()));
  constexpr std::size_t count = 200;
  for (std::size_t i = 0; i < count; ++i) {
    one.log().add("c", "more");
    two.log().add("c", "more");
  }
  // They begin each step together, and with steps of different size: who comes second finds all of its step applied
  // already, or a part.
  std::barrier<> meeting(2);
  const auto apply = [&meeting](ProjectionRig& rig, std::array<std::size_t, 2> steps) {
    auto done = apply_in_steps(rig, steps, meeting);
    meeting.arrive_and_drop(); // so that the other one does not wait for one that has failed
    return done;
  };
  Result<std::size_t> by_two = std::size_t{0};
  std::thread other([&] { by_two = apply(two, {5, 3}); });
  const auto by_one = apply(one, {3, 5});
  other.join();
  REQUIRE_MESSAGE(by_one.ok(), why(by_one));
  REQUIRE_MESSAGE(by_two.ok(), why(by_two));
  CHECK(*by_one + *by_two == count);
  CHECK(one.rows("counter") == "{\"id\":\"x\",\"n\":200}\n");
  CHECK(two.rows("counter") == one.rows("counter"));
  for (ProjectionRig* const rig : {&one, &two}) {
    CHECK(rig->projection().position() == rig->log().next());
    CHECK(rig->projection().events_applied() == count);
  }
}

TEST_CASE("event_sourcing_db: what is not committed yet is seen inside alone") {
  const TempDirectory directory(fast_parent());
  std::vector<std::string> seen;
  ModelDefinition definition = notes();
  definition.derive = [&](const ModelEvent&, DeriveContext& context) -> Status {
    seen.push_back("inside " + std::to_string(context.model("notes").count().value()));
    ModelDatabaseOptions options;
    options.file = directory.path("models.db");
    options.read_only = true;
    const auto reader = ModelDatabase::create(std::move(options));
    REQUIRE(reader.ok());
    const auto row = (*reader)->get("SELECT count(*) AS rows FROM notes");
    REQUIRE_MESSAGE(row.ok(), why(row));
    seen.push_back("outside " + std::to_string(std::get<std::int64_t>((**row)["rows"])));
    return {};
  };
  ProjectionRig rig({std::move(definition)}, {.file = directory.path("models.db")});
  rig.run(write("a", 1));
  rig.run(write("b", 1));
  CHECK(seen == std::vector<std::string>{"inside 1", "outside 0", "inside 2", "outside 1"});
}

TEST_CASE("projection: an event whose object cannot be read back is applied, whoever waits for it") {
  ModelDefinition definition = notes();
  Column column;
  column.name = "n";
  column.type = ColumnType::integer;
  column.parse = [](const SqlValue& stored) -> Result<Json> {
    const auto* const n = std::get_if<std::int64_t>(&stored);
    if (n != nullptr && *n == 13)
      return fail(Errc::invalid_argument, "it is 13");
    return n != nullptr ? Json(*n) : Json();
  };
  definition.model.columns = {std::move(column)};
  ProjectionRig rig({std::move(definition)});
  const auto refused = rig.run(write("a", 13));
  CHECK_FALSE(refused.error);
  CHECK_FALSE(refused.object);
  CHECK(rig.model("notes").get("a").code() == Errc::invalid_argument);
  const auto fine = rig.run(write("b", 12));
  REQUIRE(fine.object);
  CHECK((*fine.object)["n"].integer() == 12);
}

TEST_CASE("event_sourcing_db: a file opened for reading alone shows rows and position, and applies nothing") {
  const TempDirectory directory(fast_parent());
  const std::string file = directory.path("models.db");
  ProjectionRig writer(both(), {.file = file});
  writer.run(write("a", 1));
  ModelDatabaseOptions options;
  options.file = file;
  options.read_only = true;
  const auto database = ModelDatabase::create(std::move(options));
  REQUIRE(database.ok());
  const auto models = both();
  REQUIRE(Projection::add_models(**database, models).ok());
  REQUIRE((*database)->open().ok());
  Projection::Parts parts;
  parts.database = database->get();
  parts.models = models;
  parts.source = 1;
  const auto reader = Projection::open(std::move(parts));
  REQUIRE_MESSAGE(reader.ok(), why(reader));
  CHECK((*reader)->position() == 2);
  CHECK((*database)->model("notes")->count().value() == 1);
  writer.log().add("c", write("b", 1));
  CHECK((*reader)->apply(writer.log().events(), writer.log().next()).code() == Errc::unsupported);
  CHECK_FALSE(writer.apply().halted);
  CHECK((*database)->model("notes")->count().value() == 2);
}
