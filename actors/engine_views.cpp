// Remembered queries: their names in the catalog, and answers that go on from the last.
#include "actors/engine_core.hpp"
#include "engine/callback_scope.hpp"

#include <utility>

namespace weir {

namespace {

Error from_callback() {
  return fail(Errc::invalid_argument, "names of views are given by a thread that a callback would keep waiting");
}

} // namespace

Status EngineCore::remember(const std::string& name, const Query& query) {
  if (CallbackScope::active())
    return from_callback();
  const Door::Inside inside(door_);
  if (!inside || closed())
    return closing_error();
  // Checked in the lane, where names are given and taken one after the other.
  return in_flush_lane([this, name, query]() -> Status {
    bool known = false;
    WEIR_TRY(parts_.views.check(name, query, known));
    if (known)
      return {};
    WEIR_TRY(parts_.catalog->add_view({name, to_text(query)}));
    parts_.views.add(name, query);
    return {};
  });
}

Status EngineCore::forget(const std::string& name) {
  if (CallbackScope::active())
    return from_callback();
  const Door::Inside inside(door_);
  if (!inside || closed())
    return closing_error();
  return in_flush_lane([this, name]() -> Status {
    if (auto view = parts_.views.find(name); !view)
      return std::move(view).error();
    WEIR_TRY(parts_.catalog->remove_view(name));
    parts_.views.remove(name);
    return {};
  });
}

Result<QueryResult> EngineCore::show(const std::string& name, const QueryRun& run) {
  auto view = parts_.views.find(name);
  if (!view)
    return std::move(view).error();
  if (run.as_stored || run.allow_partial) // such answers are none to go on from
    return query(view->query, run);
  ViewMoment moment;
  moment.schema_changes = parts_.schemas.changes();
  moment.synced_below = parts_.queue->watermark();
  auto shards = views(false);
  if (!shards)
    return std::move(shards).error();
  moment.shards = *shards;
  const Querier asked = querier();
  const auto leftovers = std::make_shared<query::Leftovers>();
  query::QueryControl control = asked.control(run);
  control.leftovers = leftovers.get();
  auto answer = ViewState::answer(
      view->query, view->state, moment,
      [&](const Query& plan, std::span<const ShardView> all, const query::QueryControl& bounded) {
        return asked.gather(plan, {all.begin(), all.end()}, bounded, run.cancel);
      },
      control);
  // What the view kept before goes along: nobody may need it any more.
  leftovers->add(view->state);
  if (!answer) {
    asked.free_later(leftovers, UINT64_MAX); // who knows how much was gathered
    return std::move(answer).error();
  }
  leftovers->add(answer->state);
  const std::uint64_t bytes = answer->state->bytes();
  parts_.views.keep(name, view->text, std::move(answer->state));
  view->state.reset();
  asked.free_later(leftovers, bytes);
  return std::move(answer->result);
}

} // namespace weir
