// What a JsonModel holds.
//
// Purpose: shared by the sources of JsonModel alone, which each hold one concept of it. Owner: the JsonModel.
// Threading: immutable but for what says otherwise.
#pragma once

#include "engine/models/model_table.hpp"
#include "engine/models/model_writer.hpp"
#include "engine/sqlite/connections.hpp"

#include <weir/json_model.hpp>
#include <weir/json_value.hpp>
#include <weir/result.hpp>
#include <weir/sql_value.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace weir {

struct JsonModel::State {
  State(ModelDatabase& of, JsonModelOptions given, ModelTable made)
      : database(&of), options(std::move(given)), table(std::move(made)), writer(table, options) {}

  /// Stores the object; `stored`, if not null, gets it back as a get() would give it.
  Status write(const JsonModel& model, const Json& object, bool insert_only, Json* stored);
  Status write(const ModelWriter::Draft& draft, bool insert_only, Json* stored);
  /// Stores the object. Gives it back as a get() would, where that is certain without one: as ModelAccess::put().
  Result<Found> put(const JsonModel& model, Json object, bool insert_only);
  /// Its rowid.
  Result<std::int64_t> write_row(sqlite::Lease& lease, std::span<const SqlValue> row, bool insert_only);

  /// Changes the stored object; `merged_object` as `stored` of write().
  Status merge(const JsonModel& model, const Json& changes, bool upsert, Json* merged_object);
  /// ModelTable::read_stored() of the object, from the connection that writes.
  Result<Found> stored(const Json& id) const;

  ModelDatabase* database; ///< Outlives the model.
  const JsonModelOptions options;
  const ModelTable table;
  ModelWriter writer;
  const std::string select = "SELECT " + table.object_selection() + " FROM " + table.quoted();
  const std::string select_by_id = select + " WHERE " + table.id().expression + "=?1";
  const std::string remove_by_id = "DELETE FROM " + table.quoted() + " WHERE " + table.id().expression + "=?1";
};

} // namespace weir
