#include "trust/support/disk/plain_engine.hpp"

#include "actors/engine_compact.hpp"
#include "actors/engine_open.hpp"
#include "actors/engine_views.hpp"
#include "actors/merge.hpp"
#include "engine/check.hpp"
#include "engine/event_codec.hpp"
#include "engine/event_ids.hpp"
#include "segments/compaction_plan.hpp"
#include "trust/support/disk/planted.hpp"

#include <sqlite3.h>

#include <utility>

namespace weir::trust {

namespace {

constexpr std::chrono::milliseconds flush_retry{50}; // the flusher's first

} // namespace

EngineOptions PlainEngine::small_options(std::uint32_t shards) {
  EngineOptions options;
  options.shards = shards;
  options.wal_file_bytes = 8 * KiB; // below what an embedder may choose
  options.unsealed_bytes_max = 4 * MiB;
  options.block_cache_bytes = 256 * KiB;
  options.context_cache_entries = 4;
  options.disk_reserve_bytes = 1 * MiB;
  options.zone_rows = 16;
  options.read_threads = 1;
  return options;
}

Result<std::unique_ptr<PlainEngine>> PlainEngine::open(const io::MemoryFileSystem& fs, const EngineOptions& options) {
  // SQLite marks each journal with random numbers; images of equal histories shall be equal.
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, 1, nullptr);
  std::unique_ptr<PlainEngine> engine(new PlainEngine());
  engine->parts.options = options;
  auto clock = std::make_unique<io::ManualClock>(Timestamp{std::chrono::seconds{1'700'000'000}});
  io::ManualClock* const time = clock.get();
  EngineSeams seams;
  seams.fs = fs.share();
  seams.clock = std::move(clock);
  seams.random = io::make_seeded_random(42);
  seams.open_catalog = open_sqlite_catalog;
  seams.pass_time = [time](std::chrono::nanoseconds by) { time->advance(by); };
  seams.make_executor = [engine = engine.get(), time](std::size_t) -> std::unique_ptr<io::IoExecutor> {
    const bool first = engine->executor_ == nullptr;
    auto executor = std::make_unique<io::ManualExecutor>(first ? time : nullptr);
    (first ? engine->executor_ : engine->lookups_) = executor.get();
    return executor;
  };
  if (Status opened = open_directory(engine->parts, std::move(seams)); !opened)
    return std::move(opened).error();
  engine->start();
  return engine;
}

void PlainEngine::start() {
  parts.poke_all = [this] {
    for (const auto& shard : parts.shards)
      shard->wake();
  };
  parts.relieve = [this] { relieve(); };
  parts.segments_changed = [] {};
  parts.look_for_merges = [] {};
  parts.queue = std::make_unique<SharedQueue>(
      *parts.watermark, [this]() -> Result<std::vector<ShardView>> { return views(); }, parts.pinned,
      parts.options.catch_up_bytes);
  shards_.resize(parts.shards.size());
  for (ShardId i = 0; i < parts.shards.size(); ++i) {
    ShardParts& shard = *parts.shards[i];
    PerShard& mine = shards_[i];
    mine.pump = std::make_unique<ShardPump>(parts, shard, [this, &mine](ShardPump::Answers answers) {
      post([&mine, answers = std::move(answers)] { mine.pump->resolved(answers); });
    });
    shard.wake = [this, &mine] { post([&mine] { mine.pump->pump(); }); };
    shard.log->listen({
        .progress = shard.wake,
        .reset = [this, &mine](std::uint64_t epoch) { post([&mine, epoch] { mine.pump->renumber(epoch); }); },
        .failed =
            [this, &mine, &shard](const Error& why) {
              post([this, &mine, &shard, why] {
                shard.fail(why);
                parts.queue->end(why);
                mine.pump->stop(why);
              });
            },
        .frozen = [this, i] { post([this, i] { start_flush(i); }); },
        .warn = [this](const std::string& what) { parts.health.warn(what); },
    });
    if (shard.table->flush_queue().size() != 0)
      start_flush(i);
  }
}

PlainEngine::~PlainEngine() {
  if (ended_)
    return;
  for (const auto& shard : parts.shards)
    if (shard->inbox)
      static_cast<void>(shard->inbox->close());
  for (io::IoExecutor* executor : {parts.lookups.get(), parts.executor.get()})
    if (executor != nullptr)
      executor->shutdown();
}

/// What EngineCore does before it encodes: each event is judged by the schema of its type, which is noted with it.
Status PlainEngine::judge_call(StoreCommand& command) const {
  if (parts.schemas.all().empty() || is_planted(Planted::schema_overlooked))
    return {};
  const auto judge = [this](const std::string& context_id, CallBytes& encoded) -> Status {
    auto call = CallReader::open_unnumbered(encoded);
    WEIR_CHECK(call.ok());
    std::vector<Event> events;
    EventView view;
    for (auto more = call->next(view); *more; more = call->next(view))
      events.push_back({.event_type = std::string(view.event_type),
                        .payload = std::string(view.payload),
                        .event_id = std::string(view.event_id)});
    const auto versions = parts.schemas.judge(events);
    if (!versions)
      return versions.error();
    encoded.clear();
    encode_call(context_id, events, encoded, *versions);
    return {};
  };
  if (command.events != 0)
    WEIR_TRY(judge(command.context_id, command.encoded));
  for (StorePart& part : command.more)
    WEIR_TRY(judge(part.context_id, part.encoded));
  return {};
}

void PlainEngine::submit(StorePtr command) {
  if (const Status judged = judge_call(*command); !judged) {
    command->done(judged.error());
    return;
  }
  if (is_planted(Planted::expectation_forgotten))
    command->expect = {};
  if (is_planted(Planted::condition_forgotten))
    command->fail_if.reset();
  for (const IdQuestion::Part& part : id_question(*command, 0).parts)
    for (const IdQuestion::Asked& event : part.events)
      if (!event.event_id.empty())
        command->id_hashes.push_back(event_id_hash(hash64(part.context_id, parts.directory_seed), event.event_id));
  ShardParts& to = shard(parts.router->shard_of(command->context_id));
  if (const auto failure = to.failure()) {
    command->done(*failure);
    return;
  }
  if (to.inbox->push_or_park(std::move(command)) != Admission::accepted)
    command->done(fail(Errc::overloaded, "the inbox is full"));
}

void PlainEngine::start_flush(ShardId number) {
  PerShard& mine = shards_[number];
  if (std::exchange(mine.flushing, true))
    return;
  parts.flush_lane->post([this, number, &mine] {
    mine.flushing = false;
    ShardParts& flushed = shard(number);
    if (const Status status = flush_oldest(parts, flushed); status) {
      parts.poke_all();
      if (flushed.table->flush_queue().size() != 0)
        start_flush(number);
    } else {
      flushed.table->flush_queue().fail_waiters(status.error());
      parts.flush_lane->post_after(flush_retry, [this, number] { start_flush(number); });
    }
  });
}

void PlainEngine::relieve() {
  for (const auto& shard : parts.shards)
    if (shard->table->flush_queue().size() != 0)
      return;
  for (const auto& shard : parts.shards)
    shard->log->freeze_soon(0);
}

bool PlainEngine::deliver() {
  if (messages_.empty())
    return false;
  const auto message = std::move(messages_.front());
  messages_.pop_front();
  message();
  return true;
}

bool PlainEngine::stepped(bool done) {
  if (done && after_step)
    after_step();
  return done;
}

bool PlainEngine::step(io::Random& random) {
  switch (random.next() % 4) {
  case 0: return stepped(lookups_->run_one(random) || deliver() || executor_->run_one(random));
  case 1: return stepped(executor_->run_one(random) || deliver() || lookups_->run_one(random));
  default: return stepped(deliver() || executor_->run_one(random) || lookups_->run_one(random));
  }
}

void PlainEngine::settle() {
  while (stepped(deliver() || executor_->run_one() || lookups_->run_one())) {
  }
}

void PlainEngine::pass(std::chrono::nanoseconds time) {
  executor_->advance(time);
  settle();
}

std::shared_ptr<std::optional<Status>> PlainEngine::flush(ShardId number) {
  auto answer = std::make_shared<std::optional<Status>>();
  shard(number).log->flush([answer](Status status) { *answer = std::move(status); });
  return answer;
}

bool PlainEngine::merge(ShardId number) {
  const auto merge = Merge::plan(parts, shard(number), segments::CompactionPolicy::fan_in_quiet);
  if (merge)
    merge->start([this](const Status& ended) { merged = ended.ok(); });
  return merge != nullptr;
}

Result<CompactReport> PlainEngine::compact(const CompactOptions& options, const std::function<bool()>& go_on) {
  return compact_segments(parts, Stepped{nullptr, go_on}, options);
}

void PlainEngine::remember(const std::string& name, const Query& query, std::function<void(const Status&)> done) {
  parts.flush_lane->post([this, name, query, done = std::move(done)] { done(remember_view(parts, name, query)); });
}

void PlainEngine::forget(const std::string& name, std::function<void(const Status&)> done) {
  parts.flush_lane->post([this, name, done = std::move(done)] { done(forget_view(parts, name)); });
}

void PlainEngine::define_schema(Schema schema, std::function<void(const Result<std::uint32_t>&)> done) {
  parts.flush_lane->post([this, schema = std::move(schema), done = std::move(done)]() mutable {
    done(parts.schemas.define(std::move(schema), *parts.catalog));
  });
}

void PlainEngine::set_retention(RetentionRecord record, std::function<void(const Status&)> done) {
  parts.flush_lane->post([this, record = std::move(record), done = std::move(done)]() mutable {
    done(parts.retention.set(*parts.catalog, std::move(record)));
  });
}

Result<QueryResult> PlainEngine::show(const std::string& name) {
  const auto view = parts.views.find(name);
  if (!view)
    return view.error();
  const Querier alone(
      *parts.clock, parts.schemas, 0, [](const Job&) {}, std::make_shared<Freeing>());
  return show_view(parts, name, *view, [this]() -> Result<std::vector<ShardView>> { return views(); }, alone, {});
}

Status PlainEngine::close() {
  parts.closing.store(true);
  for (const auto& shard : parts.shards)
    for (const StorePtr& parked : shard->inbox->close())
      parked->done(fail(Errc::closing, "the engine is closing; the events were not stored"));
  settle();
  Status worst;
  const auto keep = [&worst](Status status) {
    if (!status && worst)
      worst = std::move(status);
  };
  for (const auto& shard : parts.shards)
    shard->log->close(keep);
  settle();
  for (io::IoExecutor* executor : {parts.lookups.get(), parts.executor.get()})
    executor->shutdown();
  keep(parts.catalog->close());
  parts.lock.reset();
  ended_ = true;
  return worst;
}

std::string PlainEngine::context_in(ShardId shard, const std::string& prefix, unsigned number) const {
  for (unsigned i = 0;; ++i) {
    std::string id = prefix + std::to_string(i);
    if (parts.router->shard_of(id) == shard && number-- == 0)
      return id;
  }
}

std::vector<ShardView> PlainEngine::views() const {
  std::vector<ShardView> all;
  for (const auto& shard : parts.shards)
    all.push_back(shard->table->view());
  return all;
}

} // namespace weir::trust
