#include "api/cli/command.hpp"

#include "api/cli/printable.hpp"
#include "api/cli/progress.hpp"

#include <memory>

namespace weir::cli {
namespace {

Result<ExitCode> verify(const std::string& directory, Streams& streams) {
  std::vector<std::string> findings;
  ProgressLine line(streams.console, "verify");
  const auto status = verify_directory(directory, &findings, [&](const VerifyProgress& progress) {
    line.update(progress.events, progress.bytes, progress.bytes_total);
  });
  streams.console.clear_progress();
  if (!status && findings.empty())
    return status.error();
  std::string& out = streams.out.buffer();
  for (const std::string& finding : findings)
    out += printable(finding) + '\n';
  if (status)
    out += directory + ": every byte checked, no damage\n";
  WEIR_TRY(streams.out.flush());
  if (!status)
    return fail(Errc::corruption, std::to_string(findings.size()) + (findings.size() == 1 ? " finding" : " findings"),
                directory);
  return ExitCode::success;
}

} // namespace

void add_verify(CLI::App& program, Action& chosen) {
  const Command command(program, chosen, "verify", "Check every byte of every live file, changing nothing",
                        "weir verify data");
  const auto directory = std::make_shared<std::string>();
  command.positional("DIR", *directory, "A data directory that no other process has open, or a backup");
  command.runs([directory](Streams& streams) { return verify(*directory, streams); });
}

} // namespace weir::cli
