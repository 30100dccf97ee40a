// Models built from events: dispatch an event, and read what it made of the models.
//
// Purpose: a service defines models with functions that say what an event changes; this applies the engine's events to
// them, each exactly once, in the order of the event queue, in a SQLite database of its own that can be made anew at
// any time. Owner: the service; it must go before the Engine's directory is opened again, and may outlive the Engine
// object (then it answers `closing`). Threading: thread-safe. Calls that wait are `invalid_argument` from inside
// callbacks and the functions of models.
//
//   auto db = weir::EventSourcingDB::open(engine, {.models = {{.model = {.name = "test"}}}});
//   (*db)->model("test")->set(Json::object({{"id", "a"}, {"name", "hi"}}));
#pragma once

#include <weir/engine.hpp>
#include <weir/es_model.hpp>
#include <weir/event_queue.hpp>
#include <weir/event_sourcing.hpp>
#include <weir/projection_types.hpp>
#include <weir/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

class ModelDatabase;
class Projector;

struct DispatchOptions {
  std::string context_id{}; ///< Empty: EventSourcingOptions::context_id; es events have theirs.
  std::optional<Timestamp> timestamp{};
  Json metadata{}; ///< An object.
  std::string event_id{};
  Expectation expect{};
  std::optional<std::chrono::milliseconds> timeout_ms{}; ///< Longest the call may take.
};

/// An event that was stored and applied.
struct Dispatched {
  Receipt receipt{};
  AppliedEvent applied{};                       ///< Empty where it was a duplicate of one applied before.
  std::map<std::string, std::string> es_fail{}; ///< By model: writes that were not possible.
  /// Of an `es/` event that was waited for: the object as its event left it; nothing if it is not there then.
  std::optional<Json> object{};
};

class EventSourcingDB {
public:
  /// Opens the projection's database, or makes it, and begins to apply what it does not have yet. Errors:
  /// `invalid_argument` naming option or model; `locked`: one of this name is open; `closing`, `io_error`, `disk_full`.
  static Result<std::unique_ptr<EventSourcingDB>> open(const Engine& engine, EventSourcingOptions options);
  /// The models of a directory that another process may have open, for reading: what that one commits is seen here (see
  /// EventSourcingOptions::commit_within_ms).
  /// Everything that would store or wait answers `unsupported`. `options` as the other one has them; functions are not
  /// called. Errors: `not_found` if there is no such database, those of the database.
  static Result<std::unique_ptr<EventSourcingDB>> open_read_only(const std::string& directory,
                                                                 EventSourcingOptions options);
  ~EventSourcingDB();
  EventSourcingDB(const EventSourcingDB&) = delete;
  EventSourcingDB& operator=(const EventSourcingDB&) = delete;

  /// Preprocesses, stores and waits until the event is applied. Errors: `projection_failed` from a preprocessor (then
  /// nothing is stored); those of Engine::store; `projection_failed` if the projection has stopped at the event or
  /// before it, and `deadline_exceeded` if it was too late: then the event is stored, and Error::conflicts holds its
  /// receipt.
  Result<Dispatched> dispatch(std::string type, Json data = {}, const DispatchOptions& options = {});
  Result<Dispatched> dispatch(ModelEvent event, const DispatchOptions& options = {});
  /// The same, answered later, in a thread of the engine or before this returns; `done` must not block; what it
  /// throws is shown in Engine::health(). `timeout_ms` is not for this one.
  using DispatchDone = std::function<void(Result<Dispatched>)>;
  void dispatch_async(ModelEvent event, DispatchDone done, const DispatchOptions& options = {});
  /// Stores an event as it is and withholds the receipt until it is applied: an inline projection. Errors: as
  /// dispatch().
  Result<Receipt> store(Event event, std::optional<std::chrono::milliseconds> timeout_ms = {});

  /// Waits until everything up to the position is applied: reads then see it. 0: nothing to wait for. Errors:
  /// `projection_failed`, `deadline_exceeded`, `closing`.
  Status handled(Position position, std::optional<std::chrono::milliseconds> timeout_ms = {}) const;
  Status wait_for(const Receipt& receipt, std::optional<std::chrono::milliseconds> timeout_ms = {}) const;
  /// Waits for all that is synced now; returns the position of the last of it, 0 if there is nothing.
  Result<Position> wait_for_queue(std::optional<std::chrono::milliseconds> timeout_ms = {}) const;

  /// The event-sourced model of this name; null if there is none.
  [[nodiscard]] ESModel* model(std::string_view name) const noexcept;
  /// The table of any model, for reading; null if there is none.
  [[nodiscard]] const JsonModel* rows(std::string_view name) const noexcept;
  /// Precondition: not read-only.
  [[nodiscard]] EventQueue& queue() noexcept;
  /// For a service's own SQL, which may only read.
  [[nodiscard]] const ModelDatabase& database() const noexcept;

  [[nodiscard]] Result<ProjectionHealth> health() const;
  /// Tries the event again at which the projection has stopped; its error if it fails again.
  Status retry();
  /// Corrects the event at `position` (see EventQueue::set) and tries again.
  Status repair(Position position, std::string type, Json data);
  /// Events that wait because their context is quarantined, by position; of one context or of all (empty).
  Result<std::vector<DeadLetter>> dead_letters(std::string_view context_id = {}, std::size_t limit = 1'024) const;
  /// Applies the context's dead letters in order, and lets it go on; how many there were. The error of the first that
  /// fails again.
  Result<std::uint64_t> retry_context(const std::string& context_id);
  /// Makes the models anew from the first event, beside the live ones, which go on meanwhile, and puts the new ones in
  /// their place in one step. Does its work in the calling thread. Errors: `locked` while there is another one,
  /// `cancelled`, `projection_failed` (the live ones stay), those of the database.
  Result<RebuildReport> rebuild(const RebuildOptions& options = {});
  /// Called in the projection's thread for each event of a dispatch, once it is applied. Must not block. Not called for
  /// events that a rebuild brings in before the live models come to them; whoever waits for those is answered.
  void on_result(std::function<void(const Dispatched&)> listener);

  /// Who waits gets `closing`. Waits for the event under way.
  void close();

private:
  friend class ESModel;
  struct State;
  explicit EventSourcingDB(std::unique_ptr<State> state);
  /// As wait_for_queue(), answered later: in the projection's thread, or before this returns.
  void when_queue_handled(std::function<void(const Status&)> done);
  std::unique_ptr<State> state_;
};

} // namespace weir
