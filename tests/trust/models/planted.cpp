#include "trust/models/planted.hpp"

#include "engine/models/es_events.hpp"
#include "engine/models/projection_tables.hpp"
#include "engine/text.hpp"
#include "tests/support/temp_directory.hpp"
#include "trust/models/judge.hpp"

#include <weir/model_database.hpp>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace weir::trust {

namespace {

namespace stdfs = std::filesystem;

constexpr std::uint32_t writes = 60;

void check(const Status& status, const char* what) {
  if (!status)
    throw std::runtime_error(std::string(what) + ": " + to_string(status.error()));
}

/// Works on the database of a service that is not there.
void edit(const std::string& file, const std::function<Status(ModelDatabase&)>& work) {
  const auto database = ModelDatabase::create({.file = file});
  check(database ? Status() : Status(database.error()), "the database");
  check((*database)->transaction([&] { return work(**database); }), "an edit");
  check((*database)->close(), "close");
}

void run(const std::string& directory, const char* sql) {
  edit(shop_file(directory), [sql](ModelDatabase& database) -> Status {
    const auto ran = database.run(sql);
    if (!ran)
      return ran.error();
    return ran->changes != 0 ? Status() : Status(fail(Errc::not_found, "no row was changed"));
  });
}

/// Moves the position, with a checksum that fits.
void move(const std::string& file, Position position, std::uint64_t events) {
  edit(file, [=](ModelDatabase& database) -> Status {
    ProjectionTables tables(database);
    auto record = tables.read();
    if (!record)
      return std::move(record).error();
    record->position = position;
    record->events = events;
    return tables.write(*record);
  });
}

/// Stores one more event, without the models.
Position store_one(const std::string& directory) {
  auto engine = Engine::open(directory, shop_engine_options());
  check(engine ? Status() : Status(engine.error()), "open");
  const ModelEvent write =
      es_event("items", EsAction::set, Json(4'711), Json::object({{"count", 1}}), to_json(WriteId{2, 0, 1}));
  const auto receipt =
      engine->store({.context_id = "items:4711", .event_type = write.type, .payload = write.data.to_text()});
  check(receipt ? Status() : Status(receipt.error()), "store");
  check(engine->close(), "close");
  return receipt->position;
}

struct Mistake {
  const char* what;
  std::function<void(const std::string& directory, ModelsJudge& judge)> make;
  const char* found_as; ///< Nothing: there is no mistake, or weir itself finds it.
};

/// A service that was closed, and what it was told of its writes.
class Original {
public:
  explicit Original(std::uint64_t seed) {
    const OpenShop shop(directory());
    Dice dice(seed);
    for (std::uint32_t number = 1; number <= writes; ++number) {
      const Write write = draw_write(dice, 0, 5);
      const WriteId id{1, 0, number};
      Json object;
      const std::string outcome = outcome_of(perform(*shop.db->model(write.model), write, id, object));
      if (outcome.empty())
        throw std::runtime_error("a write failed");
      told_.emplace_back(id, outcome);
    }
    // Each of the edits finds something.
    const Status set = outcome_status(*shop.db);
    check(set, "the last write");
    LogFold fold;
    fold.read(*shop.engine);
    last_ = fold.last_position();
    events_ = fold.events();
  }

  [[nodiscard]] std::vector<std::string> complaints_with(const Mistake& mistake) const {
    const test::TempDirectory scratch;
    const std::string copy = scratch.path("data");
    stdfs::copy(directory(), copy, stdfs::copy_options::recursive);
    ModelsJudge judge;
    for (const auto& [id, outcome] : told_)
      judge.acknowledged(id, outcome);
    mistake.make(copy, judge);
    judge.judge(OpenShop(copy), true);
    return judge.complaints();
  }

  [[nodiscard]] Position last() const { return last_; }
  [[nodiscard]] std::uint64_t events() const { return events_; }

private:
  [[nodiscard]] std::string directory() const { return scratch_.path("data"); }
  Status outcome_status(EventSourcingDB& db) {
    Json object;
    const WriteId id{1, 0, writes + 1};
    Write write{"items", Write::Kind::set, Json::object({{"id", 1}, {"count", 2}, {"name", "one"}}), false};
    Status written = perform(*db.model("items"), write, id, object);
    if (written)
      told_.emplace_back(id, "done");
    return written;
  }

  test::TempDirectory scratch_;
  std::vector<std::pair<WriteId, std::string>> told_;
  Position last_ = 0;
  std::uint64_t events_ = 0;
};

std::vector<Mistake> mistakes(const Original& original) {
  const auto sql = [](const char* text) {
    return [text](const std::string& directory, ModelsJudge&) { run(directory, text); };
  };
  const Position last = original.last();
  const std::uint64_t events = original.events();
  return {
      {"nothing", [](const std::string&, ModelsJudge&) {}, nullptr},
      {"a row that was changed", sql(R"(UPDATE "items" SET "json" = '{"count":3}' WHERE "id" = 1)"), "and should be"},
      {"a column that was changed", sql(R"(UPDATE "items" SET "name" = 'two' WHERE "id" = 1)"), "and should be"},
      {"a row that was removed", sql(R"(DELETE FROM "items" WHERE "id" = 1)"), "is missing"},
      {"a row that was added", sql(R"(INSERT INTO "items"("id") VALUES(999999))"), "should not be"},
      {"a row that was counted up",
       sql(R"(UPDATE "tallies" SET "json" = json_set("json", '$.count', json_extract("json", '$.count') + 1)
              WHERE "id" = 'events:es/items')"),
       "events:es/items"},
      {"a position that was moved back: the last event is applied twice",
       [=](const std::string& directory, ModelsJudge&) { move(shop_file(directory), last, events - 1); },
       "events:es/items"},
      {"a position that was moved back, with the number of events as it was",
       [=](const std::string& directory, ModelsJudge&) { move(shop_file(directory), last, events); },
       "events were applied"},
      {"a position that was moved forward: an event is not applied",
       [=](const std::string& directory, ModelsJudge&) {
         move(shop_file(directory), store_one(directory) + 1, events + 1);
       },
       "items 4711 is missing"},
      {"a position of the copy that was moved forward: an event is not applied",
       [=](const std::string& directory, ModelsJudge&) { move(copy_file(directory), last + 1, events - 1); },
       "events were applied"},
      {"a position that was moved with SQL, which weir finds itself",
       sql(R"(UPDATE "weir_projection" SET "position" = "position" - 1)"), nullptr},
      {"a write that was acknowledged and never stored",
       [](const std::string&, ModelsJudge& judge) {
         judge.acknowledged({1, 0, writes + 2}, "done");
       },
       "is lost"},
      {"a write that became another than its caller was told",
       [](const std::string&, ModelsJudge& judge) {
         judge.acknowledged({1, 0, writes + 1}, "EEXIST");
       },
       "was told"},
  };
}

} // namespace

std::uint64_t find_planted_in_models(std::uint64_t seed) {
  const Original original(seed);
  std::uint64_t found = 0;
  for (const Mistake& mistake : mistakes(original)) {
    const auto complaints = original.complaints_with(mistake);
    const bool right = mistake.found_as == nullptr
                           ? complaints.empty()
                           : std::any_of(complaints.begin(), complaints.end(), [&](const std::string& complaint) {
                               return complaint.find(mistake.found_as) != std::string::npos;
                             });
    if (!right)
      throw std::runtime_error(std::string("planted ") + mistake.what + ": " +
                               (complaints.empty() ? "not found" : "found as: " + complaints.front()));
    found += mistake.found_as == nullptr ? 0 : 1;
  }
  return found;
}

} // namespace weir::trust
