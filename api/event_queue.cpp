#include <weir/event_queue.hpp>

#include "actors/engine_core.hpp"
#include "actors/store_call.hpp"
#include "engine/callback_scope.hpp"
#include "engine/event_queue/pulled_queue.hpp"
#include "engine/limits.hpp"
#include "engine/models/corrections.hpp"
#include "engine/validate.hpp"

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>

namespace weir {

namespace {

Result<QueuedEvent> read_event(const EventView& event) {
  auto data = Json::parse(event.payload);
  if (!data)
    return std::move(data).error();
  return QueuedEvent{event.position,      std::string(event.event_type), *std::move(data),
                     event.timestamp,     std::string(event.context_id), event.sequence,
                     event.payload.size()};
}

Result<std::string> payload_text(const Json& data) {
  if (data.is_null())
    return std::string("{}");
  if (!data.is_object())
    return fail(Errc::invalid_argument, "the data of an event is a JSON object");
  return data.to_text();
}

} // namespace

/// Those who wait for the next event.
struct EventQueue::Waiting {
  std::mutex mutex;
  std::set<PulledQueue*> queues;
};

EventQueue::EventQueue(const Engine& engine, EventQueueOptions options)
    : EventQueue(engine.core(), std::move(options)) {
}

EventQueue::EventQueue(std::shared_ptr<EngineCore> core, EventQueueOptions options)
    : core_(std::move(core)), options_(std::move(options)), waiting_(std::make_shared<Waiting>()) {
}

Result<QueuedEvent> EventQueue::add(std::string type, const Json& data, std::optional<Timestamp> ts,
                                    std::string context_id) {
  auto payload = payload_text(data);
  if (!payload)
    return std::move(payload).error();
  if (context_id.empty())
    context_id = options_.context_id;
  const Timestamp time = ts.value_or(core_->clock().now());
  Event event{.context_id = context_id, .event_type = type, .payload = *payload, .timestamp = time};
  const std::size_t size = payload->size();
  const auto receipt =
      store_and_wait(*core_, context_id, {&event, 1}, {Durability::synced, Expectation::any(), std::nullopt}, {});
  if (!receipt)
    return receipt.error();
  return QueuedEvent{receipt->position,
                     std::move(type),
                     data.is_null() ? Json::object() : data,
                     time,
                     std::move(context_id),
                     receipt->sequence,
                     size};
}

Result<std::optional<QueuedEvent>> EventQueue::get(Position v) const {
  using Found = std::optional<QueuedEvent>;
  SubscribeOptions one;
  one.from = QueueStart::at(v);
  one.follow = false;
  one.limit = 1;
  one.as_stored = true;
  one.batch_events_max = 1;
  auto cursor = core_->subscribe(std::move(one));
  if (!cursor)
    return std::move(cursor).error();
  for (;;) {
    const auto batch = cursor->read();
    if (!batch)
      return batch.error();
    if (!batch->events.empty()) {
      if (batch->events[0].position != v)
        return Found();
      auto event = read_event(batch->events[0]);
      return event ? Result<Found>(*std::move(event)) : std::move(event).error();
    }
    if (batch->ended || batch->caught_up)
      return Found();
  }
}

Result<std::optional<QueuedEvent>> EventQueue::get_next(Position v, bool once,
                                                        std::optional<std::chrono::milliseconds> timeout_ms) {
  using Found = std::optional<QueuedEvent>;
  if (!once && CallbackScope::active())
    return fail(Errc::invalid_argument, "waiting for an event from inside a callback of an engine could last for ever");
  if (v == UINT64_MAX)
    return Found();
  SubscribeOptions next;
  next.from = QueueStart::at(v + 1);
  next.limit = 1;
  next.follow = !once;
  next.as_stored = true;
  next.batch_events_max = 1;
  auto cursor = core_->subscribe(std::move(next));
  if (!cursor)
    return std::move(cursor).error();
  PulledQueue queue(std::move(*cursor));
  struct Registered {
    Waiting& waiting;
    PulledQueue* queue;
    Registered(Waiting& w, PulledQueue* q) : waiting(w), queue(q) {
      const std::lock_guard lock(waiting.mutex);
      waiting.queues.insert(queue);
    }
    ~Registered() {
      const std::lock_guard lock(waiting.mutex);
      waiting.queues.erase(queue);
    }
  } const registered(*waiting_, &queue);
  using Clock = std::chrono::steady_clock;
  std::optional<Clock::time_point> deadline;
  if (timeout_ms)
    deadline = Clock::now() +
               std::clamp<std::chrono::milliseconds>(*timeout_ms, std::chrono::milliseconds(0), std::chrono::years(10));
  for (;;) {
    std::optional<std::chrono::milliseconds> left;
    if (once)
      left = std::chrono::milliseconds(0);
    else if (deadline)
      left = std::max(std::chrono::milliseconds(0),
                      std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()));
    const auto batch = queue.next(left);
    if (!batch)
      return batch.code() == Errc::cancelled ? Result<Found>(Found()) : Result<Found>(batch.error());
    if (!batch->events.empty()) {
      auto event = read_event(batch->events[0]);
      return event ? Result<Found>(*std::move(event)) : std::move(event).error();
    }
    if (batch->ended || (once && batch->caught_up) || (deadline && Clock::now() >= *deadline))
      return Found();
  }
}

void EventQueue::cancel_next() {
  const std::lock_guard lock(waiting_->mutex);
  for (PulledQueue* queue : waiting_->queues)
    queue->cancel();
}

Result<Position> EventQueue::latest_version() const {
  return core_->last_synced_position();
}

Status EventQueue::set_known(Position v) {
  return core_->skip_positions(v);
}

Result<std::vector<QueuedEvent>> EventQueue::search(const EventSearch& search) const {
  Query query = search.types.empty() ? Query::all_types() : Query::types(search.types);
  if (!search.context_id.empty())
    query.for_context(search.context_id);
  if (search.since)
    query.since(*search.since);
  if (search.until)
    query.until(*search.until);
  query.returning({"position", "event_type", "payload", "timestamp", "context_id", "sequence"})
      .order_by("position", search.newest_first ? SortOrder::descending : SortOrder::ascending)
      .limit(search.limit)
      .offset(search.offset);
  QueryRun run;
  run.timeout_ms = core_->options().query_timeout_ms;
  run.as_stored = true;
  const auto rows = core_->query(query, run);
  if (!rows)
    return rows.error();
  std::vector<QueuedEvent> found;
  for (const std::vector<Value>& row : rows->rows) {
    auto event = read_event({.context_id = row[4].as_string().value_or(""),
                             .sequence = row[5].as_uint64().value_or(0),
                             .position = row[0].as_uint64().value_or(0),
                             .timestamp = row[3].as_timestamp().value_or(Timestamp{}),
                             .event_type = row[1].as_string().value_or(""),
                             .event_id = {},
                             .metadata = {},
                             .payload = row[2].as_json().value_or("{}")});
    if (!event)
      return std::move(event).error();
    found.push_back(*std::move(event));
  }
  return found;
}

Result<Receipt> EventQueue::set(const QueuedEvent& event) {
  WEIR_TRY(validate_name("event_type", event.type, limits::event_type_bytes_max));
  auto payload = payload_text(event.data);
  if (!payload)
    return std::move(payload).error();
  const auto stored = get(event.v);
  if (!stored)
    return stored.error();
  if (!*stored)
    return fail(Errc::not_found, "there is no event at this position to correct", std::to_string(event.v));
  Event correction{.context_id = (*stored)->context_id,
                   .event_type = std::string(correction_event_type),
                   .payload = correction_payload(event.v, event.type, *payload)};
  return store_and_wait(*core_, (*stored)->context_id, {&correction, 1},
                        {Durability::synced, Expectation::any(), std::nullopt}, {});
}

} // namespace weir
