// What schedules begin with and what is added up at their ends.
#include "trust/simulation/schedule.hpp"

#include "trust/support/disk/plain_engine.hpp"

#include <chrono>

namespace weir::trust {

EngineOptions random_options(Chance& chance) {
  EngineOptions options = PlainEngine::small_options(static_cast<std::uint32_t>(1 + chance.pick(4)));
  options.durability =
      chance.any_of({Durability::synced, Durability::synced, Durability::written, Durability::buffered});
  options.sync_interval_ms = std::chrono::milliseconds(chance.any_of({1, 100}));
  options.unsealed_bytes_max = chance.any_of({64 * KiB, 64 * KiB, 256 * KiB, 4 * MiB});
  options.wal_file_bytes = chance.any_of({8 * KiB, 8 * KiB, 16 * KiB, 64 * KiB});
  options.segment_bytes_max = chance.any_of({std::uint64_t{0}, 8 * KiB, 512 * MiB});
  options.block_cache_bytes = chance.any_of({std::uint64_t{0}, 256 * KiB});
  options.context_cache_entries = chance.any_of<std::size_t>({1, 4, 1'000});
  options.disk_reserve_bytes = chance.any_of({std::uint64_t{0}, 1 * MiB});
  options.read_threads = 1 + chance.pick(2);
  if (chance.one_in(2)) {
    options.inbox_commands_max = 1 + chance.pick(4);
    options.inbox_parked_max = chance.pick(6);
  }
  if (chance.one_in(4))
    options.inbox_bytes_max = 1 + chance.pick(1'000);
  return options;
}

void Tally::add(const Tally& other) noexcept {
  messages += other.messages;
  stores += other.stores;
  flushes += other.flushes;
  replays += other.replays;
  queries += other.queries;
  together += other.together;
  conditions += other.conditions;
  queue_reads += other.queue_reads;
  deliveries += other.deliveries;
  acks += other.acks;
  checkpoints += other.checkpoints;
  waits += other.waits;
  waited_for += other.waited_for;
  snapshots_saved += other.snapshots_saved;
  snapshots_given += other.snapshots_given;
  removals += other.removals;
  retention_runs += other.retention_runs;
  retention_resumed += other.retention_resumed;
  retention_truncated += other.retention_truncated;
  schemas_defined += other.schemas_defined;
  schemas_refused += other.schemas_refused;
  schema_violations += other.schema_violations;
  schema_judged += other.schema_judged;
  backups += other.backups;
  backups_upon_others += other.backups_upon_others;
  backups_refused += other.backups_refused;
  backups_restored += other.backups_restored;
  crash_restarts += other.crash_restarts;
  clean_restarts += other.clean_restarts;
  actor_deaths += other.actor_deaths;
  faults += other.faults;
}

void Tally::add(const Clients& clients) noexcept {
  stores += clients.counts().stores;
  flushes += clients.counts().flushes;
  replays += clients.counts().replays;
  queries += clients.counts().queries;
  together += clients.counts().together;
  conditions += clients.counts().conditions;
  queue_reads += clients.counts().queue_reads;
  deliveries += clients.consumers().counts().deliveries;
  acks += clients.consumers().counts().acks;
  checkpoints += clients.consumers().counts().checkpoints;
  waits += clients.consumers().counts().waits;
  waited_for += clients.consumers().counts().waited_for;
  snapshots_saved += clients.snapshots().counts().saved;
  snapshots_given += clients.snapshots().counts().found;
  removals += clients.removals().asked();
  retention_runs += clients.retention().counts().runs;
  retention_resumed += clients.retention().counts().resumed;
  retention_truncated += clients.retention().counts().truncated;
  schemas_defined += clients.schemas().counts().defined;
  schemas_refused += clients.schemas().counts().not_defined;
  schema_violations += clients.schemas().counts().violations;
  schema_judged += clients.schemas().counts().judged;
  backups += clients.backups().counts().made;
  backups_upon_others += clients.backups().counts().upon_others;
  backups_refused += clients.backups().counts().refused;
  backups_restored += clients.backups().counts().restored;
}

} // namespace weir::trust
