#include "api/cli/command.hpp"
#include "api/cli/progress.hpp"
#include "api/cli/time_argument.hpp"
#include "engine/json/json.hpp"
#include "engine/text.hpp"

#include <weir/export.hpp>

#include <memory>

namespace weir::cli {
namespace {

struct ExportCommand {
  std::string directory;
  std::string format = "jsonl";
  std::string source = "weir";
  ExportFilter filter;
};

std::uint64_t events_in(const Engine& engine) {
  std::uint64_t events = 0;
  for (const ShardStats& shard : engine.stats().shards)
    events += shard.segment_events + shard.memtable_events;
  return events;
}

Status print_events(const Engine& engine, const ExportCommand& command, Streams& streams) {
  const bool cloud_events = command.format == "cloudevents";
  const bool whole = !command.filter.context_id && command.filter.context_prefix.empty() &&
                     command.filter.types.empty() && !command.filter.from && !command.filter.to;
  const std::uint64_t ahead = whole ? events_in(engine) : 0;
  ProgressLine progress(streams.console, "export");
  std::uint64_t printed = 0;
  std::string& out = streams.out.buffer();
  WEIR_TRY(export_events(engine, command.filter, [&](const EventView& event) -> Status {
    if (cloud_events)
      json::append_cloud_event(out, event, command.source);
    else
      json::append_event_line(out, event);
    out += '\n';
    ++printed;
    progress.update(printed, printed, ahead);
    return streams.out.pass_on();
  }));
  WEIR_TRY(streams.out.flush());
  streams.console.clear_progress();
  streams.console.line(format("exported {} events in {} ({}/s)", with_separators(printed),
                              duration_text(progress.elapsed()),
                              with_separators(rate_per_second(printed, progress.elapsed()))));
  return {};
}

Result<ExitCode> run(const ExportCommand& command, Streams& streams) {
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  const auto status = print_events(*engine, command, streams);
  return close_after(*engine, status ? Result<ExitCode>(ExitCode::success) : status.error());
}

} // namespace

void add_export(CLI::App& program, Action& chosen) {
  const Command command(
      program, chosen, "export", "Print all events so that weir import stores them again",
      "weir export data | gzip > events.jsonl.gz\n"
      "  weir export data --format cloudevents --type order_placed --from 2024-03-01T00:00:00Z\n\n"
      "Payload, metadata, event id and timestamp are kept byte for byte, and the order of events in a\n"
      "context. Sequences, positions and recorded_at are given anew by an import; a copy that keeps\n"
      "them is made by weir backup.");
  const auto options = std::make_shared<ExportCommand>();
  command.positional("DIR", options->directory, "The data directory");
  CLI::App& app = command.app();
  app.add_option("--format", options->format, "jsonl (the default), or cloudevents: CloudEvents 1.0, one a line")
      ->check(CLI::IsMember({"jsonl", "cloudevents"}))
      ->type_name("FORMAT");
  app.add_option("--source", options->source, "The attribute \"source\" of every CloudEvent; weir if left out")
      ->check([](const std::string& text) { return std::string(text.empty() ? "must not be empty" : ""); })
      ->type_name("URI");
  app.add_option("--context", options->filter.context_id, "Only this context")->type_name("ID");
  app.add_option("--context-prefix", options->filter.context_prefix, "Only contexts that begin with this")
      ->type_name("TEXT");
  app.add_option("--type", options->filter.types, "Only events of this type; may be given several times")
      ->allow_extra_args(false)
      ->type_name("TYPE");
  add_time_option(app, "--from", options->filter.from, "Only events whose timestamp is not before this");
  add_time_option(app, "--to", options->filter.to, "Only events whose timestamp is before this");
  command.runs([options](Streams& streams) { return run(*options, streams); });
}

} // namespace weir::cli
