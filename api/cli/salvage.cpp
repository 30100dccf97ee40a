#include "api/cli/command.hpp"

#include "api/cli/printable.hpp"
#include "api/cli/progress.hpp"
#include "engine/text.hpp"

#include <weir/salvage.hpp>

#include <memory>

namespace weir::cli {
namespace {

struct SalvageOptions {
  std::string source;
  std::string destination;
};

constexpr auto all_saved = ExitCode::success;
constexpr auto incomplete = static_cast<ExitCode>(1);
constexpr auto nothing_done = static_cast<ExitCode>(2);

Result<ExitCode> salvage(const SalvageOptions& options, Streams& streams) {
  ProgressLine progress(streams.console, "salvage");
  Status printed;
  const auto print = [&](const std::string& line) {
    streams.console.clear_progress();
    streams.out.buffer() += printable(line) + '\n';
    if (const Status passed = streams.out.pass_on(); !passed)
      printed = passed;
  };
  SalvageListener listener;
  listener.damaged = [&](const Error& error) { print(format("damaged {}: {}", error.where, error.message)); };
  listener.missing = [&](std::string_view context, Sequence first, Sequence last) {
    print(first == last ? format("missing {}: sequence {}", context, first)
                        : format("missing {}: sequences {} to {}", context, first, last));
  };
  listener.progress = [&](std::uint64_t events) { progress.update(events, 0, 0); };
  const auto report = salvage_directory(options.source, options.destination, listener);
  streams.console.clear_progress();
  WEIR_TRY(streams.out.flush());
  WEIR_TRY(printed);
  if (!report) {
    streams.console.error(report.error());
    return nothing_done;
  }
  std::string text = format("saved {} events of {} contexts; {} damaged place{}", with_separators(report->events),
                            with_separators(report->contexts), with_separators(report->damaged_places),
                            report->damaged_places == 1 ? "" : "s");
  if (report->complete()) {
    streams.console.line(text + ", nothing is missing");
    return all_saved;
  }
  text += format(", {} events are missing{}", with_separators(report->events_missing),
                 report->more_may_be_missing ? ", perhaps more" : "");
  streams.console.error(fail(Errc::corruption, text, options.source));
  return incomplete;
}

} // namespace

void add_salvage(CLI::App& program, Action& chosen) {
  const Command command(
      program, chosen, "salvage", "Save what is whole of a damaged directory into a new one",
      "weir salvage data saved\n\n"
      "Every whole event is stored again, those of a context in their order, with type, payload, metadata, event id\n"
      "and timestamp. Not kept: recorded_at, positions and with them the order between contexts, and the sequences\n"
      "of events behind missing ones, which move up. Printed: each damaged place, and each gap in a context. The\n"
      "source is only read (its lock file is taken). If the catalog is lost without a trace, so is what only the\n"
      "logs hold, since they are checked by a number in it.\n"
      "Exit codes: 0 every event was saved, 1 something is missing, 2 failed.");
  const auto options = std::make_shared<SalvageOptions>();
  command.positional("SRC", options->source, "The damaged directory; no other process may have it open");
  command.positional("DST", options->destination, "The new directory; missing, or empty");
  command.runs([options](Streams& streams) { return salvage(*options, streams); });
}

} // namespace weir::cli
