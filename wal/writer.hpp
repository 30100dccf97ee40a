// Appends groups of records to one shard's log and makes them durable.
//
// Purpose: the write side of docs/formats/wal.md, whose order of steps every conclusion of recovery rests on.
// Owner: the shard's log lane. Threading: one thread at a time, except wants_spare, prepare_spare and
// first_file_holding, which any thread may call meanwhile. Invariants: a record counts as synced only when its bytes,
// its file's header and the file's name are on the disk; nothing is written after a failed sync; a record number is
// never given twice.
#pragma once

#include "wal/compressed_group.hpp"
#include "wal/group.hpp"
#include "wal/log_end.hpp"
#include "wal/spare_pool.hpp"

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "engine/io/file_system.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace weir::wal {

struct WriterOptions {
  ShardId shard = 0;
  std::uint64_t directory_seed = 0;
  std::uint64_t file_bytes = 0; ///< Length of a log file, at least file_bytes_min.
  std::size_t spares_max = 4;
};

/// Room for a header, a seal and a few small records.
inline constexpr std::uint64_t file_bytes_min = 8 * 1024;

/// Whether a group may be compressed. That takes processor time, so not while somebody waits for its sync.
enum class Compression : std::uint8_t { none, allowed };

class Writer {
public:
  /// Does no I/O: a shard that is never written to has no log. Precondition: `end` is what recover() returned for this
  /// shard (or LogEnd{} for one that has no directory yet), and nobody else writes the log.
  Writer(io::FileSystem& fs, const WriterOptions& options, const LogEnd& end);
  ~Writer(); ///< Closes; neither syncs nor seals.
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Numbers the group's records and writes them, compressed if that is allowed and worth it; the OS has them
  /// afterwards
  /// (`written`), the disk only after sync().
  /// Returns the number of the first one. A group that does not fit goes to the next file, whose making may sync the
  /// old one.
  /// Errors: `disk_full` or `io_error`; no record of the group counts as written. Unless poisoned(), call sync() to
  /// save what was appended before, then abandon_file(), and go on with new groups.
  Result<std::uint64_t> append(Group& group, Compression compression = Compression::none);

  /// Makes every appended record durable; nothing to do is success. After an error the writer is poisoned: the kernel
  /// may have dropped what was not yet on the disk, so neither this nor any other call tries again.
  Status sync();

  /// Lets the disk begin with what the next sync() will wait for. Promises nothing.
  void begin_sync() noexcept;

  /// After a failed append: finishes the file where its last whole group ends, so that later groups go to a new file.
  /// Needs no disk space beyond a directory entry. The numbers of the failed records are not used again. Does nothing
  /// if the failed append left no trace. On an error no further append succeeds; the call may be repeated.
  Status abandon_file();

  /// Finishes the log for a clean close: syncs it and seals the current file. Does nothing if there is none. A later
  /// append goes on in a new file. Errors: as sync() and append().
  Status seal();

  /// Size of all groups that append() has written, as they lie in the files.
  [[nodiscard]] std::uint64_t bytes_appended() const noexcept { return bytes_appended_; }
  [[nodiscard]] std::uint64_t last_record() const noexcept { return last_record_; }
  /// The number the next appended record will get: above last_record() + 1 after a failed write.
  [[nodiscard]] std::uint64_t next_record() const noexcept { return next_record_; }
  [[nodiscard]] std::uint64_t synced_record() const noexcept { return synced_record_; }
  /// A sync failed: whether unsynced records are on the disk is unknown, and nothing is written any more.
  [[nodiscard]] bool poisoned() const noexcept { return poisoned_; }

  /// Number of a file such that no earlier one holds a record >= `record`; its name is durable (or it is file 1), so
  /// the catalog may record it as the first live one. Any thread.
  [[nodiscard]] std::uint64_t first_file_holding(std::uint64_t record) const;
  /// Recycles or removes the files below `file_number`. Precondition: the catalog has durably recorded `file_number`,
  /// which came from first_file_holding(), as first live file. After an error the rest can be released again.
  Status release_before(std::uint64_t file_number);

  /// True if prepare_spare() should be run. Any thread.
  [[nodiscard]] bool wants_spare() const { return pool_.wants_spare(); }
  /// Makes one spare file if one is wanted: writes and syncs a whole file, so never on the log's thread. Any thread.
  /// Errors: `disk_full`, `io_error`; they do not concern the log.
  Status prepare_spare() { return pool_.prepare(); }

private:
  struct CurrentFile;

  Status usable() const;
  Status poison(Status failed);
  /// Makes a file for a group of `group_bytes` the current one.
  Status open_next(std::uint64_t group_bytes);
  Status make_directory();
  /// Makes sure that the next file exists under its durable name, which the seal of the current one promises.
  Status ensure_next_name();
  Status seal_current();

  io::FileSystem& fs_;
  const WriterOptions options_;
  SparePool pool_;
  CompressedGroup compressed_;

  std::unique_ptr<CurrentFile> current_; ///< None before the first append and after a seal.
  std::uint64_t next_file_;
  std::uint64_t last_file_;        ///< Last sealed file, 0: none.
  std::uint64_t last_file_record_; ///< Its last record.
  std::uint64_t last_record_;
  std::uint64_t synced_record_;
  std::uint64_t next_record_;
  std::uint64_t bytes_appended_ = 0;
  bool directory_made_ = false;
  bool poisoned_ = false;

  mutable std::mutex files_mutex_;
  std::vector<LiveFile> files_; ///< Oldest first; the last is the current file or the one to come.
};

} // namespace weir::wal
