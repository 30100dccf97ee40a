#include "engine/models/model_set.hpp"

#include "engine/text.hpp"
#include "engine/validate.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace weir {

namespace {

bool has_functions(const ModelDefinition& definition) {
  return definition.preprocess || definition.reduce || definition.derive || definition.transact;
}

bool calls_none(const ModelDefinition& definition) {
  return definition.event_sourced && !has_functions(definition) && !definition.apply && !definition.model.make_id &&
         std::ranges::none_of(definition.model.columns, [](const Column& column) {
           return column.value || column.slug_value || column.parse || column.stringify || column.where_values;
         });
}

Error wrong(std::string_view model, std::string_view what) {
  return fail(Errc::invalid_argument, format("model '{}': {}", model, what));
}

Status check_type(std::string_view model, std::string_view type) {
  if (const Status checked = validate_event_type(type); !checked)
    return wrong(model, format("no event can have the type '{}': {}", type, checked.error().message));
  return {};
}

} // namespace

Status ModelSet::check(std::span<const ModelDefinition> definitions) {
  std::set<std::string_view> names;
  for (const ModelDefinition& definition : definitions) {
    const std::string& name = definition.model.name;
    if (name.starts_with("weir_"))
      return wrong(name, "names that begin with weir_ are taken");
    if (!names.insert(name).second)
      return wrong(name, "is defined twice");
    if (!definition.event_sourced && !has_functions(definition))
      return wrong(name, "it is not event-sourced and has none of preprocess, reduce, derive, transact, so that it "
                         "would stay empty");
    if (definition.event_sourced) {
      WEIR_TRY(check_type(name, es_type(name)));
      if (id_key(definition.model).find('.') != std::string::npos)
        return wrong(name, "the id of an event-sourced model is at the top of its objects");
    }
    if (definition.init)
      WEIR_TRY(check_type(name, es_init_type(name)));
    for (const std::string& type : definition.types)
      WEIR_TRY(check_type(name, type));
  }
  return {};
}

bool ModelSet::calls_no_function(std::span<const ModelDefinition> definitions) {
  return std::ranges::all_of(definitions, calls_none);
}

Result<std::unique_ptr<ModelSet>> ModelSet::make(ModelDatabase& database,
                                                 std::span<const ModelDefinition> definitions) {
  WEIR_TRY(check(definitions));
  auto made = std::unique_ptr<ModelSet>(new ModelSet(database));
  made->calls_no_function_ = calls_no_function(definitions);
  for (const ModelDefinition& definition : definitions) {
    ModelEntry& entry = made->entries_.emplace_back();
    entry.definition = definition;
    entry.model = database.model(definition.model.name);
    if (entry.model == nullptr)
      return wrong(entry.name(), "was not added to the database");
    if (definition.event_sourced)
      entry.rules.emplace(*entry.model);
    for (const std::string& type : definition.types)
      made->by_type_.try_emplace(type);
    if (definition.event_sourced)
      made->by_type_.try_emplace(entry.rules->type());
  }

  for (std::size_t i = 0; i < made->size(); ++i) {
    const ModelEntry& entry = made->entries_[i];
    const std::set<std::string_view> types(entry.definition.types.begin(), entry.definition.types.end());
    const bool any = has_functions(entry.definition) && types.empty();
    if (any)
      made->others_.push_back(i);
    for (auto& [type, interested] : made->by_type_)
      if (any || (has_functions(entry.definition) && types.contains(type)) ||
          (entry.rules && entry.rules->type() == type))
        interested.push_back(i);
  }
  return made;
}

std::span<const std::size_t> ModelSet::interested(std::string_view type) const {
  const auto found = by_type_.find(type);
  return found == by_type_.end() ? others_ : found->second;
}

const ModelEntry* ModelSet::find(std::string_view name) const noexcept {
  for (const ModelEntry& entry : entries_)
    if (entry.name() == name)
      return entry.rules ? &entry : nullptr;
  return nullptr;
}

JsonModel* ModelSet::model(std::string_view name) const noexcept {
  for (const ModelEntry& entry : entries_)
    if (entry.name() == name)
      return entry.model;
  return database_->model(name);
}

} // namespace weir
