// Backups: restored, and asked about. They are made by Engine::backup.
//
// Purpose: one copy of the data is not enough. Threading: any thread; one call at a time for a directory.
#pragma once

#include <weir/backup_options.hpp>
#include <weir/result.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace weir {

struct RestoreOptions {
  /// Called in the caller's thread now and then. If it throws, the restore ends as if it were cancelled, and the error
  /// is `invalid_argument` with what was thrown.
  std::function<void(const BackupProgress&)> progress{};
  /// Set it to true from any thread to end the work with `cancelled`.
  std::shared_ptr<std::atomic<bool>> cancel{};
};

struct RestoreReport {
  Timestamp created{}; ///< When the backup was made.
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

/// Makes a data directory of a backup: `directory` must be missing or empty. Every byte is compared with the manifest's
/// checksums; only what is whole ever becomes a directory that can be opened. It holds what the engine held at the
/// moment of the backup; positions go on far above, so that none the engine gave later comes again. Errors: `not_found`
/// (no backup), `corruption` naming the file, `incompatible`, `invalid_argument`, `cancelled`, `disk_full`, `io_error`.
Result<RestoreReport> restore_backup(const std::string& backup, const std::string& directory,
                                     const RestoreOptions& options = {});

/// Whether `directory` has a backup's manifest, valid or not.
[[nodiscard]] bool is_backup(const std::string& directory);

} // namespace weir
