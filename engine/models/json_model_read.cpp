#include <weir/json_model.hpp>

#include "engine/models/json_model_state.hpp"
#include "engine/sqlite/connections.hpp"
#include "engine/text.hpp"

#include <weir/model_database.hpp>

#include <utility>

namespace weir {

namespace {

Error no_id(const ModelTable& table, const TableColumn& column) {
  return fail(Errc::invalid_argument, format("{}.{}: null is no id", table.name(), column.spec.name));
}

/// The column that `name` (empty: the id) means.
Result<const TableColumn*> column_of(const ModelTable& table, std::string_view name) {
  return name.empty() ? Result<const TableColumn*>(&table.id()) : table.need(name);
}

/// `values` as the text of a JSON list, from which SQLite reads them exactly.
Result<std::string> list_of(const ModelTable& table, const TableColumn& column, std::span<const Json> values) {
  Json list = Json::array();
  for (const Json& value : values) {
    if (value.is_null())
      return no_id(table, column);
    auto stored = table.to_sql(column, value);
    if (!stored)
      return std::move(stored).error();
    if (const auto* const integer = std::get_if<std::int64_t>(&*stored))
      list.push(*integer);
    else if (const auto* const real = std::get_if<double>(&*stored))
      list.push(*real);
    else if (const auto* const text = std::get_if<std::string>(&*stored);
             text != nullptr && text->find('\0') == std::string::npos)
      list.push(*text);
    else
      return fail(Errc::invalid_argument, format("{}.{}: no value to look for", table.name(), column.spec.name));
  }
  return list.to_text();
}

} // namespace

Result<JsonModel::Found> JsonModel::get(const Json& id, std::string_view column) const {
  const ModelTable& table = state_->table;
  const auto by = column_of(table, column);
  if (!by)
    return by.error();
  if (id.is_null())
    return no_id(table, **by);
  auto value = table.to_sql(**by, id);
  if (!value)
    return std::move(value).error();
  auto lease = state_->database->connections().read();
  if (!lease)
    return std::move(lease).error();
  auto statement = *by == &table.id() ? lease->prepare(state_->select_by_id)
                                      : lease->prepare(format("{} WHERE {}=?1 ORDER BY {} LIMIT 1", state_->select,
                                                              (*by)->expression, table.id().expression));
  if (!statement)
    return std::move(statement).error();
  bind_value(**statement, 1, *value);
  auto row = (*statement)->step();
  if (!row)
    return std::move(row).error();
  if (!*row)
    return Found();
  auto object = table.read_object(**statement);
  if (!object)
    return std::move(object).error();
  return Found(std::move(*object));
}

Result<std::vector<JsonModel::Found>> JsonModel::get_all(std::span<const Json> ids, std::string_view column) const {
  const ModelTable& table = state_->table;
  const auto by = column_of(table, column);
  if (!by)
    return by.error();
  if ((*by)->stored && !(*by)->given)
    return fail(Errc::invalid_argument,
                format("{}.{}: reads do not give this column, so objects cannot be told by it", table.name(), column));
  auto list = list_of(table, **by, ids);
  if (!list)
    return std::move(list).error();
  auto lease = state_->database->connections().read();
  if (!lease)
    return std::move(lease).error();
  // One statement, so that all objects are of one moment; the wanted ones lead, and the table is looked up for each.
  auto statement =
      lease->prepare(format("SELECT {},\"wanted\".\"key\" FROM json_each(?1) AS \"wanted\" CROSS JOIN {} "
                            "WHERE {}=\"wanted\".\"value\" ORDER BY \"wanted\".\"key\",{}",
                            table.object_selection(), table.quoted(), (*by)->expression, table.id().expression));
  if (!statement)
    return std::move(statement).error();
  (*statement)->bind(1, std::string_view(*list));
  std::vector<Found> found(ids.size());
  for (;;) {
    auto row = (*statement)->step();
    if (!row)
      return std::move(row).error();
    if (!*row)
      return found;
    Found& place = found.at((*statement)->u64(static_cast<int>(table.object_columns())));
    if (place) // another one with this value
      continue;
    auto object = table.read_object(**statement);
    if (!object)
      return std::move(object).error();
    place = std::move(*object);
  }
}

Result<std::vector<Json>> JsonModel::all() const {
  const ModelTable& table = state_->table;
  auto lease = state_->database->connections().read();
  if (!lease)
    return std::move(lease).error();
  auto statement = lease->prepare(format("{} ORDER BY {}", state_->select, table.id().expression));
  if (!statement)
    return std::move(statement).error();
  std::vector<Json> objects;
  for (;;) {
    auto row = (*statement)->step();
    if (!row)
      return std::move(row).error();
    if (!*row)
      return objects;
    auto object = table.read_object(**statement);
    if (!object)
      return std::move(object).error();
    objects.push_back(std::move(*object));
  }
}

} // namespace weir
