// Files that were written before they are used.
//
// Purpose: a sync into blocks that exist takes about 0.1 ms, into a growing file half as long again; and a log that
// never allocates never meets a full disk halfway through a group. Owner: the shard's Writer. Threading: thread-safe;
// file system calls are made outside the lock. Invariants: a ready spare has exactly `file_bytes` bytes, was written
// and synced, and nobody else knows it; there are at most `spares_max`.
#pragma once

#include <weir/event.hpp>

#include "engine/io/file_system.hpp"

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace weir::wal {

/// True if the file may be written over with a new life: of this length, and no other name (a backup) leads to it.
/// A missing file is `not_found`.
Result<bool> reusable(io::FileSystem& fs, const std::string& path, std::uint64_t file_bytes);

class SparePool {
public:
  /// `spares` are there already; `next_number` and above are free as names.
  SparePool(io::FileSystem& fs, ShardId shard, std::uint64_t file_bytes, std::size_t spares_max,
            std::vector<std::uint64_t> spares, std::uint64_t next_number);

  /// The log is in use from now on; before, no spare is wanted.
  void start();
  /// True if prepare() should run: the log is in use, and few spares are ready or on their way.
  [[nodiscard]] bool wants_spare() const;
  /// Writes and syncs one spare; does nothing if none is wanted. Errors: disk_full, io_error; then no spare was made.
  Status prepare();

  /// Path of a file of `bytes` bytes, written and synced, which is the caller's to rename: a spare where the length
  /// fits, else a new one. Errors: disk_full, io_error; then nothing was taken.
  Result<std::string> take(std::uint64_t bytes);
  /// Makes a released file a spare, or removes it if it is no good as one or there are enough. A missing file is fine.
  Status accept(const std::string& path);

private:
  Status write_zeros(const std::string& path, std::uint64_t bytes);
  /// Counts a spare to come, so that the bound holds while the lock is not held. False if there are enough.
  bool begin(std::size_t enough, std::uint64_t& number);
  void end(bool made, std::uint64_t number);

  io::FileSystem& fs_;
  const ShardId shard_;
  const std::uint64_t file_bytes_;
  const std::size_t spares_max_;

  mutable std::mutex mutex_;
  bool started_ = false;
  std::size_t coming_ = 0;
  std::uint64_t next_number_;
  std::vector<std::uint64_t> ready_;
};

} // namespace weir::wal
