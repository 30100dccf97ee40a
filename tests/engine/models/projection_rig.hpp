// A projection over a log in memory, for tests.
#pragma once

#include "engine/io/file_system.hpp"
#include "engine/io/manual_clock.hpp"
#include "engine/models/projection.hpp"
#include "tests/support/why.hpp"

#include <weir/event_sourcing.hpp>
#include <weir/json_model.hpp>
#include <weir/model_database.hpp>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::test {

/// Json::parse of a text that is JSON, with ' for ".
[[nodiscard]] Json loose_json(std::string text);

/// Events as a queue gives them.
class EventLog {
public:
  /// Positions go on from the last one's by `step`, sequences by one in each context.
  Position add(std::string context_id, std::string type, const Json& data = Json::object(), Position step = 1);
  Position add(std::string context_id, ModelEvent event) {
    return add(std::move(context_id), std::move(event.type), event.data);
  }
  [[nodiscard]] const std::vector<EventView>& events() const { return views_; }
  /// Behind the last event.
  [[nodiscard]] Position next() const { return next_; }
  void set_next(Position next) { next_ = next; }
  [[nodiscard]] std::vector<EventView> of_context(std::string_view context_id) const;

private:
  struct Texts {
    std::string context_id, type, payload;
  };
  std::deque<Texts> texts_; // stay where they are
  std::vector<EventView> views_;
  std::map<std::string, Sequence> sequences_;
  Position next_ = 1;
};

class ProjectionRig {
public:
  struct Setup {
    OnFailure on_failure = OnFailure::halt;
    io::FileSystem* fs = nullptr; ///< Null: in memory, for this rig alone.
    std::uint64_t source = 1;
    std::uint64_t revision = 0;
    bool all_wanted = true;
    bool synced = true;    ///< See ModelDatabaseOptions.
    std::string file = {}; ///< A file of the operating system's, instead of `fs`.
  };
  explicit ProjectionRig(std::vector<ModelDefinition> models) : ProjectionRig(std::move(models), Setup{}) {}
  ProjectionRig(std::vector<ModelDefinition> models, const Setup& setup);

  /// What opening came to; the calls below need it to be fine.
  [[nodiscard]] const Status& opened() const { return opened_; }
  [[nodiscard]] Projection& projection() { return *projection_; }
  [[nodiscard]] ModelDatabase& database() { return *database_; }
  [[nodiscard]] JsonModel& model(std::string_view name) { return *database_->model(name); }
  [[nodiscard]] io::ManualClock& clock() { return clock_; }
  [[nodiscard]] EventLog& log() { return log_; }

  /// Adds an event to the log and applies what is new; the outcome of the last one.
  Projection::Outcome run(std::string type, const Json& data = Json::object());
  Projection::Outcome run(ModelEvent event) { return run(std::move(event.type), event.data); }
  /// Applies what is new.
  Projection::Progress apply();
  /// The message of the failure at which the projection halts once this event is there; empty if it does not.
  std::string failure(std::string type, const Json& data = Json::object());
  /// Every object of a model, in the order of ids, as JSON text.
  [[nodiscard]] std::string rows(std::string_view model);

private:
  io::ManualClock clock_;
  EventLog log_;
  std::unique_ptr<ModelDatabase> database_;
  std::unique_ptr<Projection> projection_;
  Status opened_;
};

} // namespace weir::test
