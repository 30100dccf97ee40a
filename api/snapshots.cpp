#include <weir/engine.hpp>

#include "actors/engine_core.hpp"
#include "engine/callback_scope.hpp"

#include <utility>

namespace weir {

namespace {

Status may_wait_for_disk() {
  if (!CallbackScope::active())
    return {};
  return fail(Errc::invalid_argument, "snapshots wait for the disk, which a callback of an engine must not");
}

} // namespace

Status Engine::save_snapshot(std::string_view context_id, Sequence sequence, std::string_view state,
                             std::string_view schema_tag) {
  WEIR_TRY(may_wait_for_disk());
  return core_->save_snapshot(context_id, sequence, state, schema_tag);
}

Result<LoadedContext> Engine::load(std::string_view context_id, std::string_view schema_tag,
                                   ReplayOptions options) const {
  WEIR_TRY(may_wait_for_disk());
  if (options.backward || options.from > 1)
    return fail(Errc::invalid_argument, "a state is made of all events, first to last", "options");
  auto row = core_->load_snapshot(context_id, schema_tag);
  if (!row)
    return std::move(row).error();
  std::optional<Snapshot> snapshot;
  if (*row && (*row)->sequence <= options.to) { // a state as of an earlier event was asked for
    snapshot = Snapshot{(*row)->sequence, std::move((*row)->state)};
    options.from = snapshot->sequence + 1;
  }
  auto events = replay(context_id, std::move(options));
  if (!events)
    return std::move(events).error();
  return LoadedContext{std::move(snapshot), std::move(*events)};
}

Status Engine::drop_snapshot(std::string_view context_id) {
  WEIR_TRY(may_wait_for_disk());
  return core_->drop_snapshot(context_id);
}

} // namespace weir
