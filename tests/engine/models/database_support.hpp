// Small verbs for tests of model databases.
#pragma once

#include "tests/support/why.hpp"

#include <doctest/doctest.h>
#include <weir/model_database.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::test {

using Values = std::vector<SqlValue>;

[[nodiscard]] inline std::unique_ptr<ModelDatabase> make_database(ModelDatabaseOptions options = {}) {
  auto made = ModelDatabase::create(std::move(options));
  REQUIRE_MESSAGE(made.ok(), why(made));
  return std::move(*made);
}

/// The integer in the first column of the first row; -1 where there is none.
[[nodiscard]] inline std::int64_t number(const ModelDatabase& database, std::string_view sql) {
  const auto row = database.get(sql);
  REQUIRE_MESSAGE(row.ok(), why(row));
  const auto* const value = *row ? std::get_if<std::int64_t>(&(**row)[0]) : nullptr;
  return value != nullptr ? *value : -1;
}

/// The first column of all rows, as literals separated by spaces.
[[nodiscard]] inline std::string column(const ModelDatabase& database, std::string_view sql) {
  const auto rows = database.all(sql);
  REQUIRE_MESSAGE(rows.ok(), why(rows));
  std::string text;
  for (const SqlRow& row : *rows) {
    text += text.empty() ? "" : " ";
    text += sql_literal(row[0]);
  }
  return text;
}

inline void must(const Status& status) {
  REQUIRE_MESSAGE(status.ok(), why(status));
}

template <class T> [[nodiscard]] bool says(const Result<T>& result, Errc code, std::string_view part) {
  INFO(why(result));
  const bool so = result.code() == code && (code == Errc::ok || result.error().message.find(part) != std::string::npos);
  CHECK_MESSAGE(so, why(result));
  return so;
}

} // namespace weir::test
