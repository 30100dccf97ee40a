// A database in memory with one model, "items", for tests of what models read.
#pragma once

#include "tests/engine/models/model_support.hpp"
#include "tests/support/why.hpp"

#include <weir/json_model.hpp>
#include <weir/model_database.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::test {

template <class T> T must(Result<T> result) {
  REQUIRE_MESSAGE(result.ok(), why(result));
  return std::move(*result);
}

class Items {
public:
  explicit Items(std::vector<Column> columns, ModelDatabaseOptions options = {})
      : database_(must(ModelDatabase::create(std::move(options)))),
        model_(must(database_->add_model({.name = "items", .columns = std::move(columns)}))) {
    must(database_->open());
  }

  JsonModel* operator->() const { return model_; }
  JsonModel& operator*() const { return *model_; }
  ModelDatabase& database() const { return *database_; }
  void add(std::string_view object) const { must(model_->set(parsed(object), true)); }

private:
  std::unique_ptr<ModelDatabase> database_;
  JsonModel* model_;
};

/// A column of the table.
inline Column column(std::string name, ColumnType type, ColumnIndex index = ColumnIndex::none) {
  Column made;
  made.name = std::move(name);
  made.type = type;
  made.index = index;
  return made;
}

/// A virtual one.
inline Column column(std::string name, ColumnIndex index = ColumnIndex::none) {
  return column(std::move(name), ColumnType::none, index);
}

/// The members `id` of objects.
inline std::vector<std::int64_t> ids(const std::vector<Json>& items) {
  std::vector<std::int64_t> found;
  for (const Json& item : items)
    found.push_back(item["id"].integer(-1));
  return found;
}

using Ids = std::vector<std::int64_t>;

} // namespace weir::test
