#include "actors/verify.hpp"

#include "actors/catalog_copy.hpp"
#include "actors/restore.hpp"
#include "engine/guarded_call.hpp"
#include "engine/io/posix_file_system.hpp"
#include "engine/sabotage.hpp"
#include "segments/segment_files.hpp"
#include "wal/recovery.hpp"

namespace weir {

Status verify_directory(const std::string& directory, std::vector<std::string>* findings,
                        const std::function<void(const VerifyProgress&)>& progress) {
  const auto fs = io::open_posix_file_system(directory, false);
  if (!fs)
    return fs.error();
  std::vector<Error> found;
  Status first;
  if ((*fs)->stat(manifest_path).ok()) { // and nobody writes to a backup, so there is nothing to lock
    first = verify_backup(**fs, &found, progress);
  } else {
    const auto lock = (*fs)->lock("LOCK");
    if (!lock)
      return lock.error();
    WEIR_TRY(check_no_backup(**fs));
    const auto state = load_catalog_copy(**fs);
    if (!state)
      return state.error();
    first = verify_files(**fs, *state, &found, progress);
  }
  if (findings != nullptr)
    for (const Error& error : found)
      findings->push_back(to_string(error));
  return first;
}

Status verify_files(io::FileSystem& fs, const CatalogState& state, std::vector<Error>* findings,
                    const std::function<void(const VerifyProgress&)>& progress) {
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
  segments::SegmentFiles files(fs, no_cache, {.directory_seed = state.directory_seed});
  VerifyProgress done;
  for (const SegmentMeta& meta : state.segments)
    done.bytes_total += meta.file_bytes;
  for (const SegmentMeta& meta : state.segments) {
    if (sabotaged(Sabotage::verify_skips_last_segment) && &meta == &state.segments.back())
      continue;
    const auto segment = files.open(meta);
    found(segment ? (*segment)->verify() : Status{segment.error()});
    done.events += meta.event_count;
    done.bytes += meta.file_bytes;
    WEIR_TRY(guarded_tell(progress_function, progress, done));
  }
  for (const ShardRecord& shard : state.shards)
    found(wal::verify(fs, {.shard = shard.shard,
                           .directory_seed = state.directory_seed,
                           .first_file = shard.wal_first_file,
                           .cut_record = shard.wal_cut_record}));
  return first;
}

} // namespace weir
