#include "trust/crash_images/planted_runs.hpp"

#include "trust/crash_images/crash_images.hpp"
#include "trust/support/disk/planted.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

namespace weir::trust {

namespace {

struct PlantedRun {
  Planted mistake;
  const char* workload;
};

constexpr std::array planted_runs{
    PlantedRun{Planted::expectation_forgotten, "conditions"},
    PlantedRun{Planted::condition_forgotten, "conditions"},
    PlantedRun{Planted::conflict_taken_for_receipt, "conditions"},
    PlantedRun{Planted::schema_not_kept, "schemas"},
    PlantedRun{Planted::schema_overlooked, "schemas"},
    PlantedRun{Planted::retention_not_kept, "retention"},
    PlantedRun{Planted::retention_one_too_many, "retention"},
    PlantedRun{Planted::checkpoint_not_kept, "consumers"},
    PlantedRun{Planted::checkpoint_beyond, "consumers"},
    PlantedRun{Planted::acknowledgement_not_kept, "consumers"},
    PlantedRun{Planted::unasked_acknowledgement, "consumers"},
    PlantedRun{Planted::parked_not_kept, "consumers"},
    PlantedRun{Planted::snapshot_of_another, "snapshots"},
    PlantedRun{Planted::snapshot_not_kept, "snapshots"},
    PlantedRun{Planted::backup_cut_short, "backup"},
    PlantedRun{Planted::backup_without_log, "backup"},
    PlantedRun{Planted::restore_cut_short, "restore"},
};
static_assert(planted_runs.size() + 1 == static_cast<std::size_t>(Planted::count), "every mistake has its workload");

/// With only each `every`-th image.
bool is_found(const PlantedRun& run, std::uint64_t seed, std::uint64_t every) {
  const auto all = workloads();
  const auto workload = std::find_if(all.begin(), all.end(),
                                     [&](const Workload& each) { return std::string_view(each.name) == run.workload; });
  if (workload == all.end())
    throw std::runtime_error(std::string("there is no workload ") + run.workload);
  CrashPlan plan;
  plan.seed = seed;
  plan.every = every;
  plan.until_first_finding = true;
  plan.quiet = true;
  CrashCounts counts;
  planted = run.mistake;
  try {
    CrashRun(*workload, plan, counts).run();
  } catch (const std::runtime_error&) {
    // It does not do what it is for: that alone is not what must be found.
  }
  planted = Planted::none;
  return counts.findings() != 0;
}

} // namespace

std::uint64_t find_planted(std::uint64_t seed) {
  for (const PlantedRun& run : planted_runs)
    if (!is_found(run, seed, 31) && !is_found(run, seed, 5) && !is_found(run, seed, 1))
      throw std::runtime_error("planted mistake " + std::to_string(static_cast<unsigned>(run.mistake)) +
                               " is not found in the workload " + run.workload);
  return planted_runs.size();
}

} // namespace weir::trust
