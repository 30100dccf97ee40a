// The stage failed_calls: the k-th call of every workload fails, for every k.
#include "tests/support/sanitized.hpp"
#include "trust/failed_calls/failed_calls.hpp"

#include <cstdio>
#include <string>

namespace weir::trust {

namespace {

StageCounts run(const StageOptions& options) {
  FailurePlan plan;
  plan.seed = options.seed;
  plan.only = options.only;
  plan.every = options.full || options.only.find('@') != std::string::npos ? 1 : test::sanitized ? 37 : 17;
  FailureCounts counts;
  for (const Workload& workload : workloads()) {
    if (!workload.calls_may_fail)
      continue;
    const std::string name = options.only.substr(0, options.only.find('@'));
    if (std::string(workload.name).find(name) == std::string::npos)
      continue;
    const auto before = counts.runs;
    fail_calls(workload, plan, counts);
    std::fprintf(stderr, "  %-24s %8llu runs\n", workload.name, static_cast<unsigned long long>(counts.runs - before));
  }
  StageCounts stage;
  stage.count = counts.runs;
  stage.acknowledged_lost = counts.acknowledged_lost;
  stage.wrong_answers = counts.wrong_answers;
  stage.more = {{"calls_failed", counts.failed_calls},
                {"shards_stopped", counts.shards_stopped},
                {"healed", counts.healed},
                {"recovered", counts.recovered}};
  return stage;
}

} // namespace

} // namespace weir::trust

int main(int argc, char** argv) {
  return weir::trust::run_stage("failed_calls", argc, argv, weir::trust::run);
}
