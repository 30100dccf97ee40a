// SQLite's result codes as our errors. For engine/sqlite/ alone.
#pragma once

#include <weir/result.hpp>

#include <sqlite3.h>

#include <string>

namespace weir::sqlite {

/// The error of the last call on `connection` (may be null: out of memory), which answered `code`.
[[nodiscard]] Error error_of(sqlite3* connection, int code, std::string where);
/// The same where the statement or its values may be to blame, because they are not ours.
[[nodiscard]] Error error_of_text(sqlite3* connection, int code, std::string where);

} // namespace weir::sqlite
