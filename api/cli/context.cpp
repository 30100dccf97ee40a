#include "api/cli/command.hpp"

#include <memory>

namespace weir::cli {
namespace {

struct ContextCommand {
  std::string directory;
  std::string context_id;
  std::uint64_t before = 0;
  bool hard = false;
  std::optional<Format> format;
};

Result<ExitCode> print_removal(Engine& engine, const ContextCommand& command, const Result<Removal>& removal,
                               Streams& streams) {
  if (!removal)
    return close_after(engine, removal.error());
  Rows rows(streams.out, chosen_format(command.format, streams.out),
            {{"context_id"}, {"removed_before"}, {"position"}, {"durability"}, {"already"}});
  WEIR_TRY(rows.add(std::vector<Value>{command.context_id, removal->removed_before, removal->position,
                                       to_string(removal->durability), removal->already}));
  WEIR_TRY(rows.flush());
  return close_after(engine, ExitCode::success);
}

Result<ExitCode> truncate(const ContextCommand& command, Streams& streams) {
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  return print_removal(*engine, command, engine->truncate_context(command.context_id, command.before), streams);
}

Result<ExitCode> remove(const ContextCommand& command, Streams& streams) {
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  const auto removal = engine->delete_context(command.context_id, command.hard ? Deletion::hard : Deletion::soft);
  return print_removal(*engine, command, removal, streams);
}

void add_places(const Command& command, ContextCommand& options) {
  command.positional("DIR", options.directory, "The data directory");
  command.positional("CONTEXT", options.context_id, "The context's id; write -- before one that begins with a dash");
  command.format(options.format);
}

} // namespace

void add_context(CLI::App& program, Action& chosen) {
  CLI::App* const group = program.add_subcommand("context", "Remove events of one context");
  group->group("Commands");
  group->require_subcommand(1);
  group->footer("Example:\n  weir context truncate data order-42 --before 10");

  const Command truncated(*group, chosen, "truncate", "Remove the events before a sequence",
                          "weir context truncate data order-42 --before 10");
  const auto truncation = std::make_shared<ContextCommand>();
  add_places(truncated, *truncation);
  truncated.whole_number("--before", truncation->before, 1, "First sequence to stay");
  truncated.app().get_option("--before")->required();
  truncated.runs([truncation](Streams& streams) { return truncate(*truncation, streams); });

  const Command deleted(*group, chosen, "delete", "Remove all events; stores go on unless it is for good",
                        "weir context delete data order-42 --hard");
  const auto deletion = std::make_shared<ContextCommand>();
  add_places(deleted, *deletion);
  deleted.app().add_flag("--hard", deletion->hard, "For good: nothing can be stored to the context again");
  deleted.runs([deletion](Streams& streams) { return remove(*deletion, streams); });
}

} // namespace weir::cli
