#include "engine/models/model_table.hpp"
#include "engine/text.hpp"

#include <weir/model_database.hpp>

#include <array>
#include <utility>

namespace weir {

namespace {

std::string_view declared(ColumnType type) {
  switch (type) {
  case ColumnType::numeric: return "NUMERIC";
  case ColumnType::integer: return "INTEGER";
  case ColumnType::real: return "REAL";
  case ColumnType::blob: return "BLOB";
  case ColumnType::none:
  case ColumnType::text:
  case ColumnType::json: break; // A type JSON would be one of numbers to SQLite: large integers would lose digits.
  }
  return "TEXT";
}

std::string definition(const TableColumn& column) {
  return format("{} {}", column.bare, declared(column.spec.type));
}

/// Runs `sql` unless the table has the column: it may have been made with it.
std::function<Status(ModelDatabase&)> add_column(std::string table, std::string column, std::string sql) {
  return [table = std::move(table), column = std::move(column), sql = std::move(sql)](ModelDatabase& db) -> Status {
    auto there = db.get("SELECT 1 FROM pragma_table_info(?1) WHERE name=?2 COLLATE NOCASE",
                        std::array<SqlValue, 2>{table, column});
    if (!there)
      return std::move(there).error();
    return there->has_value() ? Status() : db.execute(sql);
  };
}

/// `wanted`, or with so many underscores behind it that nothing has the name: another model's index may, or its table.
Result<std::string> free_name(ModelDatabase& db, std::string wanted) {
  for (;; wanted += '_') {
    auto taken = db.get("SELECT 1 FROM sqlite_schema WHERE name=?1 COLLATE NOCASE", std::array<SqlValue, 1>{wanted});
    if (!taken)
      return std::move(taken).error();
    if (!taken->has_value())
      return wanted;
  }
}

} // namespace

std::vector<Migration> ModelTable::migrations() const {
  const TableColumn& key = id();
  const bool integer = key.spec.type == ColumnType::integer;
  std::string columns;
  if (integer)
    columns = format("{} INTEGER PRIMARY KEY{}", key.bare, key.spec.auto_increment ? " AUTOINCREMENT" : "");
  else if (keep_row_id_)
    columns = format("\"rowId\" INTEGER PRIMARY KEY,{} TEXT NOT NULL UNIQUE", key.bare);
  else
    columns = format("{} TEXT NOT NULL PRIMARY KEY", key.bare);

  // Keys that sort before those of a service, and these in the order in which they must run.
  std::vector<Migration> later;
  for (const TableColumn& column : columns_) {
    if (&column == &key || !column.stored)
      continue;
    columns += ',' + definition(column);
    later.push_back(
        {"!1 column " + column.spec.name,
         add_column(name_, column.spec.name, format("ALTER TABLE {} ADD COLUMN {}", quoted_, definition(column)))});
  }
  for (const TableColumn& column : columns_) {
    if (&column == &key || column.spec.index == ColumnIndex::none)
      continue;
    std::string what = format("ON {}({})", quoted_, column.bare);
    if (column.spec.index == ColumnIndex::sparse)
      what += format(" WHERE {} IS NOT NULL", column.bare);
    later.push_back({"!2 index " + column.spec.name,
                     [name = name_ + '_' + column.spec.name, what = std::move(what),
                      unique = column.spec.unique](ModelDatabase& db) -> Status {
                       const auto free = free_name(db, name);
                       if (!free)
                         return free.error();
                       return db.execute(
                           format("CREATE {}INDEX {} {}", unique ? "UNIQUE " : "", sql_identifier(*free), what));
                     }});
  }
  // The text comes last: what is longer than a page must not lie before columns that are read without it.
  std::vector<Migration> all{{"!0 table", [sql = format("CREATE TABLE {}({},\"json\" TEXT)", quoted_, columns)](
                                              ModelDatabase& db) { return db.execute(sql); }}};
  all.insert(all.end(), std::make_move_iterator(later.begin()), std::make_move_iterator(later.end()));
  return all;
}

} // namespace weir
