#include "actors/engine_core.hpp"

#include "actors/backup.hpp"
#include "actors/merge.hpp"
#include "engine/callback_scope.hpp"
#include "engine/context_walk.hpp"
#include "engine/event_codec.hpp"
#include "engine/event_ids.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"
#include "engine/validate.hpp"

#include <algorithm>
#include <utility>

namespace weir {

Error closing_error() {
  return fail(Errc::closing, "the engine is closing");
}

Result<std::vector<std::uint32_t>> EngineCore::judge_call(std::string_view context_id, std::span<Event> events) const {
  WEIR_TRY(validate_call(context_id, events, parts_.options.payload_bytes_max));
  return parts_.schemas.judge(events);
}

Status EngineCore::check_call(std::string_view context_id, std::span<Event> events) const {
  const auto versions = judge_call(context_id, events);
  return versions ? Status() : Status(versions.error());
}

Result<StorePtr> EngineCore::make_command(std::string_view context_id, std::span<Event> events,
                                          std::optional<Durability> durability, Expectation expect,
                                          const std::optional<FailIf>& fail_if,
                                          std::optional<SchemaVersions> stored_under) const {
  const Durability wanted = durability.value_or(parts_.options.durability);
  if (wanted != Durability::buffered && wanted != Durability::written && wanted != Durability::synced)
    return fail(Errc::invalid_argument,
                format("unknown durability {}; allowed are buffered, written, synced", static_cast<unsigned>(wanted)),
                "durability");
  for (std::size_t i = 0; i < events.size(); ++i)
    if (!events[i].context_id.empty() && events[i].context_id != context_id)
      return fail(Errc::invalid_argument, "all events of one call belong to one context", format("event {}", i));
  auto command = std::make_unique<StoreCommand>();
  command->context_id = context_id;
  command->expect = expect;
  if (fail_if)
    WEIR_TRY(add_condition(*command, *fail_if));
  if (events.empty() && (expect != Expectation::any() || fail_if)) {
    WEIR_TRY(validate_context_id(context_id));
    command->durability = wanted;
    return command;
  }
  std::vector<std::uint32_t> judged;
  if (stored_under) {
    WEIR_TRY(validate_call(context_id, events, parts_.options.payload_bytes_max));
  } else {
    auto versions = judge_call(context_id, events);
    if (!versions)
      return std::move(versions).error();
    judged = *std::move(versions);
  }
  auto id_hashes = hash_event_ids(context_id, events, parts_.directory_seed);
  if (!id_hashes)
    return std::move(id_hashes).error();
  command->id_hashes = *std::move(id_hashes);
  if (!command->id_hashes.empty())
    if (const ShardParts& shard = *parts_.shards[shard_of(context_id)]; shard.table)
      command->ids_checked_to = ids_excluded_to(*shard.table->segments(), context_id, events);
  encode_call(context_id, events, command->encoded, stored_under.value_or(judged));
  command->events = static_cast<std::uint32_t>(events.size());
  for (const Event& event : events)
    command->payload_bytes += event.payload.size();
  command->durability = wanted;
  return command;
}

Result<StorePtr> EngineCore::make_removal(std::string_view context_id, const RemovalRequest& removal) {
  WEIR_TRY(validate_context_id(context_id));
  auto command = std::make_unique<StoreCommand>();
  command->context_id = context_id;
  command->removal = removal;
  // What is gone must not come back with a crash.
  command->durability = sabotaged(Sabotage::answer_removal_before_sync) ? Durability::written : Durability::synced;
  return command;
}

void EngineCore::submit(StorePtr command, WhenFull when_full,
                        std::optional<std::chrono::steady_clock::time_point> deadline) {
  Door::Inside inside(door_);
  if (!inside || closing_.load()) {
    command->done(closing_error());
    return;
  }
  ShardParts& shard = *parts_.shards[parts_.router->shard_of(command->context_id)];
  if (shard.failed()) {
    command->done(*shard.failure());
    return;
  }
  Admission admission = Admission::full;
  switch (when_full) {
  case WhenFull::wait: admission = shard.inbox->push_until(std::move(command), deadline); break;
  case WhenFull::park: admission = shard.inbox->push_or_park(std::move(command)); break;
  case WhenFull::refuse: admission = shard.inbox->try_push(std::move(command)); break;
  }
  inside.leave(); // the answer below runs the caller's code
  switch (admission) {
  case Admission::accepted: return;
  case Admission::full:
    command->done(fail(Errc::overloaded, format("shard {} has as many calls waiting as it may", shard.id)));
    return;
  case Admission::timed_out:
    command->done(
        fail(Errc::deadline_exceeded, format("shard {} had no room in time; the events were not stored", shard.id)));
    return;
  case Admission::closed: command->done(closing_error()); return;
  }
}

Status EngineCore::readable(ShardId shard) const {
  if (closing_.load())
    return closing_error();
  const ShardParts& parts = *parts_.shards[shard];
  return parts.table ? Status{} : Status(*parts.failure());
}

Result<ShardView> EngineCore::view(ShardId shard) const {
  WEIR_TRY(readable(shard));
  return parts_.shards[shard]->table->view();
}

Result<std::vector<ShardView>> EngineCore::views(bool allow_partial) const {
  std::vector<ShardView> all;
  for (const auto& shard : parts_.shards) {
    auto one = view(shard->id);
    if (one)
      all.push_back(std::move(*one));
    else if (one.code() == Errc::closing || !allow_partial)
      return std::move(one).error();
  }
  return all;
}

Result<ReplayCursor> EngineCore::replay(std::string_view context_id, ReplayOptions options) {
  WEIR_TRY(validate_context_id(context_id));
  WEIR_TRY(options.validate());
  const ShardId shard = shard_of(context_id);
  WEIR_TRY(readable(shard));
  ReplayCursor::Change upcast;
  if (!options.as_stored && !sabotaged(Sabotage::replay_forgets_upcasts))
    upcast = [self = shared_from_this()](EventBatch& batch) { return self->parts_.schemas.upcast(batch); };
  return ReplayCursor([self = shared_from_this(), shard] { return self->view(shard); }, parts_.pinned,
                      std::string(context_id), std::move(options), std::move(upcast));
}

Result<QueueCursor> EngineCore::subscribe(SubscribeOptions options) {
  WEIR_TRY(options.validate());
  return QueueCursor::open(std::shared_ptr<SharedQueue>(shared_from_this(), parts_.queue.get()), std::move(options));
}

Status EngineCore::walk_contexts(std::string_view prefix, const std::function<Status(std::string_view)>& visit) const {
  auto all = views(false);
  return all ? weir::walk_contexts(std::move(*all), prefix, visit) : Status(std::move(all).error());
}

void EngineCore::post_read(Job job) {
  if (const Door::Inside inside(door_); inside)
    parts_.executor->post_read(std::move(job));
}

std::shared_ptr<io::Lane> EngineCore::make_read_lane() {
  const Door::Inside inside(door_);
  return inside ? parts_.executor->make_lane(io::LaneKind::pooled, "weir-replay") : nullptr;
}

Querier EngineCore::querier() {
  return {*parts_.clock, parts_.schemas,
          query_helpers_max(parts_.options.query_threads_max, parts_.options.read_threads),
          [this](Job job) { post_read(std::move(job)); }, freeing_};
}

Result<QueryResult> EngineCore::query(const Query& plan, const QueryRun& run) {
  WEIR_TRY(plan.validate());
  auto all = views(run.allow_partial);
  if (!all)
    return std::move(all).error();
  return querier().run(plan, *std::move(all), run);
}

Result<query::RowStream> EngineCore::query_stream(const Query& plan, QueryRun run,
                                                  const query::RowStreamBounds& bounds) {
  WEIR_TRY(plan.validate());
  auto all = views(run.allow_partial);
  if (!all)
    return std::move(all).error();
  run.deadline = parts_.clock->steady_now() + run.timeout_ms;
  const auto self = shared_from_this();
  query::RowStream::Source source;
  source.run = [self, run](const Query& query, const std::vector<ShardView>& views) {
    return self->querier().run(query, views, run);
  };
  source.pass = [self, run](const Query& query, const std::vector<ShardView>& views,
                            const query::PositionWindow& positions, std::uint64_t bytes_max) {
    return self->querier().pass(query, views, run, positions, bytes_max);
  };
  source.may_go_on = [self, run]() -> Status {
    if (self->closing_.load())
      return closing_error();
    if (run.cancel->load())
      return fail(Errc::cancelled, "the stream was cancelled");
    if (self->parts_.clock->steady_now() >= *run.deadline)
      return fail(Errc::deadline_exceeded, "the stream did not end before its deadline");
    return {};
  };
  auto stream = query::RowStream::make(plan, *std::move(all), bounds, std::move(source));
  if (const Door::Inside inside(door_); inside && stream && stream_pins_.add(stream->pin(), *run.deadline))
    watch_stream_pins();
  return stream;
}

void EngineCore::watch_stream_pins() {
  parts_.flush_lane->post_after(stream_pins_.wait(parts_.clock->steady_now()), [this] {
    if (stream_pins_.release_expired(parts_.clock->steady_now()))
      watch_stream_pins();
  });
}

Result<std::vector<std::string>> EngineCore::explain(const Query& plan, const QueryRun& run) {
  WEIR_TRY(plan.validate());
  const auto all = views(run.allow_partial);
  if (!all)
    return all.error();
  return querier().explain(plan, *all, run);
}

namespace {

/// A definition on its way to the flush lane. Dropped unrun, it still owes an answer.
class Defining {
public:
  using Done = std::function<void(Result<std::uint32_t>)>;
  Defining(EngineParts& parts, Schema schema, schema::MayBreak may_break, Done done)
      : parts_(parts), schema_(std::move(schema)), may_break_(may_break), done_(std::move(done)) {}
  Defining(Defining&& other) noexcept
      : parts_(other.parts_), schema_(std::move(other.schema_)), may_break_(other.may_break_),
        done_(std::exchange(other.done_, nullptr)) {}
  ~Defining() {
    if (done_)
      answer(closing_error());
  }
  void operator()() { answer(parts_.schemas.define(std::move(schema_), *parts_.catalog, may_break_)); }

private:
  void answer(Result<std::uint32_t> result) {
    const CallbackScope inside;
    std::exchange(done_, nullptr)(std::move(result));
  }

  EngineParts& parts_;
  Schema schema_;
  schema::MayBreak may_break_;
  Done done_;
};

} // namespace

void EngineCore::define_schema(Schema schema, schema::MayBreak may_break,
                               std::function<void(Result<std::uint32_t>)> done) {
  Defining defining(parts_, std::move(schema), may_break, std::move(done));
  if (const Door::Inside inside(door_); inside) // else `defining` answers as it goes
    parts_.flush_lane->post(std::move(defining));
}

Result<BackupReport> EngineCore::backup(io::FileSystem& target, io::FileSystem* base, const BackupOptions& options) {
  if (CallbackScope::active())
    return fail(Errc::invalid_argument, "a backup waits, so a callback cannot make one");
  const Door::Inside inside(door_);
  if (!inside || closing_.load())
    return closing_error();
  return Backup(parts_, stepped_, target, base, options).run();
}

EngineStats EngineCore::stats() const {
  EngineStats stats;
  for (const auto& shard : parts_.shards) {
    ShardStats one;
    one.shard = shard->id;
    one.failed = shard->failure().has_value();
    if (shard->table) {
      const InboxStats inbox = shard->inbox->stats();
      one.events_stored = shard->log->events_stored();
      one.groups = shard->log->groups();
      one.syncs = shard->log->syncs();
      one.inbox_commands = inbox.commands;
      one.inbox_bytes = inbox.bytes;
      one.inbox_waiting = inbox.waiting;
      one.overloaded = inbox.refused;
      one.held_back = shard->held_back.load();
      one.lookups = shard->lookups.load();
      one.stored_payload_bytes = shard->log->payload_bytes_stored();
      one.log_bytes = shard->log->bytes_written();
      one.flushes = shard->flushes.load();
      one.flushed_bytes = shard->flushed_bytes.load();
      one.compactions = shard->compactions.load();
      one.compacted_bytes = shard->compacted_bytes.load();
      one.merge_read_bytes = shard->merge_read_bytes.load();
      one.merge_written_bytes = shard->merge_written_bytes.load();
      one.flush_queue = shard->table->flush_queue().size();
      const ShardView now = shard->table->view();
      for (const MemtableView& memtable : now.memtables) {
        one.memtable_events += memtable.rows();
        one.memtable_bytes += memtable.memtable()->bytes();
      }
      for (const auto& segment : *now.segments) {
        ++one.segments;
        one.segment_events += segment->meta().event_count;
        one.segment_bytes += segment->meta().file_bytes;
        one.payload_bytes += segment->meta().payload_bytes;
      }
    }
    stats.shards.push_back(one);
  }
  stats.compactions_running = parts_.compaction.taken() ? 1 : 0;
  stats.compaction_paused = parts_.compaction.paused();
  stats.compaction_bytes_per_second_max = parts_.compaction.bytes_per_second_max();
  stats.compactions_pending = compactions_pending(parts_);
  const segments::BlockCacheStats cache = parts_.cache->stats();
  stats.next_position = parts_.positions->next();
  stats.block_cache_bytes = cache.cached_bytes;
  stats.block_cache_hits = cache.hits;
  stats.block_cache_misses = cache.misses;
  stats.pinned_bytes = parts_.pinned->used();
  stats.unsealed_bytes = parts_.unsealed->used();
  stats.disk_free_bytes = parts_.guard->free_bytes();
  stats.recovered_events = parts_.recovered_events;
  stats.open_ms = parts_.open_ms;
  return stats;
}

Health EngineCore::health() const {
  Health health;
  health.warnings = parts_.health.warnings();
  health.disk_full = parts_.guard->low() || (parts_.guard->flush_blocked() && parts_.unsealed->exhausted());
  health.compaction_paused = parts_.compaction.paused();
  health.ok = health.warnings.empty() && !health.disk_full;
  for (const auto& shard : parts_.shards) {
    ShardHealth one{shard->id, shard->failure(), shard->table != nullptr};
    health.ok = health.ok && !one.error;
    health.shards.push_back(std::move(one));
  }
  return health;
}

} // namespace weir
