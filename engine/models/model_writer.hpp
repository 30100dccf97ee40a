// How an object becomes a row.
//
// Purpose: computes what a model computes, takes the real columns out of the object and writes the rest as JSON text,
// without a copy of the object where nothing in it changes. Knows no connection. Owner: JsonModel. Threading:
// thread-safe; draft() calls the service's functions, row() only `stringify` and `make_id`.
#pragma once

#include "engine/models/model_table.hpp"
#include "engine/models/text_ids.hpp"

#include <weir/json_model.hpp>
#include <weir/json_value.hpp>
#include <weir/result.hpp>
#include <weir/sql_value.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir {

class ModelWriter {
public:
  /// `table` and `options` outlive it.
  ModelWriter(const ModelTable& table, const JsonModelOptions& options);
  ModelWriter(const ModelWriter&) = delete;
  ModelWriter& operator=(const ModelWriter&) = delete;

  /// INSERT with a parameter for each value of a Row; upsert() replaces the row that has the id.
  [[nodiscard]] const std::string& insert() const noexcept { return insert_; }
  [[nodiscard]] const std::string& upsert() const noexcept { return upsert_; }
  /// The id's place in a Row.
  [[nodiscard]] std::size_t id_place() const noexcept { return id_place_; }

  /// An object on its way: as it was given, and what has been computed of it.
  class Draft {
  public:
    [[nodiscard]] const Json& object() const noexcept { return changed_ ? *changed_ : *given_; }
    /// Columns whose slug, free of others, is still to be found: their place in ModelTable::columns(), and the slug
    /// that is wanted (empty: any).
    [[nodiscard]] const std::vector<std::pair<std::size_t, std::string>>& slugs() const noexcept { return slugs_; }

  private:
    friend class ModelWriter;
    const Json* given_ = nullptr;
    std::optional<Json> changed_;
    std::vector<std::optional<Json>> computed_; ///< By place; empty if nothing is.
    std::vector<std::pair<std::size_t, std::string>> slugs_;
  };
  /// `object` outlives the draft. Errors: `invalid_argument` naming the column; `too_large`; those of the functions.
  Result<Draft> draft(const Json& object, const JsonModel& model) const;
  /// What the column has in the draft; null if that is nothing.
  [[nodiscard]] const Json& value(const Draft& draft, std::size_t column) const;
  /// Gives the column a value.
  Status assign(Draft& draft, std::size_t column, Json value) const;
  /// The row's values, the JSON text last. Errors: as draft().
  Result<std::vector<SqlValue>> row(const Draft& draft);

  /// What the JSON text of the draft's row gives when it is read. `given` is what the draft was made of.
  [[nodiscard]] Json rest_of(Draft&& draft, Json&& given) const;

  /// What the option of this name makes, or a time-based UUID.
  Result<std::string> make_id();
  /// 12 random characters, or what `make_id` makes.
  Result<std::string> random_slug();

private:
  /// A member on the way to values that are stored apart.
  struct Place {
    std::string key;
    bool taken_out = false;
    std::vector<Place> inside;
  };
  static const Place* find(const Place& place, std::string_view key) noexcept;
  static void take_out(Json& value, const Place& place);
  static void append_rest(std::string& out, const Json& value, const Place& place);
  Result<std::string> rest(const Json& value, const Place& place) const;
  [[nodiscard]] Error wrong(const TableColumn& column, std::string_view what) const;
  Status compute(Draft& draft, std::size_t column, const JsonModel& model) const;
  Result<SqlValue> stored_value(const TableColumn& column, const Json& value) const;

  const ModelTable& table_;
  const JsonModelOptions& options_;
  Place root_;
  std::vector<std::size_t> computed_; ///< Columns with a function, a default or a rule for what is not stored apart.
  std::string insert_, upsert_;
  std::size_t id_place_ = 0;
  TextIds ids_;
};

} // namespace weir
