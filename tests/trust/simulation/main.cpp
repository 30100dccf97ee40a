// Stage "simulation": the whole engine, actors included, in one thread and on a disk that exist only in memory; a seed
// chooses who goes next, and what breaks.
//
//   weir_trust_simulation --full --seed 7              all of it
//   weir_trust_simulation --seed 7 --only schedule-12  one schedule, printed message by message
//   weir_trust_simulation --seed 7 --only first-5000   so many
#include "trust/simulation/workers.hpp"
#include "trust/support/stage.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace weir::trust;

namespace {

struct Extent {
  std::uint64_t schedules, again;
};
constexpr Extent small{400, 20};
constexpr Extent full{100'100, 1'000};

void count(StageCounts& counts, const Findings& found) {
  std::uint64_t stuck = 0;
  for (const Finding& finding : found.findings)
    switch (finding.kind) {
    case Finding::Kind::wrong_answer: ++counts.wrong_answers; break;
    case Finding::Kind::acknowledged_lost: ++counts.acknowledged_lost; break;
    case Finding::Kind::stuck: ++stuck; [[fallthrough]];
    case Finding::Kind::crashed: ++counts.crashes; break;
    }
  const Tally& tally = found.tally;
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::uint64_t>>{{"schedules", found.hashes.size()},
                                                          {"messages", tally.messages},
                                                          {"stores", tally.stores},
                                                          {"flushes", tally.flushes},
                                                          {"replays", tally.replays},
                                                          {"queries", tally.queries},
                                                          {"together", tally.together},
                                                          {"conditions", tally.conditions},
                                                          {"queue_reads", tally.queue_reads},
                                                          {"deliveries", tally.deliveries},
                                                          {"acks", tally.acks},
                                                          {"checkpoints", tally.checkpoints},
                                                          {"waits", tally.waits},
                                                          {"waited_for", tally.waited_for},
                                                          {"snapshots_saved", tally.snapshots_saved},
                                                          {"snapshots_given", tally.snapshots_given},
                                                          {"removals", tally.removals},
                                                          {"retention_runs", tally.retention_runs},
                                                          {"retention_resumed", tally.retention_resumed},
                                                          {"retention_truncated", tally.retention_truncated},
                                                          {"schemas_defined", tally.schemas_defined},
                                                          {"schemas_refused", tally.schemas_refused},
                                                          {"schema_violations", tally.schema_violations},
                                                          {"schema_judged", tally.schema_judged},
                                                          {"backups", tally.backups},
                                                          {"backups_upon_others", tally.backups_upon_others},
                                                          {"backups_refused", tally.backups_refused},
                                                          {"backups_restored", tally.backups_restored},
                                                          {"crash_restarts", tally.crash_restarts},
                                                          {"clean_restarts", tally.clean_restarts},
                                                          {"actor_deaths", tally.actor_deaths},
                                                          {"faults", tally.faults},
                                                          {"stuck", stuck}})
    counts.more.emplace_back(name, value);
}

void tell(const StageOptions& options, const Findings& found) {
  for (const Finding& finding : found.findings)
    std::fprintf(stderr,
                 "simulation: schedule %llu: %s\nsimulation: again with: weir_trust_simulation --seed %llu --only "
                 "schedule-%llu\n",
                 static_cast<unsigned long long>(finding.schedule), finding.what.c_str(),
                 static_cast<unsigned long long>(options.seed), static_cast<unsigned long long>(finding.schedule));
}

/// The judge is judged: each mistake of a client must be found, and for what it is. In the same schedules every time,
/// because that is asked of the judge and not of chance.
std::uint64_t find_planted() {
  struct Planted {
    Mistake mistake;
    const char* what;
    std::vector<std::string> found_as;
  };
  const std::vector<Planted> all = {
      {Mistake::answer_lost, "an answer that is lost", {"nobody answer"}},
      {Mistake::answer_twice, "an answer that comes twice", {"answered twice"}},
      {Mistake::receipt_made_up, "a receipt for what was never sent", {"I1:", "P4:"}},
      {Mistake::receipts_swapped, "two receipts exchanged", {"than its receipt", "the receipt of call"}},
      {Mistake::read_short, "a read that ends one call early", {"I1: a read", "P4: a read"}},
      {Mistake::old_disk, "a disk that comes back older than it was", {"I1:", "I13:"}},
      {Mistake::acknowledgement_lost,
       "an acknowledgement that is lost",
       {"was acknowledged and comes again", "by a member who does not have it"}},
      {Mistake::two_members, "an event that two members have", {"while a member has"}},
      {Mistake::delivery_skipped,
       "an event that a group leaves out",
       {"is dealt with", "is not dealt with", "never comes to a group"}},
      {Mistake::delivery_miscounted, "a delivery that is not counted", {"is counted as number"}},
      {Mistake::waited_in_vain, "a delivery that a member waits for in vain", {"waits for it in vain"}},
      {Mistake::checkpoint_lost, "a checkpoint that is lost", {"a consumer goes on at"}},
      {Mistake::snapshot_stale, "a snapshot with stale bytes", {"none that was made of its events"}},
      {Mistake::snapshot_lost, "a snapshot that is not given", {"not given with tag", "what a load of"}},
      {Mistake::removal_lost, "a removal that is lost", {"I13:"}},
      {Mistake::rules_lost, "rules of retention that are lost", {"rules of retention are there"}},
      {Mistake::retention_lost, "a run of retention that is lost", {"after a run of retention"}},
      {Mistake::retention_point_lost, "a run of retention that judges anew", {"does not go on with the point"}},
      {Mistake::schema_lost, "a definition that is lost", {"schemas:"}},
      {Mistake::violation_stored, "a payload that no schema has judged", {"schemas: what fits no version"}},
      {Mistake::backup_half, "half a backup", {"backups: one that was answered"}},
      {Mistake::backup_old, "an old backup", {"backups: one misses call", "in the engine"}},
  };
  constexpr std::uint64_t tries = 20, seed = 1;
  for (const Planted& planted : all) {
    bool found = false;
    for (std::uint64_t number = 0; number < tries && !found; ++number)
      try {
        Tally unused;
        static_cast<void>(play(seed_of(seed, number), planted.mistake, unused));
      } catch (const Broken& broken) {
        const std::string what = broken.what();
        found = std::any_of(planted.found_as.begin(), planted.found_as.end(),
                            [&](const std::string& words) { return what.find(words) != std::string::npos; });
        if (!found)
          throw std::runtime_error(std::string("planted ") + planted.what + ": found as: " + what);
      }
    if (!found)
      throw std::runtime_error(std::string("planted ") + planted.what + ": not found");
  }
  return all.size();
}

/// The same seeds once more, in another order and so in other processes: the same deliveries.
std::uint64_t play_again(const StageOptions& options, std::uint64_t number, const Findings& before) {
  std::vector<std::uint64_t> again(number);
  std::iota(again.rbegin(), again.rend(), std::uint64_t{0});
  const Findings after = play_apart(options.seed, again);
  for (const auto& [schedule, hash] : after.hashes)
    if (const auto same = before.hashes.find(schedule); same != before.hashes.end() && same->second != hash)
      throw std::runtime_error("schedule " + std::to_string(schedule) + " is not the same when it is played again");
  return after.hashes.size();
}

StageCounts run(const StageOptions& options) {
  Extent extent = options.full ? full : small;
  if (const std::string prefix = "first-"; options.only.starts_with(prefix))
    extent.schedules = std::strtoull(options.only.c_str() + prefix.size(), nullptr, 10);
  StageCounts counts;
  if (const std::string prefix = "schedule-"; options.only.starts_with(prefix)) {
    Findings found;
    std::vector<std::string> lines;
    play_one(options.seed, std::strtoull(options.only.c_str() + prefix.size(), nullptr, 10), found, &lines);
    for (const std::string& line : lines)
      std::fprintf(stderr, "%s\n", line.c_str());
    tell(options, found);
    count(counts, found);
    counts.count = 1;
    return counts;
  }
  const std::uint64_t planted = find_planted();
  std::vector<std::uint64_t> numbers(extent.schedules);
  std::iota(numbers.begin(), numbers.end(), std::uint64_t{0});
  const Findings found = play_apart(options.seed, numbers);
  tell(options, found);
  std::set<std::uint64_t> distinct;
  for (const auto& [number, hash] : found.hashes)
    distinct.insert(hash);
  counts.count = distinct.size();
  count(counts, found);
  // Whatever machine and compiler: the same seed, the same sum.
  counts.more.emplace_back("order_hash", std::accumulate(distinct.begin(), distinct.end(), std::uint64_t{0}));
  counts.more.emplace_back("played_again", play_again(options, extent.again, found));
  counts.more.emplace_back("planted_mistakes_found", planted);
  return counts;
}

} // namespace

int main(int argc, char** argv) {
  return run_stage("simulation", argc, argv, run);
}
