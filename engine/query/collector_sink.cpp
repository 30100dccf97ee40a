#include "engine/query/collector_sink.hpp"

#include <algorithm>

namespace weir::query {

ScanTarget target_of(const CompiledQuery& query) {
  ScanTarget target{query.fields, query.predicate};
  target.columns = query.needed_columns;
  target.by_position = query.stops_early();
  target.counts_only = query.counts_only();
  target.ties_by_position = query.ties_by_position();
  const auto add = [&](std::size_t slot) {
    if (std::find(target.slots.begin(), target.slots.end(), slot) == target.slots.end())
      target.slots.push_back(slot);
  };
  std::for_each(query.outputs.begin(), query.outputs.end(), add);
  std::for_each(query.group_slots.begin(), query.group_slots.end(), add);
  if (query.per)
    add(query.per->slot);
  for (const CompiledQuery::StateSpec& state : query.states)
    if (state.kind != CompiledQuery::StateSpec::Kind::count)
      add(state.slot);
  if (!query.grouped()) // groups are ordered by columns of the result
    for (const CompiledQuery::OrderKey& key : query.order)
      add(key.source);
  return target;
}

} // namespace weir::query
