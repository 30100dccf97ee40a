// SQLite for those who are measured with it: a connection, and statements on it.
//
// Threading: as a connection without a mutex: one thread at a time. Errors: std::runtime_error.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace weir::bench {

class SqliteStatement {
public:
  SqliteStatement(sqlite3* database, const char* sql) : database_(database) {
    check(sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr));
  }
  ~SqliteStatement() { sqlite3_finalize(statement_); }
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  void bind(int parameter, std::int64_t value) { check(sqlite3_bind_int64(statement_, parameter, value)); }
  /// The bytes must stay until the statement is reset.
  void bind_text(int parameter, std::string_view text) {
    check(sqlite3_bind_text(statement_, parameter, text.data(), static_cast<int>(text.size()), SQLITE_STATIC));
  }
  void bind_blob(int parameter, std::string_view bytes) {
    check(sqlite3_bind_blob(statement_, parameter, bytes.data(), static_cast<int>(bytes.size()), SQLITE_STATIC));
  }
  bool step() {
    const int code = sqlite3_step(statement_);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
      check(code);
    return code == SQLITE_ROW;
  }
  void reset() { sqlite3_reset(statement_); }
  void run() {
    step();
    reset();
  }
  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string_view bytes(int column) const {
    const void* data = sqlite3_column_blob(statement_, column);
    return {static_cast<const char*>(data), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

private:
  void check(int code) const {
    if (code != SQLITE_OK)
      throw std::runtime_error(std::string("sqlite: ") + sqlite3_errmsg(database_));
  }
  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
};

class SqliteConnection {
public:
  SqliteConnection(const std::string& path, int flags) {
    const int code = sqlite3_open_v2(path.c_str(), &database_, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    if (code != SQLITE_OK) {
      const std::string message = "sqlite: " + path + ": " + sqlite3_errstr(code);
      sqlite3_close(database_);
      throw std::runtime_error(message);
    }
    sqlite3_busy_timeout(database_, 60'000);
  }
  ~SqliteConnection() { sqlite3_close(database_); }
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  void execute(const std::string& sql) {
    if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
      throw std::runtime_error("sqlite: " + sql.substr(0, 80) + ": " + sqlite3_errmsg(database_));
  }
  sqlite3* get() const noexcept { return database_; }

private:
  sqlite3* database_ = nullptr;
};

} // namespace weir::bench
