#include "trust/fuzz/small_backup.hpp"

#include "trust/fuzz/databases.hpp"
#include "trust/fuzz/segment_files.hpp"

#include "actors/backup_files.hpp"
#include "engine/event_codec.hpp"
#include "segments/catalog.hpp"
#include "wal/paths.hpp"
#include "wal/writer.hpp"

namespace weir::fuzz {

namespace {

constexpr Timestamp recorded_at(std::chrono::microseconds(1'700'000'000'000'000));

Event event_number(Sequence sequence) {
  return {.context_id = "order-1", .event_type = "paid", .payload = format(R"({{"n":{}}})", sequence)};
}

struct OneRow final : SortedEvents {
  Event owner = event_number(1);
  bool given = false;
  bool next(EventView& event) override {
    if (given)
      return false;
    given = true;
    event = {.context_id = owner.context_id,
             .sequence = 1,
             .position = 10,
             .recorded_at = recorded_at,
             .timestamp = recorded_at,
             .event_type = owner.event_type,
             .event_id = {},
             .metadata = {},
             .payload = owner.payload};
    return true;
  }
};

void write_log(io::FileSystem& fs, ShardId shard, Sequence first, Position position) {
  const Event event = event_number(first);
  std::string encoded;
  encode_call(event.context_id, {&event, 1}, encoded);
  const CallNumbers numbers{first, position, recorded_at};
  std::string call(numbered_call_bytes(encoded.size(), numbers), '\0');
  number_call(encoded, numbers, call.data());
  wal::Writer writer(fs, {.shard = shard, .directory_seed = segment_options.directory_seed, .file_bytes = 8 * 1024},
                     {});
  wal::Group group(256);
  group.add(call);
  require(writer.append(group).ok() && writer.seal().ok(), "a log is written");
}

} // namespace

BackupManifest write_small_backup(io::FileSystem& fs) {
  const std::uint64_t seed = segment_options.directory_seed;
  segments::BlockCache cache(0);
  segments::SegmentFiles files(fs, cache, segment_options);
  OneRow row;
  const auto segment = files.write(0, 1, row);
  auto catalog = Catalog::create(fs, "catalog.db", 2, seed);
  require(segment.ok() && catalog.ok() && (*catalog)->reserve_positions(1'000).ok() &&
              (*catalog)->publish_segment(*segment, 0, 1).ok() && (*catalog)->close().ok(),
          "a catalog knows a segment");
  catalog->reset();
  require(fs.create_directory(wal::root_directory()).ok(), "a directory is made");
  write_log(fs, 0, 2, 20);
  write_log(fs, 1, 1, 30);
  write_consumers(fs);
  write_snapshots(fs);
  using Kind = BackupFile::Kind;
  BackupManifest manifest{recorded_at, seed, 2, {}};
  for (BackupFile file :
       {BackupFile{Kind::database, 0, backup_catalog}, BackupFile{Kind::database, 0, backup_consumers},
        BackupFile{Kind::database, 0, backup_snapshots}, BackupFile{Kind::log, 0, 1}, BackupFile{Kind::log, 1, 1},
        BackupFile{Kind::segment, 0, 1}}) {
    const auto info = fs.stat(file.path());
    require(info.ok(), "a file of the backup is there");
    file.size_bytes = info->size_bytes;
    const auto checksum = checksum_of_file(fs, file.path(), file.size_bytes, [](auto) { return Status(); });
    require(checksum.ok(), "a file of the backup is read");
    file.checksum = *checksum;
    manifest.files.push_back(file);
  }
  return manifest;
}

} // namespace weir::fuzz
