// The stage crash_images: a crash before every call of every workload.
#include "tests/support/sanitized.hpp"
#include "trust/crash_images/crash_images.hpp"
#include "trust/crash_images/planted_runs.hpp"

#include <cstdio>
#include <string>

namespace weir::trust {

namespace {

StageCounts run(const StageOptions& options) {
  CrashPlan plan;
  plan.seed = options.seed;
  plan.only = options.only;
  plan.variants = options.full ? 3 : 1;
  plan.random_subsets = options.full ? 64 : 2;
  plan.every = options.full ? 1 : test::sanitized ? 61 : 31;
  plan.second_every = options.full ? 64 : 40;
  plan.kills_again = options.full;
  plan.second_random_subsets = options.full ? 2 : 0;
  const bool single = options.only.find('@') != std::string::npos;
  if (single) { // whichever profile found it
    plan.variants = 3;
    plan.random_subsets = plan.second_random_subsets = 64;
  }

  CrashCounts counts;
  std::uint64_t workloads_run = 0;
  for (const Workload& workload : workloads()) {
    const std::string name = options.only.substr(0, options.only.find_first_of("#@"));
    if (std::string(workload.name).find(name) == std::string::npos)
      continue;
    const auto before = counts.recovered, second_before = counts.in_recovery;
    CrashRun(workload, plan, counts).run();
    ++workloads_run;
    std::fprintf(stderr, "  %-24s %8llu images, %8llu of them from crashes in the recovery\n", workload.name,
                 static_cast<unsigned long long>(counts.recovered - before),
                 static_cast<unsigned long long>(counts.in_recovery - second_before));
  }
  StageCounts stage;
  // A kill is no image of its own, but may be what is looked for.
  stage.count = single ? counts.recovered : counts.distinct.size();
  stage.acknowledged_lost = counts.acknowledged_lost;
  stage.wrong_answers = counts.wrong_answers;
  stage.more = {
      {"workloads", workloads_run},      {"planted_found", options.only.empty() ? find_planted(options.seed) : 0},
      {"boundaries", counts.boundaries}, {"tried", counts.tried},
      {"recovered", counts.recovered},   {"in_recovery", counts.in_recovery}};
  return stage;
}

} // namespace

} // namespace weir::trust

int main(int argc, char** argv) {
  return weir::trust::run_stage("crash_images", argc, argv, weir::trust::run);
}
