// From a backup to a data directory, and whether a backup is whole.
//
// Purpose: a restored directory opens like any other and goes on where the backup's moment was. Threading: one thread;
// nobody else changes the backup meanwhile. Invariants: nothing read from the backup is believed before its checksum; a
// file that the manifest does not name is not restored; the directory is none before the last file is in it.
#pragma once

#include "actors/backup_files.hpp"

#include <weir/backup_options.hpp>
#include <weir/stats.hpp>

#include <functional>
#include <vector>

namespace weir {

/// Copies a backup into `target`, which holds no files. Errors: `not_found` if `backup` is no backup; `corruption`
/// naming the file; `disk_full`, `io_error`, `invalid_argument` (the target holds files), what `before` says. Then what
/// was written is removed again, as far as that goes.
Result<BackupManifest> restore_files(io::FileSystem& backup, io::FileSystem& target, const BeforePiece& before);

/// Checks every byte of a backup against its manifest, and then everything that verify_files() checks. Every finding
/// goes to `findings`, if given; the result is the first one. Errors: `not_found` if `backup` is no backup.
Status verify_backup(io::FileSystem& backup, std::vector<Error>* findings,
                     const std::function<void(const VerifyProgress&)>& progress);

} // namespace weir
