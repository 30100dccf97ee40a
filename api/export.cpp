#include <weir/export.hpp>

#include "actors/engine_core.hpp"
#include "engine/guarded_call.hpp"
#include "engine/sabotage.hpp"

#include <weir/engine.hpp>

namespace weir {

namespace {

Status export_context(const Engine& engine, std::string_view context_id, const ExportFilter& filter,
                      const std::function<Status(const EventView&)>& visit) {
  ReplayOptions options;
  options.types = filter.types;
  options.as_stored = true; // data moves as it is; whoever takes it in has upcasters of its own
  auto stream = engine.replay(context_id, options);
  if (!stream)
    return std::move(stream).error();
  while (true) {
    const auto batch = stream->next();
    if (!batch)
      return batch.error();
    if (batch->empty())
      return {};
    for (const EventView& event : *batch) {
      if (sabotaged(Sabotage::export_drops_row) && event.sequence == 2)
        continue;
      if ((!filter.from || event.timestamp >= *filter.from) && (!filter.to || event.timestamp < *filter.to))
        WEIR_TRY(guarded_call("the visitor", [&] { return visit(event); }));
    }
  }
}

} // namespace

Status export_events(const Engine& engine, const ExportFilter& filter,
                     const std::function<Status(const EventView&)>& visit) {
  if (filter.context_id)
    return filter.context_id->starts_with(filter.context_prefix)
               ? export_context(engine, *filter.context_id, filter, visit)
               : Status();
  return engine.core()->walk_contexts(filter.context_prefix, [&](std::string_view context_id) {
    return export_context(engine, context_id, filter, visit);
  });
}

} // namespace weir
