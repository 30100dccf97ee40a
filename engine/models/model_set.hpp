// The models of a projection: their definitions, checked, and who is interested in which events.
//
// Purpose: what every event is looked up in. Owner: the Projection. Threading: immutable once made. Invariants: models
// are in the order of their definitions, everywhere.
#pragma once

#include "engine/models/es_events.hpp"

#include <weir/event_sourcing.hpp>
#include <weir/model_database.hpp>
#include <weir/result.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir {

struct ModelEntry {
  ModelDefinition definition;
  JsonModel* model = nullptr;
  std::optional<EsRules> rules; ///< Of event-sourced models.

  [[nodiscard]] const std::string& name() const noexcept { return definition.model.name; }
};

class ModelSet {
public:
  /// Errors: `invalid_argument` naming the model, for definitions that can do nothing, names that are taken or weir's
  /// own, and types that no event can have.
  static Status check(std::span<const ModelDefinition> definitions);
  /// Precondition: check() passed and the models were added to `database`, which outlives the set; otherwise
  /// `invalid_argument`.
  static Result<std::unique_ptr<ModelSet>> make(ModelDatabase& database, std::span<const ModelDefinition> definitions);

  /// Whether no function of the service's is called for any event: a step of these models takes no longer than SQLite
  /// does, and changes at most one row for an event, with one statement.
  static bool calls_no_function(std::span<const ModelDefinition> definitions);
  [[nodiscard]] bool calls_no_function() const noexcept { return calls_no_function_; }

  [[nodiscard]] const ModelEntry& operator[](std::size_t index) const { return entries_[index]; }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  /// The models whose functions see events of this type, in order.
  [[nodiscard]] std::span<const std::size_t> interested(std::string_view type) const;
  /// Null if there is no event-sourced model of this name.
  [[nodiscard]] const ModelEntry* find(std::string_view name) const noexcept;
  /// Any model of the database, as functions reach it; null if there is none.
  [[nodiscard]] JsonModel* model(std::string_view name) const noexcept;

private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };

  explicit ModelSet(ModelDatabase& database) : database_(&database) {}

  ModelDatabase* database_;
  std::vector<ModelEntry> entries_;
  std::unordered_map<std::string, std::vector<std::size_t>, TextHash, std::equal_to<>> by_type_;
  std::vector<std::size_t> others_; // those interested in every type
  bool calls_no_function_ = false;
};

} // namespace weir
