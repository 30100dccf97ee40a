#include "trust/support/disk/plain_snapshots.hpp"

#include "engine/hash.hpp"
#include "engine/shard_view.hpp"

#include <utility>

namespace weir::trust {

namespace {

/// Where one thread plays all parts, whoever waits for a lane does its work.
class LaneAtOnce final : public io::Lane {
public:
  void post(Job job) override { job(); }
  void post_after(std::chrono::nanoseconds, Job job) override { job(); }
};

/// As EngineCore::position_of.
Result<std::optional<Position>> position_in(PlainEngine& engine, std::string_view context_id, Sequence sequence) {
  const ShardView view = engine.shard(engine.parts.router->shard_of(context_id)).table->view();
  const auto mark = find_mark(view, context_id);
  if (!mark)
    return mark.error();
  if (sequence < mark->first_live)
    return std::optional<Position>();
  EventBatch batch;
  const auto more = read_context(view, context_id, {.from = sequence, .to = sequence}, {.events_max = 1}, batch);
  if (!more)
    return more.error();
  return batch.empty() ? std::optional<Position>() : batch[0].position;
}

} // namespace

std::unique_ptr<Snapshots> make_plain_snapshots(PlainEngine& engine) {
  return std::make_unique<Snapshots>(
      std::make_unique<SnapshotFile>(*engine.parts.fs, "snapshots.db", engine.parts.directory_seed),
      [] { return std::make_shared<LaneAtOnce>(); },
      [&engine](std::string_view context_id, Sequence sequence) { return position_in(engine, context_id, sequence); },
      [&engine](std::string what) { engine.parts.health.warn(std::move(what)); });
}

std::string snapshot_state(const Rows& rows, Sequence sequence) {
  std::uint64_t hash = 0;
  for (Sequence i = 0; i < sequence; ++i)
    hash = hash64(rows[i].payload, hash);
  return std::to_string(sequence) + " " + std::to_string(hash) + std::string(200, '.');
}

} // namespace weir::trust
