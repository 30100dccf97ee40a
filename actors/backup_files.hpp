// The files of backups: copied, checked, and told from data directories.
//
// Purpose: what making, restoring and verifying a backup have in common. Threading: one thread for a directory.
#pragma once

#include "actors/backup_manifest.hpp"
#include "engine/io/file_system.hpp"

#include <weir/result.hpp>

#include <functional>
#include <optional>
#include <string>

namespace weir {

/// The manifest of a backup. Written under the second name, which is the first to be there and the last to go, so that
/// no half-made backup is ever taken for a backup or for a data directory.
inline constexpr char manifest_path[] = "backup.manifest";
inline constexpr char unfinished_manifest_path[] = "backup.unfinished";
/// The catalog of a directory into which a backup is being restored: the first file there, named `catalog.db` last.
inline constexpr char unfinished_catalog_path[] = "catalog.restoring";

/// Asked before each piece that is copied or read, with its length; an error ends the work.
using BeforePiece = std::function<Status(std::uint64_t bytes)>;

/// Copies the first `size_bytes` of `from_path` to a new file and syncs it; its name is the caller's to sync. Returns
/// the checksum of what was read. Errors: `io_error` if the source is shorter; those of both files and of `before`.
Result<Hash128> copy_file(io::FileSystem& from, const std::string& from_path, io::FileSystem& to,
                          const std::string& to_path, std::uint64_t size_bytes, const BeforePiece& before);
/// The checksum of a file that must have `size_bytes`. Errors: `corruption` if it has another size or is no file.
Result<Hash128> checksum_of_file(io::FileSystem& fs, const std::string& path, std::uint64_t size_bytes,
                                 const BeforePiece& before);
/// Writes a new file and syncs it.
Status write_file(io::FileSystem& fs, const std::string& path, std::span<const std::byte> bytes);
/// Makes the directories above `path`.
Status create_parents(io::FileSystem& fs, const std::string& path);
/// Syncs every directory that create_parents() made for these files, the root last.
Status sync_parents(io::FileSystem& fs, const std::vector<BackupFile>& files);

/// The manifest in `fs`. Errors: `not_found` if there is none, `corruption`, `incompatible`.
Result<BackupManifest> read_manifest(io::FileSystem& fs);
/// `incompatible` if the directory is a backup, or a backup or restore that was never finished.
Status check_no_backup(io::FileSystem& fs);
/// `invalid_argument` if there is a file in `fs`, however deep; directories are fine.
Status check_no_files(io::FileSystem& fs);

} // namespace weir
