#include <weir/event_sourcing_db.hpp>

#include "actors/projector.hpp"
#include "actors/store_call.hpp"
#include "engine/consumers/reply.hpp"
#include "engine/guarded_call.hpp"
#include "engine/io/helping_hand.hpp"
#include "engine/models/es_events.hpp"
#include "engine/models/just_written.hpp"
#include "engine/text.hpp"
#include "engine/waiter.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

namespace weir {

namespace {

CallDeadline deadline_in(std::optional<std::chrono::milliseconds> timeout_ms) {
  if (!timeout_ms)
    return std::nullopt;
  return std::chrono::steady_clock::now() +
         std::clamp<std::chrono::milliseconds>(*timeout_ms, std::chrono::milliseconds(0), std::chrono::years(10));
}

/// The event is stored though the call fails: whoever gets the error finds the receipt in it.
Error with_receipt(Error error, std::string context_id, const Receipt& receipt) {
  error.conflicts = {Conflict{std::move(context_id), {}, receipt.last_sequence(), receipt}};
  return error;
}

/// The context of an object where the service says nothing else.
std::string es_context(const std::string& model, const Json& id) {
  return format("{}:{}", model, id.is_string() ? std::string(id.string()) : id.to_text());
}

Result<Dispatched> to_dispatched(const std::string& context_id, const Receipt& receipt,
                                 Result<std::optional<Projection::Outcome>> applied) {
  if (!applied)
    return with_receipt(std::move(applied).error(), context_id, receipt);
  Dispatched done{receipt, {}, {}, {}};
  if (*applied) {
    done.object = std::move((*applied)->object);
    if ((*applied)->error)
      return with_receipt(*std::move((*applied)->error), context_id, receipt);
    done.applied = std::move((*applied)->applied);
    done.es_fail = std::move((*applied)->es_fail);
  }
  return done;
}

/// An event as it is to be stored.
struct Prepared {
  Event event;
  Json data; ///< What its payload says; null: not known.
};

} // namespace

struct EventSourcingDB::State {
  explicit State(std::shared_ptr<Projector> p) : projector(std::move(p)), database(&projector->database()) {
    queue.emplace(std::shared_ptr<EngineCore>(projector, &projector->core()),
                  EventQueueOptions{.context_id = default_context()});
  }
  State(EventSourcingOptions options, std::unique_ptr<ModelDatabase> only_read)
      : read_options(std::move(options)), read_database(std::move(only_read)), database(read_database.get()) {}

  [[nodiscard]] const EventSourcingOptions& options() const { return projector ? projector->options() : read_options; }
  [[nodiscard]] std::string default_context() const {
    return options().context_id.empty() ? options().name : options().context_id;
  }
  [[nodiscard]] Status writes() const {
    return projector ? Status()
                     : fail(Errc::unsupported, format("projection {} is open for reading only", options().name));
  }
  /// An ESModel for each event-sourced model.
  void make_models(EventSourcingDB& db) {
    for (const ModelDefinition& model : options().models)
      if (model.event_sourced) {
        models.emplace(model.model.name, std::make_unique<ESModel>(db, model, *database->model(model.model.name)));
        es_types.emplace(es_type(model.model.name), &model);
      }
  }

  Result<Prepared> prepare(ModelEvent event, const DispatchOptions& options) const;

  std::shared_ptr<Projector> projector; ///< None: for reading only.
  const EventSourcingOptions read_options;
  const std::unique_ptr<ModelDatabase> read_database;
  ModelDatabase* const database;
  std::optional<EventQueue> queue;
  std::map<std::string, std::unique_ptr<ESModel>, std::less<>> models;
  std::map<std::string, const ModelDefinition*, std::less<>> es_types;
};

Result<Prepared> EventSourcingDB::State::prepare(ModelEvent event, const DispatchOptions& options) const {
  if (event.data.is_null())
    event.data = Json::object();
  if (!event.data.is_object())
    return fail(Errc::invalid_argument, "the data of an event is a JSON object");
  if (options.timestamp)
    event.timestamp = *options.timestamp;
  else if (event.timestamp == Timestamp{})
    event.timestamp = projector->core().clock().now();
  if (!options.context_id.empty())
    event.context_id = options.context_id;
  if (!options.metadata.is_null())
    event.metadata = options.metadata;
  WEIR_TRY(projector->preprocess(event));
  Prepared prepared;
  if (const auto es = es_types.find(event.type); es != es_types.end()) {
    const auto write = read_es_event(event.data);
    if (!write)
      return write.error();
    if (event.context_id.empty())
      event.context_id =
          es->second->context_of ? es->second->context_of(*write->id) : es_context(es->second->model.name, *write->id);
  } else if (event.context_id.empty()) {
    event.context_id = default_context();
  }
  prepared.event = Event{.context_id = std::move(event.context_id),
                         .event_type = std::move(event.type),
                         .payload = event.data.to_text(),
                         .timestamp = event.timestamp,
                         .event_id = options.event_id,
                         .metadata = event.metadata.is_null() ? std::string() : event.metadata.to_text()};
  prepared.data = std::move(event.data);
  return prepared;
}

EventSourcingDB::EventSourcingDB(std::unique_ptr<State> state) : state_(std::move(state)) {
}

EventSourcingDB::~EventSourcingDB() {
  close();
}

Result<std::unique_ptr<EventSourcingDB>> EventSourcingDB::open(const Engine& engine, EventSourcingOptions options) {
  auto projector = Projector::open(engine.core(), std::move(options));
  if (!projector)
    return std::move(projector).error();
  std::unique_ptr<EventSourcingDB> db(new EventSourcingDB(std::make_unique<State>(std::move(*projector))));
  State& state = *db->state_;
  state.make_models(*db);
  for (const ModelDefinition& model : state.options().models) {
    const std::string& name = model.model.name;
    if (!model.init)
      continue;
    // Its id makes it the only one, however often the models are made anew.
    Event event{.context_id = es_init_type(name),
                .event_type = es_init_type(name),
                .payload = "{}",
                .event_id = es_init_type(name)};
    const std::string context_id = event.context_id;
    const auto stored = store_and_wait(state.projector->core(), context_id, {&event, 1},
                                       {Durability::synced, Expectation::any(), std::nullopt}, std::nullopt);
    if (!stored)
      return stored.error();
  }
  return db;
}

Result<std::unique_ptr<EventSourcingDB>> EventSourcingDB::open_read_only(const std::string& directory,
                                                                         EventSourcingOptions options) {
  WEIR_TRY(options.validate());
  ModelDatabaseOptions read;
  read.file = directory + "/models/" + options.name + ".db";
  read.name = options.name;
  read.read_only = true;
  read.readers_max = options.readers_max;
  auto database = ModelDatabase::create(std::move(read));
  if (!database)
    return std::move(database).error();
  WEIR_TRY(Projection::add_models(**database, options.models));
  WEIR_TRY((*database)->open());
  std::unique_ptr<EventSourcingDB> db(
      new EventSourcingDB(std::make_unique<State>(std::move(options), std::move(*database))));
  db->state_->make_models(*db);
  return db;
}

void EventSourcingDB::close() {
  if (state_->projector)
    state_->projector->close();
  else
    (void)state_->read_database->close().ok();
}

Result<Dispatched> EventSourcingDB::dispatch(std::string type, Json data, const DispatchOptions& options) {
  ModelEvent event;
  event.type = std::move(type);
  event.data = std::move(data);
  return dispatch(std::move(event), options);
}

namespace {

/// An event on its way into the log and through the models.
struct Passage {
  Passage(const std::shared_ptr<Projector>& p, std::string context, bool object,
          UniqueFunction<void(Result<Dispatched>)> answer)
      : interest(p, context, object), projector(p), context_id(std::move(context)), done(std::move(answer)) {}
  ~Passage() {
    if (done)
      done(fail(Errc::closing, "the engine is closing"));
  }
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;
  void finish(Result<Dispatched> result) {
    auto call = std::exchange(done, {});
    call(std::move(result));
  }

  Projector::Interest interest;
  std::shared_ptr<Projector> projector;
  const std::string context_id;
  UniqueFunction<void(Result<Dispatched>)> done;
  std::mutex mutex;
  std::optional<Receipt> receipt; ///< Once it is stored.
};

/// Stores `event`; `passage->done` is called once the models have it.
void pass(const std::shared_ptr<Passage>& passage, Event& event, const StoreTerms& terms, WhenFull when_full,
          CallDeadline deadline, StoreCommand::Meanwhile meanwhile = {}) {
  send_store(passage->projector->core(), passage->context_id, {&event, 1}, terms,
             Completion([passage](Result<Receipt> receipt) {
               if (!receipt) {
                 passage->finish(std::move(receipt).error());
                 return;
               }
               {
                 const std::lock_guard lock(passage->mutex);
                 passage->receipt = *receipt;
               }
               passage->projector->when_applied(
                   receipt->position, Projector::Takes::outcome,
                   [passage, stored = *receipt](Result<std::optional<Projection::Outcome>> applied) {
                     passage->finish(to_dispatched(passage->context_id, stored, std::move(applied)));
                   });
             }),
             when_full, deadline, std::move(meanwhile));
}

/// The calling thread sleeps at most once; the log's work, and the models' where it cannot take long, it does itself if
/// nobody else is at it.
Result<Dispatched> pass_and_wait(const std::shared_ptr<Projector>& projector, Prepared&& prepared,
                                 const StoreTerms& terms, CallDeadline deadline) {
  WEIR_TRY(projector->may_wait());
  if (!deadline) {
    Waiter<Result<Dispatched>> waiter;
    {
      std::optional<JustWritten> written;
      std::optional<io::HelpingHand> for_the_models;
      if (projector->is_quick()) { // a service's function may never come back
        if (!prepared.data.is_null())
          written.emplace(prepared.event.payload, std::move(prepared.data));
        for_the_models.emplace();
      }
      const io::HelpingHand for_the_log; // its work wakes the models
      pass(std::make_shared<Passage>(projector, prepared.event.context_id, true,
                                     [&waiter](Result<Dispatched> done) { waiter.set(std::move(done)); }),
           prepared.event, terms, WhenFull::wait, deadline, projector->ahead_of_sync());
    }
    return waiter.wait();
  }
  const auto awaited = std::make_shared<Awaited<Dispatched>>();
  const auto passage = std::make_shared<Passage>(
      projector, prepared.event.context_id, true,
      [reply = Reply<Dispatched>(awaited)](Result<Dispatched> done) mutable { reply(std::move(done)); });
  pass(passage, prepared.event, terms, WhenFull::wait, deadline);
  if (awaited->wait_until(*deadline))
    return awaited->wait();
  Error late = fail(Errc::deadline_exceeded, "no answer in time; the event was admitted and may still be stored");
  const std::lock_guard lock(passage->mutex);
  if (!passage->receipt)
    return late;
  late.message = format("projection {} has not come to position {} in time", projector->options().name,
                        passage->receipt->position);
  return with_receipt(std::move(late), passage->context_id, *passage->receipt);
}

} // namespace

Result<Dispatched> EventSourcingDB::dispatch(ModelEvent event, const DispatchOptions& options) {
  WEIR_TRY(state_->writes());
  const CallDeadline deadline = deadline_in(options.timeout_ms);
  auto prepared = state_->prepare(std::move(event), options);
  if (!prepared)
    return std::move(prepared).error();
  return pass_and_wait(state_->projector, *std::move(prepared), {Durability::synced, options.expect, std::nullopt},
                       deadline);
}

void EventSourcingDB::dispatch_async(ModelEvent event, DispatchDone done, const DispatchOptions& options) {
  auto answer = [projector = state_->projector, done = std::move(done)](Result<Dispatched> result) {
    const Status told = guarded_tell("a callback of dispatch_async", done, std::move(result));
    if (!told && projector)
      projector->core().warn(told.error().message);
  };
  auto prepared =
      state_->writes() ? state_->prepare(std::move(event), options) : Result<Prepared>(state_->writes().error());
  if (!prepared) {
    answer(std::move(prepared).error());
    return;
  }
  pass(std::make_shared<Passage>(state_->projector, prepared->event.context_id, false, std::move(answer)),
       prepared->event, {Durability::synced, options.expect, std::nullopt}, WhenFull::park, std::nullopt);
}

Result<Receipt> EventSourcingDB::store(Event event, std::optional<std::chrono::milliseconds> timeout_ms) {
  WEIR_TRY(state_->writes());
  const auto done = pass_and_wait(state_->projector, Prepared{std::move(event), {}},
                                  {Durability::synced, Expectation::any(), std::nullopt}, deadline_in(timeout_ms));
  return done ? Result<Receipt>(done->receipt) : Result<Receipt>(done.error());
}

Status EventSourcingDB::handled(Position position, std::optional<std::chrono::milliseconds> timeout_ms) const {
  WEIR_TRY(state_->writes());
  if (position == 0)
    return {};
  const auto outcome = state_->projector->wait_applied(position, deadline_in(timeout_ms));
  return outcome ? Status() : Status(outcome.error());
}

Status EventSourcingDB::wait_for(const Receipt& receipt, std::optional<std::chrono::milliseconds> timeout_ms) const {
  return handled(receipt.last_position(), timeout_ms);
}

Result<Position> EventSourcingDB::wait_for_queue(std::optional<std::chrono::milliseconds> timeout_ms) const {
  WEIR_TRY(state_->writes());
  const auto last = state_->projector->core().last_synced_position();
  if (!last)
    return last;
  WEIR_TRY(handled(*last, timeout_ms));
  return last;
}

void EventSourcingDB::when_queue_handled(std::function<void(const Status&)> done) {
  auto answer = [projector = state_->projector, done = std::move(done)](const Status& handled) {
    const Status told = guarded_tell("a callback of a write", done, handled);
    if (!told && projector)
      projector->core().warn(told.error().message);
  };
  const auto last =
      state_->writes() ? state_->projector->core().last_synced_position() : Result<Position>(state_->writes().error());
  if (!last || *last == 0) {
    answer(last ? Status() : Status(last.error()));
    return;
  }
  state_->projector->when_applied(
      *last, Projector::Takes::nothing,
      [answer = std::move(answer)](const Result<std::optional<Projection::Outcome>>& applied) {
        answer(applied ? Status() : Status(applied.error()));
      });
}

ESModel* EventSourcingDB::model(std::string_view name) const noexcept {
  const auto found = state_->models.find(name);
  return found == state_->models.end() ? nullptr : found->second.get();
}

const JsonModel* EventSourcingDB::rows(std::string_view name) const noexcept {
  return state_->database->model(name);
}

EventQueue& EventSourcingDB::queue() noexcept {
  return *state_->queue;
}

const ModelDatabase& EventSourcingDB::database() const noexcept {
  return *state_->database;
}

Result<ProjectionHealth> EventSourcingDB::health() const {
  WEIR_TRY(state_->writes());
  return state_->projector->health();
}

Status EventSourcingDB::retry() {
  WEIR_TRY(state_->writes());
  return state_->projector->retry();
}

Status EventSourcingDB::repair(Position position, std::string type, Json data) {
  WEIR_TRY(state_->writes());
  QueuedEvent corrected;
  corrected.v = position;
  corrected.type = std::move(type);
  corrected.data = std::move(data);
  const auto stored = state_->queue->set(corrected);
  if (!stored)
    return stored.error();
  if (state_->projector->options().on_failure == OnFailure::halt)
    return retry();
  const auto event = state_->queue->get(position);
  if (!event)
    return event.error();
  const auto done = retry_context((*event)->context_id);
  return done ? Status() : Status(done.error());
}

Result<std::vector<DeadLetter>> EventSourcingDB::dead_letters(std::string_view context_id, std::size_t limit) const {
  WEIR_TRY(state_->writes());
  return state_->projector->dead_letters(context_id, limit);
}

Result<std::uint64_t> EventSourcingDB::retry_context(const std::string& context_id) {
  WEIR_TRY(state_->writes());
  return state_->projector->retry_context(context_id);
}

Result<RebuildReport> EventSourcingDB::rebuild(const RebuildOptions& options) {
  WEIR_TRY(state_->writes());
  return state_->projector->rebuild(options);
}

void EventSourcingDB::on_result(std::function<void(const Dispatched&)> listener) {
  if (!state_->projector)
    return; // nothing is applied here
  state_->projector->on_outcome([listener = std::move(listener)](const Projection::Outcome& outcome) {
    const ModelEvent& event = outcome.applied.event;
    listener({Receipt{.sequence = event.sequence, .position = event.position, .events = 1}, outcome.applied,
              outcome.es_fail, outcome.object});
  });
}

} // namespace weir
