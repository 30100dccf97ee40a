#include "actors/salvage.hpp"

#include "actors/catalog_copy.hpp"
#include "actors/salvage_shard.hpp"
#include "engine/hash.hpp"
#include "engine/text.hpp"
#include "segments/format.hpp"
#include "segments/segment_files.hpp"
#include "wal/paths.hpp"
#include "wal/recovery.hpp"
#include "wal/salvage.hpp"

#include <weir/limits.hpp>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace weir {

namespace {

/// A file of a shard's directory that is called like one of ours.
struct NamedFile {
  std::string path;
  ShardId shard = 0;
  std::uint64_t number = 0;
};

/// "003" or "0000000000000042": digits only.
std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return number;
}

/// The numbered files with this ending below wal/ or segments/, by shard and number.
Result<std::vector<NamedFile>> list_files(io::FileSystem& fs, const std::string& root, std::string_view ending) {
  std::vector<NamedFile> files;
  const auto shards = fs.list(root);
  if (shards.code() == Errc::not_found)
    return files;
  if (!shards)
    return shards.error();
  for (const io::DirectoryEntry& directory : *shards) {
    const auto shard = number_of(directory.name);
    if (directory.kind != io::EntryKind::directory || !shard || *shard >= limits::shards_max)
      continue;
    const auto entries = fs.list(root + "/" + directory.name);
    if (!entries)
      return entries.error();
    for (const io::DirectoryEntry& entry : *entries) {
      std::string_view name = entry.name;
      if (entry.kind != io::EntryKind::file || !name.ends_with(ending))
        continue;
      name.remove_suffix(ending.size());
      if (const auto number = number_of(name))
        files.push_back({root + "/" + directory.name + "/" + entry.name, static_cast<ShardId>(*shard), *number});
    }
  }
  return files;
}

/// The first bytes of a file as a `T`, if it has so many.
template <class T> std::optional<T> first_bytes(io::FileSystem& fs, const std::string& path) {
  T value;
  const auto file = fs.open(path, io::OpenMode::read_only);
  if (!file)
    return std::nullopt;
  const auto got = (*file)->pread(std::as_writable_bytes(std::span(&value, 1)), 0);
  return got && *got == sizeof value ? std::optional(value) : std::nullopt;
}

/// Shard, number and identity in a segment's header, as they are there.
struct SegmentHeader {
  std::uint64_t magic;
  std::uint32_t version, shard;
  std::uint64_t number, identity;
};

class DirectorySalvage {
public:
  DirectorySalvage(io::FileSystem& fs, const SalvageSink& sink) : fs_(fs), sink_(sink) {}

  Result<SalvageSum> run() {
    auto segments = list_files(fs_, "segments", ".seg");
    if (!segments)
      return segments.error();
    segment_files_ = std::move(*segments);
    auto logs = list_files(fs_, wal::root_directory(), ".wal");
    if (!logs)
      return logs.error();
    log_files_ = std::move(*logs);
    WEIR_TRY(read_catalog());
    find_true_shards();
    std::set<ShardId> shards;
    for (const NamedFile& file : segment_files_)
      shards.insert(file.shard);
    for (const NamedFile& file : log_files_)
      shards.insert(file.shard);
    if (catalog_)
      for (const ShardRecord& record : catalog_->shards)
        shards.insert(record.shard);
    WEIR_TRY(sink_.begin(shards.empty() ? 1 : *shards.rbegin() + 1));
    check_logs();
    for (const ShardId shard : shards)
      WEIR_TRY(run_shard(shard));
    if (catalog_ && sink_.schema)
      for (const SchemaRecord& schema : catalog_->schemas)
        WEIR_TRY(sink_.schema(schema));
    if (catalog_ && sink_.retention)
      WEIR_TRY(sink_.retention(catalog_->retention.rules));
    if (catalog_ && sink_.view)
      WEIR_TRY(keep_views());
    return sum_;
  }

private:
  Status keep_views() {
    for (const ViewRecord& view : catalog_->views) {
      if (const auto query = parse_query(view.query))
        WEIR_TRY(sink_.view(view.name, *query));
      else
        damaged(query.error());
    }
    return {};
  }

  void damaged(const Error& error) {
    ++sum_.damaged_places;
    sink_.damaged(error);
  }
  /// Damage that may have cost events nobody can name.
  void lost(const Error& error) {
    sum_.more_may_be_missing = true;
    damaged(error);
  }

  Status read_catalog() {
    auto state = load_catalog_copy(fs_);
    if (state) {
      seed_ = state->directory_seed;
      catalog_ = std::move(*state);
      return {};
    }
    if (segment_files_.empty() && log_files_.empty())
      return std::move(state).error(); // nothing of ours is here
    Error error = std::move(state).error();
    damaged(error);
    seed_ = find_seed();
    return {};
  }

  /// The directory's seed, looked for in what is left of the catalog: eight bytes by which a segment's or a log's
  /// header is right are no coincidence. 0 if there are none.
  std::uint64_t find_seed() {
    constexpr std::size_t headers_max = 8;
    std::vector<SegmentHeader> segments;
    for (const NamedFile& file : segment_files_)
      if (const auto header = first_bytes<SegmentHeader>(fs_, file.path); header && segments.size() < headers_max)
        segments.push_back(*header);
    std::vector<wal::FileHeader> logs;
    for (const NamedFile& file : log_files_)
      if (const auto header = first_bytes<wal::FileHeader>(fs_, file.path); header && logs.size() < headers_max)
        logs.push_back(*header);
    const auto fits = [&](std::uint64_t seed) {
      return std::any_of(segments.begin(), segments.end(),
                         [&](const SegmentHeader& header) {
                           return header.identity ==
                                  file_identity(seed, segments::segment_file_kind, header.shard, header.number);
                         }) ||
             std::any_of(logs.begin(), logs.end(),
                         [&](const wal::FileHeader& header) { return wal::belongs_to(header, seed); });
    };
    for (const char* name : {"catalog.db", "catalog.db-wal"}) {
      const auto bytes = io::read_whole_file(fs_, name, 64 * MiB);
      if (!bytes || bytes->size() < sizeof(std::uint64_t))
        continue;
      std::uint64_t candidate = 0;
      for (std::size_t i = 0; i < bytes->size(); ++i) {
        candidate = candidate << 8 | static_cast<std::uint8_t>((*bytes)[i]); // SQLite's integers are big-endian
        if (i + 1 >= sizeof candidate && candidate != 0 && fits(candidate))
          return candidate;
      }
    }
    return 0;
  }

  /// Files may have one another's names; a whole header of this directory tells.
  void find_true_shards() {
    for (NamedFile& file : segment_files_) {
      const auto header = first_bytes<SegmentHeader>(fs_, file.path);
      if (header && seed_ != 0 && header->shard < limits::shards_max &&
          header->identity == file_identity(seed_, segments::segment_file_kind, header->shard, header->number))
        file.shard = header->shard;
    }
    for (NamedFile& file : log_files_) {
      const auto header = first_bytes<wal::FileHeader>(fs_, file.path);
      if (header && seed_ != 0 && wal::belongs_to(*header, seed_) && header->shard < limits::shards_max)
        file.shard = header->shard;
    }
  }

  /// What recovery would say of the logs: it also knows what should be there.
  void check_logs() {
    if (seed_ == 0) {
      if (!log_files_.empty())
        lost(fail(Errc::corruption, "the catalog is lost, and with it the seed by which logs are checked",
                  log_files_.front().path + ":0"));
      return;
    }
    std::map<ShardId, wal::RecoverOptions> shards;
    if (catalog_)
      for (const ShardRecord& record : catalog_->shards)
        shards[record.shard] = {.shard = record.shard,
                                .directory_seed = seed_,
                                .first_file = record.wal_first_file,
                                .cut_record = record.wal_cut_record};
    else
      for (const NamedFile& file : log_files_) {
        auto& options = shards
                            .try_emplace(file.shard, wal::RecoverOptions{.shard = file.shard,
                                                                         .directory_seed = seed_,
                                                                         .first_file = file.number})
                            .first->second;
        options.first_file = std::min(options.first_file, file.number);
      }
    for (const auto& shard : shards)
      if (const Status whole = wal::verify(fs_, shard.second); !whole)
        lost(whole.error());
  }

  Status run_shard(ShardId id) {
    ShardSalvage shard(sink_, sum_);
    add_segments(id, shard);
    if (seed_ != 0)
      WEIR_TRY(add_logs(id, shard));
    return shard.run();
  }

  void add_segments(ShardId id, ShardSalvage& shard) {
    std::vector<SegmentMeta> unseen;
    if (catalog_)
      std::copy_if(catalog_->segments.begin(), catalog_->segments.end(), std::back_inserter(unseen),
                   [id](const SegmentMeta& meta) { return meta.shard == id; });
    const auto on_damage = [this](const Error& error, std::uint64_t rows) {
      if (rows == 0)
        damaged(error);
      else
        lost(fail(error.code, format("{}; {} events cannot be reached", error.message, rows), error.where));
    };
    for (const NamedFile& file : segment_files_) {
      if (file.shard != id)
        continue;
      auto segment = segments::SegmentSalvage::open(fs_, file.path, file.shard, file.number, seed_, on_damage);
      if (!segment) {
        if (!catalog_)
          lost(segment.error());
        continue; // one that is live is reported below
      }
      const SegmentMeta& meta = (*segment)->meta();
      const auto live = std::find_if(unseen.begin(), unseen.end(), [&](const SegmentMeta& known) {
        return known.number == meta.number && known.footer_checksum == meta.footer_checksum;
      });
      const bool is_live = !catalog_ || live != unseen.end();
      if (live != unseen.end())
        unseen.erase(live);
      shard.add_segment(std::move(*segment), is_live);
    }
    for (const SegmentMeta& meta : unseen)
      lost(fail(Errc::corruption,
                format("a live segment of {} events, positions {} to {}, is missing or its header or footer damaged",
                       meta.event_count, meta.position_min, meta.position_max),
                segments::segment_path(meta.shard, meta.number) + ":0"));
  }

  Status add_logs(ShardId id, ShardSalvage& shard) {
    const auto visit = [&](std::string_view body) -> Status {
      // The body is as it was written; if it makes no sense all the same, it is no call.
      if (const Status added = shard.add_record(body); !added)
        lost(added.error());
      return {};
    };
    for (const NamedFile& file : log_files_) {
      if (file.shard != id)
        continue;
      const auto salvaged = wal::salvage_file(fs_, file.path, file.shard, file.number, seed_, visit);
      if (!salvaged) {
        lost(salvaged.error());
        continue;
      }
      for (const Error& error : salvaged->damaged)
        lost(error);
    }
    return {};
  }

  io::FileSystem& fs_;
  const SalvageSink& sink_;
  SalvageSum sum_;
  std::optional<CatalogState> catalog_;
  std::uint64_t seed_ = 0; ///< 0: not known.
  std::vector<NamedFile> segment_files_, log_files_;
};

} // namespace

Result<SalvageSum> salvage_files(io::FileSystem& fs, const SalvageSink& sink) {
  return DirectorySalvage(fs, sink).run();
}

} // namespace weir
