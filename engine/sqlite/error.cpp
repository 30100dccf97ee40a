#include "engine/sqlite/error.hpp"

#include "engine/text.hpp"

#include <cerrno>

namespace weir::sqlite {

namespace {

Errc classify(sqlite3* connection, int code) {
  switch (code & 0xFF) { // The primary code; the rest is detail.
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB: return Errc::corruption;
  case SQLITE_FULL: return Errc::disk_full;
  case SQLITE_BUSY:
  case SQLITE_LOCKED: return Errc::locked;
  case SQLITE_IOERR:
  case SQLITE_CANTOPEN: {
    // A journal that cannot be created for want of space is no SQLITE_FULL.
    const int system_error = connection != nullptr ? sqlite3_system_errno(connection) : 0;
    return system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG ? Errc::disk_full : Errc::io_error;
  }
  default: return Errc::io_error;
  }
}

} // namespace

Error error_of(sqlite3* connection, int code, std::string where) {
  const char* const text = connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  const int extended = connection != nullptr ? sqlite3_extended_errcode(connection) : code;
  return fail(classify(connection, code), format("SQLite: {} (code {})", text, extended), std::move(where));
}

} // namespace weir::sqlite
