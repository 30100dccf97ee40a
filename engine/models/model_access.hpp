// The seam between a ModelDatabase and the models in it.
//
// Purpose: a database makes models and runs their migrations without knowing how they are built. Owner: ModelDatabase
// owns what make() returns. Threading: as JsonModel.
#pragma once

#include <weir/json_model.hpp>
#include <weir/json_value.hpp>
#include <weir/result.hpp>

#include <memory>
#include <string>
#include <vector>

namespace weir {

class ModelDatabase;

class ModelAccess {
public:
  /// A model that reads and writes through `database`, which outlives it; nothing is read or written here. Errors:
  /// `invalid_argument` naming model and column.
  static Result<std::unique_ptr<JsonModel>> make(ModelDatabase& database, JsonModelOptions options);
  /// Those of its table, columns and indexes, then those of its options, all of one group with the model's name.
  static std::vector<Migration> migrations(const JsonModel& model);

  // For event-sourced models, whose ids are settled before the object is written.
  /// As JsonModel::set(), but that it asks SQLite for nothing: nothing where only SQLite knows what a get() would give.
  /// Precondition: the database has no trigger.
  static Result<JsonModel::Found> put(JsonModel& model, Json object, bool insert_only);
  /// A text id as a new object gets one. Errors: those of JsonModelOptions::make_id.
  static Result<std::string> make_id(const JsonModel& model);
  /// The slug of the id column that no object has as far as this thread sees; empty if there is nothing to make it of.
  /// Precondition: the id column has `slug_value`. Errors: as JsonModel::set().
  static Result<std::string> id_slug(const JsonModel& model, const Json& object);
};

} // namespace weir
