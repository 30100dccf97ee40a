#include "engine/models/model_table.hpp"

#include "engine/json/json.hpp"
#include "engine/models/column_checks.hpp"
#include "engine/text.hpp"

#include <weir/model_database.hpp>

#include <algorithm>
#include <utility>

namespace weir {

namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> segments;
  for (std::size_t dot; (dot = path.find('.')) != std::string_view::npos; path.remove_prefix(dot + 1))
    segments.emplace_back(path.substr(0, dot));
  segments.emplace_back(path);
  return segments;
}

/// As SQLite's JSON functions write a place, as an SQL literal: '$."a"."b"'.
std::string json_path(std::span<const std::string> segments) {
  std::string path = "$";
  for (const std::string& segment : segments) {
    path += '.';
    json::append_string(path, segment); // they compare with a key as it is written in the text
  }
  return sql_literal(std::move(path));
}

TableColumn settle(const JsonModelOptions& options, const Column& given) {
  TableColumn column{.spec = given,
                     .path = split(given.path.empty() ? given.name : given.path),
                     .stored = false,
                     .given = false,
                     .expression = {},
                     .bare = {},
                     .selection = {}};
  Column& spec = column.spec;
  if (given.name == options.id_column && given.type == ColumnType::none)
    spec.type = ColumnType::text;
  else if (given.type == ColumnType::none && given.real)
    spec.type = given.falsy_bool ? ColumnType::integer : ColumnType::blob;
  if (spec.index == ColumnIndex::automatic)
    spec.index = spec.unique ? ColumnIndex::all : ColumnIndex::sparse;
  column.stored = spec.type != ColumnType::none;
  column.given = spec.get.value_or(column.stored);
  spec.get = column.given;
  return column;
}

bool begins_with(std::span<const std::string> path, std::span<const std::string> with) {
  return path.size() >= with.size() && std::equal(with.begin(), with.end(), path.begin());
}

/// Whether the value at the column's path is taken out of the object.
bool takes_out(const TableColumn& column) {
  return column.stored && column.given;
}

/// The column in whose value `path` lies; null if that is the rest of the object.
const TableColumn* holder_of(std::span<const TableColumn> columns, const TableColumn& of) {
  const TableColumn* deepest = nullptr;
  for (const TableColumn& other : columns)
    if (&other != &of && takes_out(other) && begins_with(of.path, other.path) &&
        (deepest == nullptr || deepest->path.size() < other.path.size()))
      deepest = &other;
  return deepest;
}

} // namespace

Result<ModelTable> ModelTable::make(const JsonModelOptions& options) {
  WEIR_TRY(check_model(options));
  ModelTable table;
  table.name_ = options.name;
  table.quoted_ = sql_identifier(options.name);
  const auto is_id = [&](const Column& column) { return column.name == options.id_column; };
  if (std::none_of(options.columns.begin(), options.columns.end(), is_id)) {
    const Column id{.name = options.id_column};
    WEIR_TRY(check_column(options, id));
    table.columns_.push_back(settle(options, id));
  }
  for (const Column& column : options.columns) {
    WEIR_TRY(check_column(options, column));
    if (is_id(column))
      table.id_ = table.columns_.size();
    table.columns_.push_back(settle(options, column));
  }
  table.keep_row_id_ = options.keep_row_id && table.id().spec.type == ColumnType::text;
  WEIR_TRY(table.settle_places());
  table.settle_expressions();
  // Only now can a default be tried.
  for (const TableColumn& column : table.columns_)
    if (column.spec.default_value)
      if (auto stored = table.to_sql(column, *column.spec.default_value); !stored)
        return std::move(stored).error();
  return table;
}

Status ModelTable::settle_places() {
  const auto wrong = [&](const TableColumn& column, std::string_view what, std::string_view name) {
    return fail(Errc::invalid_argument, format("{}.{}: {} {}", name_, column.spec.name, what, name));
  };
  for (TableColumn& column : columns_) {
    if (!column.spec.sql.empty())
      continue;
    const TableColumn* const holder = holder_of(columns_, column);
    if (holder == nullptr)
      continue;
    if (holder->path.size() == column.path.size())
      return wrong(column, "its place in the object is that of column", holder->spec.name);
    if (holder->spec.type != ColumnType::json)
      return wrong(column, "its path leads through a column that is no json:", holder->spec.name);
    // Only then does the parent come back where its members do.
    if (takes_out(column))
      columns_[static_cast<std::size_t>(holder - columns_.data())].spec.always_object = true;
  }
  for (const TableColumn& column : columns_)
    if (!column.stored && column.spec.sql.empty() &&
        std::any_of(column.path.begin(), column.path.end(),
                    [](const std::string& segment) { return segment.find('"') != std::string::npos; }))
      return fail(Errc::invalid_argument,
                  format("{}.{}: SQLite cannot find a key with a double quote: a type or `real` is needed", name_,
                         column.spec.name));
  return {};
}

void ModelTable::settle_expressions() {
  const std::string table = quoted_ + '.';
  for (TableColumn& column : columns_) {
    const Column& spec = column.spec;
    if (column.stored) {
      column.bare = sql_identifier(spec.name);
      column.expression = column.selection = table + column.bare;
    } else if (!spec.sql.empty()) {
      column.bare = format("({})", spec.sql);
      if (spec.default_value)
        if (auto value = to_sql(column, *spec.default_value))
          column.bare = format("ifnull({},{})", column.bare, sql_literal(*value));
      column.expression = column.selection = column.bare;
    } else {
      const TableColumn* const holder = holder_of(columns_, column);
      const std::string path = json_path(std::span(column.path).subspan(holder == nullptr ? 0 : holder->path.size()));
      const std::string text = holder == nullptr ? "\"json\"" : sql_identifier(holder->spec.name);
      column.bare = format("json_extract({},{})", text, path);
      column.expression = format("json_extract({}{},{})", table, text, path);
      // json_extract() gives a list as its text, and true as 1.
      column.selection = spec.parse ? column.expression : format("({}{}->{})", table, text, path);
    }
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const TableColumn& column = columns_[i];
    if (column.given && (column.stored || !column.spec.sql.empty() || column.spec.parse))
      selected_.push_back(i);
  }
  // What holds others comes back before they do.
  std::stable_sort(selected_.begin(), selected_.end(), [&](std::size_t left, std::size_t right) {
    return columns_[left].path.size() < columns_[right].path.size();
  });
  selection_ = table + "\"json\"";
  for (const std::size_t i : selected_) {
    selection_ += ',' + columns_[i].selection;
    const auto before = std::span(columns_).first(i);
    row_places_.push_back(columns_[i].stored ? static_cast<std::size_t>(std::ranges::count_if(
                                                   before, [](const TableColumn& other) { return other.stored; }))
                                             : std::string::npos);
  }
}

const TableColumn* ModelTable::find(std::string_view column) const noexcept {
  for (const TableColumn& candidate : columns_)
    if (candidate.spec.name == column)
      return &candidate;
  return nullptr;
}

Result<const TableColumn*> ModelTable::need(std::string_view column) const {
  if (const TableColumn* const found = find(column))
    return found;
  return fail(Errc::invalid_argument, format("{}: no such column: {}", name_, column));
}

const Json* find_path(const Json& object, std::span<const std::string> path) noexcept {
  const Json* at = &object;
  for (const std::string& segment : path)
    if (at = at->find(segment); at == nullptr)
      return nullptr;
  return at;
}

bool put_path(Json& object, std::span<const std::string> path, Json value) {
  Json* at = &object;
  for (const std::string& segment : path) {
    if (!at->is_object() && !at->is_null())
      return false;
    at = &at->member(segment);
  }
  *at = std::move(value);
  return true;
}

} // namespace weir
