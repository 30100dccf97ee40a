// JsonModel: finding objects.
#include "engine/models/json_model_state.hpp"
#include "engine/models/run_search.hpp"

#include <weir/model_database.hpp>

namespace weir {

Result<SearchResult> JsonModel::search(const Json& attributes, const SearchOptions& options) const {
  return run_search(state_->table, state_->database->connections(), attributes, options, Cursors::both);
}

Result<std::vector<Json>> JsonModel::search_all(const Json& attributes, const SearchOptions& options) const {
  SearchOptions items_only = options;
  items_only.no_cursor = true;
  items_only.no_total = true;
  auto found = search(attributes, items_only);
  if (!found)
    return std::move(found).error();
  return std::move(found->items);
}

Result<JsonModel::Found> JsonModel::search_one(const Json& attributes, const SearchOptions& options) const {
  SearchOptions first = options;
  first.limit = 1;
  auto items = search_all(attributes, first);
  if (!items)
    return std::move(items).error();
  return items->empty() ? Found() : Found(std::move(items->front()));
}

Result<bool> JsonModel::exists(const Json& id_or_attributes) const {
  const bool by_id = !id_or_attributes.is_object() && !id_or_attributes.is_null();
  const auto select = SelectText::make(
      state_->table, by_id ? Json::object({{state_->table.id().spec.name, id_or_attributes}}) : id_or_attributes, {});
  if (!select)
    return select.error();
  auto lease = state_->database->connections().read();
  if (!lease)
    return std::move(lease).error();
  const auto found = first_value(*lease, select->any());
  if (!found)
    return found.error();
  return found->has_value();
}

} // namespace weir
