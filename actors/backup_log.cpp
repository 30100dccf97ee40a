#include "actors/backup_log.hpp"

#include "engine/kill_point.hpp"
#include "engine/sabotage.hpp"
#include "engine/stream_hash.hpp"
#include "wal/paths.hpp"
#include "wal/reader.hpp"

namespace weir {

namespace {

/// How many bytes of the file mean something, its seal included.
Result<std::uint64_t> finished_bytes(io::FileSystem& fs, const FinishedLogs& logs, std::uint64_t number,
                                     io::BuffersAhead& buffers) {
  const auto file = wal::FileReader::open(fs, logs.shard, logs.directory_seed, number);
  if (!file)
    return file.error();
  if (file->header_state() != wal::HeaderState::valid)
    return fail(Errc::corruption, "the header of the log file is damaged", wal::place(file->path(), 0));
  const auto end = file->read({}, buffers);
  if (!end)
    return end.error();
  if (!end->seal)
    return fail(Errc::corruption, "the log file was finished and has no seal", wal::place(file->path(), end->offset));
  return end->offset + sizeof(wal::Seal);
}

} // namespace

Status copy_finished_logs(io::FileSystem& from, io::FileSystem& to, const FinishedLogs& logs, const BeforePiece& before,
                          const std::function<Status(const BackupFile&)>& prepare,
                          const std::function<void(const BackupFile&)>& made) {
  io::BuffersAhead buffers(wal::piece_bytes);
  std::uint64_t next = logs.next;
  if (sabotaged(Sabotage::backup_omits_log_tail) && next > logs.first)
    --next;
  for (std::uint64_t number = logs.first; number < next; ++number) {
    const auto bytes = finished_bytes(from, logs, number, buffers);
    if (!bytes)
      return bytes.error();
    BackupFile file{.kind = BackupFile::Kind::log, .shard = logs.shard, .number = number, .size_bytes = *bytes};
    const std::string path = file.path();
    WEIR_TRY(prepare(file));
    const auto checksum = copy_file(from, path, to, path, *bytes, before);
    if (!checksum)
      return checksum.error();
    file.checksum = *checksum;
    made(file);
    kill_point("backup.after_log");
  }
  if (next == 1) // nothing was ever written
    return {};
  BackupFile file{.kind = BackupFile::Kind::log, .shard = logs.shard, .number = next};
  WEIR_TRY(prepare(file));
  WEIR_TRY(write_file(to, file.path(), {}));
  file.checksum = StreamHash().value();
  made(file);
  return {};
}

std::uint64_t log_bytes(io::FileSystem& from, const ShardRecord& record, std::uint64_t next_file) {
  std::uint64_t bytes = 0;
  for (std::uint64_t number = record.wal_first_file; number < next_file; ++number)
    if (const auto info = from.stat(wal::file_path(record.shard, number)))
      bytes += info->size_bytes;
  return bytes;
}

} // namespace weir
