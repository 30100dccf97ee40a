#include "actors/backup_manifest.hpp"
#include "actors/engine_core.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"
#include "engine/validate.hpp"

#include <utility>

namespace weir {

namespace {

const std::string snapshot_file = "snapshots.db";

Status check_names(std::string_view context_id, std::string_view schema_tag) {
  WEIR_TRY(validate_context_id(context_id));
  return validate_name("schema_tag", schema_tag, limits::schema_tag_bytes_max);
}

} // namespace

void EngineCore::make_snapshots() {
  // All of it dies before this core does.
  parts_.snapshots = std::make_unique<Snapshots>(
      std::make_unique<SnapshotFile>(*parts_.fs, snapshot_file, parts_.directory_seed),
      [this] { return parts_.executor->make_lane(io::LaneKind::dedicated, "weir-snapshots"); },
      [this](std::string_view context_id, Sequence sequence) { return position_of(context_id, sequence); },
      [this](std::string what) { warn(std::move(what)); });
  parts_.databases.push_back(
      {.number = backup_snapshots, .copy = [this](io::FileSystem& to, const std::string& path, const auto& may_go_on) {
         return parts_.snapshots->copy_to(to, path, may_go_on);
       }});
}

Result<std::optional<Position>> EngineCore::position_of(std::string_view context_id, Sequence sequence) const {
  const auto shard = view(shard_of(context_id));
  if (!shard)
    return shard.error();
  const auto mark = find_mark(*shard, context_id);
  if (!mark)
    return mark.error();
  // Removed, though it may still take space.
  if (sequence < mark->first_live && !sabotaged(Sabotage::believe_snapshot_of_removed))
    return std::optional<Position>();
  EventBatch batch;
  const auto more = read_context(*shard, context_id, {.from = sequence, .to = sequence}, {.events_max = 1}, batch);
  if (!more)
    return more.error();
  return batch.empty() ? std::optional<Position>() : batch[0].position;
}

Status EngineCore::save_snapshot(std::string_view context_id, Sequence sequence, std::string_view state,
                                 std::string_view schema_tag) {
  WEIR_TRY(check_names(context_id, schema_tag));
  if (sequence == 0)
    return fail(Errc::invalid_argument, "a snapshot stands on an event; sequences begin at 1", "sequence");
  if (state.size() > parts_.options.snapshot_bytes_max)
    return fail(Errc::too_large,
                format("the state has {} bytes, at most {} are allowed (snapshot_bytes_max)", state.size(),
                       parts_.options.snapshot_bytes_max),
                "state");
  const Door::Inside inside(door_);
  if (!inside || closed())
    return closing_error();
  if (parts_.guard->low())
    return fail(Errc::disk_full, "no snapshots are saved while disk space is below the reserve");
  return parts_.snapshots->save(context_id, sequence, state, schema_tag);
}

Result<std::optional<SnapshotRow>> EngineCore::load_snapshot(std::string_view context_id, std::string_view schema_tag) {
  WEIR_TRY(check_names(context_id, schema_tag));
  const Door::Inside inside(door_);
  if (!inside || closed())
    return closing_error();
  return parts_.snapshots->load(context_id, schema_tag);
}

Status EngineCore::drop_snapshot(std::string_view context_id) {
  WEIR_TRY(validate_context_id(context_id));
  const Door::Inside inside(door_);
  if (!inside || closed())
    return closing_error();
  return parts_.snapshots->remove(context_id);
}

} // namespace weir
