// The real disk: a FileSystem over one directory.
//
// Purpose: reaches every file by descriptors below the data directory, which is opened once, so that renaming the
// directory or planting symbolic links inside it cannot lead weir elsewhere. Owner: the engine, one per data directory.
// Threading: thread-safe, as FileSystem says. Invariants: files are made with mode 0600 and directories with 0700
// whatever the umask; no symbolic link is followed at or below the data directory; interrupted calls are repeated and
// short ones continued.
#pragma once

#include "engine/io/file_system.hpp"

#include <weir/result.hpp>

#include <memory>
#include <string>

namespace weir::io {

/// Opens `directory`, making it (not its parents) durably if `create` is set and it does not exist.
/// Errors: `not_found` if it, or the parent to make it in, does not exist; `invalid_argument` if it is no directory, is
/// owned by another user or may be written by group or others; else as FileSystem.
[[nodiscard]] Result<std::unique_ptr<FileSystem>> open_posix_file_system(const std::string& directory, bool create);

/// Gives the regular file `from` of `source` a second name `to` in `target`, as a backup does. Nothing may have it yet.
/// `unsupported` where files cannot have names in both: on another device, where there are no hard links, or on a
/// simulated disk.
[[nodiscard]] Status link_file(FileSystem& source, const std::string& from, FileSystem& target, const std::string& to);

} // namespace weir::io
