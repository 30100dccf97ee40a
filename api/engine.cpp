#include <weir/engine.hpp>

#include "actors/engine_core.hpp"
#include "actors/store_call.hpp"
#include "engine/callback_scope.hpp"
#include "engine/event_queue/pulled_queue.hpp"
#include "engine/event_queue/pushed_queue.hpp"
#include "engine/io/helping_hand.hpp"
#include "engine/replay_pump.hpp"
#include "engine/text.hpp"
#include "engine/unique_function.hpp"
#include "engine/waiter.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <future>
#include <mutex>
#include <span>

namespace weir {

namespace {

Error blocking_in_callback() {
  return fail(Errc::invalid_argument,
              "a blocking store from inside a callback of an engine would wait for itself; use store_async");
}

Error no_answer_in_time() {
  return fail(Errc::deadline_exceeded, "no answer in time; the events were admitted and may still be stored");
}

// "For ever" is not to wrap around when it is added to a clock.
std::chrono::milliseconds bounded(std::chrono::milliseconds timeout_ms) {
  return std::clamp<std::chrono::milliseconds>(timeout_ms, std::chrono::milliseconds(0), std::chrono::years(10));
}

CallDeadline deadline_of(const StoreOptions& options) {
  if (!options.timeout_ms)
    return std::nullopt;
  return std::chrono::steady_clock::now() + bounded(*options.timeout_ms);
}

// Runs the service's code. What it throws is its bug, but must not take a log thread down. `core` answers with a
// pointer to the core, if it is still there.
template <class Core, class F> void guarded(Core&& core, F&& call) {
  try {
    call();
  } catch (const std::exception& e) {
    if (const auto alive = core())
      alive->warn(std::string("a callback threw: ") + e.what());
  } catch (...) {
    if (const auto alive = core())
      alive->warn("a callback threw something that is no std::exception");
  }
}

StoreTerms terms_of(const StoreOptions& options) {
  return {options.durability, options.expect, options.fail_if};
}

using Receipts = Result<std::vector<Receipt>>;

void send(EngineCore& core, std::span<ContextEvents> contexts, const StoreOptions& options,
          UniqueFunction<void(Receipts)> done, WhenFull when_full, CallDeadline deadline = std::nullopt) {
  auto command = options.expect == Expectation::any()
                     ? core.make_command(contexts, options.durability, options.fail_if)
                     : fail(Errc::invalid_argument, "a call for several contexts has an expectation for each of them");
  if (!command) {
    const CallbackScope inside;
    done(std::move(command).error());
    return;
  }
  (*command)->sender = this_thread_sender();
  (*command)->done =
      Completion([done = std::move(done), receipts = (*command)->receipts](Result<Receipt> result) mutable {
        if (!result)
          done(std::move(result).error());
        else
          done(receipts ? std::move(*receipts) : std::vector<Receipt>{*result});
      });
  core.submit(std::move(*command), when_full, deadline);
}

// Blocks until what `start` is given to call has been called; it always is.
template <class Answer, class Start> Answer wait_for(Start&& start) {
  struct Wait {
    std::mutex mutex;
    std::condition_variable done;
    std::optional<Answer> answer;
  };
  const auto wait = std::make_shared<Wait>(); // shared: who answers may still be at it when we have gone on
  start([wait](Answer answer) {
    std::lock_guard lock(wait->mutex);
    wait->answer = std::move(answer);
    wait->done.notify_all();
  });
  std::unique_lock lock(wait->mutex);
  wait->done.wait(lock, [&] { return wait->answer.has_value(); });
  return std::move(*wait->answer);
}

// A core answers every call before it goes, so the answer may point to it.
Completion to_callback(EngineCore& core, Engine::StoreCallback callback) {
  return Completion([&core, callback = std::move(callback)](Result<Receipt> result) {
    guarded([&core] { return &core; }, [&] { callback(std::move(result)); });
  });
}

QueryRun run_of(const QueryOptions& options, const EngineCore& core) {
  return {bounded(options.timeout_ms.value_or(core.options().query_timeout_ms)), options.cancel, options.allow_partial,
          options.as_stored};
}

} // namespace

Result<Engine> Engine::open(const std::string& directory, EngineOptions options) {
  WEIR_TRY(options.validate());
  auto seams = system_seams(directory, options);
  if (!seams)
    return std::move(seams).error();
  auto core = EngineCore::open(std::move(*seams), std::move(options));
  if (!core)
    return std::move(core).error();
  return Engine(std::move(*core));
}

Engine Engine::adopt(std::shared_ptr<EngineCore> core) {
  return Engine(std::move(core));
}

Engine::Engine(std::shared_ptr<EngineCore> core) : core_(std::move(core)) {
}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&& other) noexcept {
  if (this != &other) {
    if (core_)
      (void)close();
    core_ = std::move(other.core_);
  }
  return *this;
}
Engine::~Engine() {
  if (core_)
    (void)close();
}

Result<Receipt> Engine::store(Event event, const StoreOptions& options) {
  const std::string context_id = event.context_id;
  return store_waiting(context_id, {&event, 1}, options);
}

Result<Receipt> Engine::store(std::string_view context_id, std::vector<Event> events, const StoreOptions& options) {
  return store_waiting(context_id, events, options);
}

Result<std::vector<Receipt>> Engine::store(std::vector<ContextEvents> contexts, const StoreOptions& options) {
  if (CallbackScope::active())
    return blocking_in_callback();
  const CallDeadline deadline = deadline_of(options);
  const auto answer = std::make_shared<std::promise<Receipts>>(); // it may come after the caller has left
  auto answered = answer->get_future();
  send(
      *core_, contexts, options, [answer](Receipts receipts) { answer->set_value(std::move(receipts)); },
      WhenFull::wait, deadline);
  if (deadline && answered.wait_until(*deadline) != std::future_status::ready)
    return no_answer_in_time();
  return answered.get();
}

void Engine::store_async(std::vector<ContextEvents> contexts, SeveralCallback done, const StoreOptions& options) {
  send(
      *core_, contexts, options,
      [core = core_.get(), done = std::move(done)](Receipts receipts) {
        guarded([core] { return core; }, [&] { done(std::move(receipts)); });
      },
      WhenFull::park);
}

Result<Receipt> Engine::store_waiting(std::string_view context_id, std::span<Event> events,
                                      const StoreOptions& options) {
  return store_and_wait(*core_, context_id, events, terms_of(options), deadline_of(options));
}

Ticket Engine::send_for_ticket(std::string_view context_id, std::span<Event> events, const StoreOptions& options,
                               bool refuse_when_full) {
  auto state = std::make_shared<Ticket::State>();
  send_store(*core_, context_id, events, terms_of(options),
             Completion([state](Result<Receipt> result) { state->set(std::move(result)); }),
             refuse_when_full ? WhenFull::refuse : WhenFull::park);
  return Ticket(std::move(state));
}

Ticket Engine::store_async(Event event, const StoreOptions& options) {
  const std::string context_id = event.context_id;
  return send_for_ticket(context_id, {&event, 1}, options, false);
}

Ticket Engine::store_async(std::string_view context_id, std::vector<Event> events, const StoreOptions& options) {
  return send_for_ticket(context_id, events, options, false);
}

void Engine::store_async(Event event, StoreCallback done, const StoreOptions& options) {
  const std::string context_id = event.context_id;
  send_store(*core_, context_id, {&event, 1}, terms_of(options), to_callback(*core_, std::move(done)), WhenFull::park);
}

void Engine::store_async(std::string_view context_id, std::vector<Event> events, StoreCallback done,
                         const StoreOptions& options) {
  send_store(*core_, context_id, events, terms_of(options), to_callback(*core_, std::move(done)), WhenFull::park);
}

Ticket Engine::try_store(Event event, const StoreOptions& options) {
  const std::string context_id = event.context_id;
  return send_for_ticket(context_id, {&event, 1}, options, true);
}

Ticket Engine::try_store(std::string_view context_id, std::vector<Event> events, const StoreOptions& options) {
  return send_for_ticket(context_id, events, options, true);
}

Result<Removal> Engine::truncate_context(std::string_view context_id, Sequence before) {
  return remove(context_id, before, false);
}

Result<Removal> Engine::delete_context(std::string_view context_id, Deletion deletion) {
  return remove(context_id, sequence_max, deletion == Deletion::hard);
}

Result<Removal> Engine::remove(std::string_view context_id, Sequence before, bool closes) {
  if (CallbackScope::active())
    return fail(Errc::invalid_argument, "a removal from inside a callback of an engine would wait for itself");
  auto command = EngineCore::make_removal(context_id, {before, closes});
  if (!command)
    return std::move(command).error();
  Waiter<Result<Receipt>> waiter;
  (*command)->sender = this_thread_sender();
  (*command)->done = Completion([&waiter](Result<Receipt> result) { waiter.set(std::move(result)); });
  {
    const io::HelpingHand hand;
    core_->submit(std::move(*command), WhenFull::wait);
  }
  const Result<Receipt> receipt = waiter.wait();
  if (!receipt)
    return receipt.error();
  return Removal{receipt->sequence, receipt->position, receipt->durability, receipt->duplicate};
}

Status Engine::set_retention(std::vector<RetentionRule> rules) {
  return core_->set_retention(std::move(rules));
}

std::vector<RetentionRule> Engine::retention() const {
  return core_->retention();
}

Result<RetentionReport> Engine::apply_retention(const RetentionOptions& options) {
  return core_->apply_retention(options);
}

Result<ReplayStream> Engine::replay(std::string_view context_id, ReplayOptions options) const {
  auto cursor = core_->replay(context_id, std::move(options));
  if (!cursor)
    return std::move(cursor).error();
  return ReplayStream(std::make_unique<ReplayCursor>(std::move(*cursor)));
}

Result<ReplaySubscription> Engine::replay(std::string_view context_id, ReplayOptions options,
                                          std::function<void(const EventBatch&)> on_batch,
                                          std::function<void(Status)> on_end, std::uint64_t credit) const {
  auto cursor = core_->replay(context_id, std::move(options));
  if (!cursor)
    return std::move(cursor).error();
  auto lane = core_->make_read_lane();
  if (!lane)
    return fail(Errc::closing, "the engine is closing");
  const auto alive = [weak = std::weak_ptr(core_)] { return weak.lock(); };
  return ReplaySubscription(ReplayPump::start(
      std::move(lane), std::move(*cursor),
      [alive, call = std::move(on_batch)](const EventBatch& batch) { guarded(alive, [&] { call(batch); }); },
      [alive, call = std::move(on_end)](Status status) { guarded(alive, [&] { call(std::move(status)); }); }, credit));
}

Result<Subscription> Engine::subscribe(SubscribeOptions options) const {
  auto cursor = core_->subscribe(std::move(options));
  if (!cursor)
    return std::move(cursor).error();
  return Subscription(std::make_unique<PulledQueue>(std::move(*cursor)));
}

Result<PushSubscription> Engine::subscribe(SubscribeOptions options, PushSubscription::OnBatch on_batch,
                                           PushSubscription::OnEnd on_end, std::uint64_t credit) const {
  auto cursor = core_->subscribe(std::move(options));
  if (!cursor)
    return std::move(cursor).error();
  auto lane = core_->make_read_lane();
  if (!lane)
    return fail(Errc::closing, "the engine is closing");
  const auto alive = [weak = std::weak_ptr(core_)] { return weak.lock(); };
  return PushSubscription(PushedQueue::start(
      std::move(lane), std::move(*cursor),
      [alive, call = std::move(on_batch)](QueueBatch&& batch) { guarded(alive, [&] { call(batch); }); },
      [alive, call = std::move(on_end)](Status status) { guarded(alive, [&] { call(std::move(status)); }); }, credit,
      PushedQueue::WhenPinned::wait));
}

Result<QueryResult> Engine::query(std::string_view text, const QueryOptions& options) const {
  auto plan = parse_query(text);
  if (!plan)
    return std::move(plan).error();
  return query(*plan, options);
}

Result<QueryResult> Engine::query(const Query& plan, const QueryOptions& options) const {
  return core_->query(plan, run_of(options, *core_));
}

Result<QueryStream> Engine::query_stream(const Query& plan, const QueryOptions& options,
                                         const QueryStreamOptions& bounds) const {
  WEIR_TRY(bounds.validate());
  QueryRun run = run_of(options, *core_);
  if (run.cancel == nullptr)
    run.cancel = std::make_shared<std::atomic<bool>>(false);
  query::RowStreamBounds passes;
  passes.batch_rows_max = bounds.batch_rows_max;
  passes.pass_bytes_max = bounds.pass_bytes_max;
  auto rows = core_->query_stream(plan, run, passes);
  if (!rows)
    return std::move(rows).error();
  return QueryStream(std::make_unique<query::RowStream>(*std::move(rows)), run.cancel);
}

Result<std::vector<std::string>> Engine::explain(const Query& plan, const QueryOptions& options) const {
  return core_->explain(plan, run_of(options, *core_));
}

Status Engine::remember(std::string_view name, const Query& query) {
  return core_->remember(std::string(name), query);
}

Result<QueryResult> Engine::show(std::string_view name, const QueryOptions& options) const {
  return core_->show(std::string(name), run_of(options, *core_));
}

Status Engine::forget(std::string_view name) {
  return core_->forget(std::string(name));
}

std::vector<RememberedQuery> Engine::remembered() const {
  return core_->remembered();
}

Result<std::uint32_t> Engine::define_schema(Schema schema) {
  if (CallbackScope::active())
    return fail(Errc::invalid_argument, "a definition from inside a callback of an engine would wait for itself");
  return wait_for<Result<std::uint32_t>>(
      [&](auto done) { core_->define_schema(std::move(schema), schema::MayBreak::no, std::move(done)); });
}

Result<std::uint32_t> Engine::define_schema(std::string_view text) {
  auto schema = parse_schema(text);
  if (!schema)
    return std::move(schema).error();
  return define_schema(std::move(*schema));
}

Result<SchemaVersion> Engine::schema(std::string_view event_type, std::uint32_t version) const {
  const schema::Registry& known = core_->schemas();
  const SchemaVersion* const found = version == 0 ? known.latest(event_type) : known.find(event_type, version);
  if (found == nullptr)
    return fail(Errc::not_found, version == 0
                                     ? format("no schema is defined for type '{}'", event_type)
                                     : format("the schema of type '{}' has no version {}", event_type, version));
  return *found;
}

Status Engine::register_upcasters(std::string_view event_type, std::vector<Upcaster> upcasters) {
  return core_->register_upcasters(event_type, std::move(upcasters));
}

std::vector<SchemaVersion> Engine::schemas() const {
  std::vector<SchemaVersion> copies;
  for (const SchemaVersion* version : core_->schemas().all())
    copies.push_back(*version);
  return copies;
}

Status Engine::flush() {
  if (CallbackScope::active())
    return fail(Errc::invalid_argument, "a flush from inside a callback of an engine would wait for itself");
  return wait_for<Status>([&](auto done) { core_->flush(std::move(done)); });
}

Result<CompactReport> Engine::compact(const CompactOptions& options) {
  if (const Status flushed = flush(); !flushed && flushed.code() != Errc::shard_failed) // the others go on
    return flushed.error();
  return core_->compact(options);
}

void Engine::pause_compaction() {
  core_->pause_compaction();
}

void Engine::resume_compaction() {
  core_->resume_compaction();
}

void Engine::set_compaction_rate(std::uint64_t bytes_per_second_max) {
  core_->set_compaction_rate(bytes_per_second_max);
}

EngineStats Engine::stats() const {
  return core_->stats();
}

Health Engine::health() const {
  return core_->health();
}

const EngineOptions& Engine::options() const noexcept {
  return core_->options();
}

ShardId Engine::shard_of(std::string_view context_id) const {
  return core_->shard_of(context_id);
}

Status Engine::close(std::optional<std::chrono::milliseconds> timeout_ms) {
  if (CallbackScope::active())
    return fail(Errc::invalid_argument, "close from inside a callback of an engine would wait for itself");
  return core_->close(bounded(timeout_ms.value_or(core_->options().close_timeout_ms)));
}

} // namespace weir
