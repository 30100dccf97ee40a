// Where files go that nobody owns.
//
// Purpose: weir deletes nothing it does not know; a file that no catalog entry and no log names is moved to
// `quarantine/` for people to look at. Threading: as the file system; one caller at a time for a path.
#pragma once

#include "engine/io/file_system.hpp"

#include <weir/result.hpp>

#include <string>

namespace weir::io {

/// Moves `path` to quarantine/, under a name made of its whole path that nothing there has yet, durably. After a crash
/// in between it is in both places rather than in none. Errors: as FileSystem.
Status move_to_quarantine(FileSystem& fs, const std::string& path);

} // namespace weir::io
