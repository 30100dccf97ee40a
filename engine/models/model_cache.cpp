// ModelCache, and what JsonModel does with one.
#include "engine/models/cursor.hpp"
#include "engine/models/json_model_state.hpp"

#include <weir/model_database.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

namespace weir {
namespace {

constexpr std::size_t batch_ids_max = 100;

// What the objects of one column are found by.
Result<std::string> key_of(const ModelTable& table, std::string_view column, const Json& id) {
  const auto found = table.need(column);
  if (!found)
    return found.error();
  const auto value = table.to_sql(**found, id);
  if (!value)
    return value.error();
  std::string key;
  append_value(key, *value);
  return key;
}

} // namespace

struct ModelCache::State {
  using Objects = std::unordered_map<std::string, JsonModel::Found>; // By the encoding of the value that was asked for.
  // By database and model, then by column: names, because an address may be another model's tomorrow.
  std::map<std::pair<std::string, std::string>, std::map<std::string, Objects, std::less<>>> models;

  Objects& objects(const JsonModel& model, std::string_view column) {
    auto& columns = models[{model.database().name(), model.name()}];
    const auto found = columns.find(column);
    return found != columns.end() ? found->second : columns[std::string(column)];
  }
};

ModelCache::ModelCache() : state_(std::make_unique<State>()) {
}
ModelCache::~ModelCache() = default;
ModelCache::ModelCache(ModelCache&&) noexcept = default;
ModelCache& ModelCache::operator=(ModelCache&&) noexcept = default;

Result<JsonModel::Found> JsonModel::get_cached(ModelCache& cache, const Json& id, std::string_view column,
                                               std::span<const Json> prefetch) const {
  if (id.is_null())
    return get(id, column); // The error.
  const std::string_view by = column.empty() ? std::string_view(id_column()) : column;
  auto key = key_of(state_->table, by, id);
  if (!key)
    return std::move(key).error();
  ModelCache::State::Objects& objects = cache.state_->objects(*this, by);
  if (const auto found = objects.find(*key); found != objects.end())
    return found->second;

  std::vector<Json> ids{id};
  std::vector<std::string> keys{*key};
  std::set<std::string> seen{*key};
  for (const Json& other : prefetch) {
    if (other.is_null())
      continue;
    auto other_key = key_of(state_->table, by, other);
    if (!other_key)
      return std::move(other_key).error();
    if (objects.contains(*other_key) || !seen.insert(*other_key).second)
      continue;
    ids.push_back(other);
    keys.push_back(std::move(*other_key));
  }
  for (std::size_t at = 0; at < ids.size(); at += batch_ids_max) {
    const std::size_t count = std::min(batch_ids_max, ids.size() - at);
    auto loaded = get_all(std::span(ids).subspan(at, count), column);
    if (!loaded)
      return std::move(loaded).error();
    for (std::size_t i = 0; i < count; ++i)
      objects.insert_or_assign(std::move(keys[at + i]), std::move((*loaded)[i]));
  }
  return objects.at(*key);
}

void JsonModel::clear_cache(ModelCache& cache, const Json& id, std::string_view column) const {
  const auto model = cache.state_->models.find({database().name(), name()});
  if (model == cache.state_->models.end())
    return;
  if (id.is_null() && column.empty()) {
    cache.state_->models.erase(model);
    return;
  }
  const std::string_view by = column.empty() ? std::string_view(id_column()) : column;
  const auto objects = model->second.find(by);
  if (objects == model->second.end())
    return;
  if (id.is_null())
    model->second.erase(objects);
  else if (const auto key = key_of(state_->table, by, id))
    objects->second.erase(*key);
}

void JsonModel::prime_cache(ModelCache& cache, const Json& id, Found object, std::string_view column) const {
  const std::string_view by = column.empty() ? std::string_view(id_column()) : column;
  if (auto key = key_of(state_->table, by, id); key && !id.is_null())
    cache.state_->objects(*this, by).insert_or_assign(std::move(*key), std::move(object));
}

} // namespace weir
