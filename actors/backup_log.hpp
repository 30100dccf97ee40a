// Finished log files, copied for a backup.
//
// Purpose: a finished file is copied up to its seal, as far as it means something: what lies behind are bytes of an
// earlier life. Every record is checked on the way. Threading: one thread; the files must stay meanwhile.
#pragma once

#include "actors/backup_files.hpp"
#include "engine/ports.hpp"

#include <cstdint>
#include <functional>

namespace weir {

/// Files `first` to below `next` of a shard's log, each of them finished.
struct FinishedLogs {
  ShardId shard = 0;
  std::uint64_t directory_seed = 0;
  std::uint64_t first = 1;
  std::uint64_t next = 1;
};

/// Copies them and makes the empty file `next`, which the last seal promises. `prepare` is called before and `made`
/// after each file. Errors: `corruption` where a file is not whole, `io_error`, `disk_full`, those of the callbacks.
Status copy_finished_logs(io::FileSystem& from, io::FileSystem& to, const FinishedLogs& logs, const BeforePiece& before,
                          const std::function<Status(const BackupFile&)>& prepare,
                          const std::function<void(const BackupFile&)>& made);
/// How many bytes that will write at most.
[[nodiscard]] std::uint64_t log_bytes(io::FileSystem& from, const ShardRecord& record, std::uint64_t next_file);

} // namespace weir
