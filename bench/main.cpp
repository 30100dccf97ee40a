// weir_bench: weir beside its peers, on one workload, in one run.
#include "bench/goals.hpp"
#include "bench/harness.hpp"
#include "bench/json_report.hpp"
#include "bench/table.hpp"
#include "bench/usage.hpp"

#include <CLI/CLI.hpp>

#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace weir::bench;

struct Arguments {
  std::string plan = "standard";
  HarnessOptions harness;
  std::optional<unsigned> repetitions;
  std::optional<double> seconds;
  std::string json;
  bool list = false;
};

void list(const Harness& harness) {
  for (const auto& peer : harness.peers())
    std::cout << peer.name << ": durable is " << peer.durable_means << "; buffered is " << peer.buffered_means << '\n';
  for (const auto& scenario : harness.scenarios())
    for (const auto& line : scenario.lines)
      std::cout << line.name() << " (" << line.unit << "): " << line.says << '\n';
}

void print_head(const Plan& plan, const Harness& harness, const Workload& workload, const std::string& file_system) {
  std::cout
      << "weir_bench, plan " << plan.name << ": " << plan.repetitions << " repetitions of durable ingest, "
      << plan.other_repetitions << " of all else, time-boxed lines " << plan.seconds << " s, " << workload.size()
      << " events in " << workload.contexts() << " contexts (Zipf " << workload.options().zipf << "), payload "
      << readable(static_cast<double>(workload.payload_bytes()) / static_cast<double>(workload.size()))
      << " bytes on average; " << std::thread::hardware_concurrency() << " cores, " << file_system
      << "\nFigures are medians. Ratios to the best peer leave out raw, which is the limit: a log and nothing else. "
         "Bytes at rest\nare weir's segments and catalog, raw's frames, and all files of the others.\n\n";
  for (const auto& peer : harness.peers())
    std::cout << "  " << peer.name << ": synced is " << peer.durable_means << "; buffered is " << peer.buffered_means
              << '\n';
  std::cout << std::endl;
}

int run(Arguments arguments) {
  Plan& plan = arguments.harness.plan;
  plan = plan_named(arguments.plan);
  plan.repetitions = arguments.repetitions.value_or(plan.repetitions);
  plan.other_repetitions = arguments.repetitions.value_or(plan.other_repetitions);
  plan.seconds = arguments.seconds.value_or(plan.seconds);
  const Harness harness(arguments.harness);
  if (arguments.list)
    return list(harness), 0;

  std::filesystem::create_directories(arguments.harness.directory);
  const std::string file_system = describe_file_system(arguments.harness.directory);
  if (file_system.starts_with(in_memory) && plan.name != "small")
    throw std::runtime_error(arguments.harness.directory + " is in memory: choose a directory on a disk (--directory)");
  const Workload workload(plan.workload);
  print_head(plan, harness, workload, file_system);
  Results results;
  harness.run(workload, results, [](const std::string& what) { std::cerr << what << '\n'; });

  const double payload = static_cast<double>(workload.payload_bytes()) / static_cast<double>(workload.size());
  std::cout << to_tables(results);
  if (plan.name != "small") // its figures mean nothing
    std::cout << "What weir is to reach:\n" << to_table(judge(results, plan, payload));
  if (!arguments.json.empty()) {
    std::ofstream file(arguments.json);
    if (!(file << to_json(results) << std::flush))
      throw std::runtime_error(arguments.json + " cannot be written");
  }
  for (const auto& failure : results.failures())
    std::cerr << "FAILED: " << failure << '\n';
  return results.failures().empty() ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app("weir beside its peers: ingest, size, replay and reopen of one workload.");
  Arguments arguments;
  arguments.harness.directory = "build/bench-data";
  const auto plan = [&](const std::string& name, const std::string& says) {
    app.add_flag_callback(
        "--" + name, [&arguments, name] { arguments.plan = name; }, says);
  };
  plan("small", "a few seconds, to see that everything works; the figures mean nothing");
  plan("standard", "1 M events, a quarter of an hour (the default)");
  plan("full", "adds a history of 10 M events");
  app.add_option("--only", arguments.harness.only, "lines whose name this regular expression matches somewhere");
  app.add_option("--peers", arguments.harness.peers, "peers, separated by commas")->delimiter(',');
  app.add_option("--repetitions", arguments.repetitions, "how often everything is measured")->check(CLI::Range(1, 100));
  app.add_option("--seconds", arguments.seconds, "length of a time-boxed measurement")->check(CLI::Range(0.01, 3600.0));
  app.add_option("--directory", arguments.harness.directory, "where the stores are made, on the disk to be measured");
  app.add_option("--json", arguments.json, "file for the figures");
  app.add_flag("--list", arguments.list, "say what would be measured, and with whom");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(arguments);
  } catch (const std::exception& error) {
    std::cerr << "weir_bench: " << error.what() << '\n';
    return 1;
  }
}
