#include "engine/models/model_catalog.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <string_view>
#include <utility>

namespace weir {

namespace {

constexpr std::array<std::string_view, 7> type_names = {"none", "text", "numeric", "integer", "real", "blob", "json"};
constexpr std::array<std::string_view, 4> index_names = {"none", "sparse", "all", "automatic"};

template <class T> struct Option {
  std::string_view name;
  T Column::*member;
};
constexpr std::array<Option<std::string>, 3> text_options = {
    {{"path", &Column::path}, {"sql", &Column::sql}, {"where", &Column::where}}};
constexpr std::array<Option<bool>, 11> flag_options = {{{"real", &Column::real},
                                                        {"required", &Column::required},
                                                        {"falsy_bool", &Column::falsy_bool},
                                                        {"always_object", &Column::always_object},
                                                        {"unique", &Column::unique},
                                                        {"auto_increment", &Column::auto_increment},
                                                        {"in", &Column::in},
                                                        {"is_array", &Column::is_array},
                                                        {"is_any_of_array", &Column::is_any_of_array},
                                                        {"in_all", &Column::in_all},
                                                        {"text_search", &Column::text_search}}};

/// A row of the table, without the model's name.
struct Row {
  std::string kind, functions, definition;
  friend bool operator==(const Row&, const Row&) = default;
};
using Rows = std::map<std::string, Row, std::less<>>;

// --- writing ---

Json to_json(const Column& column) {
  Json json = Json::object({{"name", column.name}});
  if (column.type != ColumnType::none)
    json.set("type", type_names.at(static_cast<std::size_t>(column.type)));
  for (const auto& option : text_options)
    if (!(column.*option.member).empty())
      json.set(option.name, column.*option.member);
  if (column.get)
    json.set("get", *column.get);
  if (column.default_value)
    json.set("default", *column.default_value);
  if (column.index != ColumnIndex::none)
    json.set("index", index_names.at(static_cast<std::size_t>(column.index)));
  for (const auto& option : flag_options)
    if (column.*option.member)
      json.set(option.name, true);
  return json;
}

/// Names of the functions of a definition without which its rows cannot be made, or not be read as they are meant. Left
/// out is what only says where a write of the service goes.
Json functions_of(const ModelDefinition& definition) {
  Json names = Json::array();
  const auto note = [&names](bool there, std::string name) {
    if (there)
      names.push(std::move(name));
  };
  const JsonModelOptions& model = definition.model;
  note(bool(definition.preprocess), "preprocess");
  note(bool(definition.reduce), "reduce");
  note(bool(definition.apply), "apply");
  note(bool(definition.derive), "derive");
  note(bool(definition.transact), "transact");
  note(!model.migrations.empty(), "migrations");
  note(bool(model.make_id), "make_id");
  for (const Column& column : model.columns) {
    note(bool(column.value), column.name + ".value");
    note(bool(column.slug_value), column.name + ".slug_value");
    note(bool(column.parse), column.name + ".parse");
    note(bool(column.stringify), column.name + ".stringify");
    note(bool(column.where_values), column.name + ".where_values");
  }
  return names;
}

Row to_row(const ModelDefinition& definition) {
  Json columns = Json::array();
  for (const Column& column : definition.model.columns)
    columns.push(to_json(column));
  return {definition.event_sourced ? "es" : "plain", functions_of(definition).to_text(),
          Json::object({{"id_column", definition.model.id_column},
                        {"keep_row_id", definition.model.keep_row_id},
                        {"columns", std::move(columns)}})
              .to_text()};
}

// --- reading ---

std::string text_of(const SqlValue& value) {
  const auto* const text = std::get_if<std::string>(&value);
  return text != nullptr ? *text : std::string();
}

/// Nothing: there is no such table.
Result<std::optional<Rows>> read_rows(const ModelDatabase& database) {
  const auto table = database.get("SELECT 1 FROM sqlite_schema WHERE type='table' AND name='weir_models'");
  if (!table)
    return table.error();
  if (!*table)
    return std::optional<Rows>();
  const auto found = database.all("SELECT name, kind, functions, definition FROM weir_models");
  if (!found)
    return found.error();
  Rows rows;
  for (const SqlRow& row : *found)
    rows.emplace(text_of(row[0]), Row{text_of(row[1]), text_of(row[2]), text_of(row[3])});
  return std::optional(std::move(rows));
}

/// The place of `name` among `names`; what is missing is the first.
template <class Enum, std::size_t count>
bool read_name(const Json& name, const std::array<std::string_view, count>& names, Enum& value) {
  const auto found = std::find(names.begin(), names.end(), name.string(name.is_null() ? names[0] : ""));
  value = static_cast<Enum>(found - names.begin());
  return found != names.end();
}

/// Whether `json` is a column.
bool read_column(const Json& json, Column& column) {
  column.name = json["name"].string();
  for (const auto& option : text_options)
    column.*option.member = json[option.name].string();
  if (json.contains("get"))
    column.get = json["get"].boolean();
  if (const Json* const value = json.find("default"))
    column.default_value = *value;
  for (const auto& option : flag_options)
    column.*option.member = json[option.name].boolean();
  return !column.name.empty() && read_name(json["type"], type_names, column.type) &&
         read_name(json["index"], index_names, column.index);
}

/// Whether `row` holds a model.
bool read_row(const Row& row, CataloguedModel& model) {
  const auto functions = Json::parse(row.functions);
  const auto definition = Json::parse(row.definition);
  if (!functions || !functions->is_array() || !definition || !(*definition)["columns"].is_array() ||
      (row.kind != "es" && row.kind != "plain"))
    return false;
  model.event_sourced = row.kind == "es";
  for (const Json& function : functions->items())
    model.functions.emplace_back(function.string());
  model.options.id_column = (*definition)["id_column"].string();
  model.options.keep_row_id = (*definition)["keep_row_id"].boolean();
  for (const Json& json : (*definition)["columns"].items()) {
    Column column;
    if (!read_column(json, column))
      return false;
    const auto lacks = [&](std::string_view function) {
      return std::find(model.functions.begin(), model.functions.end(), format("{}.{}", column.name, function)) !=
             model.functions.end();
    };
    if (lacks("where_values"))
      column.where.clear();
    model.options.columns.push_back(std::move(column));
  }
  return true;
}

} // namespace

Status write_model_catalog(ModelDatabase& database, std::span<const ModelDefinition> models) {
  Rows rows;
  for (const ModelDefinition& definition : models)
    rows.emplace(definition.model.name, to_row(definition));
  const auto present = read_rows(database);
  if (!present)
    return present.error();
  if (*present == rows)
    return {};
  return database.transaction([&]() -> Status {
    WEIR_TRY(database.execute("CREATE TABLE IF NOT EXISTS weir_models(name TEXT PRIMARY KEY, kind TEXT NOT NULL, "
                              "functions TEXT NOT NULL, definition TEXT NOT NULL) STRICT, WITHOUT ROWID; "
                              "DELETE FROM weir_models"));
    for (const auto& [name, row] : rows) {
      const SqlValue values[] = {name, row.kind, row.functions, row.definition};
      if (const auto inserted = database.run("INSERT INTO weir_models VALUES(?,?,?,?)", values); !inserted)
        return inserted.error();
    }
    return {};
  });
}

Result<std::vector<CataloguedModel>> read_model_catalog(const ModelDatabase& database) {
  const auto rows = read_rows(database);
  if (!rows)
    return rows.error();
  if (!*rows)
    return fail(
        Errc::not_found,
        format("{}: it does not say what its models are; a service that opens it writes that down", database.name()),
        database.options().file);
  std::vector<CataloguedModel> models;
  for (const auto& [name, row] : **rows) {
    CataloguedModel model;
    model.options.name = name;
    if (!read_row(row, model))
      return fail(Errc::corruption,
                  format("{}: table weir_models: what it says of model {} is no definition", database.name(), name),
                  database.options().file);
    models.push_back(std::move(model));
  }
  return models;
}

} // namespace weir
