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
  if (const auto id = reserve_id())
    return *id;
  const auto last = db_.wait_for_queue();
  if (!last)
    return last.error();
  return reserve_first_id();
}

/// Nothing before the rows were once as new as the log.
std::optional<std::int64_t> ESModel::reserve_id() {
  const std::lock_guard lock(state_->mutex);
  return state_->caught_up ? std::optional(++state_->last_id) : std::nullopt;
}

Result<std::int64_t> ESModel::reserve_first_id() {
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

/// A write that is answered later.
struct ESModel::Later {
  EsAction action;
  Json object; ///< Of a removal: the id.
  Json metadata;
  std::string_view operation;
  WriteDone done;
  bool next_integer = false; ///< It is new, and gets the next integer.
  bool chooses = false;      ///< An id is chosen for it, and another one should that be taken in the end.
  int attempt = 1;
};

/// As write() and write_new().
void ESModel::write_later(std::shared_ptr<Later> write) {
  if (!write->next_integer) {
    send_later(std::move(write));
    return;
  }
  if (const auto id = reserve_id()) {
    write->object.set(state_->id_column, *id);
    send_later(std::move(write));
    return;
  }
  db_.when_queue_handled([this, write = std::move(write)](const Status& handled) {
    const auto id = handled ? reserve_first_id() : Result<std::int64_t>(handled.error());
    if (!id) {
      write->done(id.error());
      return;
    }
    write->object.set(state_->id_column, *id);
    send_later(write);
  });
}

void ESModel::send_later(std::shared_ptr<Later> write) {
  const bool removal = write->action == EsAction::remove;
  ModelEvent event = removal ? event_remove(write->object, write->metadata)
                             : es_event(name(), write->next_integer ? EsAction::insert : write->action,
                                        write->object[state_->id_column], write->object, write->metadata);
  DispatchOptions dispatch;
  if (write->next_integer && state_->own_contexts)
    dispatch.expect = Expectation::no_context();
  db_.dispatch_async(
      std::move(event),
      [this, write = std::move(write)](Result<Dispatched> done) {
        const bool taken =
            done ? done->es_fail.count(name()) != 0 : write->next_integer && done.code() == Errc::sequence_conflict;
        if (taken && write->chooses && ++write->attempt <= id_attempts_max) {
          write_later(write);
          return;
        }
        if (!done) {
          write->done(std::move(done).error());
          return;
        }
        Json id;
        if (const auto stored = read_es_event(done->applied.event.data))
          id = *stored->id;
        if (Status failed = failure_of(*done, name(), write->operation, id); !failed)
          write->done(std::move(failed).error());
        else
          write->done(std::move(id));
      },
      dispatch);
}

void ESModel::set_async(const Json& object, WriteDone done, bool insert_only, const WriteOptions& options) {
  const EsAction action = insert_only ? EsAction::insert : EsAction::set;
  write_object_later({action, object, options.metadata, "set", std::move(done)}, true);
}

void ESModel::update_async(const Json& changes, WriteDone done, bool upsert, const WriteOptions& options) {
  const EsAction action = upsert ? EsAction::save : EsAction::update;
  write_object_later({action, changes, options.metadata, "update", std::move(done)}, upsert);
}

/// `may_be_new`: without an id it is.
void ESModel::write_object_later(Later write, bool may_be_new) {
  const bool is_new = may_be_new && write.object.is_object() && write.object[state_->id_column].is_null();
  write.next_integer = is_new && state_->integer_ids;
  write.chooses = is_new && (state_->integer_ids || state_->slug_ids);
  write_later(std::make_shared<Later>(std::move(write)));
}

void ESModel::remove_async(const Json& id, WriteDone done, const WriteOptions& options) {
  write_later(std::make_shared<Later>(Later{EsAction::remove, id, options.metadata, "remove", std::move(done)}));
}

} // namespace weir
