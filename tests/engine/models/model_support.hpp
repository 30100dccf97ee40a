// Small verbs for tests of models.
#pragma once

#include "tests/engine/models/database_support.hpp"

#include <doctest/doctest.h>
#include <weir/json_model.hpp>
#include <weir/json_value.hpp>
#include <weir/model_database.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace weir::test {

/// A database with one model in it.
struct ModelFixture {
  explicit ModelFixture(JsonModelOptions options, ModelDatabaseOptions database_options = {})
      : database(make_database(std::move(database_options))) {
    auto added = database->add_model(std::move(options));
    REQUIRE_MESSAGE(added.ok(), why(added));
    model = *added;
  }
  JsonModel* operator->() const { return model; }

  std::unique_ptr<ModelDatabase> database;
  JsonModel* model = nullptr;
};

[[nodiscard]] inline JsonModelOptions items(std::vector<Column> columns = {}) {
  return {.name = "items", .columns = std::move(columns)};
}

[[nodiscard]] inline Json parsed(std::string_view text) {
  auto value = Json::parse(text);
  REQUIRE_MESSAGE(value.ok(), text, ": ", why(value));
  return std::move(*value);
}

/// What a call gave, as JSON text; "nothing" for an object that is not there.
[[nodiscard]] inline std::string text(const Result<Json>& result) {
  REQUIRE_MESSAGE(result.ok(), why(result));
  return result->to_text();
}
[[nodiscard]] inline std::string text(const Result<JsonModel::Found>& result) {
  REQUIRE_MESSAGE(result.ok(), why(result));
  return *result ? (**result).to_text() : "nothing";
}

/// The table's rows as SQLite has them, each a list of literals, by rowid.
[[nodiscard]] inline std::string rows(const ModelDatabase& database, std::string_view sql) {
  const auto found = database.all(sql);
  REQUIRE_MESSAGE(found.ok(), why(found));
  std::string out;
  for (const SqlRow& row : *found) {
    out += out.empty() ? "" : "; ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += i == 0 ? "" : ",";
      out += sql_literal(row[i]);
    }
  }
  return out;
}

/// Why a model with these columns cannot be made; empty: it can.
[[nodiscard]] inline std::string refusal(JsonModelOptions options) {
  const auto database = make_database();
  const auto added = database->add_model(std::move(options));
  if (added.ok())
    return {};
  CHECK(added.code() == Errc::invalid_argument);
  return added.error().message;
}
[[nodiscard]] inline std::string column_refusal(Column column) {
  return refusal(items({std::move(column)}));
}

} // namespace weir::test
