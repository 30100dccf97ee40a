#include "actors/verify.hpp"

#include "actors/engine_open.hpp"
#include "engine/text.hpp"
#include "segments/segment_files.hpp"
#include "wal/recovery.hpp"

namespace weir {

Status verify_directory(const std::string& directory, std::vector<std::string>* findings,
                        const std::function<void(const VerifyProgress&)>& progress) {
  EngineOptions options;
  options.create_if_missing = false;
  auto seams = system_seams(directory, options);
  if (!seams)
    return std::move(seams).error();
  io::FileSystem& fs = *seams->fs;
  auto lock = fs.lock("LOCK");
  if (!lock)
    return std::move(lock).error();
  auto catalog = seams->open_catalog(fs, false, 0, 0);
  if (!catalog)
    return std::move(catalog).error();
  std::vector<Error> found;
  Status first = verify_files(fs, **catalog, options, &found, progress);
  if (Status closed = (*catalog)->close(); !closed && first)
    first = std::move(closed);
  if (findings != nullptr)
    for (const Error& error : found)
      findings->push_back(to_string(error));
  return first;
}

Status verify_files(io::FileSystem& fs, CatalogStore& catalog, const EngineOptions& options,
                    std::vector<Error>* findings, const std::function<void(const VerifyProgress&)>& progress) {
  const auto state = catalog.load();
  if (!state)
    return state.error();

  Status first;
  const auto found = [&](const Status& status) {
    if (status)
      return;
    if (findings != nullptr)
      findings->push_back(status.error());
    if (first)
      first = status;
  };
  segments::BlockCache no_cache(0);
  segments::SegmentFiles files(fs, no_cache, {state->directory_seed, options.zone_rows, options.filter_bits_per_key});
  VerifyProgress done;
  for (const SegmentMeta& meta : state->segments)
    done.bytes_total += meta.file_bytes;
  for (const SegmentMeta& meta : state->segments) {
    const auto segment = files.open(meta);
    found(segment ? (*segment)->verify() : Status{segment.error()});
    done.events += meta.event_count;
    done.bytes += meta.file_bytes;
    if (progress)
      progress(done);
  }
  for (const ShardRecord& shard : state->shards)
    found(wal::verify(fs, {.shard = shard.shard,
                           .directory_seed = state->directory_seed,
                           .first_file = shard.wal_first_file,
                           .cut_record = shard.wal_cut_record,
                           .file_bytes = options.wal_file_bytes}));
  return first;
}

} // namespace weir
