#include "bench/harness.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <regex>
#include <set>
#include <stdexcept>
#include <utility>

namespace weir::bench {

namespace {

std::vector<Peer> chosen_peers(const std::vector<std::string>& names) {
  std::vector<Peer> all = all_peers();
  if (names.empty())
    return all;
  std::vector<Peer> chosen;
  for (const auto& name : names) {
    const std::size_t before = chosen.size();
    for (const auto& peer : all)
      if (peer.name == name || family_of(peer.name) == name)
        chosen.push_back(peer);
    if (chosen.size() == before)
      throw std::invalid_argument("there is no peer '" + name + "' in this build");
  }
  return chosen;
}

std::vector<Scenario> chosen_scenarios(const Plan& plan, const std::string& only) {
  std::vector<Scenario> chosen;
  const std::regex pattern(only);
  for (auto& list :
       {durable_ingest(), histories(plan), guarded_ingest(), mixed_loads(), event_queues(), compaction(), models()})
    for (const auto& scenario : list)
      if (std::ranges::any_of(scenario.lines,
                              [&](const Line& line) { return std::regex_search(line.name(), pattern); }))
        chosen.push_back(scenario);
  return chosen;
}

/// Whether a peer that comes in several variants is measured again: if it is the best of them at what the scenario is
/// named after, or the best of all peers at anything, in the first repetition, which tries them all.
bool goes_on(const Peer& peer, const Scenario& scenario, const Results& results) {
  return results.best_of_family(scenario.lines.front().name(), peer.name) ||
         std::ranges::any_of(scenario.lines, [&](const Line& line) {
           const auto best = results.best_peer(line.name());
           return !line.less_is_better && best && best->first == peer.name;
         });
}

/// An empty directory that is gone afterwards, with what a scenario left in it. Its name is always the same, so that a
/// run that was stopped leaves one behind at most.
class Scratch {
public:
  explicit Scratch(const std::string& parent) : path_(parent + "/run") {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all);
  }
  ~Scratch() {
    std::error_code ignored; // what the scenario found is worth more
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

private:
  std::string path_;
};

} // namespace

Plan plan_named(const std::string& name) {
  Plan plan;
  plan.name = name;
  plan.workload.events = 2 * plan.events;
  if (name == "full") {
    plan.long_events = 10'000'000;
    plan.other_repetitions = plan.repetitions;
    plan.workload.events = plan.long_events;
  } else if (name == "small") {
    plan.events = 2'000;
    plan.workload = {.seed = 1, .events = 4'000, .contexts = 100, .zipf = 0.99};
    plan.log_events = 500;
    plan.mixed_events = 500;
    plan.seconds = 0.03;
    plan.mixed_seconds = 0.03;
    plan.repetitions = 1;
    plan.other_repetitions = 1;
  } else if (name != "standard") {
    throw std::invalid_argument("there is no plan '" + name + "'");
  }
  return plan;
}

Harness::Harness(HarnessOptions options)
    : options_(std::move(options)), peers_(chosen_peers(options_.peers)),
      scenarios_(chosen_scenarios(options_.plan, options_.only)) {
}

void Harness::run(const Workload& workload, Results& results,
                  const std::function<void(const std::string&)>& progress) const {
  using Clock = std::chrono::steady_clock;
  const auto started = Clock::now();
  std::filesystem::create_directories(options_.directory);
  std::set<std::pair<const Scenario*, std::string>> beaten;
  const Plan& plan = options_.plan;
  for (unsigned repetition = 0; repetition < std::max(plan.repetitions, plan.other_repetitions); ++repetition) {
    for (const auto& scenario : scenarios_)
      for (std::size_t i = 0; i < peers_.size(); ++i) {
        // Each repetition begins with another peer: none has the first place, or the one behind a certain other,
        // always.
        const Peer& peer = peers_[(i + repetition) % peers_.size()];
        if (repetition >= plan.*scenario.repetitions || !scenario.takes(peer) ||
            beaten.contains({&scenario, peer.name}))
          continue;
        const auto what = scenario.lines.front().name() + " " + peer.name;
        progress(format("{:4.0f} s  {}/{}  {}", std::chrono::duration<double>(Clock::now() - started).count(),
                        repetition + 1, plan.*scenario.repetitions, what));
        try {
          const Scratch scratch(options_.directory);
          scenario.run({plan, workload, peer, scratch.path(), results});
        } catch (const std::exception& error) {
          results.fail(what + ": " + error.what());
        }
      }
    for (const auto& scenario : scenarios_)
      for (const auto& peer : peers_)
        if (repetition == 0 && !goes_on(peer, scenario, results))
          beaten.emplace(&scenario, peer.name);
  }
}

} // namespace weir::bench
