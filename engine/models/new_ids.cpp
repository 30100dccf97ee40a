#include "engine/models/json_model_state.hpp"
#include "engine/models/model_access.hpp"
#include "engine/models/slug_search.hpp"

#include <utility>

namespace weir {

Result<std::string> ModelAccess::make_id(const JsonModel& model) {
  return model.state_->writer.make_id();
}

Result<std::string> ModelAccess::id_slug(const JsonModel& model, const Json& object) {
  const ModelTable& table = model.state_->table;
  const auto draft = model.state_->writer.draft(object, model);
  if (!draft)
    return draft.error();
  for (const auto& [place, wanted] : draft->slugs())
    if (&table.columns()[place] == &table.id() && !wanted.empty())
      return free_slug([&](std::string_view slug) { return model.exists(slug); }, wanted);
  return std::string();
}

} // namespace weir
