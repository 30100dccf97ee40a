// Models: a service that writes to its models is killed over and over. After each kill the models are what the log
// makes of them, with every event applied once, and what was acknowledged is there.
//
//   weir_trust_models --full     100,000 writes, in four directories
#include "trust/models/planted.hpp"
#include "trust/models/story.hpp"
#include "trust/support/stage.hpp"

#include "engine/hash.hpp"

#include <algorithm>
#include <future>
#include <vector>

namespace weir::trust {

namespace {

constexpr std::uint64_t directories_full = 4;

ModelsPlan plan_of(const StageOptions& options, std::uint64_t directory) {
  ModelsPlan plan;
  plan.host = WEIR_MODELS_HOST;
  plan.seed = hash64(&directory, sizeof directory, options.seed);
  plan.writes = options.full ? 100'000 / directories_full : 400;
  plan.writes_of_life = options.full ? 1'500 : 120;
  plan.openings = options.full ? 12 : 2;
  plan.rebuilds = options.full ? 8 : 2;
  plan.swaps = options.full ? 12 : 3;
  plan.remade = options.full ? 4 : 2;
  return plan;
}

StageCounts run(const StageOptions& options) {
  const std::uint64_t planted = find_planted_in_models(options.seed);
  ModelsCounts counts;
  for (std::uint64_t next = 0; next < (options.full ? directories_full : 1); next += 2) {
    std::vector<std::future<ModelsCounts>> pair; // one on each processor
    for (std::uint64_t i = next; i < next + (options.full ? 2 : 1); ++i)
      pair.push_back(std::async(std::launch::async, [plan = plan_of(options, i)] { return live(plan); }));
    for (auto& each : pair)
      counts.add(each.get());
  }
  StageCounts stage;
  stage.count = counts.acknowledged;
  stage.acknowledged_lost = counts.lost;
  stage.wrong_answers = counts.complaints - std::min(counts.complaints, counts.lost);
  stage.more = {{"events", counts.events},
                {"refused", counts.refused},
                {"unacknowledged_but_present", counts.unacknowledged_present},
                {"lives", counts.lives},
                {"kills", counts.kills},
                {"kills_while_opening", counts.kills_opening},
                {"kills_in_rebuilds", counts.kills_rebuilding},
                {"kills_in_swaps", counts.kills_swapping},
                {"rebuilds_cut_short", counts.cut_short},
                {"databases_deleted", counts.deleted},
                {"databases_damaged", counts.damaged},
                {"rebuilt", counts.rebuilt},
                {"planted_mistakes_found", planted}};
  return stage;
}

} // namespace

} // namespace weir::trust

int main(int argc, char** argv) {
  return weir::trust::run_stage("models", argc, argv, weir::trust::run);
}
