#include <weir/es_model.hpp>
#include <weir/event_sourcing_db.hpp>

#include "engine/callback_scope.hpp"
#include "engine/models/es_events.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

namespace weir {

namespace {

/// Ids that others took meanwhile are passed over; so many in a row mean that something else is wrong.
constexpr int id_attempts_max = 1'000;

Status failure_of(const Dispatched& done, const std::string& model, std::string_view operation, const Json& id) {
  const auto failed = done.es_fail.find(model);
  return failed == done.es_fail.end() ? Status() : Status(es_failure(model, operation, id, failed->second));
}

} // namespace

struct ESModel::State {
  std::string id_column;
  bool integer_ids = false; ///< That are given out here: no function of the model computes them.
  bool slug_ids = false;
  bool own_contexts = true; ///< One for each object.

  std::mutex mutex;
  bool caught_up = false; ///< The rows were once as new as the log.
  std::int64_t last_id = 0;
};

ESModel::ESModel(EventSourcingDB& db, const ModelDefinition& definition, JsonModel& rows)
    : db_(db), rows_(rows), state_(std::make_unique<State>()) {
  state_->id_column = rows.id_column();
  state_->own_contexts = !definition.context_of;
  for (const Column& column : definition.model.columns)
    if (column.name == state_->id_column) {
      state_->integer_ids = column.type == ColumnType::integer && !column.value && !column.slug_value;
      state_->slug_ids = bool(column.slug_value);
    }
}

ESModel::~ESModel() = default;

ModelEvent ESModel::event_set(const Json& object, bool insert_only, Json metadata) const {
  return es_event(name(), insert_only ? EsAction::insert : EsAction::set, object[state_->id_column], object,
                  std::move(metadata));
}

ModelEvent ESModel::event_update(const Json& changes, bool upsert, Json metadata) const {
  return es_event(name(), upsert ? EsAction::save : EsAction::update, changes[state_->id_column], changes,
                  std::move(metadata));
}

ModelEvent ESModel::event_remove(const Json& id, Json metadata) const {
  return es_event(name(), EsAction::remove, id.is_object() ? id[state_->id_column] : id, {}, std::move(metadata));
}

Result<std::int64_t> ESModel::get_next_id() {
  if (!state_->integer_ids)
    return fail(Errc::unsupported, format("{}.{}: ids are not given out as integers", name(), state_->id_column));
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->caught_up)
      return ++state_->last_id;
  }
  const auto last = db_.wait_for_queue();
  if (!last)
    return last.error();
  const auto next = rows_.next_id();
  if (!next)
    return next;
  const std::lock_guard lock(state_->mutex);
  state_->caught_up = true;
  state_->last_id = std::max(state_->last_id, *next - 1);
  return ++state_->last_id;
}

Result<Dispatched> ESModel::write(ModelEvent event, const WriteOptions& options) {
  DispatchOptions dispatch;
  dispatch.timeout_ms = options.timeout_ms;
  // A slug was free when it was chosen; whoever finds it taken in the end chooses again.
  const bool chooses = state_->slug_ids && event.data["id"].is_null();
  for (int attempt = 1; chooses && attempt < id_attempts_max; ++attempt) {
    auto done = db_.dispatch(event, dispatch);
    if (!done || done->es_fail.count(name()) == 0)
      return done;
  }
  return db_.dispatch(std::move(event), dispatch);
}

/// A new object gets the next integer, which must never have had an event.
Result<Dispatched> ESModel::write_new(Json object, const WriteOptions& options) {
  DispatchOptions dispatch;
  dispatch.timeout_ms = options.timeout_ms;
  if (state_->own_contexts)
    dispatch.expect = Expectation::no_context();
  for (int attempt = 1;; ++attempt) {
    const auto id = get_next_id();
    if (!id)
      return id.error();
    object.set(state_->id_column, *id);
    // An insert: an object may be there without an event of its own, brought about by another event.
    auto done = db_.dispatch(event_set(object, true, options.metadata), dispatch);
    const bool taken = done ? done->es_fail.count(name()) != 0 : done.code() == Errc::sequence_conflict;
    if (!taken || attempt == id_attempts_max)
      return done;
  }
}

Result<Json> ESModel::written(Result<Dispatched>&& done, std::string_view operation) const {
  if (!done)
    return std::move(done).error();
  Json id;
  if (const auto write = read_es_event(done->applied.event.data))
    id = *write->id;
  WEIR_TRY(failure_of(*done, name(), operation, id));
  if (done->object)
    return *std::move(done->object);
  auto object = rows_.get(id); // a duplicate, or brought in by a rebuild
  if (!object)
    return std::move(object).error();
  return *object ? **std::move(object) : Json(); // removed again meanwhile
}

Result<Json> ESModel::set(const Json& object, bool insert_only, const WriteOptions& options) {
  if (!object.is_object())
    return fail(Errc::invalid_argument, format("{}.set: an object is needed", name()));
  if (state_->integer_ids && object[state_->id_column].is_null())
    return written(write_new(object, options), "set");
  return written(write(event_set(object, insert_only, options.metadata), options), "set");
}

Result<Json> ESModel::update(const Json& changes, bool upsert, const WriteOptions& options) {
  if (!changes.is_object())
    return fail(Errc::invalid_argument, format("{}.update: an object is needed", name()));
  if (upsert && state_->integer_ids && changes[state_->id_column].is_null())
    return written(write_new(changes, options), "update");
  return written(write(event_update(changes, upsert, options.metadata), options), "update");
}

Status ESModel::remove(const Json& id, const WriteOptions& options) {
  const auto done = write(event_remove(id, options.metadata), options);
  return done ? Status() : Status(done.error());
}

void ESModel::write_async(ModelEvent event, std::string_view operation, WriteDone done) {
  db_.dispatch_async(std::move(event), [this, operation, done = std::move(done)](Result<Dispatched> dispatched) {
    if (!dispatched) {
      done(std::move(dispatched).error());
      return;
    }
    Json id;
    if (const auto write = read_es_event(dispatched->applied.event.data))
      id = *write->id;
    if (Status failed = failure_of(*dispatched, name(), operation, id); !failed)
      done(std::move(failed).error());
    else
      done(std::move(id));
  });
}

void ESModel::set_async(const Json& object, WriteDone done, bool insert_only, const WriteOptions& options) {
  write_async(event_set(object, insert_only, options.metadata), "set", std::move(done));
}

void ESModel::update_async(const Json& changes, WriteDone done, bool upsert, const WriteOptions& options) {
  write_async(event_update(changes, upsert, options.metadata), "update", std::move(done));
}

void ESModel::remove_async(const Json& id, WriteDone done, const WriteOptions& options) {
  write_async(event_remove(id, options.metadata), "remove", std::move(done));
}

} // namespace weir
