#include "api/cli/command.hpp"
#include "api/cli/event_rows.hpp"
#include "api/cli/printable.hpp"
#include "api/cli/progress.hpp"
#include "api/cli/terminal.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <memory>

namespace weir::cli {
namespace {

struct ReplayCommand {
  std::string directory;
  std::string context_id;
  ReplayOptions replay;
  std::optional<Format> format;
};

/// Events the replay will pass at most; 0 if that cannot be told.
std::uint64_t events_ahead(const Engine& engine, const ReplayCommand& command) {
  ReplayOptions last = command.replay;
  last.backward = true;
  last.limit = 1;
  last.types.clear();
  auto stream = engine.replay(command.context_id, last);
  if (!stream)
    return 0;
  const auto batch = stream->next();
  if (!batch || batch->empty())
    return 0;
  const std::uint64_t events = batch->back().sequence - std::max<Sequence>(command.replay.from, 1) + 1;
  return command.replay.limit == 0 ? events : std::min(events, command.replay.limit);
}

Status print_events(const Engine& engine, const ReplayCommand& command, Streams& streams) {
  const Format format = chosen_format(command.format, streams.out);
  const auto fields = replay_fields(format);
  std::vector<Column> columns;
  for (const EventField field : fields)
    columns.push_back(event_column(field));

  // Events that scroll by are progress enough.
  const bool show_progress = streams.console.shows_progress() && !is_terminal(streams.out.descriptor());
  const std::uint64_t ahead = show_progress ? events_ahead(engine, command) : 0;
  ProgressLine progress(streams.console, "replay");

  auto stream = engine.replay(command.context_id, command.replay);
  if (!stream)
    return std::move(stream).error();
  Rows rows(streams.out, format, std::move(columns));
  std::vector<Value> row(fields.size());
  for (std::uint64_t printed = 0;;) {
    const auto batch = stream->next();
    if (!batch)
      return batch.error();
    if (const auto& removed = batch->removed())
      streams.console.line(weir::format("sequences {} to {} of {} are removed", removed->first, removed->last,
                                        printable(command.context_id)));
    if (batch->empty())
      return rows.flush();
    for (const EventView& event : *batch) {
      std::transform(fields.begin(), fields.end(), row.begin(),
                     [&](EventField field) { return event_value(event, field); });
      WEIR_TRY(rows.add(row));
    }
    printed += batch->size();
    if (show_progress)
      progress.update(printed, printed, ahead);
  }
}

Result<ExitCode> replay(const ReplayCommand& command, Streams& streams) {
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  const auto status = print_events(*engine, command, streams);
  return close_after(*engine, status ? Result<ExitCode>(ExitCode::success) : status.error());
}

} // namespace

void add_replay(CLI::App& program, Action& chosen) {
  const Command command(program, chosen, "replay", "Print the events of one context in order",
                        "weir replay data order-42 --from 10 --limit 5");
  const auto options = std::make_shared<ReplayCommand>();
  command.positional("DIR", options->directory, "The data directory");
  command.positional("CONTEXT", options->context_id, "The context's id; write -- before one that begins with a dash");
  command.whole_number("--from", options->replay.from, 0, "First sequence, inclusive");
  command.whole_number("--to", options->replay.to, 0, "Last sequence, inclusive");
  options->replay.as_stored = true; // upcasters are code of a service, and this program has none
  command.app().add_flag("--backward", options->replay.backward, "Highest sequence first");
  command.whole_number("--limit", options->replay.limit, 1, "At most this many events");
  command.app()
      .add_option("--type", options->replay.types, "Only events of this type; may be given several times")
      ->allow_extra_args(false)
      ->type_name("TYPE");
  command.format(options->format);
  command.runs([options](Streams& streams) { return replay(*options, streams); });
}

} // namespace weir::cli
