#include "actors/engine_open.hpp"

#include "actors/backup_files.hpp"
#include "actors/backup_manifest.hpp"
#include "actors/consumer_service.hpp"
#include "actors/engine_core.hpp"
#include "engine/io/posix_file_system.hpp"
#include "engine/io/quarantine.hpp"
#include "engine/kill_point.hpp"
#include "engine/sqlite/database_files.hpp"
#include "engine/text.hpp"
#include "segments/catalog.hpp"
#include "segments/segment_files.hpp"
#include "wal/recovery.hpp"

#include <algorithm>
#include <thread>

namespace weir {

namespace {

constexpr std::uint32_t shards_default = 4;
constexpr std::size_t lookup_threads = 2;
const std::string catalog_file = "catalog.db";

/// Whether there are logs or segments, which nobody makes before the catalog is complete.
Result<bool> holds_data(io::FileSystem& fs) {
  for (const char* directory : {"wal", "segments"}) {
    const auto entries = fs.list(directory);
    if (!entries && entries.code() != Errc::not_found)
      return entries.error();
    if (entries && !entries->empty())
      return true;
  }
  return false;
}

} // namespace

Result<std::unique_ptr<CatalogStore>> open_sqlite_catalog(io::FileSystem& fs, bool create, std::uint32_t shards,
                                                          std::uint64_t directory_seed) {
  WEIR_TRY(sqlite::check_files(fs, catalog_file));
  const auto there = fs.stat(catalog_file);
  if (!there && there.code() != Errc::not_found)
    return there.error();
  auto catalog = there ? Catalog::open(fs, catalog_file)
                       : Result<std::unique_ptr<Catalog>>(
                             fail(Errc::not_found, "the directory holds no weir data; create it with `weir init`",
                                  fs.native_path(catalog_file).value_or(catalog_file)));
  if (!catalog && catalog.code() == Errc::not_found) { // none, or one whose creation was interrupted
    const auto data = holds_data(fs);
    if (!data)
      return data.error();
    if (*data) // A new one would make them nobody's.
      return fail(Errc::corruption, "the catalog is missing or empty, but there are logs or segments",
                  fs.native_path(catalog_file).value_or(catalog_file));
    if (create) {
      catalog = Catalog::create(fs, catalog_file, shards, directory_seed);
      if (catalog) {
        kill_point("create.before_directory_sync");
        WEIR_TRY(fs.sync_directory("."));
      }
    }
  }
  if (!catalog)
    return std::move(catalog).error();
  return std::unique_ptr<CatalogStore>(std::move(*catalog));
}

Result<EngineSeams> system_seams(const std::string& directory, const EngineOptions& options) {
  auto fs = io::open_posix_file_system(directory, options.create_if_missing);
  if (!fs)
    return std::move(fs).error();
  EngineSeams seams;
  seams.fs = std::move(*fs);
  seams.clock = io::make_system_clock();
  seams.random = io::make_system_random();
  seams.open_catalog = open_sqlite_catalog;
  seams.pause = [](std::chrono::nanoseconds time) { std::this_thread::sleep_for(time); };
  return seams;
}

namespace {

using Pause = std::function<void(std::chrono::nanoseconds)>;

Status open_shard(EngineParts& parts, const CatalogState& state, const ShardRecord& record, const Pause& pause,
                  ShardParts& shard) {
  std::vector<SegmentMeta> live;
  for (const SegmentMeta& segment : state.segments)
    if (segment.shard == record.shard)
      live.push_back(segment);
  WEIR_TRY(parts.segments->sweep(record.shard, live, record.next_segment));
  SegmentList readers;
  for (const SegmentMeta& segment : live) {
    auto reader = parts.segments->open(segment);
    if (!reader)
      return std::move(reader).error();
    readers.push_back(std::move(*reader));
  }
  const EngineOptions& options = parts.options;
  const std::uint64_t memtable_bytes_max =
      std::max<std::uint64_t>(1 * MiB, options.unsealed_bytes_max / (2 * options.shards));
  // A flush gives back as many log files as a memtable fills, while up to two are held ready: room for all of them, or
  // files would be removed only to be written anew.
  const std::size_t spares_max = std::max<std::size_t>(4, memtable_bytes_max / options.wal_file_bytes + 3);
  shard.next_segment = record.next_segment;
  shard.table = std::make_unique<ShardTable>(record.shard, parts.directory_seed, *parts.unsealed, std::move(readers));

  const auto visit = [&](std::uint64_t first_record, std::span<const std::string_view> records,
                         std::shared_ptr<const void> owner, std::uint64_t owner_bytes) -> Status {
    WEIR_TRY(shard.table->recover(std::move(owner), records, first_record, owner_bytes));
    if (shard.table->active_bytes() >= memtable_bytes_max)
      shard.table->freeze();
    return {};
  };
  auto end = wal::recover(*parts.fs,
                          {.shard = record.shard,
                           .directory_seed = parts.directory_seed,
                           .first_file = record.wal_first_file,
                           .cut_record = record.wal_cut_record,
                           .file_bytes = options.wal_file_bytes,
                           .spares_max = spares_max},
                          visit);
  if (!end)
    return std::move(end).error();
  shard.recorded_at_max = shard.table->recorded_at_max();
  parts.recovered_events += shard.table->recovered_events();
  for (const std::string& unknown : end->unknown)
    WEIR_TRY(io::move_to_quarantine(*parts.fs, unknown));
  auto writer = std::make_unique<wal::Writer>(*parts.fs,
                                              wal::WriterOptions{.shard = record.shard,
                                                                 .directory_seed = parts.directory_seed,
                                                                 .file_bytes = options.wal_file_bytes,
                                                                 .spares_max = spares_max},
                                              *end);
  shard.log = std::make_unique<ShardLog>(
      record.shard, options, memtable_bytes_max,
      ShardLog::Parts{parts.executor->make_lane(io::LaneKind::dedicated, format("weir-log-{}", record.shard)),
                      parts.files_lane, *shard.table, *parts.guard, *parts.watermark, *parts.clock, pause,
                      [&parts](Job job) { parts.lookups->post_read(std::move(job)); }},
      std::move(writer));
  shard.inbox = std::make_unique<ShardInbox>(
      InboxBounds{options.inbox_commands_max, options.inbox_bytes_max, options.inbox_parked_max},
      [&shard] { shard.wake(); });
  return {};
}

Status open_shards(EngineParts& parts, const CatalogState& state, const Pause& pause) {
  std::string damaged;
  for (const ShardRecord& record : state.shards) {
    auto& shard = *parts.shards.emplace_back(std::make_unique<ShardParts>());
    shard.id = record.shard;
    Status opened = open_shard(parts, state, record, pause, shard);
    kill_point("open.after_shard");
    if (opened)
      continue;
    if (opened.code() != Errc::corruption)
      return opened;
    shard.table.reset();
    shard.log.reset();
    shard.fail(fail(Errc::shard_failed,
                    format("shard {} could not be opened: {}", record.shard, opened.error().message),
                    opened.error().where));
    damaged += format("{}shard {}: {} ({})", damaged.empty() ? "" : "; ", record.shard, opened.error().message,
                      opened.error().where);
  }
  if (!damaged.empty() && !parts.options.allow_failed_shards)
    return fail(Errc::corruption, format("damaged shards: {}; allow_failed_shards opens the others", damaged));
  return {};
}

/// The directory is ours, what its catalog says is known, and the options say what it holds.
Result<CatalogState> load_catalog(EngineParts& parts, EngineSeams& seams) {
  EngineOptions& options = parts.options;
  auto lock = parts.fs->lock("LOCK");
  if (!lock)
    return std::move(lock).error();
  parts.lock = std::move(*lock);
  kill_point("open.after_lock");
  WEIR_TRY(check_no_backup(*parts.fs));

  const std::uint32_t wanted = options.shards == 0 ? shards_default : options.shards;
  auto catalog = seams.open_catalog(*parts.fs, options.create_if_missing, wanted, seams.random->next());
  if (!catalog)
    return std::move(catalog).error();
  parts.catalog = std::move(*catalog);
  kill_point("open.after_catalog");
  auto state = parts.catalog->load();
  if (!state)
    return state;
  if (options.shards != 0 && options.shards != state->shard_count)
    return fail(
        Errc::incompatible,
        format("the directory has {} shards, not {}; the number is recorded when it is created and cannot change",
               state->shard_count, options.shards),
        "shards");
  options.shards = state->shard_count;
  parts.directory_seed = state->directory_seed;
  WEIR_TRY(parts.schemas.load(state->schemas));
  parts.retention.load(state->retention);
  WEIR_TRY(parts.views.load(state->views));
  return state;
}

/// What shards share.
void make_services(EngineParts& parts, EngineSeams& seams) {
  EngineOptions& options = parts.options;
  if (options.read_threads == 0)
    options.read_threads = std::max(1u, std::thread::hardware_concurrency());
  parts.cache = std::make_unique<segments::BlockCache>(options.block_cache_bytes);
  parts.compaction.begin(*parts.clock, options.compaction_bytes_per_second_max, seams.pass_time);
  parts.segments = std::make_unique<segments::SegmentFiles>(
      *parts.fs, *parts.cache,
      segments::SegmentOptions{.directory_seed = parts.directory_seed,
                               .zone_rows = options.zone_rows,
                               .filter_bits_per_key = options.filter_bits_per_key,
                               .merge_meter = &parts.compaction});
  parts.unsealed = std::make_unique<UnsealedBudget>(options.unsealed_bytes_max);
  parts.guard = std::make_unique<DiskGuard>(*parts.fs, options.disk_reserve_bytes);
  parts.router = std::make_unique<ShardRouter>(options.shards, parts.directory_seed);
  parts.pinned = std::make_shared<PinnedBudget>(options.pinned_bytes_max);
  const auto make_executor = seams.make_executor ? seams.make_executor : io::make_threaded_executor;
  parts.executor = make_executor(options.read_threads);
  parts.lookups = make_executor(lookup_threads);
  parts.flush_lane = parts.executor->make_lane(io::LaneKind::dedicated, "weir-flush");
  parts.files_lane = parts.executor->make_lane(io::LaneKind::dedicated, "weir-files");
  parts.compaction_lane = parts.executor->make_lane(io::LaneKind::yielding, "weir-compact");
  parts.catch_up_lane = parts.executor->make_lane(io::LaneKind::dedicated, "weir-catch-up");
}

/// The positions of an earlier life may have been given up to the reservation `first`: this one starts behind it.
Status reserve_first_positions(EngineParts& parts, Position first) {
  parts.guard->check();
  kill_point("open.before_reserve");
  Position reserved = first + 2 * PositionSource::block;
  if (const Status done = parts.catalog->reserve_positions(reserved); done.code() == Errc::disk_full) {
    // Reading needs none, and nothing can be stored now: the first store after space has returned reserves them.
    parts.guard->hit_full();
    reserved = first;
  } else if (!done) {
    return done;
  }
  kill_point("open.after_reserve");
  parts.positions = std::make_unique<PositionSource>(first, reserved);
  parts.watermark = std::make_unique<Watermark>(*parts.positions, parts.options.shards);
  return {};
}

} // namespace

Status open_directory(EngineParts& parts, EngineSeams seams) {
  parts.fs = std::move(seams.fs);
  parts.clock = std::move(seams.clock);
  const auto state = load_catalog(parts, seams);
  if (!state)
    return state.error();
  make_services(parts, seams);
  WEIR_TRY(reserve_first_positions(parts, state->positions_reserved));
  return open_shards(parts, *state, seams.pause);
}

Result<std::shared_ptr<EngineCore>> EngineCore::open(EngineSeams seams, EngineOptions options) {
  WEIR_TRY(options.validate());
  std::shared_ptr<EngineCore> core(new EngineCore());
  core->parts_.options = options;
  core->stepped_ = std::move(seams.stepped);
  const auto began = seams.clock->steady_now();
  if (Status opened = open_directory(core->parts_, std::move(seams)); !opened)
    return std::move(opened).error();
  core->make_snapshots();
  core->consumers_ = std::make_unique<ConsumerService>(*core);
  core->parts_.databases.push_back(
      {.number = backup_consumers,
       .copy = [consumers = core->consumers_.get()](io::FileSystem& to, const std::string& path, const auto&) {
         return consumers->copy_to(to, path);
       }});
  core->parts_.queue = std::make_unique<SharedQueue>(
      *core->parts_.watermark, [raw = core.get()] { return raw->views(false); }, core->parts_.pinned,
      core->parts_.options.catch_up_bytes,
      ReadHelpers{core->parts_.options.read_threads - 1,
                  [raw = core.get()](Job job) { raw->post_read(std::move(job)); }},
      &core->parts_.schemas);
  core->start_actors();
  kill_point("open.after_actors");
  core->door_.open();
  core->parts_.open_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(core->parts_.clock->steady_now() - began).count());
  return core;
}

} // namespace weir
