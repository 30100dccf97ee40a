// Models driven by events: what a service defines, and what its functions are given.
//
// Purpose: the vocabulary of EventSourcingDB. Every event runs through the phases preprocess, reduce, apply, derive,
// its sub-events, transact, all inside one transaction of the projection's database. Owner: the service defines, the
// projection calls. Threading: preprocessors run in the thread that dispatches, one at a time, before the event is
// stored, and again in the projection's when it is applied, maybe while another event is dispatched (so they must be
// repeatable: run twice, they give the same event); all other functions run in the projection's thread. Functions must
// decide by what they are given alone: they run again when a transaction is repeated, and in every rebuild. An
// exception that leaves one is an error of its phase. Errors of models are to be handed on as they are: `io_error`,
// `disk_full`, `corruption`, `locked` and `closing` say that the database failed, and the event is not to blame.
#pragma once

#include <weir/event.hpp>
#include <weir/json_model.hpp>
#include <weir/json_value.hpp>
#include <weir/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// An event as models see it. Of a sub-event the place is its parent's.
struct ModelEvent {
  std::string type{};
  Json data{}; ///< The payload: an object. Of a sub-event any value.
  Timestamp timestamp{};
  std::string context_id{};
  Sequence sequence = 0; ///< 0 while it is not stored yet.
  Position position = 0; ///< 0 while it is not stored yet.
  Json metadata{};
};

/// An event that another one brings about: computed anew whenever that one is applied, never stored.
struct SubEvent {
  std::string type{};
  Json data{};
};

/// What a reducer wants changed in its model; applied in this order.
struct Change {
  std::vector<Json> rm{};  ///< Ids to remove; missing ones are fine.
  std::vector<Json> ins{}; ///< New objects: a taken id is an error.
  std::vector<Json> set{}; ///< Whole objects, new or in the place of the old one.
  std::vector<Json> upd{}; ///< Members to change (null removes) of objects that must be there.
  std::vector<Json> sav{}; ///< Members to change, or new objects.
  std::string es_fail{};   ///< ESModel: "EEXIST" or "ENOENT", the write was not possible, and changes nothing.
  std::vector<SubEvent> events{};

  [[nodiscard]] bool empty() const noexcept {
    return rm.empty() && ins.empty() && set.empty() && upd.empty() && sav.empty() && es_fail.empty() && events.empty();
  }
  /// {"rm": [...], ...}, only what there is; events aside.
  [[nodiscard]] Json to_json() const&;
  [[nodiscard]] Json to_json() &&;
};

/// What became of an event that was applied.
struct AppliedEvent {
  ModelEvent event{};                 ///< As it was applied, after preprocessing.
  Json result = Json::object();       ///< {model: change}, of models that changed.
  std::vector<AppliedEvent> events{}; ///< Its sub-events, in the order they ran.
};

/// What preprocessors and reducers may look at: every model as it was before the event.
class ReduceContext {
public:
  virtual ~ReduceContext() = default;
  /// Precondition: there is a model of this name; has_model() tells.
  [[nodiscard]] virtual const JsonModel& model(std::string_view name) const = 0;
  [[nodiscard]] virtual bool has_model(std::string_view name) const = 0;
  /// Runs after this event's derivers, in the order added.
  virtual void add_event(std::string type, Json data) = 0;
  /// Null at first; shared by all preprocessors and reducers of one event.
  [[nodiscard]] virtual Json& cache() = 0;
  /// The place among the ancestors: 0 for a stored event, 1 for its sub-events ...
  [[nodiscard]] virtual std::size_t depth() const = 0;
};

/// What derivers may do: write any model.
class DeriveContext {
public:
  virtual ~DeriveContext() = default;
  [[nodiscard]] virtual JsonModel& model(std::string_view name) const = 0;
  [[nodiscard]] virtual bool has_model(std::string_view name) const = 0;
  virtual void add_event(std::string type, Json data) = 0;
  [[nodiscard]] virtual const Change& result() const = 0; ///< Of this deriver's own model.
  [[nodiscard]] virtual std::size_t depth() const = 0;
};

/// What transact functions may do: bring about sub-events that run at once, and look at what came of them.
class TransactContext {
public:
  virtual ~TransactContext() = default;
  [[nodiscard]] virtual const JsonModel& model(std::string_view name) const = 0;
  [[nodiscard]] virtual bool has_model(std::string_view name) const = 0;
  virtual Result<AppliedEvent> dispatch(std::string type, Json data) = 0;
  // Writes to event-sourced models, as sub-events. Errors: as those of ESModel.
  virtual Result<Json> set(std::string_view model, const Json& object, bool insert_only = false) = 0;
  virtual Result<Json> update(std::string_view model, const Json& changes, bool upsert = false) = 0;
  virtual Status remove(std::string_view model, const Json& id) = 0;
  [[nodiscard]] virtual std::size_t depth() const = 0;
};

struct ModelDefinition {
  JsonModelOptions model{};
  /// An ESModel: has writes of its own, which are events `es/<name>`, and the reducer for them. Otherwise at least one
  /// of the functions must be there.
  bool event_sourced = true;
  /// Only events of these types reach the functions, beside the model's own `es/<name>`; empty: all do. An event that
  /// reaches no function is not even parsed.
  std::vector<std::string> types{};
  std::function<Status(ModelEvent& event, ReduceContext& context)> preprocess{};
  std::function<Result<Change>(const ModelEvent& event, ReduceContext& context)> reduce{};
  /// Instead of applying a change in the order of its members.
  std::function<Status(const Change& change, JsonModel& model)> apply{};
  std::function<Status(const ModelEvent& event, DeriveContext& context)> derive{};
  std::function<Status(const ModelEvent& event, TransactContext& context)> transact{};
  /// Stores an event `es/INIT:<name>` when the model's table is made.
  bool init = false;
  /// The context of the object with this id; empty: "<name>:<id>".
  std::function<std::string(const Json& id)> context_of{};
};

/// What happens to a projection when an event cannot be applied.
enum class OnFailure : std::uint8_t {
  halt,       ///< It stops there until a repair or a retry succeeds.
  quarantine, ///< The event's context stops; its events wait in the dead letters, all others go on.
};

struct DeadLetter {
  Position position = 0;
  std::string context_id{};
  Sequence sequence = 0;
  std::string event_type{};
  std::string error{}; ///< Of the one that failed; empty for those that wait behind it.
  std::uint32_t attempts = 0;
  Timestamp since{};
};

inline constexpr std::size_t sub_event_depth_max = 100;

} // namespace weir
