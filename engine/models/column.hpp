// A column of a model: a place in its objects that is stored apart, indexed, searched or computed.
//
// Purpose: what JsonModelOptions say of each column. Threading: plain values; functions given here are called in the
// thread that reads or writes, must not block and must answer alike when asked again. Every wrong combination is
// `invalid_argument` naming model and column when the model is made.
#pragma once

#include <weir/json_value.hpp>
#include <weir/result.hpp>
#include <weir/sql_value.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

class JsonModel;

enum class ColumnType : std::uint8_t {
  none,    ///< A virtual column: an expression over the JSON text.
  text,    ///< TEXT
  numeric, ///< NUMERIC
  integer, ///< INTEGER
  real,    ///< REAL
  blob,    ///< BLOB: no affinity, a value stays what it is
  json,    ///< Any JSON value, kept as JSON text.
};

enum class ColumnIndex : std::uint8_t {
  none,
  sparse,    ///< Of rows where the column is not NULL.
  all,       ///< NULL too.
  automatic, ///< sparse, or all if it is unique
};

struct Column {
  std::string name{};                 ///< 1-128 bytes; unique in the model.
  ColumnType type = ColumnType::none; ///< Other than none: a column of the table.
  bool real = false;  ///< A column of the table although `type` is none: blob, or integer with `falsy_bool`.
  std::string path{}; ///< Dotted place in the object, without control characters; empty: `name`.
  std::optional<bool>
      get{}; ///< Part of what reads give; none: real columns are. What they do not give stays in the JSON.
  /// Computes the value on every write, on the object as it came. Of a virtual column it is stored in the object; of a
  /// real one with get = false in the column alone. Not computed again for rows already there.
  std::function<Result<Json>(const Json& object, const JsonModel& model)> value{};
  /// Text of which a slug is made where the column is empty; for the id, or a column with an index. Without `value`.
  /// A string, a number, or the first non-empty string of the object it returns.
  std::function<Result<Json>(const Json& object, const JsonModel& model)> slug_value{};
  std::optional<Json>
      default_value{};   ///< Written in the place of null; with `sql` applied in the expression. Not null.
  bool required = false; ///< null is refused: "<column>: value is required".
  bool falsy_bool =
      false; ///< What is truthy becomes true, all else absent; searched by true and false. Without `parse`, no default.
  bool always_object = false; ///< json only: NULL in the table is {} in the object.
  ColumnIndex index = ColumnIndex::none;
  bool unique = false;         ///< Needs an index; NULLs are never alike. As the index, decided when that is made:
                               ///< a later program that lists the column otherwise changes nothing.
  bool auto_increment = false; ///< The id only, integer: ids of removed rows do not come again.
  std::string sql{};           ///< An expression to read; nothing is stored. Written into SQL as it is: trusted text.
  std::function<Result<Json>(const SqlValue& stored)> parse{};    ///< On reading; needs to be read (get). Not of json.
  std::function<Result<SqlValue>(const Json& value)> stringify{}; ///< On writing; real columns only.

  // How a search treats the column; at most one of `where` and the others.
  /// A condition in SQL with placeholders (trusted text), instead of "column = ?".
  std::string where{};
  /// The values for `where` (without it: for "column = ?"), or nothing to leave the condition out.
  std::function<Result<std::optional<std::vector<SqlValue>>>(const Json& wanted)> where_values{};
  bool in = false;              ///< Wanted is a list: the value is one of it; null in it: there is none.
  bool is_array = false;        ///< The value is a list: wanted is one of it.
  bool is_any_of_array = false; ///< Both are: they have one in common.
  bool in_all = false;          ///< Both are: all that is wanted is there.
  bool text_search = false;     ///< Wanted is a part of the text, letter case of ASCII aside. % and _ are letters.
};

} // namespace weir
