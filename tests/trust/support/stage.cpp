#include "trust/support/stage.hpp"

#include "tests/support/sabotages.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <random>

#include <unistd.h>

namespace weir::trust {

namespace {

using Clock = std::chrono::steady_clock;
const Clock::time_point began = Clock::now();

double seconds() {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

std::string json_line(const std::string& name, const StageOptions& options, const StageCounts& counts) {
  std::string line = R"({"stage":")" + name + R"(","profile":")" + (options.full ? "full" : "small") + '"';
  const auto add = [&line](const std::string& key, std::uint64_t value) {
    line += ",\"" + key + "\":" + std::to_string(value);
  };
  add("count", counts.count);
  add("acknowledged_lost", counts.acknowledged_lost);
  add("wrong_answers", counts.wrong_answers);
  add("crashes", counts.crashes);
  for (const auto& [key, value] : counts.more)
    add(key, value);
  add("seed", options.seed);
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", seconds());
  return line + ",\"seconds\":" + text + "}";
}

} // namespace

int run_stage(const std::string& name, int argc, char** argv,
              const std::function<StageCounts(const StageOptions&)>& run) {
#ifdef WEIR_TEST_POINTS
  test::commit_sabotage_of_environment();
#endif
  StageOptions options;
  std::string report;
  CLI::App app("weir's trust stage " + name);
  bool small = false;
  auto* const full_flag = app.add_flag("--full", options.full, "the published counts");
  app.add_flag("--small", small, "a profile of seconds (the default)")->excludes(full_flag);
  app.add_option("--seed", options.seed, "of all that is drawn by chance; default: a new one");
  app.add_option("--only", options.only, "only the parts whose name contains this");
  app.add_option("--report", report, "file that the result is appended to, as one line of JSON");
  CLI11_PARSE(app, argc, argv);
  while (options.seed == 0)
    options.seed = std::random_device{}();
  std::fprintf(stderr, "%s: seed %llu\n", name.c_str(), static_cast<unsigned long long>(options.seed));
  try {
    const StageCounts counts = run(options);
    const std::string line = json_line(name, options, counts);
    std::printf("%s\n", line.c_str());
    if (!report.empty()) {
      std::ofstream file(report, std::ios::app);
      file << line << '\n';
      if (!file.flush()) {
        std::fprintf(stderr, "%s: cannot write %s\n", name.c_str(), report.c_str());
        return 2;
      }
    }
    if (counts.count == 0)
      std::fprintf(stderr, "%s: nothing was tested\n", name.c_str());
    return counts.clean() && counts.count != 0 ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), e.what());
    return 2;
  }
}

void skipped(const std::string& reason) {
  std::printf("skipped: %s\n", reason.c_str());
  if (const char* const log = std::getenv("WEIR_SKIP_LOG"); log != nullptr && *log != '\0')
    std::ofstream(log, std::ios::app) << "skipped: " << reason << '\n';
}

void progress(const std::string& what) {
  static Clock::time_point last = began;
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  const auto now = Clock::now();
  if (now - last < (terminal ? std::chrono::milliseconds(200) : std::chrono::milliseconds(10'000)))
    return;
  last = now;
  std::fprintf(stderr, terminal ? "\r\033[K%6.1f s  %s" : "%6.1f s  %s\n", seconds(), what.c_str());
}

} // namespace weir::trust
