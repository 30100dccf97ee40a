#include "trust/failed_calls/failed_calls.hpp"

#include "engine/hash.hpp"
#include "trust/support/disk/at_work.hpp"

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <vector>

namespace weir::trust {

namespace {

using namespace std::chrono_literals;

/// One failing call, or all from one on.
struct Trial {
  io::DiskFault fault;
  bool for_good;
  bool reverts; ///< What a failed sync does: see MemoryFileSystem::set_failed_sync_reverts.

  [[nodiscard]] bool can_hit(io::Operation operation) const {
    return io::can_hit(fault, operation) && (!reverts || operation == io::Operation::sync_data);
  }
  [[nodiscard]] std::string name() const {
    return std::string(io::name_of(fault)) + (for_good ? "-for-good" : "-once") + (reverts ? "-reverting" : "");
  }
};

std::vector<Trial> all_trials() {
  std::vector<Trial> trials;
  for (std::size_t fault = 0; fault < io::disk_fault_count; ++fault)
    for (const bool for_good : {false, true})
      trials.push_back({static_cast<io::DiskFault>(fault), for_good, false});
  for (const bool for_good : {false, true})
    trials.push_back({io::DiskFault::eio, for_good, true});
  return trials;
}

void check_answers(const Ledger& ledger) {
  for (std::size_t i = 0; i < ledger.calls().size(); ++i)
    if (const unsigned answers = ledger.calls()[i].answers; answers != 1 && i >= ledger.life_began())
      throw Broken("call " + std::to_string(i) + " of " + ledger.calls()[i].context_id + " got " +
                   std::to_string(answers) + " answers");
}

/// A shard whose log could not be synced says so and takes nothing; every other one stores again by itself.
void check_process_goes_on(Life& life, FailureCounts& counts) {
  bool stopped = false;
  const std::size_t before = life.ledger().calls().size();
  for (ShardId shard = 0; shard < life.options().shards; ++shard)
    life.store(life.context(shard, 5), 1, 0); // which fits every schema
  life.settle();
  check_answers(life.ledger());
  for (std::size_t i = before; i < life.ledger().calls().size(); ++i) {
    const StoredCall& probe = life.ledger().calls()[i];
    const auto failure = life.engine()->shard(probe.shard).failure();
    stopped = stopped || failure.has_value();
    if (failure ? probe.answer->code() != Errc::shard_failed : !probe.acknowledged())
      throw Broken("I9: after the disk is well again, a store to a " + std::string(failure ? "stopped" : "running") +
                   " shard is answered with " + (probe.acknowledged() ? "success" : to_string(probe.answer->error())));
  }
  ++(stopped ? counts.shards_stopped : counts.healed);
  check_promises(read_all(*life.engine(), life.ledger()).calls, life.ledger(), true);
}

void try_one(const Workload& workload, std::uint64_t seed, std::uint64_t number, const Trial& trial,
             FailureCounts& counts) {
  Life life(workload.name, PlainEngine::small_options(workload.shards), seed);
  if (workload.prepare != nullptr)
    workload.prepare(life);
  const auto tally = std::make_shared<io::FaultTally>();
  life.fs().set_failed_sync_reverts(trial.reverts);
  life.fs().set_hook(io::failing_calls({trial.fault, number, trial.for_good}, tally));
  workload.run(life);
  if (life.engine() != nullptr)
    life.pass(200ms); // while it lasts retries fail, too
  ++counts.runs;
  counts.failed_calls += tally->failed;
  life.fs().set_hook({});

  const auto judge_images = [&] {
    for (const auto& policy : {io::CrashPolicy::lose_unsynced(), io::CrashPolicy::keep_everything(),
                               io::CrashPolicy::random_subset(seed + number)}) {
      const auto image = life.fs().crash_image(policy);
      ++counts.recovered;
      // Where a failed sync takes back what the cache held, `written` is lost with the process, too.
      const bool cache_holds = policy.unsynced == io::CrashPolicy::Unsynced::kept && !trial.reverts;
      judge(*image, life.options(), life.ledger(), {cache_holds, {}, true});
    }
  };
  judge_images();
  if (life.engine() == nullptr)
    return;
  life.pass(5s);
  check_answers(life.ledger());
  check_process_goes_on(life, counts);
  life.close();
  judge_images();
}

/// The calls of the workload when nothing fails.
std::vector<io::Operation> calls_of(const Workload& workload, std::uint64_t seed) {
  Life life(workload.name, PlainEngine::small_options(workload.shards), seed);
  if (workload.prepare != nullptr)
    workload.prepare(life);
  std::vector<io::Operation> calls;
  life.fs().set_hook([&calls](const io::Call& call) -> std::optional<Error> {
    calls.push_back(call.operation);
    return std::nullopt;
  });
  workload.run(life);
  life.fs().set_hook({});
  check_reached(workload, life);
  return calls;
}

void report(const std::string& label, const std::string& what, const FailurePlan& plan, FailureCounts& counts) {
  (what.starts_with("I1:") ? counts.acknowledged_lost : counts.wrong_answers) += 1;
  constexpr std::uint64_t printed_max = 40;
  if (counts.findings() <= printed_max)
    std::fprintf(stderr, "\n%s: %s\n  again: weir_trust_failed_calls --seed %llu --only '%s'\n", label.c_str(),
                 what.c_str(), static_cast<unsigned long long>(plan.seed), label.c_str());
}

} // namespace

void fail_calls(const Workload& workload, const FailurePlan& plan, FailureCounts& counts) {
  static const std::vector<Trial> trials = all_trials();
  const std::vector<io::Operation> calls = calls_of(workload, plan.seed);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const std::uint64_t number = i + 1;
    for (const Trial& trial : trials) {
      if (!trial.can_hit(calls[i]))
        continue;
      if (plan.until_first_finding && counts.findings() != 0)
        return;
      const std::string label = std::string(workload.name) + "@" + std::to_string(number) + "/" + trial.name();
      const std::uint64_t every = plan.every == 1 ? 1 : plan.every * workload.thin;
      if (plan.only.find('@') != std::string::npos ? label != plan.only : hash64(label, 0) % every != 0)
        continue;
      work_on(label);
      progress(label);
      try {
        try_one(workload, plan.seed, number, trial, counts);
      } catch (const Broken& why) {
        report(label, why.what(), plan, counts);
      }
    }
  }
}

} // namespace weir::trust
