#include "api/cli/command.hpp"
#include "api/cli/event_rows.hpp"

#include <algorithm>
#include <memory>

namespace weir::cli {
namespace {

constexpr Position nowhere = UINT64_MAX;
constexpr std::uint64_t last_events_default = 10;

struct TailCommand {
  std::string directory;
  SubscribeOptions subscribe{.as_stored = true}; // upcasters are code of a service, and this program has none
  std::uint64_t from = nowhere;
  std::uint64_t limit = 0; ///< 0: left out.
  std::optional<Format> format;
};

/// The position from which on the last events that pass the filter are as many as asked for.
Result<Position> position_of_last(const Engine& engine, const TailCommand& command) {
  SubscribeOptions backward = command.subscribe;
  backward.backward = true;
  backward.limit = command.limit == 0 ? last_events_default : command.limit;
  auto events = engine.subscribe(std::move(backward));
  if (!events)
    return std::move(events).error();
  Position first = events->position();
  while (true) {
    const auto batch = events->next();
    if (!batch)
      return batch.error();
    if (!batch->events.empty())
      first = batch->events.back().position;
    if (batch->ended)
      return first;
  }
}

Status print_events(const Engine& engine, const TailCommand& command, Streams& streams) {
  SubscribeOptions options = command.subscribe;
  options.follow = false;
  if (command.from != nowhere) {
    options.from = QueueStart::at(command.from);
    options.limit = command.limit;
  } else {
    const auto first = position_of_last(engine, command);
    if (!first)
      return first.error();
    options.from = QueueStart::at(*first);
  }
  auto events = engine.subscribe(std::move(options));
  if (!events)
    return std::move(events).error();
  const Format format = chosen_format(command.format, streams.out);
  const auto fields = queue_fields(format);
  std::vector<Column> columns;
  for (const EventField field : fields)
    columns.push_back(event_column(field));
  Rows rows(streams.out, format, std::move(columns));
  std::vector<Value> row(fields.size());
  while (true) {
    const auto batch = events->next();
    if (!batch)
      return batch.error();
    for (const EventView& event : batch->events) {
      std::transform(fields.begin(), fields.end(), row.begin(),
                     [&](EventField field) { return event_value(event, field); });
      WEIR_TRY(rows.add(row));
    }
    if (batch->ended)
      return rows.flush();
  }
}

Result<ExitCode> tail(const TailCommand& command, Streams& streams) {
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  const auto status = print_events(*engine, command, streams);
  return close_after(*engine, status ? Result<ExitCode>(ExitCode::success) : status.error());
}

/// The condition of `text`, which is what follows WHERE in a query.
std::string set_condition(TailCommand& command, const std::string& text) {
  auto query = parse_query("QUERY * WHERE " + text);
  if (!query)
    return query.error().message;
  if (Query only = Query::all_types(); !query->condition || *query != only.where(*query->condition))
    return "a condition and nothing else is wanted";
  command.subscribe.where = std::move(query->condition);
  return {};
}

} // namespace

void add_tail(CLI::App& program, Action& chosen) {
  const Command command(program, chosen, "tail", "Print events of all contexts in position order, and end",
                        "weir tail data\n  weir tail data --from 1048576 --limit 100 --type order_placed");
  const auto options = std::make_shared<TailCommand>();
  command.positional("DIR", options->directory, "The data directory");
  command.whole_number("--from", options->from, 0,
                       "Begin with the first event at this position or later; left out: with the last ones");
  command.whole_number("--limit", options->limit, 1,
                       "At most this many events; left out: all from --from on, or the last 10");
  command.app()
      .add_option("--type", options->subscribe.types, "Only events of this type; may be given several times")
      ->allow_extra_args(false)
      ->type_name("TYPE");
  command.app()
      .add_option("--context-prefix", options->subscribe.context_prefix, "Only events whose context begins so")
      ->type_name("TEXT");
  command.app()
      .add_option_function<std::string>(
          "--where",
          [options](const std::string& text) {
            if (const std::string wrong = set_condition(*options, text); !wrong.empty())
              throw CLI::ValidationError("--where", wrong);
          },
          "Only events for which this condition holds, as in a query: 'payload.total > 100'")
      ->type_name("CONDITION");
  command.format(options->format);
  command.runs([options](Streams& streams) { return tail(*options, streams); });
}

} // namespace weir::cli
