#include "engine/sqlite/error.hpp"

#include "engine/text.hpp"

#include <cerrno>
#include <utility>

namespace weir::sqlite {

namespace {

Errc classify(sqlite3* connection, int code) {
  switch (code & 0xFF) { // The primary code; the rest is detail.
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB: return Errc::corruption;
  case SQLITE_FULL: return Errc::disk_full;
  case SQLITE_BUSY:
  case SQLITE_PROTOCOL: // the race for a write-ahead journal's index was lost too often
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

Error error_of_text(sqlite3* connection, int code, std::string where) {
  Error error = error_of(connection, code, std::move(where));
  switch (code & 0xFF) {
  case SQLITE_CONSTRAINT: error.code = Errc::condition_failed; break;
  case SQLITE_TOOBIG: error.code = Errc::too_large; break;
  case SQLITE_ERROR:
  case SQLITE_RANGE:
  case SQLITE_MISMATCH: error.code = Errc::invalid_argument; break;
  case SQLITE_AUTH: error.code = Errc::unsupported; break;
  default: break;
  }
  return error;
}

} // namespace weir::sqlite
