#include "engine/models/projection.hpp"

#include "engine/models/event_run.hpp"
#include "engine/models/model_set.hpp"
#include "engine/models/phase_errors.hpp"
#include "engine/models/projection_tables.hpp"
#include "engine/models/stored_events.hpp"
#include "engine/sabotage.hpp"
#include "engine/sqlite/connections.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

namespace weir {

namespace {

std::string place_of(const EventView& event) {
  return format("context {}, sequence {}, position {}", event.context_id, event.sequence, event.position);
}

Status run_statement(ModelDatabase& database, std::string_view sql) {
  auto lease = database.connections().write();
  if (!lease)
    return lease.error();
  auto statement = lease->prepare(sql);
  if (!statement)
    return statement.error();
  return (*statement)->run();
}

} // namespace

struct Projection::State {
  explicit State(Parts given) : parts(std::move(given)), tables(*parts.database) {}

  /// What one attempt at a transaction has come to; nothing of it counts before the commit.
  struct Attempt {
    ProjectionRecord record;
    Progress progress;
    std::set<std::string, std::less<>> stopped; ///< Contexts.
    std::optional<std::string> resumed;         ///< A context.
    bool one_row = false;                       ///< It changes no more, but for the record.
    bool event_failed = false;                  ///< Why the attempt failed: an event, and not the database.
  };

  Status load();
  /// Runs `work` in a transaction and takes over what it made of `attempt`.
  Status transact(Attempt& attempt, const std::function<Status()>& work, Commits commits = Commits::now);
  Status commit_now(Attempt& attempt, const std::function<Status()>& work);
  Status commit_later(Attempt& attempt, const std::function<Status()>& work);
  Status begin(Attempt& attempt);
  Status write_record(const ProjectionRecord& record) {
    return sabotaged(Sabotage::forget_model_position) ? Status() : tables.write(record);
  }
  Status apply(std::span<const EventView> events, Position next, bool savepoints, Attempt& attempt);
  Status apply_one(const EventView& event, bool savepoint, Attempt& attempt);
  Status retry(std::string_view context_id, std::span<const EventView> events, Attempt& attempt);
  /// Runs an event between savepoints: nothing of it is left if it fails. The error is the database's if
  /// `failure` stays empty.
  Status run_apart(const EventView& event, Attempt& attempt, std::optional<ProjectionFailure>& failure);
  Status run(const EventView& event, Attempt& attempt);
  Status put_aside(const EventView& event, std::string error, Attempt& attempt);
  void note_error(const EventView& event, Error error, Attempt& attempt) const;
  [[nodiscard]] bool is_wanted(std::string_view context_id) const { return parts.wanted && parts.wanted(context_id); }
  [[nodiscard]] bool is_stopped(std::string_view context_id, const Attempt& attempt) const;

  Parts parts;
  ProjectionTables tables;
  std::unique_ptr<ModelSet> models;
  std::optional<StoredEvents> stored;
  std::uint64_t dead_letters = 0; // as committed
  ProjectionRecord left_open;     // of a transaction that is left open; of whoever has the connection

  // Read by any thread.
  std::atomic<Position> position{0};
  std::atomic<std::uint64_t> events_applied{0};
  mutable std::mutex mutex;
  std::set<std::string, std::less<>> quarantined; // written under the mutex, by the thread that applies
};

Status Projection::add_models(ModelDatabase& database, std::span<const ModelDefinition> models) {
  WEIR_TRY(ModelSet::check(models));
  WEIR_TRY(database.register_migrations("weir", ProjectionTables::migrations()));
  for (const ModelDefinition& definition : models)
    if (auto added = database.add_model(definition.model); !added)
      return std::move(added).error();
  return {};
}

Result<std::unique_ptr<Projection>> Projection::open(Parts parts) {
  auto state = std::make_unique<State>(std::move(parts));
  auto models = ModelSet::make(*state->parts.database, state->parts.models);
  if (!models)
    return std::move(models).error();
  state->models = *std::move(models);
  state->stored.emplace(*state->models, state->parts);
  state->parts.models = {}; // Copied, and need not live any longer.
  WEIR_TRY(state->stored->look_for_triggers(*state->parts.database));
  WEIR_TRY(state->load());
  return std::unique_ptr<Projection>(new Projection(std::move(state)));
}

Projection::Projection(std::unique_ptr<State> state) : state_(std::move(state)) {
}

Projection::~Projection() = default;

Position Projection::position() const noexcept {
  return state_->position.load(std::memory_order_acquire);
}

std::uint64_t Projection::events_applied() const noexcept {
  return state_->events_applied.load(std::memory_order_acquire);
}

std::vector<std::string> Projection::quarantined() const {
  const std::lock_guard lock(state_->mutex);
  return {state_->quarantined.begin(), state_->quarantined.end()};
}

Status Projection::State::load() {
  ModelDatabase& database = *parts.database;
  auto record = tables.read();
  if (!record)
    return std::move(record).error();
  const ProjectionRecord::Origin origin{parts.source, parts.revision};
  if (record->origin && record->origin->source != origin.source)
    return fail(Errc::incompatible,
                format("{}: the models were made from the events of another engine", database.name()),
                database.options().file);
  if (record->origin && record->origin->revision != origin.revision)
    return fail(Errc::incompatible,
                format("{}: the models were made by revision {} of their functions, not {}", database.name(),
                       record->origin->revision, origin.revision),
                database.options().file);
  if (!record->origin && !database.options().read_only) {
    record->origin = origin;
    WEIR_TRY(database.transaction([&] { return tables.write(*record); }));
  }
  auto contexts = tables.quarantined(*record);
  if (!contexts)
    return std::move(contexts).error();
  const std::lock_guard lock(mutex);
  quarantined = {contexts->begin(), contexts->end()};
  dead_letters = record->dead_letters;
  position.store(record->position, std::memory_order_release);
  events_applied.store(record->events, std::memory_order_release);
  return {};
}

Status Projection::State::commit_now(Attempt& attempt, const std::function<Status()>& work) {
  return parts.database->transaction([&]() -> Status {
    WEIR_TRY(begin(attempt));
    const ProjectionRecord before = attempt.record;
    WEIR_TRY(work());
    return attempt.record == before ? Status() : write_record(attempt.record);
  });
}

Status Projection::State::commit_later(Attempt& attempt, const std::function<Status()>& work) {
  const auto add = [&](bool joined) -> Status {
    if (joined)
      attempt.record = left_open;
    else
      WEIR_TRY(begin(attempt));
    WEIR_TRY(work());
    left_open = attempt.record;
    return {};
  };
  using Undo = sqlite::Connections::Undo;
  return parts.database->connections().leave_open(
      add, [this] { return write_record(left_open); }, attempt.one_row ? Undo::statement : Undo::savepoint);
}

Status Projection::State::transact(Attempt& attempt, const std::function<Status()>& work, Commits commits) {
  WEIR_TRY(commits == Commits::now ? commit_now(attempt, work) : commit_later(attempt, work));
  const ProjectionRecord& record = attempt.record;
  attempt.progress.next = record.position;
  const std::lock_guard lock(mutex);
  quarantined.insert(attempt.stopped.begin(), attempt.stopped.end());
  if (attempt.resumed)
    quarantined.erase(*attempt.resumed);
  dead_letters = record.dead_letters;
  position.store(record.position, std::memory_order_release);
  events_applied.store(record.events, std::memory_order_release);
  return {};
}

Status Projection::State::begin(Attempt& attempt) {
  // Read anew each time: after a commit of which nobody knows how it ended, and if another process has been at the
  // file, memory would not be right.
  auto record = tables.read();
  if (!record)
    return std::move(record).error();
  attempt.record = *std::move(record);
  if (attempt.record.position < position.load(std::memory_order_relaxed))
    return fail(Errc::io_error, "the models lack events that had been applied", parts.database->options().file);
  if (attempt.record.position == position.load(std::memory_order_relaxed) &&
      attempt.record.dead_letters == dead_letters)
    return {};
  auto contexts = tables.quarantined(attempt.record);
  if (!contexts)
    return std::move(contexts).error();
  const std::lock_guard lock(mutex);
  quarantined = {contexts->begin(), contexts->end()};
  return {};
}

Result<Projection::Progress> Projection::apply(std::span<const EventView> events, Position next, Commits commits) {
  for (std::size_t i = 0; i < events.size(); ++i)
    if (events[i].position >= next || (i > 0 && events[i].position <= events[i - 1].position))
      return fail(Errc::invalid_argument, "the events are not in position order, or not before the next position",
                  place_of(events[i]));
  State::Attempt attempt;
  attempt.one_row = events.size() == 1 && state_->models->calls_no_function();
  Status done = state_->transact(
      attempt, [&] { return state_->apply(events, next, false, attempt); }, commits);
  if (!done && attempt.event_failed && commits != Commits::held) {
    // Failures are rare: only now each event pays for a savepoint of its own.
    attempt = {};
    done = state_->transact(attempt, [&] { return state_->apply(events, next, true, attempt); });
  }
  if (!done)
    return std::move(done).error();
  return std::move(attempt.progress);
}

Status Projection::State::apply(std::span<const EventView> events, Position next, bool savepoints, Attempt& attempt) {
  const Position from = attempt.record.position;
  for (const EventView& event : events) {
    if (event.position < from)
      continue;
    WEIR_TRY(apply_one(event, savepoints, attempt));
    if (attempt.progress.halted) {
      attempt.record.position = event.position;
      return {};
    }
    ++attempt.progress.events;
  }
  attempt.record.position = std::max(from, next);
  return {};
}

Status Projection::State::apply_one(const EventView& event, bool savepoint, Attempt& attempt) {
  if (is_stopped(event.context_id, attempt)) {
    if (is_wanted(event.context_id))
      note_error(event, fail(Errc::projection_failed, "the context is quarantined, an earlier event of it failed"),
                 attempt);
    return put_aside(event, {}, attempt);
  }
  if (!savepoint) {
    Status done = run(event, attempt);
    attempt.event_failed = !done && !is_database_failure(done.error());
    return done;
  }
  std::optional<ProjectionFailure> failure;
  Status done = run_apart(event, attempt, failure);
  if (!failure)
    return done;
  if (sabotaged(Sabotage::pass_failed_event))
    return {};
  if (parts.on_failure == OnFailure::halt) {
    attempt.progress.halted = *std::move(failure);
    return {};
  }
  if (is_wanted(event.context_id))
    note_error(event, failure->error, attempt);
  attempt.stopped.emplace(event.context_id);
  std::string message = failure->error.message;
  attempt.progress.quarantined.push_back(*std::move(failure));
  return put_aside(event, std::move(message), attempt);
}

Status Projection::State::run_apart(const EventView& event, Attempt& attempt,
                                    std::optional<ProjectionFailure>& failure) {
  ModelDatabase& database = *parts.database;
  WEIR_TRY(run_statement(database, "SAVEPOINT weir_event"));
  Status done = run(event, attempt);
  if (!done) {
    if (is_database_failure(done.error()))
      return done;
    WEIR_TRY(run_statement(database, "ROLLBACK TO weir_event"));
    failure.emplace(ProjectionFailure{event.position, std::string(event.context_id), event.sequence,
                                      std::string(stored->type_of(event)), std::move(done).error()});
    failure->error.where = place_of(event);
  }
  return run_statement(database, "RELEASE weir_event");
}

Status Projection::State::run(const EventView& event, Attempt& attempt) {
  if (!is_wanted(event.context_id)) {
    WEIR_TRY(stored->run(event, nullptr));
  } else {
    Outcome outcome;
    WEIR_TRY(stored->run(event, &outcome));
    attempt.progress.outcomes.insert_or_assign(event.position, std::move(outcome));
  }
  ++attempt.record.events;
  return {};
}

Status Projection::State::put_aside(const EventView& event, std::string error, Attempt& attempt) {
  DeadLetter letter;
  letter.position = event.position;
  letter.context_id = event.context_id;
  letter.sequence = event.sequence;
  letter.event_type = stored->type_of(event);
  letter.attempts = error.empty() ? 0 : 1;
  letter.error = std::move(error);
  letter.since = parts.clock == nullptr ? Timestamp{} : parts.clock->now();
  if (sabotaged(Sabotage::forget_dead_letter))
    return {};
  WEIR_TRY(tables.put(letter));
  ++attempt.record.dead_letters;
  return {};
}

void Projection::State::note_error(const EventView& event, Error error, Attempt& attempt) const {
  Outcome outcome;
  outcome.error = std::move(error);
  attempt.progress.outcomes.insert_or_assign(event.position, std::move(outcome));
}

bool Projection::State::is_stopped(std::string_view context_id, const Attempt& attempt) const {
  return quarantined.contains(context_id) || attempt.stopped.contains(context_id);
}

Status Projection::commit() {
  return state_->parts.database->connections().commit_left_open();
}

void Projection::set_corrections(std::map<Position, Correction> corrections) {
  state_->stored->set_corrections(std::move(corrections));
}

void Projection::add_correction(Position position, Correction correction) {
  state_->stored->add_correction(position, std::move(correction));
}

Result<std::vector<DeadLetter>> Projection::dead_letters(std::string_view context_id, std::size_t limit) const {
  return state_->tables.dead_letters(context_id, limit);
}

Result<Projection::Progress> Projection::retry(std::string_view context_id, std::span<const EventView> events) {
  State::Attempt attempt;
  WEIR_TRY(state_->transact(attempt, [&] { return state_->retry(context_id, events, attempt); }));
  return std::move(attempt.progress);
}

Status Projection::State::retry(std::string_view context_id, std::span<const EventView> events, Attempt& attempt) {
  auto letters = tables.dead_letters(context_id, events.size());
  if (!letters)
    return std::move(letters).error();
  for (std::size_t i = 0; i < events.size(); ++i)
    if (i >= letters->size() || (*letters)[i].position != events[i].position || events[i].context_id != context_id)
      return fail(Errc::invalid_argument, "the event is not the context's next dead letter", place_of(events[i]));
  for (std::size_t i = 0; i < events.size(); ++i) {
    DeadLetter& letter = (*letters)[i];
    std::optional<ProjectionFailure> failure;
    Status done = run_apart(events[i], attempt, failure);
    if (failure) {
      letter.error = failure->error.message;
      ++letter.attempts;
      if (is_wanted(context_id))
        note_error(events[i], failure->error, attempt);
      attempt.progress.halted = *std::move(failure);
      return tables.put(letter);
    }
    WEIR_TRY(std::move(done));
    WEIR_TRY(tables.erase(letter));
    --attempt.record.dead_letters;
    ++attempt.progress.events;
  }
  const auto left = tables.dead_letters(context_id, 1);
  if (!left)
    return left.error();
  if (left->empty())
    attempt.resumed = context_id;
  return {};
}

Status Projection::preprocess(ModelEvent& event) const {
  return EventRun(*state_->models).preprocess(event);
}

} // namespace weir
