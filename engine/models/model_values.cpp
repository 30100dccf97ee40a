#include "engine/models/column_call.hpp"
#include "engine/models/model_table.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"
#include "engine/validate.hpp"

#include <cmath>
#include <utility>

namespace weir {

namespace {

/// A stored value where it is.
struct Stored {
  sqlite::ValueType type = sqlite::ValueType::null;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view text; ///< Of a blob too.
};

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Stored stored_value(const sqlite::Statement& row, int column) {
  using sqlite::ValueType;
  switch (row.type(column)) {
  case ValueType::null: return {};
  case ValueType::integer: return {ValueType::integer, row.integer(column), 0, {}};
  case ValueType::real: return {ValueType::real, 0, row.real(column), {}};
  case ValueType::text: return {ValueType::text, 0, 0, row.text(column)};
  case ValueType::blob: break;
  }
  return {ValueType::blob, 0, 0, as_text(row.blob(column))};
}

Stored stored_value(const SqlValue& value) {
  using sqlite::ValueType;
  if (const auto* const integer = std::get_if<std::int64_t>(&value))
    return {ValueType::integer, *integer, 0, {}};
  if (const auto* const real = std::get_if<double>(&value))
    return {ValueType::real, 0, *real, {}};
  if (const auto* const text = std::get_if<std::string>(&value))
    return {ValueType::text, 0, 0, *text};
  if (const auto* const blob = std::get_if<SqlBlob>(&value))
    return {ValueType::blob, 0, 0, blob->bytes};
  return {};
}

SqlValue copied(const Stored& value) {
  switch (value.type) {
  case sqlite::ValueType::null: return {};
  case sqlite::ValueType::integer: return value.integer;
  case sqlite::ValueType::real: return value.real;
  case sqlite::ValueType::text: return std::string(value.text);
  case sqlite::ValueType::blob: break;
  }
  return SqlBlob{std::string(value.text)};
}

Error about(Errc code, const std::string& model, const std::string& column, std::string_view what) {
  return fail(code, format("{}.{}: {}", model, column, what));
}

Result<Json> from_stored(const std::string& model, const TableColumn& column, const Stored& value) {
  const Column& spec = column.spec;
  using sqlite::ValueType;
  if (spec.parse)
    return column_call(model, spec.name, [&] { return spec.parse(copied(value)); });
  const bool holds_json = spec.type == ColumnType::json || (!column.stored && spec.sql.empty());
  Json found;
  if (value.type == ValueType::text && holds_json) {
    auto parsed = Json::parse(value.text);
    if (!parsed)
      return about(Errc::corruption, model, spec.name, parsed.error().message);
    found = std::move(*parsed);
  } else {
    switch (value.type) {
    case ValueType::null: break;
    case ValueType::integer: found = value.integer; break;
    case ValueType::real: found = value.real; break;
    case ValueType::blob:
    case ValueType::text:
      if (!valid_utf8(value.text))
        return about(Errc::corruption, model, spec.name, "bytes that are no text need `parse`");
      found = value.text;
      break;
    }
  }
  if (spec.falsy_bool)
    return found.truthy() ? Json(true) : Json();
  return found.is_null() && spec.always_object ? Json::object() : found;
}

/// Whether a column of this type gives `value` back as it was bound, whatever it is by the rules of affinity.
bool is_kept(ColumnType type, const SqlValue& value) {
  if (std::holds_alternative<std::monostate>(value) || sabotaged(Sabotage::tell_value_as_given))
    return true;
  const double* const real = std::get_if<double>(&value);
  const bool text = std::holds_alternative<std::string>(value);
  const bool integer = std::holds_alternative<std::int64_t>(value);
  const bool plain_real = real != nullptr && std::isfinite(*real) && *real != 0; // -0.0 may lose its sign
  switch (type) {
  case ColumnType::text:
  case ColumnType::json: return text;
  case ColumnType::integer:
  case ColumnType::numeric: return integer;
  case ColumnType::real: return plain_real;
  case ColumnType::blob: return integer || text || plain_real;
  case ColumnType::none: break;
  }
  return false;
}

} // namespace

Result<Json> ModelTable::from_sql(const TableColumn& column, const SqlValue& value) const {
  return from_stored(name_, column, stored_value(value));
}

Result<Json> ModelTable::read_object(const sqlite::Statement& row) const {
  return read(row, false);
}

Result<Json> ModelTable::read_stored(const sqlite::Statement& row) const {
  return read(row, true);
}

Result<Json> ModelTable::read(const sqlite::Statement& row, bool stored_alone) const {
  Json object = Json::object();
  if (!row.is_null(0)) {
    auto parsed = Json::parse(row.text(0));
    if (!parsed || !parsed->is_object())
      return about(Errc::corruption, name_, "json", parsed ? "no object" : std::string_view(parsed.error().message));
    object = std::move(*parsed);
  }
  return with_columns(std::move(object), stored_alone,
                      [&row](std::size_t n) { return stored_value(row, static_cast<int>(n) + 1); });
}

std::optional<Json> ModelTable::object_of(Json rest, std::span<const SqlValue> row) const {
  for (std::size_t n = 0; n < selected_.size(); ++n) {
    const TableColumn& column = columns_[selected_[n]];
    if (row_places_[n] == std::string::npos || column.spec.parse || !is_kept(column.spec.type, row[row_places_[n]]))
      return std::nullopt;
    if (selected_[n] == id_ && std::holds_alternative<std::monostate>(row[row_places_[n]]))
      return std::nullopt; // SQLite finds one
  }
  auto object = with_columns(std::move(rest), false, [&](std::size_t n) { return stored_value(row[row_places_[n]]); });
  return object ? std::optional(std::move(*object)) : std::nullopt;
}

template <class ValueAt> Result<Json> ModelTable::with_columns(Json object, bool stored_alone, ValueAt value_at) const {
  for (std::size_t n = 0; n < selected_.size(); ++n) {
    const std::size_t i = selected_[n];
    const TableColumn& column = columns_[i];
    if (stored_alone && !column.stored)
      continue;
    const Stored stored = value_at(n);
    if (stored.type == sqlite::ValueType::null && !column.spec.parse && !column.spec.always_object)
      continue;
    // What is in the JSON is from a time before there was the column.
    if (column.stored)
      if (const Json* const there = find_path(object, column.path); there != nullptr && !there->is_null())
        continue;
    auto value = from_stored(name_, column, stored);
    if (!value)
      return std::move(value).error();
    if (i == id_ && column.path.size() == 1)
      object.set_first(column.path.front(), std::move(*value)); // for those who read it
    else if (!value->is_null() || find_path(object, column.path) != nullptr)
      put_path(object, column.path, std::move(*value)); // not where something else has come in the way
  }
  return object;
}

Result<SqlValue> ModelTable::to_sql(const TableColumn& column, const Json& value) const {
  const Column& spec = column.spec;
  if (&column == &id())
    return id_to_sql(value);
  if (spec.falsy_bool)
    return value.truthy() ? SqlValue(std::int64_t{1}) : SqlValue();
  if (value.is_null())
    return SqlValue();
  if (spec.stringify)
    return column_call(name_, spec.name, [&] { return spec.stringify(value); });
  if (spec.type == ColumnType::json) {
    std::string text = value.to_text();
    if (!valid_utf8(text))
      return about(Errc::invalid_argument, name_, spec.name, "not valid UTF-8");
    return SqlValue(std::move(text));
  }
  switch (value.type()) {
  case Json::Type::null: break;
  case Json::Type::boolean: return SqlValue(std::int64_t{value.boolean()});
  case Json::Type::integer: return SqlValue(value.integer());
  case Json::Type::real: {
    const std::int64_t whole = value.integer(0);
    // SQLite would write 5.0 and 5e9 into a text as they are; JSON knows no difference to 5 and 5000000000.
    if (spec.type == ColumnType::text && Json(whole) == value)
      return SqlValue(whole);
    return SqlValue(value.number());
  }
  case Json::Type::unsigned_integer:
    if (spec.type == ColumnType::text)
      return SqlValue(value.to_text());
    if (column.stored)
      return about(Errc::invalid_argument, name_, spec.name,
                   format("{} is more than an integer of SQLite can hold", value.unsigned_integer()));
    return SqlValue(value.number()); // as json_extract() has it
  case Json::Type::string:
    if (!valid_utf8(value.string()))
      return about(Errc::invalid_argument, name_, spec.name, "not valid UTF-8");
    return SqlValue(std::string(value.string()));
  case Json::Type::array:
  case Json::Type::object:
    if (column.stored)
      return about(Errc::invalid_argument, name_, spec.name,
                   "a list or an object needs a column of type json, or `stringify`");
    return SqlValue(value.to_text()); // as json_extract() has it
  }
  return SqlValue();
}

Result<SqlValue> ModelTable::id_to_sql(const Json& value) const {
  const Column& spec = id().spec;
  if (value.is_null())
    return SqlValue();
  const bool whole = value.is_number() && Json(value.integer(0)) == value;
  if (spec.type == ColumnType::integer) {
    if (whole)
      return SqlValue(value.integer());
    return about(Errc::invalid_argument, name_, spec.name, "an integer is wanted");
  }
  if (whole)
    return SqlValue(std::to_string(value.integer()));
  if (value.type() == Json::Type::unsigned_integer)
    return SqlValue(value.to_text());
  if (!value.is_string())
    return about(Errc::invalid_argument, name_, spec.name, "a text or an integer is wanted");
  if (!valid_utf8(value.string()) || value.string().find('\0') != std::string_view::npos)
    return about(Errc::invalid_argument, name_, spec.name, "not valid UTF-8, or with a NUL");
  return SqlValue(std::string(value.string()));
}

void bind_value(sqlite::Statement& statement, int parameter, const SqlValue& value) {
  if (const auto* const integer = std::get_if<std::int64_t>(&value))
    statement.bind(parameter, *integer);
  else if (const auto* const real = std::get_if<double>(&value))
    statement.bind(parameter, *real);
  else if (const auto* const text = std::get_if<std::string>(&value))
    statement.bind(parameter, std::string_view(*text));
  else if (const auto* const blob = std::get_if<SqlBlob>(&value))
    statement.bind(parameter, std::as_bytes(std::span(blob->bytes)));
  else
    statement.bind_null(parameter);
}

SqlValue column_value(const sqlite::Statement& row, int column) {
  return copied(stored_value(row, column));
}

} // namespace weir
