// A model's table as SQL sees it: names, expressions, and the way of values in and out.
//
// Purpose: what reading and writing share; checks the options once. Owner: JsonModel. Threading: immutable once made.
// Invariants: every name in the SQL texts here is quoted, every JSON path is escaped; no value of a caller is ever in
// them.
#pragma once

#include "engine/sqlite/database.hpp"

#include <weir/json_model.hpp>
#include <weir/json_value.hpp>
#include <weir/result.hpp>
#include <weir/sql_value.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

struct TableColumn {
  Column spec;                   ///< As given; `type` and `get` settled.
  std::vector<std::string> path; ///< In the object, at least one segment.
  bool stored = false;           ///< A column of the table; otherwise an expression.
  bool given = false;            ///< Reads select it.
  /// Reads the column, with the table's name: "items"."count", or json_extract("items"."json",'$."a"."b"'). For
  /// conditions, sorting, aggregates and selections.
  std::string expression;
  std::string bare; ///< The same without the table's name, as an index wants it.
  /// What a select has to have for from_sql(): the expression, or of a virtual column its JSON text, which tells a text
  /// from a number, a list from its text.
  std::string selection;
};

class ModelTable {
public:
  /// Errors: `invalid_argument` naming model and column for every wrong combination.
  static Result<ModelTable> make(const JsonModelOptions& options);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::string& quoted() const noexcept { return quoted_; } ///< "items"
  [[nodiscard]] const std::vector<TableColumn>& columns() const noexcept { return columns_; }
  [[nodiscard]] const TableColumn& id() const noexcept { return columns_[id_]; }
  /// Null if there is none.
  [[nodiscard]] const TableColumn* find(std::string_view column) const noexcept;
  /// `invalid_argument` "items: no such column: x".
  Result<const TableColumn*> need(std::string_view column) const;

  /// What a select of whole objects has between SELECT and FROM. Its columns come first in the row, object_columns() of
  /// them.
  [[nodiscard]] const std::string& object_selection() const noexcept { return selection_; }
  [[nodiscard]] std::size_t object_columns() const noexcept { return selected_.size() + 1; }
  /// The object in the row that `row` has reached, whose selection begins with object_selection().
  [[nodiscard]] Result<Json> read_object(const sqlite::Statement& row) const;
  /// The same with what is stored alone, for writing it again: without expressions, and what lies in the JSON as it is
  /// there.
  [[nodiscard]] Result<Json> read_stored(const sqlite::Statement& row) const;

  /// What read_object() would give of the row just written, without reading it: `row` has the values of the stored
  /// columns in order, `rest` what the JSON text gives. Nothing where SQLite may have made another value of one, or has
  /// an expression to compute. Precondition: no trigger is in the way.
  [[nodiscard]] std::optional<Json> object_of(Json rest, std::span<const SqlValue> row) const;

  /// `value` as the column stores it and conditions compare it: NULL for null, text of numbers as it is. Errors:
  /// `invalid_argument` for what does not fit (an id that is no text or integer ...).
  Result<SqlValue> to_sql(const TableColumn& column, const Json& value) const;
  /// The other way: what TableColumn::selection gave, as reads give it.
  [[nodiscard]] Result<Json> from_sql(const TableColumn& column, const SqlValue& value) const;

  /// Tables, columns and indexes, each a migration that is made once.
  [[nodiscard]] std::vector<Migration> migrations() const;

private:
  Status settle_places();
  void settle_expressions();
  Result<Json> read(const sqlite::Statement& row, bool stored_alone) const;
  /// `object` with the selected columns; `value_at` gives the value of the selection's n-th.
  template <class ValueAt> Result<Json> with_columns(Json object, bool stored_alone, ValueAt value_at) const;
  Result<SqlValue> id_to_sql(const Json& value) const;

  std::string name_, quoted_;
  std::vector<TableColumn> columns_;
  std::size_t id_ = 0;
  bool keep_row_id_ = false;
  std::vector<std::size_t> selected_; // places in columns_ of what object_selection() has beside the JSON text
  std::string selection_;
  std::vector<std::size_t> row_places_; // of selected_, among the stored columns; npos: it is none
};

/// The member of `object` at `path`; null pointer if there is none.
[[nodiscard]] const Json* find_path(const Json& object, std::span<const std::string> path) noexcept;
/// Puts `value` there and makes objects on the way where there is nothing. False: something else is in the way.
bool put_path(Json& object, std::span<const std::string> path, Json value);

/// Binds `value` to a parameter of `statement`.
void bind_value(sqlite::Statement& statement, int parameter, const SqlValue& value);
/// Column `column` of the row that `row` has reached.
[[nodiscard]] SqlValue column_value(const sqlite::Statement& row, int column);

} // namespace weir
