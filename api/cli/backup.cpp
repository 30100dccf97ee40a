#include "api/cli/command.hpp"
#include "api/cli/interrupt.hpp"
#include "api/cli/progress.hpp"
#include "engine/text.hpp"

#include <memory>

namespace weir::cli {
namespace {

struct BackupCommand {
  std::string directory;
  std::string target;
  std::string base;
  bool copy = false;
};

std::string bytes_text(std::uint64_t bytes) {
  return format("{:.1f} MiB", static_cast<double>(bytes) / static_cast<double>(MiB));
}

Result<ExitCode> backup(const BackupCommand& command, Streams& streams) {
  const Interrupt interrupt;
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  ProgressLine line(streams.console, "backup", "files");
  BackupOptions options;
  options.base = command.base;
  options.link_segments = !command.copy;
  options.cancel = interrupt.flag();
  options.progress = [&](const BackupProgress& progress) {
    line.update(progress.files, progress.bytes, progress.bytes_total);
  };
  const auto report = engine->backup(command.target, options);
  streams.console.clear_progress();
  if (!report)
    return close_after(*engine, report.error());
  streams.console.line(format("backed up {} files, {}, of which {} were copied and {} segments linked, in {}",
                              with_separators(report->files), bytes_text(report->bytes),
                              bytes_text(report->copied_bytes), with_separators(report->linked_segments),
                              duration_text(line.elapsed())));
  return close_after(*engine, ExitCode::success);
}

} // namespace

void add_backup(CLI::App& program, Action& chosen) {
  const Command command(
      program, chosen, "backup", "Make a backup of a directory that no service has open",
      "weir backup data backups/monday\n"
      "  weir backup data backups/tuesday --base backups/monday\n\n"
      "The directory is opened, as by every command; a service that has it open makes its backups itself, while\n"
      "it goes on, by calling Engine::backup. On one file system segments are linked and take no space; a linked\n"
      "backup is safe from deleting, not from damage to the disk below: use --copy, or another disk. TARGET is a\n"
      "backup once it holds backup.manifest. weir verify checks it, weir restore makes a directory of it.");
  const auto options = std::make_shared<BackupCommand>();
  command.positional("DIR", options->directory, "The data directory; no other process may have it open");
  command.positional("TARGET", options->target, "The backup's directory; missing, or empty");
  command.app()
      .add_option("--base", options->base, "An earlier backup: segments it holds are linked from there")
      ->type_name("BACKUP");
  command.app().add_flag("--copy", options->copy, "Copy segments instead of linking them to those of DIR");
  command.runs([options](Streams& streams) { return backup(*options, streams); });
}

} // namespace weir::cli
