#include "trust/kills/handler_rows.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <sqlite3.h>

namespace weir::trust {

namespace {

class HandlerCopy {
public:
  HandlerCopy(const std::string& path, const std::string& copy, std::string& error) : error_(error) {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
      std::filesystem::remove(copy + suffix);
      if (suffix != std::string_view("-shm") && std::filesystem::exists(path + suffix))
        std::filesystem::copy_file(path + suffix, copy + suffix);
    }
    sqlite3* opened = nullptr;
    if (sqlite3_open(copy.c_str(), &opened) != SQLITE_OK)
      error_ = sqlite3_errmsg(opened);
    connection_.reset(opened);
  }

  /// Calls `each` for every row of `sql`.
  void read(const char* sql, const std::function<void(sqlite3_stmt*)>& each) {
    sqlite3_stmt* prepared = nullptr;
    int code = error_.empty() ? sqlite3_prepare_v2(connection_.get(), sql, -1, &prepared, nullptr) : SQLITE_ABORT;
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(prepared, sqlite3_finalize);
    if (code == SQLITE_OK)
      while ((code = sqlite3_step(prepared)) == SQLITE_ROW)
        each(prepared);
    if (code != SQLITE_DONE && error_.empty())
      error_ = sqlite3_errmsg(connection_.get());
  }

  /// A host may have died before it made the tables.
  bool has_table(const char* name) {
    bool there = false;
    read("SELECT name FROM sqlite_schema WHERE type='table'", [&](sqlite3_stmt* row) {
      there = there || std::string_view(reinterpret_cast<const char*>(sqlite3_column_text(row, 0))) == name;
    });
    return there;
  }

private:
  std::string& error_;
  std::unique_ptr<sqlite3, int (*)(sqlite3*)> connection_{nullptr, sqlite3_close};
};

} // namespace

HandlerRows read_handler(const std::string& path, const std::string& copy) {
  HandlerRows result;
  HandlerCopy database(path, copy, result.error);
  if (database.has_table("handled"))
    database.read("SELECT position, context, sequence, mark FROM handled ORDER BY number", [&](sqlite3_stmt* row) {
      result.rows.push_back({static_cast<Position>(sqlite3_column_int64(row, 0)),
                             static_cast<std::uint32_t>(sqlite3_column_int64(row, 1)),
                             static_cast<Sequence>(sqlite3_column_int64(row, 2)),
                             static_cast<std::uint64_t>(sqlite3_column_int64(row, 3))});
    });
  if (database.has_table("weir_positions"))
    database.read("SELECT position FROM weir_positions WHERE consumer='handler'",
                  [&](sqlite3_stmt* row) { result.at = static_cast<Position>(sqlite3_column_int64(row, 0)); });
  return result;
}

} // namespace weir::trust
