// Paths inside a data directory: names weir chose, joined by '/'.
//
// Purpose: both file systems take the same paths and refuse the same ones, so nothing can climb out of the directory.
// Threading: pure functions.
#pragma once

#include <weir/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace weir::io {

/// The names of `path`, which borrow from it; none for "" and ".", the data directory itself.
/// Errors: `invalid_argument` for an absolute path, an empty name, "." or ".." inside, or a NUL.
[[nodiscard]] Result<std::vector<std::string_view>> split_path(std::string_view path);

/// The directory that the last name of `path` is in; "" for the data directory itself.
[[nodiscard]] std::string directory_of(std::string_view path);

} // namespace weir::io
