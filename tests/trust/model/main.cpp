// Stage "model": random sequences of everything the engine does, compared with a reference; concurrent histories; and
// whether a planted mistake would be found.
//
//   weir_trust_model --full --seed 7              all of it
//   weir_trust_model --seed 7 --only sequence-12  one sequence, printed as it goes
//   weir_trust_model --seed 7 --only sequence-12:3,88,912   only these operations of it
#include "trust/model/history.hpp"
#include "trust/model/planted.hpp"
#include "trust/model/sequence.hpp"
#include "trust/support/stage.hpp"

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <thread>

using namespace weir;
using namespace weir::trust;

namespace {

struct Extent {
  std::size_t sequences, operations, histories;
};
constexpr Extent small{6, 1'500, 4};
constexpr Extent full{200, 10'000, 60};

void count(StageCounts& counts, const Outcome& outcome) {
  switch (outcome.kind) {
  case Outcome::Kind::good: break;
  case Outcome::Kind::wrong_answer: ++counts.wrong_answers; break;
  case Outcome::Kind::acknowledged_lost: ++counts.acknowledged_lost; break;
  case Outcome::Kind::crashed:
  case Outcome::Kind::hung: ++counts.crashes; break;
  }
}

std::string joined(const std::vector<std::size_t>& numbers) {
  std::string text;
  for (const std::size_t number : numbers) {
    if (!text.empty())
      text += ',';
    text += std::to_string(number);
  }
  return text;
}

void report(const StageOptions& options, std::size_t number, const RandomSequence& sequence, const Outcome& failure) {
  std::fprintf(stderr, "model: sequence %zu, operation %llu: %s\nmodel: shrinking ...\n", number,
               static_cast<unsigned long long>(failure.at), failure.what.c_str());
  const std::vector<std::size_t> kept = shrink(sequence, failure);
  std::fprintf(stderr, "model: %zu operations are enough:\n", kept.size());
  const Outcome again = play(sequence, kept, true);
  std::fprintf(stderr, "model: %s\nmodel: again with: weir_trust_model %s--seed %llu --only sequence-%zu:%s\n",
               again.kind == Outcome::Kind::good ? failure.what.c_str() : again.what.c_str(),
               options.full ? "--full " : "", static_cast<unsigned long long>(options.seed), number,
               joined(kept).c_str());
}

void play_sequences(const StageOptions& options, const Extent& extent, StageCounts& counts, Tally& tally) {
  const auto sequence = [&](std::size_t number) {
    return RandomSequence{seed_of(options.seed, number), extent.operations, Mistake::none};
  };
  std::optional<std::pair<std::size_t, Outcome>> failure;
  run_all_apart(
      extent.sequences, std::max(1U, std::thread::hardware_concurrency()),
      [&](std::size_t number) { return work_of(sequence(number), std::nullopt, false); },
      [&](std::size_t number, const Outcome& outcome) {
        count(counts, outcome);
        tally.add(outcome.tally);
        progress("model: " + std::to_string(tally.operations) + " operations");
        if (outcome.kind != Outcome::Kind::good && !failure)
          failure = {number, outcome};
        return !failure;
      });
  if (failure)
    report(options, failure->first, sequence(failure->first), failure->second);
}

void play_one(const StageOptions& options, const Extent& extent, StageCounts& counts, Tally& tally) {
  const std::string name = options.only.substr(options.only.find('-') + 1);
  const std::size_t number = std::strtoull(name.c_str(), nullptr, 10);
  std::optional<std::vector<std::size_t>> kept;
  if (const std::size_t colon = name.find(':'); colon != std::string::npos) {
    std::istringstream list(name.substr(colon + 1));
    kept.emplace();
    for (std::string one; std::getline(list, one, ',');)
      kept->push_back(std::strtoull(one.c_str(), nullptr, 10));
  }
  const Outcome outcome = play({seed_of(options.seed, number), extent.operations, Mistake::none}, kept, true);
  std::fprintf(stderr, "model: %s\n", outcome.kind == Outcome::Kind::good ? "no difference" : outcome.what.c_str());
  count(counts, outcome);
  tally.add(outcome.tally);
}

StageCounts run(const StageOptions& options) {
  const Extent& extent = options.full ? full : small;
  StageCounts counts;
  Tally tally;
  const auto wanted = [&](std::string_view part) {
    return options.only.empty() || part.find(options.only) != std::string_view::npos;
  };
  if (options.only.starts_with("sequence-")) {
    play_one(options, extent, counts, tally);
    counts.count = tally.operations;
    return counts;
  }
  if (wanted("planted"))
    counts.more.emplace_back("planted_mistakes_found", find_planted(options.seed));
  if (wanted("sequences"))
    play_sequences(options, extent, counts, tally);
  if (wanted("histories")) {
    Tally concurrent;
    run_all_apart(
        extent.histories, 1,
        [&](std::size_t number) { return history_work(seed_of(options.seed, 2'000'000 + number)); },
        [&](std::size_t number, const Outcome& outcome) {
          count(counts, outcome);
          concurrent.add(outcome.tally);
          if (outcome.kind != Outcome::Kind::good)
            std::fprintf(stderr, "model: concurrent history %zu: %s\n", number, outcome.what.c_str());
          return true;
        });
    counts.more.emplace_back("concurrent_operations", concurrent.operations);
    counts.more.emplace_back("concurrent_histories", extent.histories);
    counts.more.emplace_back("concurrent_duplicates", concurrent.retries);
    counts.more.emplace_back("concurrent_conflicts", concurrent.checks);
  }
  counts.count = tally.operations;
  for (const auto& figure : tally.figures())
    counts.more.push_back(figure);
  if (!wanted("sequences"))
    for (const auto& [name, value] : counts.more)
      counts.count += value;
  return counts;
}

} // namespace

int main(int argc, char** argv) {
  return run_stage("model", argc, argv, run);
}
