#include "engine/sqlite/position_table.hpp"

#include "engine/sqlite/error.hpp"

#include <memory>

namespace weir::sqlite {

namespace {

struct Finalizer {
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using Prepared = std::unique_ptr<sqlite3_stmt, Finalizer>;

Result<Prepared> prepare(sqlite3* connection, const char* sql, std::string_view consumer) {
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(connection, sql, -1, &statement, nullptr);
  Prepared prepared(statement);
  if (code == SQLITE_OK)
    code = sqlite3_bind_text(statement, 1, consumer.data(), static_cast<int>(consumer.size()), SQLITE_TRANSIENT);
  if (code != SQLITE_OK)
    return error_of(connection, code, sql);
  return prepared;
}

} // namespace

Status run(sqlite3* connection, const char* sql) {
  const int code = sqlite3_exec(connection, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK)
    return error_of(connection, code, sql);
  return {};
}

Status create_position_table(sqlite3* connection) {
  return run(connection,
             "CREATE TABLE IF NOT EXISTS weir_positions(consumer TEXT PRIMARY KEY, position INTEGER NOT NULL)");
}

Result<Position> read_position(sqlite3* connection, std::string_view consumer) {
  const char* const sql = "SELECT position FROM weir_positions WHERE consumer=?";
  const auto statement = prepare(connection, sql, consumer);
  if (!statement)
    return statement.error();
  const int code = sqlite3_step(statement->get());
  if (code == SQLITE_DONE)
    return Position{0};
  if (code != SQLITE_ROW)
    return error_of(connection, code, sql);
  return static_cast<Position>(sqlite3_column_int64(statement->get(), 0));
}

Status write_position(sqlite3* connection, std::string_view consumer, Position position) {
  const char* const sql = "REPLACE INTO weir_positions(consumer, position) VALUES(?,?)";
  const auto statement = prepare(connection, sql, consumer);
  if (!statement)
    return statement.error();
  int code = sqlite3_bind_int64(statement->get(), 2, static_cast<sqlite3_int64>(position));
  if (code == SQLITE_OK)
    code = sqlite3_step(statement->get());
  if (code != SQLITE_DONE)
    return error_of(connection, code, sql);
  return {};
}

} // namespace weir::sqlite
