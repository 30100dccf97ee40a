#include <weir/fold.hpp>

namespace weir {

ModelDefinition Fold::definition() && {
  ModelDefinition definition;
  definition.model = std::move(model_);
  definition.event_sourced = false;
  for (const auto& [type, handlers] : handlers_)
    definition.types.push_back(type);
  if (!handlers_.empty())
    definition.derive = [handlers = std::move(handlers_)](const ModelEvent& event, DeriveContext& context) -> Status {
      if (const auto found = handlers.find(event.type); found != handlers.end())
        for (const Handler& handler : found->second)
          WEIR_TRY(handler(event, context));
      return {};
    };
  return definition;
}

} // namespace weir
