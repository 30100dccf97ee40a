// The projection: applies events to models, many in one transaction, each exactly once.
//
// Purpose: all that an EventSourcingDB decides about an event: the phases, sub-events, the position that is kept in the
// transaction, failures, dead letters. Knows nothing of the engine, threads or clocks. Owner: the projector, or a
// rebuild. Threading: one thread at a time, except where said. Invariants: rows and position change in one transaction,
// so the models are the fold of exactly the events before position() (dead letters left out); an event that fails
// changes nothing.
#pragma once

#include "engine/io/clock.hpp"

#include <weir/event.hpp>
#include <weir/event_sourcing.hpp>
#include <weir/model_database.hpp>
#include <weir/result.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// A failure of one event.
struct ProjectionFailure {
  Position position = 0;
  std::string context_id;
  Sequence sequence = 0;
  std::string event_type;
  Error error; ///< projection_failed; the message names the phase: "_reduce_orders: ...", under "_handle" and the path
               ///< of types for a sub-event.
};

/// In the place of an event's type and payload, wherever it is applied.
struct Correction {
  std::string type;
  std::string payload;
};

class Projection {
public:
  struct Parts {
    ModelDatabase* database = nullptr; ///< With its models added (add_models) and open.
    std::span<const ModelDefinition> models;
    OnFailure on_failure = OnFailure::halt;
    std::uint64_t source = 0;         ///< Whose events: a database that was made from another source is `incompatible`.
    std::uint64_t revision = 0;       ///< The service's number for its functions; another one is `incompatible`, too.
    const io::Clock* clock = nullptr; ///< For dead letters' times, and to see how long an event's functions take.
    std::chrono::nanoseconds event_time_max{30'000'000'000}; ///< An event that takes longer has failed.
    std::atomic<std::uint64_t>* events_begun = nullptr;      ///< Counted up as each begins, if not null.
    /// Whether somebody waits for what becomes of the context's events; empty: nobody.
    std::function<bool(std::string_view context_id)> wanted;
    /// Whether they want the object behind a write, too, which costs a read; empty: they do.
    std::function<bool(std::string_view context_id)> object_wanted{};
  };
  /// Checks the definitions and adds their models (and the tables of the projection itself) to `database`. Errors:
  /// `invalid_argument` naming the model.
  static Status add_models(ModelDatabase& database, std::span<const ModelDefinition> models);
  /// Reads position and state. Errors: `incompatible` (see Parts), `corruption`, those of the database.
  static Result<std::unique_ptr<Projection>> open(Parts parts);
  ~Projection();
  Projection(const Projection&) = delete;
  Projection& operator=(const Projection&) = delete;

  // Thread-safe, as whoever reads the database finds it.
  /// Events before this one are applied (or dead letters).
  [[nodiscard]] Position position() const noexcept;
  [[nodiscard]] std::uint64_t events_applied() const noexcept; ///< Ever, by this database.
  [[nodiscard]] std::vector<std::string> quarantined() const;  ///< Contexts that have stopped.

  struct Outcome {
    AppliedEvent applied;
    std::map<std::string, std::string> es_fail; ///< By model.
    std::optional<Error> error;                 ///< Quarantined instead.
    std::optional<Json> object;                 ///< Of a write to an event-sourced model: the object behind it.
  };
  struct Progress {
    Position next = 0;                          ///< As position().
    std::size_t events = 0;                     ///< Dealt with in this call.
    std::map<Position, Outcome> outcomes;       ///< Of events whose context was wanted.
    std::optional<ProjectionFailure> halted;    ///< The event at `next` failed and OnFailure::halt says stop.
    std::vector<ProjectionFailure> quarantined; ///< New ones.
  };
  /// Applies `events` (in position order; those before position() are left out) in one transaction and moves the
  /// position to `next`, or, halted, to the failing event, with what came before it applied. An error means that
  /// nothing of the call has happened: the database itself failed.
  enum class Commits : std::uint8_t {
    now,
    later, ///< With what comes next, if that says so, too; else at commit(), or when somebody reads. See
           ///< sqlite::Connections::leave_open().
    held, ///< As `later`, by who holds the transaction (Connections::hold_left_open()). An event that fails is an error
          ///< of the call, and is left to the next one.
  };
  Result<Progress> apply(std::span<const EventView> events, Position next, Commits commits = Commits::now);
  /// Commits what was left open. An error means that it is lost, and may have been before: close the database, and open
  /// it and a Projection anew.
  Status commit();

  /// Corrections in force: by the corrected event's position.
  void set_corrections(std::map<Position, Correction> corrections);
  void add_correction(Position position, Correction correction);

  // Quarantine.
  [[nodiscard]] Result<std::vector<DeadLetter>> dead_letters(std::string_view context_id = {},
                                                             std::size_t limit = 1'024) const;
  /// Applies the context's dead letters, in order, all of which are `events` (from the log, the first dead one first),
  /// as far as they go; those that worked are dead letters no more. `halted` is the one that failed again.
  Result<Progress> retry(std::string_view context_id, std::span<const EventView> events);

  /// Runs the preprocessors on an event that is to be stored, reading what is committed. Thread-safe against apply(),
  /// not against itself. Errors: `projection_failed` as apply() would say, "_preprocess_<model>".
  Status preprocess(ModelEvent& event) const;

private:
  struct State;
  explicit Projection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

} // namespace weir
