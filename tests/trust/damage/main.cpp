// Damage: every byte of a data directory is flipped, cut, moved and made older; the engine must answer with what was
// stored or with an error that says where.
#include "tests/support/sanitized.hpp"
#include "trust/damage/damage.hpp"
#include "trust/damage/judge.hpp"
#include "trust/damage/salvage_judge.hpp"
#include "trust/damage/worker.hpp"
#include "trust/support/stage.hpp"

#include <algorithm>
#include <cstdio>
#include <random>
#include <thread>

namespace weir::trust {

namespace {

constexpr std::uint64_t small_sample = test::sanitized ? 120 : 250; ///< Of each family, in the small profile.
constexpr std::uint64_t full_sample = 100'000; ///< Of families that are too large even for the full one.

struct Part {
  const Judge* judge;
  const SalvageJudge* salvager;
  DamageFamily family;
  std::uint64_t checks; ///< How many of the family.
  std::uint64_t offset; ///< Number of the first.
  std::uint64_t stride; ///< From one to the next, modulo the family's count.
};

/// Of each family so many are also opened by a whole engine, and salvaged.
struct Samples {
  std::uint64_t engine, salvage;
};
constexpr Samples small_samples{10, 100};
constexpr Samples full_samples{200, 4'000};

/// A stride that visits every number of a family, far from its neighbours.
std::uint64_t stride_for(std::uint64_t count) {
  std::uint64_t stride = count * 618 / 1000 | 1;
  const auto gcd = [](std::uint64_t a, std::uint64_t b) {
    while (b != 0)
      a = std::exchange(b, a % b);
    return a;
  };
  while (gcd(stride, count) != 1)
    ++stride;
  return stride;
}

void report(const Verdict& verdict, const Damage& damage, WorkCounts& counts) {
  counts.refused += verdict.refused ? 1 : 0;
  counts.cut += verdict.cut ? 1 : 0;
  counts.found += verdict.found ? 1 : 0;
  counts.harmless += damage.harmless ? 1 : 0;
  if (verdict.wrong.empty())
    return;
  ++counts.wrong;
  for (const std::string& what : verdict.wrong)
    std::fprintf(stderr, "\nWRONG: %s: %s\n", damage.what.c_str(), what.c_str());
}

void report(const SalvageVerdict& verdict, const Damage& damage, WorkCounts& counts) {
  counts.salvaged_events += verdict.saved;
  counts.salvage_losses += verdict.lost;
  counts.wrong += verdict.wrong.empty() ? 0 : 1;
  for (const std::string& what : verdict.wrong)
    std::fprintf(stderr, "\nWRONG: %s: %s\n", damage.what.c_str(), what.c_str());
}

StageCounts run(const StageOptions& options) {
  const std::vector<Fixture> fixtures = make_fixtures();
  std::vector<Judge> judges;
  std::vector<SalvageJudge> salvagers;
  judges.reserve(fixtures.size());
  salvagers.reserve(fixtures.size());
  for (const Fixture& fixture : fixtures) {
    judges.emplace_back(fixture);
    salvagers.emplace_back(fixture);
  }

  std::mt19937_64 random(options.seed);
  std::vector<Part> parts;
  std::uint64_t fixture_bytes = 0;
  for (std::size_t i = 0; i < fixtures.size(); ++i) {
    fixture_bytes += fixtures[i].bytes();
    Damage none;
    none.what = "nothing is damaged";
    none.harmless = true;
    WorkCounts ignored;
    report(judges[i].judge(none), none, ignored);
    if (ignored.wrong != 0)
      throw std::runtime_error("the fixture is not whole");
    for (DamageFamily& family : damages_of(fixtures[i])) {
      if (family.count == 0 || family.name.find(options.only) == std::string::npos)
        continue;
      const std::uint64_t wanted = !options.full ? small_sample : family.exhaustive ? family.count : full_sample;
      const std::uint64_t checks = std::min(family.count, wanted);
      const std::uint64_t stride = checks == family.count ? 1 : stride_for(family.count);
      parts.push_back({&judges[i], &salvagers[i], family, checks, random() % family.count, stride});
    }
  }

  StageCounts result;
  WorkCounts counts;
  // The small profile is one of several tests that run at a time.
  const unsigned workers = options.full ? std::max(1U, std::thread::hardware_concurrency()) : 1;
  const Samples samples = options.full ? full_samples : small_samples;
  std::uint64_t engines = 0, salvages = 0;
  for (const Part& part : parts) {
    const std::uint64_t count = part.family.count;
    const auto run_part = [&](const std::string& name, std::uint64_t checks, std::uint64_t stride, auto check) {
      const std::uint64_t before = counts.done;
      result.crashes += run_watched(
          checks, workers,
          [&](std::uint64_t number, WorkCounts& child, const Announce& announce) {
            const Damage damage = part.family.make((part.offset + number * stride) % count);
            announce(name + ": " + damage.what);
            if (number % 256 == 0)
              progress(name + ": " + std::to_string(number) + " of " + std::to_string(checks));
            check(damage, child);
          },
          counts);
      return counts.done - before;
    };
    result.more.emplace_back(part.family.name, run_part(part.family.name, part.checks, part.stride,
                                                        [&](const Damage& damage, WorkCounts& child) {
                                                          report(part.judge->judge(damage), damage, child);
                                                        }));
    engines += run_part(
        part.family.name + ", whole engine", std::min(count, samples.engine), stride_for(count),
        [&](const Damage& damage, WorkCounts& child) { report(part.judge->judge_engine(damage), damage, child); });
    salvages +=
        run_part(part.family.name + ", salvage", std::min(count, samples.salvage), stride_for(count),
                 [&](const Damage& damage, WorkCounts& child) { report(part.salvager->judge(damage), damage, child); });
  }
  result.count = counts.done;
  result.wrong_answers = counts.wrong;
  result.more.emplace_back("whole_engines", engines);
  result.more.emplace_back("salvages", salvages);
  result.more.emplace_back("salvaged_events", counts.salvaged_events);
  result.more.emplace_back("events_lost_to_damage", counts.salvage_losses);
  result.more.emplace_back("fixture_bytes", fixture_bytes);
  result.more.emplace_back("refused", counts.refused);
  result.more.emplace_back("cut", counts.cut);
  result.more.emplace_back("found_by_verify", counts.found);
  result.more.emplace_back("harmless", counts.harmless);
  return result;
}

} // namespace

} // namespace weir::trust

int main(int argc, char** argv) {
  return weir::trust::run_stage("damage", argc, argv, weir::trust::run);
}
