#include "api/cli/command.hpp"
#include "api/cli/interrupt.hpp"
#include "api/cli/progress.hpp"
#include "engine/text.hpp"
#include "engine/time_text.hpp"

#include <weir/backup.hpp>

#include <memory>

namespace weir::cli {
namespace {

struct RestoreCommand {
  std::string backup;
  std::string directory;
};

Result<ExitCode> restore(const RestoreCommand& command, Streams& streams) {
  const Interrupt interrupt;
  ProgressLine line(streams.console, "restore", "files");
  RestoreOptions options;
  options.cancel = interrupt.flag();
  options.progress = [&](const BackupProgress& progress) {
    line.update(progress.files, progress.bytes, progress.bytes_total);
  };
  const auto report = restore_backup(command.backup, command.directory, options);
  streams.console.clear_progress();
  if (!report)
    return report.error();
  streams.console.line(format("restored {} files of the backup of {}, every checksum compared, in {}",
                              with_separators(report->files), format_timestamp(report->created),
                              duration_text(line.elapsed())));
  return ExitCode::success;
}

} // namespace

void add_restore(CLI::App& program, Action& chosen) {
  const Command command(
      program, chosen, "restore", "Make a data directory of a backup",
      "weir restore backups/tuesday data\n\n"
      "Every byte is compared with the backup's checksums. If anything differs, nothing is restored.");
  const auto options = std::make_shared<RestoreCommand>();
  command.positional("BACKUP", options->backup, "The backup; it is only read");
  command.positional("DIR", options->directory, "The new data directory; missing, or empty");
  command.runs([options](Streams& streams) { return restore(*options, streams); });
}

} // namespace weir::cli
