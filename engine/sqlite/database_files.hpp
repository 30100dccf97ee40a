// The files of a database, before SQLite opens them and after it has given them up.
//
// Purpose: SQLite opens names as it finds them: it would wait for the other end of a pipe, and write through a second
// name. And a database that only holds what can be made again must not stand in the way of a new one. Owner: whoever
// opens the database. Threading: one thread at a time for one path; no connection is open.
#pragma once

#include "engine/io/file_system.hpp"

#include <weir/result.hpp>

#include <string>

namespace weir::sqlite {

/// `io_error` if the database `path` of `fs` or one of its journals is there and is no regular file with a single name.
Status check_files(io::FileSystem& fs, const std::string& path);

/// Moves the database `path` of `fs` and its journals to quarantine/, so that a fresh one can take its place. What is
/// not there is no error.
Status quarantine_files(io::FileSystem& fs, const std::string& path);

/// Removes the database `path` of `fs` and its journals. What is not there is no error.
Status remove_files(io::FileSystem& fs, const std::string& path);

} // namespace weir::sqlite
