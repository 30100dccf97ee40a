// The stage sabotage: tests that are tested. Every mistake that weir can be told to make is made, and the test that is
// there for it must see it; and the judge of the crash images is shown engines that lose what they have acknowledged.
//
//   weir_trust_sabotage --only skip_log_sync    one mistake, and what the test says to it
#include "tests/support/sabotages.hpp"
#include "trust/crash_images/crash_images.hpp"
#include "trust/sabotage/child.hpp"
#include "trust/sabotage/directed.hpp"
#include "trust/sabotage/sqlite_control.hpp"
#include "trust/support/stage.hpp"

#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace weir::trust {

namespace {

/// Lets the judge of the crash images see engines of which is known whether they lose anything.
void control_judge(bool full, StageCounts& stage) {
  std::uint64_t images = 0, losses = 0;
  const auto expect = [&](const std::string& engine, bool keeps, std::uint64_t tried, std::uint64_t lost,
                          std::uint64_t wrong) {
    const bool as_expected = keeps ? tried != 0 && lost + wrong == 0 : lost != 0;
    std::printf("  %-56s %7llu images  %6llu with a loss  %s\n", engine.c_str(), static_cast<unsigned long long>(tried),
                static_cast<unsigned long long>(lost),
                as_expected ? (keeps ? "none, as promised" : "seen") : (keeps ? "WRONG" : "NOT SEEN"));
    stage.wrong_answers += as_expected ? 0 : 1;
    losses += keeps ? 0 : lost;
  };
  std::printf("the judge of the crash images, shown\n");
  for (const SqliteMode& mode : sqlite_modes()) {
    const SqliteCounts counts = crash_sqlite(mode, fixed_seed, full ? 64 : 2);
    images += counts.images;
    expect(std::string("SQLite, ") + mode.name, mode.keeps, counts.images, counts.lost, counts.wrong);
  }
  const auto weir_with = [&](Sabotage mistake, const char* name, bool keeps) {
    commit_sabotage(mistake);
    const auto workload = std::find_if(workloads().begin(), workloads().end(), [](const Workload& each) {
      return std::string_view(each.name) == "first_store";
    });
    CrashPlan plan;
    plan.seed = fixed_seed;
    plan.quiet = !keeps;
    CrashCounts counts;
    CrashRun(*workload, plan, counts).run();
    commit_sabotage(Sabotage::none);
    expect(name, keeps, counts.recovered, counts.acknowledged_lost, counts.wrong_answers);
  };
  weir_with(Sabotage::none, "weir", true);
  weir_with(Sabotage::acknowledge_before_sync, "weir that acknowledges before it syncs", false);
  stage.more.emplace_back("control_sqlite_images", images);
  stage.more.emplace_back("control_losses_found", losses);
}

/// The tests, each once, must be content with weir as it is.
void run_controls(const std::vector<Directed>& wanted, std::size_t jobs, bool full, StageCounts& stage) {
  // In a small run a part of each is enough: there the stages do the same for other seeds.
  const std::uint64_t every = full ? 1 : 16;
  std::set<DirectedTest> distinct;
  for (const Directed& each : wanted)
    distinct.insert(each.test);
  const std::vector<DirectedTest> tests(distinct.begin(), distinct.end());
  run_children(
      tests.size(), jobs,
      [&](std::size_t i) { return [&test = tests[i], every] { return run_directed(test, Sabotage::none, every); }; },
      [&](std::size_t i, const Ending& ending) {
        progress("without a mistake: " + tests[i].name());
        if (ending.kind == Ending::Kind::passed)
          return;
        ++stage.wrong_answers;
        std::printf("without a mistake %s ends with %s:\n%s\n", tests[i].name().c_str(), ending.how.c_str(),
                    ending.output.c_str());
      });
  stage.more.emplace_back("controls", tests.size());
}

void run_mistakes(const std::vector<Directed>& wanted, std::size_t jobs, bool talk, StageCounts& stage) {
  std::vector<Ending> endings(wanted.size());
  run_children(
      wanted.size(), jobs,
      [&](std::size_t i) { return [&each = wanted[i]] { return run_directed(each.test, each.mistake, 1); }; },
      [&](std::size_t i, const Ending& ending) {
        progress("sabotage: " + wanted[i].test.name());
        endings[i] = ending;
      });
  std::printf("%-32s %-78s %-60s %7s  %s\n", "sabotage", "what it breaks", "caught by", "seconds", "caught");
  std::uint64_t caught = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const test::SabotageText& text = test::sabotages()[static_cast<std::size_t>(wanted[i].mistake) - 1];
    const bool found = endings[i].kind == Ending::Kind::found;
    std::printf("%-32s %-78s %-60s %7.2f  %s\n", text.name, text.breaks, wanted[i].test.name().c_str(),
                endings[i].seconds, found ? "yes" : ("NO: " + endings[i].how).c_str());
    if (talk || endings[i].kind == Ending::Kind::crashed)
      std::printf("%s\n", endings[i].output.c_str());
    caught += found ? 1 : 0;
  }
  stage.count = wanted.size();
  stage.more.emplace_back("caught", caught);
  stage.wrong_answers += wanted.size() - caught;
}

StageCounts run(const StageOptions& options) {
  StageCounts stage;
  if (options.only.empty())
    control_judge(options.full, stage);
  std::vector<Directed> wanted;
  for (const Directed& each : directed_tests()) {
    const std::string name = test::sabotages()[static_cast<std::size_t>(each.mistake) - 1].name;
    if (name.find(options.only) != std::string::npos)
      wanted.push_back(each);
  }
  // A small run is one of several tests that share the machine.
  const std::size_t jobs = options.full ? std::max(1U, std::thread::hardware_concurrency()) : 1;
  run_controls(wanted, jobs, options.full, stage);
  run_mistakes(wanted, jobs, !options.only.empty(), stage);
  return stage;
}

} // namespace

} // namespace weir::trust

int main(int argc, char** argv) {
  return weir::trust::run_stage("sabotage", argc, argv, weir::trust::run);
}
