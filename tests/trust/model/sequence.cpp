#include "trust/model/sequence.hpp"

#include "trust/model/shrink.hpp"

#include <cstdio>
#include <numeric>

namespace weir::trust {

namespace {
// A difference that depends on the threads does not show every time.
constexpr int repeats = 3;
constexpr std::size_t tries = 600;
} // namespace

std::uint64_t seed_of(std::uint64_t run_seed, std::size_t number) {
  test::Random random(run_seed + number * 0x9E3779B97F4A7C15U);
  return random();
}

Work work_of(const RandomSequence& sequence, std::optional<std::vector<std::size_t>> kept, bool print) {
  return [sequence, kept = std::move(kept), print](std::uint64_t& at) {
    const Scenario scenario = random_scenario(sequence.seed, sequence.operations, sequence.kinds);
    std::vector<std::string> trace;
    const auto show = [&] {
      for (const std::string& line : trace)
        std::fprintf(stderr, "    %s\n", line.c_str());
      trace.clear();
    };
    const std::size_t count = kept ? kept->size() : scenario.operations.size();
    Runner runner(scenario.seed, sequence.mistake, print ? &trace : nullptr);
    for (at = 0; at < count; ++at) {
      const std::size_t number = kept ? kept->at(at) : at;
      show();
      if (print)
        std::fprintf(stderr, "  %zu %s\n", number, std::string(to_string(scenario.operations.at(number).kind)).c_str());
      try {
        runner.play(scenario.operations.at(number));
      } catch (...) {
        show();
        throw;
      }
    }
    show();
    runner.finish();
    return runner.tally();
  };
}

Outcome play(const RandomSequence& sequence, const std::optional<std::vector<std::size_t>>& kept, bool print) {
  return run_apart(work_of(sequence, kept, print));
}

std::vector<std::size_t> shrink(const RandomSequence& sequence, const Outcome& failure) {
  std::vector<std::size_t> numbers(sequence.operations);
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  const std::function<bool(const std::vector<std::size_t>&)> fails = [&](const std::vector<std::size_t>& kept) {
    for (int i = 0; i < repeats; ++i)
      if (play(sequence, kept).kind != Outcome::Kind::good)
        return true;
    return false;
  };
  // What comes after the difference is not needed, as a rule.
  if (failure.at != 0 && failure.at + 1 < numbers.size()) {
    std::vector<std::size_t> until(numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(failure.at) + 1);
    if (fails(until))
      numbers = std::move(until);
  }
  return shrink<std::size_t>(std::move(numbers), fails, tries);
}

} // namespace weir::trust
