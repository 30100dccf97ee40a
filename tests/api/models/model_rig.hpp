// What the tests of models through the engine's door share.
#pragma once

#include "tests/api/simulated_engine.hpp"
#include "tests/support/happenings.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <weir/engine.hpp>
#include <weir/event_sourcing_db.hpp>
#include <weir/model_database.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir::test {

template <class T> T must(Result<T> result) {
  REQUIRE_MESSAGE(result.ok(), why(result));
  return std::move(result).value();
}
inline void must(const Status& status) {
  REQUIRE_MESSAGE(status.ok(), why(status));
}

/// Of models that halt at an event: now and then they try again, and run meanwhile.
inline ProjectionHealth health_once_halted(const EventSourcingDB& db) {
  ProjectionHealth health;
  REQUIRE(eventually([&] {
    health = must(db.health());
    return health.state == ProjectionState::halted;
  }));
  return health;
}

/// A directory with an engine.
class ModelRig {
public:
  ModelRig() : directory_(fast_parent()) { reopen(); }

  void reopen() {
    engine_.reset();
    engine_ = std::make_unique<Engine>(must(open_watched(directory_.path(), options)));
  }
  [[nodiscard]] Engine& engine() { return *engine_; }
  [[nodiscard]] std::unique_ptr<EventSourcingDB> open(EventSourcingOptions models) {
    return must(EventSourcingDB::open(*engine_, std::move(models)));
  }
  [[nodiscard]] std::string file(const std::string& name) const { return directory_.path(name); }

  EngineOptions options{};

private:
  TempDirectory directory_;
  std::unique_ptr<Engine> engine_;
};

/// One event-sourced model with integer ids and an indexed column "count".
inline EventSourcingOptions one_model(const std::string& name = "test") {
  EventSourcingOptions options;
  ModelDefinition model;
  model.model.name = name;
  model.model.columns = {{.name = "id", .type = ColumnType::integer}, {.name = "count", .index = ColumnIndex::all}};
  options.models.push_back(std::move(model));
  return options;
}

/// A model that keeps the number of events `add` in a row "sum", and refuses one that says {"bad":true}.
inline ModelDefinition adding_model(const std::string& name = "sums") {
  ModelDefinition model;
  model.model.name = name;
  model.model.columns = {{.name = "sum"}};
  model.event_sourced = false;
  model.reduce = [name](const ModelEvent& event, ReduceContext& context) -> Result<Change> {
    Change change;
    if (event.type != "add")
      return change;
    if (event.data["bad"].boolean())
      return fail(Errc::invalid_argument, "this one is bad");
    const auto old = context.model(name).get(event.context_id);
    if (!old)
      return old.error();
    const std::int64_t sum = *old ? (**old)["sum"].integer() : 0;
    change.set.push_back(Json::object({{"id", event.context_id}, {"sum", sum + event.data["n"].integer(1)}}));
    return change;
  };
  return model;
}

inline std::int64_t sum_of(const EventSourcingDB& db, const std::string& context, const std::string& model = "sums") {
  const auto row = must(db.rows(model)->get(context));
  return row ? (*row)["sum"].integer() : 0;
}

} // namespace weir::test
