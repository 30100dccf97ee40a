#include "api/cli/command.hpp"

#include <algorithm>
#include <memory>

namespace weir::cli {
namespace {

struct QueryCommand {
  std::string directory;
  std::string text;
  bool explain = false;
  std::optional<Format> format;
};

/// Where a query asks for whole events, programs get every field and people those that fit a line.
bool shown(const std::string& column, Format format) {
  static constexpr std::string_view in_table[] = {"context_id", "event_type", "sequence", "timestamp", "payload"};
  return format != Format::table || std::find(std::begin(in_table), std::end(in_table), column) != std::end(in_table);
}

Status print_rows(const Query& plan, const QueryResult& result, const QueryCommand& command, Streams& streams) {
  const Format format = chosen_format(command.format, streams.out);
  const bool whole_events = plan.fields.empty() && !plan.counted && plan.group_by.empty();
  std::vector<Column> columns;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < result.columns.size(); ++i) {
    const std::string& name = result.columns[i];
    if (whole_events && !shown(name, format))
      continue;
    columns.push_back({name, whole_events && (name == "event_id" || name == "metadata")});
    places.push_back(i);
  }
  Rows rows(streams.out, format, std::move(columns));
  std::vector<Value> picked(places.size());
  for (const auto& row : result.rows) {
    std::transform(places.begin(), places.end(), picked.begin(), [&](std::size_t place) { return row[place]; });
    WEIR_TRY(rows.add(picked));
  }
  return rows.flush();
}

Status print_explanation(const QueryResult& result, Streams& streams) {
  for (const std::string& line : result.explain)
    streams.out.buffer() += line + '\n';
  return streams.out.flush();
}

Result<ExitCode> query(const QueryCommand& command, Streams& streams) {
  const auto plan = parse_query(command.text);
  if (!plan) {
    streams.console.error(plan.error());
    if (std::string place = caret(command.text, plan.error()); !place.empty()) {
      place.erase(place.find_last_not_of('\n') + 1);
      streams.console.line(place);
    }
    return ExitCode::failed;
  }
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  QueryOptions as_stored; // upcasters are code of a service, and this program has none
  as_stored.as_stored = true;
  const auto result = engine->query(*plan, as_stored);
  if (!result)
    return result.error();
  const auto status =
      command.explain ? print_explanation(*result, streams) : print_rows(*plan, *result, command, streams);
  return close_after(*engine, status ? Result<ExitCode>(ExitCode::success) : status.error());
}

} // namespace

void add_query(CLI::App& program, Action& chosen) {
  const Command command(program, chosen, "query", "Ask a question over all contexts",
                        "weir query data 'QUERY order_placed WHERE payload.total > 100 COUNT BY payload.country'");
  const auto options = std::make_shared<QueryCommand>();
  command.positional("DIR", options->directory, "The data directory");
  command.positional("TEXT", options->text, "The query");
  command.app().add_flag("--explain", options->explain, "Print the plan and what was read instead of the rows");
  command.format(options->format);
  command.runs([options](Streams& streams) { return query(*options, streams); });
}

} // namespace weir::cli
