// What a projection's database says of its own models, for programs that do not have the service's functions.
//
// Purpose: a table weir_models with the options of each model as plain data, so that models can be listed, searched
// and, where no function makes their rows, made anew by the weir program. Owner: the EventSourcingDB writes it whenever
// it opens its database. Threading: as the database. Invariants: read back and written again it is the same text.
#pragma once

#include <weir/event_sourcing.hpp>
#include <weir/json_model.hpp>
#include <weir/model_database.hpp>
#include <weir/result.hpp>

#include <span>
#include <string>
#include <vector>

namespace weir {

struct CataloguedModel {
  JsonModelOptions options{}; ///< All but functions and migrations; a `where` whose values a function makes goes too.
  bool event_sourced = true;
  /// What is only in the service's program: "reduce", "migrations", or "total.value" of a column.
  std::vector<std::string> functions{};

  [[nodiscard]] bool has_functions() const noexcept { return !functions.empty(); }
};

/// Puts `models` in the place of what the table says, unless it says just that. Makes the table if need be. Errors:
/// those of the database.
Status write_model_catalog(ModelDatabase& database, std::span<const ModelDefinition> models);

/// By name. Errors: `not_found` if there is no such table, `corruption` naming the model, those of the database.
Result<std::vector<CataloguedModel>> read_model_catalog(const ModelDatabase& database);

} // namespace weir
