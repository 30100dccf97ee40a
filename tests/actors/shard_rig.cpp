#include "tests/actors/shard_rig.hpp"

#include "actors/engine_core.hpp"
#include "engine/event_codec.hpp"
#include "segments/segment_files.hpp"
#include "wal/recovery.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

namespace weir::test {

Status MemoryCatalog::reserve_positions(Position until) {
  if (fail_with)
    return *fail_with;
  CHECK(until >= state_.positions_reserved);
  state_.positions_reserved = until;
  return {};
}

Status MemoryCatalog::publish_segment(const SegmentMeta& segment, std::uint64_t wal_cut_record,
                                      std::uint64_t wal_first_file) {
  if (fail_with)
    return *fail_with;
  ShardRecord& shard = state_.shards.at(segment.shard);
  CHECK(wal_cut_record >= shard.wal_cut_record);
  CHECK(wal_first_file >= shard.wal_first_file);
  CHECK(segment.number >= shard.next_segment);
  state_.segments.push_back(segment);
  shard.wal_cut_record = wal_cut_record;
  shard.wal_first_file = wal_first_file;
  shard.next_segment = segment.number + 1;
  return {};
}

Status MemoryCatalog::replace_segments(std::span<const SegmentMeta> inputs, const SegmentMeta& merged, const Dropped&) {
  if (fail_with)
    return *fail_with;
  const auto first = std::search(state_.segments.begin(), state_.segments.end(), inputs.begin(), inputs.end());
  CHECK(first != state_.segments.end());
  *first = merged;
  state_.segments.erase(first + 1, first + static_cast<std::ptrdiff_t>(inputs.size()));
  ShardRecord& shard = state_.shards.at(merged.shard);
  shard.next_segment = std::max(shard.next_segment, merged.number + 1);
  return {};
}

EngineOptions ShardRig::small_options() {
  EngineOptions options;
  options.shards = 1;
  options.wal_file_bytes = 64 * KiB;
  options.unsealed_bytes_max = 1 * MiB;
  options.context_cache_entries = 4;
  options.disk_reserve_bytes = 1 * MiB;
  return options;
}

Remains ShardRig::nothing() {
  Remains remains{std::make_unique<io::MemoryFileSystem>(), {}};
  remains.catalog.shard_count = 1;
  remains.catalog.directory_seed = 77;
  remains.catalog.shards.emplace_back();
  return remains;
}

ShardRig::ShardRig(EngineOptions options, Remains remains, int life) : life_(life) {
  parts.options = std::move(options);
  parts.directory_seed = remains.catalog.directory_seed;
  fs_ = remains.fs.get();
  parts.fs = std::move(remains.fs);
  auto own_clock = std::make_unique<io::ManualClock>(Timestamp{std::chrono::seconds{1'000}});
  clock = own_clock.get();
  parts.clock = std::move(own_clock);
  auto own_catalog = std::make_unique<MemoryCatalog>(std::move(remains.catalog));
  catalog_ = own_catalog.get();
  parts.catalog = std::move(own_catalog);
  parts.cache = std::make_unique<segments::BlockCache>(1 * MiB);
  parts.segments = std::make_unique<segments::SegmentFiles>(
      *parts.fs, *parts.cache,
      segments::SegmentOptions{.directory_seed = parts.directory_seed,
                               .zone_rows = parts.options.zone_rows,
                               .filter_bits_per_key = parts.options.filter_bits_per_key,
                               .merge_meter = &parts.compaction});
  parts.compaction.begin(*parts.clock, parts.options.compaction_bytes_per_second_max,
                         [this](std::chrono::nanoseconds time) { clock->advance(time); });
  parts.unsealed = std::make_unique<UnsealedBudget>(parts.options.unsealed_bytes_max);
  parts.guard = std::make_unique<DiskGuard>(*parts.fs, parts.options.disk_reserve_bytes);
  parts.guard->check();
  auto own_executor = std::make_unique<io::ManualExecutor>(clock);
  executor = own_executor.get();
  parts.executor = std::move(own_executor);
  auto own_lookups = std::make_unique<io::ManualExecutor>();
  lookups = own_lookups.get();
  parts.lookups = std::move(own_lookups);
  parts.flush_lane = parts.executor->make_lane(io::LaneKind::dedicated, "flush");
  parts.files_lane = parts.executor->make_lane(io::LaneKind::dedicated, "files");
  parts.compaction_lane = parts.executor->make_lane(io::LaneKind::yielding, "compact");
  parts.catch_up_lane = parts.executor->make_lane(io::LaneKind::dedicated, "catch up");
  const Position first = catalog_->state().positions_reserved;
  REQUIRE(catalog_->reserve_positions(first + PositionSource::block).ok());
  parts.positions = std::make_unique<PositionSource>(first, first + PositionSource::block);
  parts.watermark = std::make_unique<Watermark>(*parts.positions, 1);
  parts.poke_all = [this] { shard_->wake(); };
  parts.look_for_merges = [] {}; // no background merges here
  parts.relieve = [this] {
    if (table().flush_queue().size() == 0)
      log().freeze_soon(0);
  };
  open(catalog_->state());
  pump = std::make_unique<ShardPump>(parts, *shard_, [this](ShardPump::Answers answers) {
    post([this, answers = std::move(answers)] { pump->resolved(answers); });
  });
  listen();
}

ShardRig::~ShardRig() {
  (void)shard_->inbox->close();
  parts.lookups->shutdown();
  parts.executor->shutdown();
}

void ShardRig::open(const CatalogState& state) {
  shard_ = parts.shards.emplace_back(std::make_unique<ShardParts>()).get();
  const ShardRecord& record = state.shards.front();
  REQUIRE(parts.segments->sweep(0, state.segments, state.shards.at(0).next_segment).ok());
  SegmentList readers;
  for (const SegmentMeta& segment : state.segments) {
    auto reader = parts.segments->open(segment);
    REQUIRE(reader.ok());
    readers.push_back(std::move(*reader));
  }
  shard_->next_segment = record.next_segment;
  shard_->table = std::make_unique<ShardTable>(0, parts.directory_seed, *parts.unsealed, std::move(readers));
  const auto visit = [&](std::uint64_t first_record, std::span<const std::string_view> recovered,
                         std::shared_ptr<const void> owner, std::uint64_t owner_bytes) -> Status {
    return shard_->table->recover(std::move(owner), recovered, first_record, owner_bytes);
  };
  const std::uint64_t file_bytes = parts.options.wal_file_bytes;
  const auto end = wal::recover(*parts.fs,
                                {.shard = 0,
                                 .directory_seed = parts.directory_seed,
                                 .first_file = record.wal_first_file,
                                 .cut_record = record.wal_cut_record,
                                 .file_bytes = file_bytes},
                                visit);
  if (!end)
    FAIL(to_string(end.error()));
  auto writer = std::make_unique<wal::Writer>(
      *parts.fs, wal::WriterOptions{.shard = 0, .directory_seed = parts.directory_seed, .file_bytes = file_bytes},
      *end);
  shard_->log = std::make_unique<ShardLog>(
      0, parts.options, 192 * KiB,
      ShardLog::Parts{parts.executor->make_lane(io::LaneKind::dedicated, "log"), parts.files_lane, *shard_->table,
                      *parts.guard, *parts.watermark, *parts.clock, nullptr,
                      [this](Job job) { parts.lookups->post_read(std::move(job)); }},
      std::move(writer));
  shard_->wake = [this] { post([this] { pump->pump(); }); };
  shard_->inbox = std::make_unique<ShardInbox>(
      InboxBounds{parts.options.inbox_commands_max, parts.options.inbox_bytes_max, parts.options.inbox_parked_max},
      [this] { shard_->wake(); });
}

void ShardRig::listen() {
  log().listen({
      .progress = shard_->wake,
      .reset =
          [this](std::uint64_t epoch) {
            ++resets;
            post([this, epoch] { pump->renumber(epoch); });
          },
      .failed =
          [this](const Error& why) {
            failed = why;
            post([this, why] { pump->stop(why); });
          },
      .frozen = [this] { start_flush(); },
      .warn = [this](const std::string& what) { warnings.push_back(what); },
  });
}

void ShardRig::leave_positions(std::uint64_t count) {
  const Position reserved = parts.positions->next_reservation() - PositionSource::block;
  REQUIRE(parts.positions->draw(reserved - parts.positions->next() - count).has_value());
}

void ShardRig::start_flush() {
  parts.flush_lane->post([this] {
    if (!flushing_ || table().flush_queue().size() == 0)
      return;
    if (const Status flushed = flush_oldest(parts, *shard_); flushed) {
      parts.poke_all();
    } else {
      table().flush_queue().fail_waiters(flushed.error());
      if (flushed.code() == Errc::disk_full)
        parts.poke_all();
      parts.flush_lane->post_after(std::chrono::milliseconds(50), [this] { start_flush(); });
    }
  });
}

const ShardRig::Call& ShardRig::store(const std::string& context_id, Durability durability, std::uint64_t sender,
                                      std::uint32_t events) {
  const std::string payload = "{\"life\":" + std::to_string(life_) + ",\"call\":" + std::to_string(calls.size()) + "}";
  return store_events(context_id, std::vector<Event>(events, Event{.event_type = "stored", .payload = payload}),
                      durability, sender);
}

const ShardRig::Call& ShardRig::store_events(const std::string& context_id, const std::vector<Event>& events,
                                             Durability durability, std::uint64_t sender, Expectation expect) {
  auto command = std::make_unique<StoreCommand>();
  command->context_id = context_id;
  if (!events.empty())
    encode_call(context_id, events, command->encoded);
  command->events = static_cast<std::uint32_t>(events.size());
  command->expect = expect;
  command->id_hashes = *hash_event_ids(context_id, events, parts.directory_seed);
  command->ids_checked_to = ids_excluded_to(*table().segments(), context_id, events);
  command->durability = durability;
  command->sender = sender;
  const Call& call = send(std::move(command));
  calls.back().payload = events.empty() ? "" : events.front().payload;
  return call;
}

const ShardRig::Call& ShardRig::remove(const std::string& context_id, Sequence before) {
  auto command = EngineCore::make_removal(context_id, {before, false});
  REQUIRE(command.ok());
  return send(*std::move(command));
}

const ShardRig::Call& ShardRig::send(StorePtr command) {
  Call& call = calls.emplace_back(Call{command->context_id, command->durability, command->events, {}, std::nullopt});
  const bool removes = command->removal.has_value();
  command->done = Completion([this, &call, removes](Result<Receipt> result) {
    CHECK_FALSE(call.answer.has_value());
    if (result) {
      CHECK(result->durability >= call.wanted);
      CHECK((removes || result->events == call.events));
      answered.push_back(call.wanted);
    }
    call.answer = std::move(result);
  });
  if (shard_->inbox->push_or_park(std::move(command)) != Admission::accepted)
    command->done(fail(Errc::overloaded, "full"));
  return call;
}

bool ShardRig::deliver() {
  if (messages_.empty())
    return false;
  const auto message = std::move(messages_.front());
  messages_.pop_front();
  message();
  return true;
}

bool ShardRig::step(io::Random& random) {
  switch (random.next() % 4) {
  case 0: return lookups->run_one(random) || deliver() || executor->run_one(random);
  case 1: return executor->run_one(random) || deliver() || lookups->run_one(random);
  default: return deliver() || executor->run_one(random) || lookups->run_one(random);
  }
}

void ShardRig::settle() {
  while (deliver() || executor->run_one() || lookups->run_one()) {
  }
}

void ShardRig::pass(std::chrono::nanoseconds time) {
  executor->advance(time);
  settle();
}

std::shared_ptr<std::optional<Status>> ShardRig::flush() {
  auto answer = std::make_shared<std::optional<Status>>();
  log().flush([answer](Status status) { *answer = std::move(status); });
  return answer;
}

void ShardRig::set_flushing(bool on) {
  flushing_ = on;
  if (on)
    start_flush();
}

Status ShardRig::close() {
  std::optional<Status> closed;
  log().close([&](Status status) { closed = std::move(status); });
  settle();
  REQUIRE(closed.has_value());
  return *closed;
}

std::vector<std::string> ShardRig::read(std::string_view context_id) {
  EventBatch batch;
  const auto more = read_context(table().view(), context_id, {}, {1'000'000, 1u << 30}, batch);
  if (!more)
    return {'<' + to_string(more.error()) + '>'};
  std::vector<std::string> payloads;
  for (const EventView& event : batch) {
    CHECK(event.sequence == payloads.size() + 1);
    payloads.emplace_back(event.payload);
  }
  return payloads;
}

Remains ShardRig::crash(const io::CrashPolicy& policy) const {
  return {fs_->crash_image(policy), catalog_->state()};
}

bool is_log_write(const io::Call& call) {
  return call.operation == io::Operation::write && call.path.ends_with(".wal") && call.offset != 0;
}

io::CallHook fail_log_writes(std::uint64_t first, std::uint64_t last) {
  return [first, last, number = std::uint64_t{0}](const io::Call& call) mutable -> std::optional<Error> {
    if (!is_log_write(call) || ++number < first || number > last)
      return std::nullopt;
    return fail(Errc::disk_full, "made to fail", std::string(call.path));
  };
}

} // namespace weir::test
