// One schedule: a life of an engine, or several, every step of which a seed has chosen.
#pragma once

#include "trust/simulation/clients.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace weir::trust {

/// What a schedule came to, in figures that can be added up.
struct Tally {
  std::uint64_t messages = 0; ///< Delivered by the coordinator.
  std::uint64_t stores = 0, flushes = 0, replays = 0, queries = 0, together = 0, conditions = 0, queue_reads = 0;
  std::uint64_t deliveries = 0, acks = 0, checkpoints = 0, waits = 0, waited_for = 0, snapshots_saved = 0,
                snapshots_given = 0, removals = 0;
  std::uint64_t retention_runs = 0, retention_resumed = 0, retention_truncated = 0;
  std::uint64_t schemas_defined = 0, schemas_refused = 0, schema_violations = 0, schema_judged = 0;
  std::uint64_t backups = 0, backups_upon_others = 0, backups_refused = 0, backups_restored = 0;
  std::uint64_t crash_restarts = 0; ///< By power cut or kill, and opened again.
  std::uint64_t clean_restarts = 0;
  std::uint64_t actor_deaths = 0;
  std::uint64_t faults = 0; ///< Disks that began to fail or were full.
  void add(const Tally& other) noexcept;
  /// What they have asked for.
  void add(const Clients& clients) noexcept;
};

/// Those of a small engine, in which everything is soon full.
[[nodiscard]] EngineOptions random_options(Chance& chance);

/// Plays the schedule of `seed` to its end. Throws Broken (Stuck). `lines`, if given, gets what happens. Returns the
/// hash of the order of deliveries; `tally` is right also when it throws.
std::uint64_t play(std::uint64_t seed, Mistake mistake, Tally& tally, std::vector<std::string>* lines = nullptr);

} // namespace weir::trust
