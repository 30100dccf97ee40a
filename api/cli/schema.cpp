#include "api/cli/command.hpp"
#include "engine/text.hpp"

#include <array>
#include <limits>
#include <memory>

namespace weir::cli {
namespace {

struct SchemaCommand {
  std::string directory;
  std::string type;
  std::string text;
  std::uint64_t version = 0; ///< 0: the one in force.
  std::optional<Format> format;
};

Result<ExitCode> list(const SchemaCommand& command, Streams& streams) {
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  Rows rows(streams.out, chosen_format(command.format, streams.out),
            {{"event_type", false}, {"version", false}, {"fields", false}, {"open", false}});
  for (const SchemaVersion& version : engine->schemas()) {
    const std::array<Value, 4> row = {version.schema.event_type, std::uint64_t{version.version},
                                      std::uint64_t{version.schema.fields.size()}, version.schema.open};
    WEIR_TRY(rows.add(row));
  }
  WEIR_TRY(rows.flush());
  return close_after(*engine, ExitCode::success);
}

Result<ExitCode> show(const SchemaCommand& command, Streams& streams) {
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  if (command.version > std::numeric_limits<std::uint32_t>::max())
    return fail(Errc::not_found, format("there is no version {}", command.version));
  const auto version = engine->schema(command.type, static_cast<std::uint32_t>(command.version));
  if (!version)
    return version.error();
  streams.out.buffer() += to_text(version->schema) + '\n';
  WEIR_TRY(streams.out.flush());
  return close_after(*engine, ExitCode::success);
}

Result<ExitCode> define(const SchemaCommand& command, Streams& streams) {
  const auto schema = parse_schema(command.text);
  if (!schema) {
    streams.console.error(schema.error());
    if (std::string place = caret(command.text, schema.error()); !place.empty()) {
      place.erase(place.find_last_not_of('\n') + 1);
      streams.console.line(place);
    }
    return ExitCode::failed;
  }
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  const auto version = engine->define_schema(*schema);
  if (!version)
    return version.error();
  streams.out.buffer() += format("{} version {}\n", schema->event_type, *version);
  WEIR_TRY(streams.out.flush());
  return close_after(*engine, ExitCode::success);
}

} // namespace

void add_schema(CLI::App& program, Action& chosen) {
  CLI::App& group = *program.add_subcommand("schema", "Say what events of a type look like");
  group.group("Commands")->require_subcommand(1);
  group.footer("Example:\n  weir schema list data");
  group.get_formatter()->label("SUBCOMMAND", "COMMAND");
  const auto options = std::make_shared<SchemaCommand>();

  const Command lists(group, chosen, "list", "Show the types that have a schema", "weir schema list data");
  lists.positional("DIR", options->directory, "The data directory");
  lists.format(options->format);
  lists.runs([options](Streams& streams) { return list(*options, streams); });

  const Command shows(group, chosen, "show", "Print a type's schema", "weir schema show data order_placed --version 1");
  shows.positional("DIR", options->directory, "The data directory");
  shows.positional("TYPE", options->type, "The event type");
  shows.whole_number("--version", options->version, 1, "An earlier version instead of the one in force");
  shows.runs([options](Streams& streams) { return show(*options, streams); });

  const Command defines(
      group, chosen, "define", "Define a schema, or the next version of one",
      "weir schema define data 'DEFINE order_placed FIELDS { total: double, note: string OPTIONAL }'");
  defines.positional("DIR", options->directory, "The data directory");
  defines.positional("TEXT", options->text, "The definition");
  defines.runs([options](Streams& streams) { return define(*options, streams); });
}

} // namespace weir::cli
