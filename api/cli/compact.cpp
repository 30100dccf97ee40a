#include "api/cli/command.hpp"
#include "api/cli/interrupt.hpp"
#include "api/cli/progress.hpp"
#include "engine/text.hpp"

#include <memory>

namespace weir::cli {
namespace {

struct CompactCommand {
  std::string directory;
  bool all = false;
  std::uint64_t bytes_per_second_max = 0;
  std::optional<Format> format;
};

Status print_report(const CompactReport& report, const CompactCommand& command, Streams& streams) {
  Rows rows(streams.out, chosen_format(command.format, streams.out),
            {{"merges"},
             {"segments_before"},
             {"segments_after"},
             {"bytes_before"},
             {"bytes_after"},
             {"bytes_given_back"},
             {"bytes_read"},
             {"bytes_written"},
             {"events_removed"},
             {"write_amplification"}});
  WEIR_TRY(
      rows.add(std::vector<Value>{report.merges, report.segments_before, report.segments_after, report.bytes_before,
                                  report.bytes_after, report.bytes_given_back, report.bytes_read, report.bytes_written,
                                  report.events_removed, report.write_amplification}));
  return rows.flush();
}

Result<ExitCode> compact(const CompactCommand& command, Streams& streams) {
  const Interrupt interrupt;
  EngineOptions engine_options;
  engine_options.create_if_missing = false;
  engine_options.compaction_bytes_per_second_max = command.bytes_per_second_max;
  auto engine = Engine::open(command.directory, engine_options);
  if (!engine)
    return std::move(engine).error();
  engine->pause_compaction(); // all of the work is to be in the report
  ProgressLine line(streams.console, "compact", "MiB");
  CompactOptions options;
  options.all = command.all;
  options.cancel = interrupt.flag();
  std::uint64_t merges = 0;
  options.progress = [&](const CompactProgress& progress) {
    merges = progress.merges;
    line.update(progress.bytes / MiB, progress.bytes, progress.bytes_total);
  };
  const auto report = engine->compact(options);
  streams.console.clear_progress();
  if (report.code() == Errc::cancelled)
    return close_after(
        *engine, fail(Errc::cancelled, format("interrupted after {} merges, which stay; nothing is lost", merges)));
  if (!report)
    return close_after(*engine, report.error());
  const Status printed = print_report(*report, command, streams);
  return close_after(*engine, printed ? Result<ExitCode>(ExitCode::success) : Result<ExitCode>(printed.error()));
}

} // namespace

void add_compact(CLI::App& program, Action& chosen) {
  const Command command(
      program, chosen, "compact", "Merge segments until reads find as few as they would at rest",
      "weir compact data\n"
      "  weir compact data --all --rate 20000000\n\n"
      "Replays look into fewer files afterwards, and removed events give their space back. A service does this by\n"
      "itself in the background, and calls Engine::compact to have it done at once. --all goes further: each shard\n"
      "gets as few segments as their size allows, which reads and writes everything that is not in one already. A\n"
      "merge needs free space for what it writes. Ctrl-C gives up the merge under way and keeps those before it.");
  const auto options = std::make_shared<CompactCommand>();
  command.positional("DIR", options->directory, "The data directory; no other process may have it open");
  command.app().add_flag("--all", options->all, "As few segments as there can be, whatever it costs");
  command.whole_number("--rate", options->bytes_per_second_max, 1, "Bytes a second to read and write at most");
  command.format(options->format);
  command.runs([options](Streams& streams) { return compact(*options, streams); });
}

} // namespace weir::cli
