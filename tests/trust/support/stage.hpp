// One stage of the trust run: what it was asked to do, what it counted, and the line that says so.
//
// Purpose: every stage is a program of its own with the same switches and the same report, so that `make trust` can run
// all and one table shows what was tested. Owner: the stage's main. Threading: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace weir::trust {

struct StageOptions {
  bool full = false;      ///< The counts that are published; else a small profile, seconds long.
  std::uint64_t seed = 0; ///< 0: drawn anew, and printed.
  std::string only;       ///< Part of the stage whose name contains this; empty: all.
};

struct StageCounts {
  std::uint64_t count = 0; ///< Of what the stage is named after: images, kills, schedules ...
  std::uint64_t acknowledged_lost = 0;
  std::uint64_t wrong_answers = 0;
  std::uint64_t crashes = 0;
  /// Whatever else is worth a figure, by name.
  std::vector<std::pair<std::string, std::uint64_t>> more;

  [[nodiscard]] bool clean() const noexcept { return acknowledged_lost == 0 && wrong_answers == 0 && crashes == 0; }
};

/// main() of a stage. Reads --small (default) or --full, --seed N, --only NAME, --report FILE, --help; runs the stage;
/// prints one line, and appends it to FILE as a JSON object {stage, count, acknowledged_lost, wrong_answers, crashes,
/// seconds, seed, profile, ...}. Returns the exit code: 0 if something was counted and all of it was clean.
int run_stage(const std::string& name, int argc, char** argv,
              const std::function<StageCounts(const StageOptions&)>& run);

/// Says that a part of the stage was left out because this machine does not allow it, and counts that in the file
/// WEIR_SKIP_LOG names, if set: `make test` sums them up.
void skipped(const std::string& reason);

/// For long work: prints `what` to the error output with the time since the stage began, when that is a terminal or
/// every ten seconds.
void progress(const std::string& what);

} // namespace weir::trust
