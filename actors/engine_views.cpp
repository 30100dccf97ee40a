// Remembered queries: their names in the catalog, and answers that go on from the last.
#include "actors/engine_views.hpp"

#include "actors/engine_core.hpp"
#include "engine/callback_scope.hpp"
#include "engine/kill_point.hpp"
#include "engine/sabotage.hpp"

#include <utility>

namespace weir {

namespace {

Error from_callback() {
  return fail(Errc::invalid_argument, "names of views are given by a thread that a callback would keep waiting");
}

} // namespace

Status remember_view(EngineParts& parts, const std::string& name, const Query& query) {
  bool known = false;
  WEIR_TRY(parts.views.check(name, query, known));
  if (known)
    return {};
  kill_point("views.before_remember");
  if (!sabotaged(Sabotage::remember_in_memory_only))
    WEIR_TRY(parts.catalog->add_view({name, to_text(query)}));
  kill_point("views.after_remember");
  parts.views.add(name, query);
  return {};
}

Status forget_view(EngineParts& parts, const std::string& name) {
  if (auto view = parts.views.find(name); !view)
    return std::move(view).error();
  kill_point("views.before_forget");
  if (!sabotaged(Sabotage::forget_in_memory_only))
    WEIR_TRY(parts.catalog->remove_view(name));
  kill_point("views.after_forget");
  parts.views.remove(name);
  return {};
}

Result<QueryResult> show_view(EngineParts& parts, const std::string& name, ViewBook::View view, const TakeViews& take,
                              const Querier& querier, const QueryRun& run) {
  ViewMoment moment;
  moment.schema_changes = parts.schemas.changes();
  moment.synced_below = parts.queue->watermark();
  auto shards = take();
  if (!shards)
    return std::move(shards).error();
  moment.shards = *shards;
  const auto leftovers = std::make_shared<query::Leftovers>();
  query::QueryControl control = querier.control(run);
  control.leftovers = leftovers.get();
  auto answer = ViewState::answer(
      view.query, view.state, moment,
      [&](const Query& plan, std::span<const ShardView> all, const query::QueryControl& bounded) {
        return querier.gather(plan, {all.begin(), all.end()}, bounded, run.cancel);
      },
      control);
  // What the view kept before goes along: nobody may need it any more.
  leftovers->add(std::move(view.state));
  if (!answer) {
    querier.free_later(leftovers, UINT64_MAX); // who knows how much was gathered
    return std::move(answer).error();
  }
  leftovers->add(answer->state);
  const std::uint64_t bytes = answer->state->bytes();
  parts.views.keep(name, view.text, std::move(answer->state));
  querier.free_later(leftovers, bytes);
  return std::move(answer->result);
}

Status EngineCore::remember(const std::string& name, const Query& query) {
  if (CallbackScope::active())
    return from_callback();
  const Door::Inside inside(door_);
  if (!inside || closed())
    return closing_error();
  // Checked in the lane, where names are given and taken one after the other.
  return in_flush_lane([this, name, query] { return remember_view(parts_, name, query); });
}

Status EngineCore::forget(const std::string& name) {
  if (CallbackScope::active())
    return from_callback();
  const Door::Inside inside(door_);
  if (!inside || closed())
    return closing_error();
  return in_flush_lane([this, name] { return forget_view(parts_, name); });
}

Result<QueryResult> EngineCore::show(const std::string& name, const QueryRun& run) {
  auto view = parts_.views.find(name);
  if (!view)
    return std::move(view).error();
  if (run.as_stored || run.allow_partial) // such answers are none to go on from
    return query(view->query, run);
  return show_view(
      parts_, name, *std::move(view), [this] { return views(false); }, querier(), run);
}

} // namespace weir
