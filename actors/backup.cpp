#include "actors/backup.hpp"

#include "actors/backup_log.hpp"
#include "actors/countdown.hpp"
#include "engine/guarded_call.hpp"
#include "engine/io/posix_file_system.hpp"
#include "engine/kill_point.hpp"
#include "engine/sabotage.hpp"
#include "engine/stream_hash.hpp"
#include "engine/text.hpp"
#include "segments/catalog.hpp"
#include "segments/segment_files.hpp"

#include <weir/limits.hpp>

#include <algorithm>

namespace weir {

namespace {

constexpr std::uint64_t space_check_bytes = 8 * MiB;
constexpr std::uint64_t catalog_bytes_max = 1024 * MiB;
// Each backup ends a log file, however little is in it; so many are flushed, to be used again.
constexpr std::uint64_t log_files_max = 8;

const std::string catalog_name(backup_databases[backup_catalog]);

BackupFile file_of(const SegmentMeta& meta) {
  return {.kind = BackupFile::Kind::segment,
          .shard = meta.shard,
          .number = meta.number,
          .size_bytes = meta.file_bytes,
          .checksum = {}};
}

} // namespace

Backup::Backup(EngineParts& parts, const std::optional<Stepped>& stepped, io::FileSystem& target, io::FileSystem* base,
               const BackupOptions& options)
    : parts_(parts), stepped_(stepped), target_(target), base_(base), options_(options),
      no_cache_(std::make_unique<segments::BlockCache>(0)) {
  const auto open_segments = [&](io::FileSystem& fs) {
    return std::make_unique<segments::SegmentFiles>(fs, *no_cache_,
                                                    segments::SegmentOptions{.directory_seed = parts.directory_seed});
  };
  target_segments_ = open_segments(target);
  if (base != nullptr)
    base_segments_ = open_segments(*base);
}

Backup::~Backup() {
  for (Point& point : points_)
    release(point);
}

Result<BackupReport> Backup::run() {
  if (const Status made = make(); !made) {
    clean_up();
    return made.error();
  }
  return report_;
}

Status Backup::make() {
  WEIR_TRY(check_shards());
  WEIR_TRY(read_base());
  WEIR_TRY(begin_target());
  // Before the events: what these databases say of positions and sequences, the events of a later moment bear out.
  WEIR_TRY(copy_databases());
  WEIR_TRY(take_point());
  WEIR_TRY(read_catalog());
  WEIR_TRY(copy_logs()); // first: while they are held, the engine's logs only grow
  WEIR_TRY(link_segments());
  WEIR_TRY(copy_segments());
  WEIR_TRY(write_catalog());
  return publish();
}

Status Backup::check_shards() const {
  for (const auto& shard : parts_.shards)
    if (const auto failure = shard->failure())
      return fail(Errc::shard_failed, format("a backup needs every shard: {}", failure->message), failure->where);
  return {};
}

Status Backup::begin_target() {
  WEIR_TRY(check_no_files(target_));
  auto file = target_.open(unfinished_manifest_path, io::OpenMode::create);
  if (!file)
    return std::move(file).error();
  written_.emplace_back(unfinished_manifest_path);
  manifest_file_ = std::move(*file);
  // Durable before anything else is there, so that nobody takes the rest for a data directory.
  WEIR_TRY(target_.sync_directory(""));
  kill_point("backup.after_mark");
  return {};
}

Status Backup::read_base() {
  if (base_ == nullptr)
    return {};
  auto manifest = read_manifest(*base_);
  if (manifest.code() == Errc::not_found)
    return fail(Errc::invalid_argument, "the base is no backup: it has no manifest",
                base_->native_path("").value_or("base"));
  if (!manifest)
    return std::move(manifest).error();
  if (manifest->directory_seed != parts_.directory_seed)
    return fail(Errc::invalid_argument, "the base is a backup of another directory",
                base_->native_path("").value_or("base"));
  base_manifest_ = std::move(*manifest);
  return {};
}

Status Backup::copy_databases() {
  for (const DatabaseToCopy& database : parts_.databases)
    WEIR_TRY(copy_database(database));
  return {};
}

Status Backup::copy_database(const DatabaseToCopy& database) {
  BackupFile file{.kind = BackupFile::Kind::database, .number = database.number};
  const std::string path = file.path();
  WEIR_TRY(prepare(file));
  written_.push_back(path + "-journal"); // SQLite's, should the copy end early
  const auto copied = database.copy(target_, path, [this] { return may_go_on(); });
  if (!copied)
    return copied.error();
  if (!*copied)
    return {};
  const auto info = target_.stat(path);
  if (!info)
    return info.error();
  file.size_bytes = info->size_bytes;
  progress_.bytes_total += file.size_bytes;
  const auto checksum = checksum_of_file(target_, path, file.size_bytes, before_piece(false));
  if (!checksum)
    return checksum.error();
  file.checksum = *checksum;
  add(file, true);
  return {};
}

Status Backup::take_point() {
  points_.resize(parts_.shards.size());
  const auto done = std::make_shared<Countdown>(points_.size() + 1, stepped_, *parts_.clock);
  Status copied;
  parts_.flush_lane->post([&, done] {
    // Nothing is published while this runs: catalog and views are of one moment. What is cut later is cut in a log
    // lane behind hold_files().
    copied = parts_.catalog->copy_to(memory_, catalog_name);
    for (std::size_t i = 0; i < points_.size(); ++i) {
      Point& point = points_[i];
      point.shard = parts_.shards[i].get();
      point.segments = point.shard->table->view().segments;
      point.shard->log->hold_files([&point, done](Result<std::uint64_t> next_file) {
        point.held = next_file.ok();
        point.next_file = std::move(next_file);
        done->down();
      });
    }
    done->down();
  });
  done->wait();
  WEIR_TRY(copied);
  for (const Point& point : points_)
    if (!point.next_file)
      return point.next_file.error();
  kill_point("backup.after_point");
  return {};
}

Status Backup::read_catalog() {
  auto catalog = Catalog::open(memory_, catalog_name);
  if (!catalog)
    return std::move(catalog).error();
  auto state = (*catalog)->load();
  if (!state)
    return std::move(state).error();
  state_ = std::move(*state);
  // Positions may have been given between the catalog's moment and that of the logs.
  const Position reserved = std::max(state_.positions_reserved, parts_.positions->next());
  const Position skipped = sabotaged(Sabotage::reuse_positions_after_restore) ? 0 : positions_skipped;
  WEIR_TRY((*catalog)->reserve_positions(reserved + skipped));
  WEIR_TRY((*catalog)->close());
  auto bytes = io::read_whole_file(memory_, catalog_name, catalog_bytes_max);
  if (!bytes)
    return std::move(bytes).error();
  catalog_bytes_ = std::move(*bytes);
  return {};
}

/// The base's copy of a segment, if it is this very one: a directory that was restored gives numbers again.
const BackupFile* Backup::in_base(const SegmentMeta& meta) {
  if (!base_manifest_)
    return nullptr;
  const BackupFile wanted = file_of(meta);
  const auto& files = base_manifest_->files;
  const auto found = std::lower_bound(files.begin(), files.end(), wanted, before);
  if (found == files.end() || before(wanted, *found))
    return nullptr;
  if (sabotaged(Sabotage::believe_base))
    return &*found;
  if (found->size_bytes != wanted.size_bytes)
    return nullptr;
  const auto segment = base_segments_->open(meta);
  return segment && (*segment)->zones() ? &*found : nullptr; // its footer is the one the catalog knows
}

Status Backup::link_segments() {
  for (const SegmentMeta& meta : state_.segments) {
    WEIR_TRY(may_go_on());
    BackupFile file = file_of(meta);
    const std::string path = file.path();
    WEIR_TRY(prepare(file));
    if (const BackupFile* const older = in_base(meta)) {
      const Status linked = io::link_file(*base_, path, target_, path);
      if (linked) {
        file.checksum = older->checksum;
        add(file, false);
        kill_point("backup.after_link");
        continue;
      }
      if (linked.code() != Errc::unsupported)
        return linked;
    }
    const Status linked = options_.link_segments ? io::link_file(*parts_.fs, path, target_, path)
                                                 : Status(fail(Errc::unsupported, "copies are wanted"));
    if (!linked && linked.code() != Errc::unsupported)
      return linked;
    to_check_.push_back({meta, linked.ok()});
  }
  return {};
}

/// Room for `bytes` more, so that a backup which cannot end does not begin.
Status Backup::check_space(std::uint64_t bytes) {
  const auto free = target_.free_bytes();
  if (!free)
    return free.error();
  const std::uint64_t reserve = parts_.guard->reserve_bytes();
  if (*free < reserve || *free - reserve < bytes)
    return fail(Errc::disk_full,
                format("the backup needs {} bytes beside the reserve of {}, {} are free", bytes, reserve, *free),
                target_.native_path("").value_or("target"));
  return {};
}

Status Backup::copy_logs() {
  std::uint64_t bytes = catalog_bytes_.size();
  for (std::size_t i = 0; i < points_.size(); ++i)
    bytes += log_bytes(*parts_.fs, state_.shards[i], *points_[i].next_file);
  WEIR_TRY(check_space(bytes));
  for (const SegmentMeta& meta : state_.segments)
    bytes += meta.file_bytes; // linked ones are read, but for those of the base
  progress_.bytes_total = progress_.bytes + bytes;
  for (std::size_t i = 0; i < points_.size(); ++i) {
    WEIR_TRY(copy_finished_logs(
        *parts_.fs, target_,
        {state_.shards[i].shard, parts_.directory_seed, state_.shards[i].wal_first_file, *points_[i].next_file},
        before_piece(true), [this](const BackupFile& file) { return prepare(file); },
        [this](const BackupFile& file) { add(file, true); }));
    release(points_[i]);
    if (*points_[i].next_file - state_.shards[i].wal_first_file >= log_files_max)
      points_[i].shard->log->freeze_soon(1);
  }
  return {};
}

Status Backup::copy_segments() {
  std::uint64_t to_write = 0, to_read = catalog_bytes_.size();
  for (const ToCheck& segment : to_check_) {
    to_write += segment.linked ? 0 : segment.meta.file_bytes;
    to_read += segment.meta.file_bytes;
  }
  WEIR_TRY(check_space(to_write));
  progress_.bytes_total = progress_.bytes + to_read;
  for (const ToCheck& segment : to_check_)
    WEIR_TRY(copy_segment(segment));
  return {};
}

Status Backup::copy_segment(const ToCheck& each) {
  const SegmentMeta& meta = each.meta;
  BackupFile file = file_of(meta);
  const std::string path = file.path();
  const auto checksum = each.linked ? checksum_of_file(target_, path, meta.file_bytes, before_piece(false))
                                    : copy_file(*parts_.fs, path, target_, path, meta.file_bytes, before_piece(true));
  if (!checksum)
    return checksum.error();
  // A damaged segment must not look whole for having a checksum.
  const auto segment = target_segments_->open(meta);
  if (!segment)
    return segment.error();
  WEIR_TRY((*segment)->verify());
  file.checksum = *checksum;
  add(file, !each.linked);
  kill_point("backup.after_segment");
  return {};
}

Status Backup::write_catalog() {
  BackupFile file{.kind = BackupFile::Kind::database, .number = backup_catalog, .size_bytes = catalog_bytes_.size()};
  WEIR_TRY(prepare(file));
  WEIR_TRY(write_file(target_, file.path(), catalog_bytes_));
  StreamHash hash;
  hash.add(catalog_bytes_);
  file.checksum = hash.value();
  add(file, true);
  kill_point("backup.after_catalog");
  return {};
}

Status Backup::publish() {
  manifest_.created = parts_.clock->now();
  manifest_.directory_seed = parts_.directory_seed;
  manifest_.shards = static_cast<std::uint32_t>(parts_.shards.size());
  std::sort(manifest_.files.begin(), manifest_.files.end(), before);
  WEIR_TRY(sync_parents(target_, manifest_.files));
  WEIR_TRY(may_go_on());
  const std::string text = format_manifest(manifest_);
  WEIR_TRY(manifest_file_->pwrite(std::as_bytes(std::span(text)), 0));
  WEIR_TRY(manifest_file_->sync_data());
  kill_point("backup.before_rename");
  WEIR_TRY(target_.rename(unfinished_manifest_path, manifest_path));
  kill_point("backup.after_rename");
  written_.emplace_back(manifest_path);
  WEIR_TRY(target_.sync_directory(""));
  report_.created = manifest_.created;
  return {};
}

void Backup::release(Point& point) {
  if (std::exchange(point.held, false))
    point.shard->log->release_files();
}

void Backup::clean_up() {
  manifest_file_.reset();
  // The manifest goes first and what says "unfinished" last.
  for (auto path = written_.rbegin(); path != written_.rend(); ++path) {
    static_cast<void>(target_.unlink(*path).ok());
    kill_point("backup.after_unlink");
  }
}

Status Backup::prepare(const BackupFile& file) {
  std::string path = file.path();
  WEIR_TRY(create_parents(target_, path));
  written_.push_back(std::move(path));
  return {};
}

void Backup::add(BackupFile file, bool copied) {
  ++report_.files;
  report_.bytes += file.size_bytes;
  report_.copied_bytes += copied ? file.size_bytes : 0;
  if (file.kind == BackupFile::Kind::segment) {
    ++report_.segments;
    report_.linked_segments += copied ? 0 : 1;
  }
  manifest_.files.push_back(std::move(file));
  ++progress_.files;
  tell_progress();
}

BeforePiece Backup::before_piece(bool writes) {
  return [this, writes](std::uint64_t bytes) -> Status {
    WEIR_TRY(may_go_on());
    progress_.bytes += bytes;
    tell_progress();
    unchecked_bytes_ += writes ? bytes : 0;
    if (unchecked_bytes_ < space_check_bytes)
      return {};
    unchecked_bytes_ = 0;
    const auto free = target_.free_bytes();
    if (free && *free < parts_.guard->reserve_bytes())
      return fail(Errc::disk_full, format("{} bytes are free, less than the reserve", *free),
                  target_.native_path("").value_or("target"));
    return {};
  };
}

Status Backup::may_go_on() {
  WEIR_TRY(told_);
  if (parts_.closing.load(std::memory_order_relaxed))
    return fail(Errc::closing, "the engine is closing; there is no backup");
  if (options_.cancel && options_.cancel->load())
    return fail(Errc::cancelled, "the backup was cancelled");
  return {};
}

void Backup::tell_progress() {
  if (told_)
    told_ = guarded_tell(progress_function, options_.progress, progress_);
}

} // namespace weir
