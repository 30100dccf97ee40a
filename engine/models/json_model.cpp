#include <weir/json_model.hpp>

#include "engine/models/json_model_state.hpp"
#include "engine/models/model_access.hpp"

#include <utility>

namespace weir {

JsonModel::JsonModel(std::unique_ptr<State> state) : state_(std::move(state)) {
}

JsonModel::~JsonModel() = default;

const std::string& JsonModel::name() const noexcept {
  return state_->options.name;
}

const std::string& JsonModel::id_column() const noexcept {
  return state_->options.id_column;
}

ModelDatabase& JsonModel::database() noexcept {
  return *state_->database;
}

const ModelDatabase& JsonModel::database() const noexcept {
  return *state_->database;
}

const JsonModelOptions& JsonModel::options() const noexcept {
  return state_->options;
}

Result<std::unique_ptr<JsonModel>> ModelAccess::make(ModelDatabase& database, JsonModelOptions options) {
  auto table = ModelTable::make(options);
  if (!table)
    return std::move(table).error();
  return std::unique_ptr<JsonModel>(
      new JsonModel(std::make_unique<JsonModel::State>(database, std::move(options), std::move(*table))));
}

std::vector<Migration> ModelAccess::migrations(const JsonModel& model) {
  std::vector<Migration> migrations = model.state_->table.migrations();
  const auto& own = model.state_->options.migrations;
  migrations.insert(migrations.end(), own.begin(), own.end());
  return migrations;
}

} // namespace weir
