#include "api/cli/command.hpp"
#include "api/cli/completion_names.hpp"
#include "api/cli/interrupt.hpp"
#include "api/cli/query_output.hpp"
#include "api/cli/shell_lines.hpp"
#include "api/cli/shell_pager.hpp"
#include "api/cli/shell_session.hpp"
#include "api/cli/terminal.hpp"

#include <memory>

namespace weir::cli {
namespace {

struct ShellCommand {
  std::string directory;
  std::optional<Format> format;
  bool keep_going = false;
};

Result<Executed> execute_until(const Interrupt& interrupt, Engine& engine, const std::string& statement,
                               QueryStatement::Explain explain) {
  ExecuteOptions options;
  options.explain = explain;
  options.query.as_stored = true; // upcasters are code of a service, and this program has none
  options.query.cancel = interrupt.flag();
  return execute(engine, statement, options);
}

/// A long answer goes through the pager. Its reader may leave early.
Status print_paged(const Executed& executed, const AnswerStyle& style, const std::string& command) {
  auto pager = Pager::start(command);
  if (!pager)
    return std::move(pager).error();
  Output out(pager->descriptor());
  const Status printed = print_answer(executed, style, out);
  pager->finish();
  return out.reader_gone() ? Status() : printed;
}

ShellSession::Print printer(Output& out, bool paged) {
  return [&out, paged](const Executed& executed, const ShellSettings& settings) {
    AnswerStyle style;
    style.format = settings.format;
    style.plot = settings.plot && executed.query && executed.query->per_unit;
    style.width = terminal_width(out.descriptor());
    style.utf8 = locale_is_utf8();
    const std::size_t height = terminal_height(out.descriptor());
    if (paged && height > 0 && lines_of_answer(executed, style) >= height)
      if (const std::string command = Pager::command(); !command.empty())
        return print_paged(executed, style, command);
    return print_answer(executed, style, out);
  };
}

Result<ExitCode> converse_at_terminal(Engine& engine, const ShellSettings& settings, Streams& streams) {
  Interrupt interrupt(Interrupt::Kept::always);
  const CompletionNamesReader names(engine);
  ShellEditor editor(interrupt, ShellHistory(ShellHistory::default_path()), [&names] { return names.names(); });
  const auto run = [&](const std::string& statement, QueryStatement::Explain explain) {
    return execute_until(interrupt, engine, statement, explain);
  };
  ShellSession session(editor, run, printer(streams.out, true), streams, settings);
  return session.run();
}

Result<ExitCode> run_script(Engine& engine, Prompt& input, const ShellSettings& settings, Streams& streams) {
  PipedLines lines(input);
  // Between statements Ctrl-C ends the program, as it ends any that waits for input.
  const auto run = [&](const std::string& statement, QueryStatement::Explain explain) {
    const Interrupt interrupt;
    return execute_until(interrupt, engine, statement, explain);
  };
  ShellSession session(lines, run, printer(streams.out, false), streams, settings);
  return session.run();
}

Result<ExitCode> shell(const ShellCommand& command, Streams& streams) {
  auto input = Prompt::open();
  if (!input)
    return std::move(input).error();
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  ShellSettings settings;
  settings.format = chosen_format(command.format, streams.out);
  settings.keep_going = command.keep_going;
  auto result = input->at_terminal() ? converse_at_terminal(*engine, settings, streams)
                                     : run_script(*engine, *input, settings, streams);
  return close_after(*engine, std::move(result));
}

} // namespace

void add_shell(CLI::App& program, Action& chosen) {
  const Command command(
      program, chosen, "shell", "Ask and store, a statement after the other",
      "weir shell data\n"
      "  echo 'QUERY * COUNT BY event_type; SHOW STATS' | weir shell data --format csv\n\n"
      "Statements end with a semicolon or an empty line; \\? tells what else there is. Of a pipe the\n"
      "first statement that fails is the last one, and the exit code is 1.");
  const auto options = std::make_shared<ShellCommand>();
  command.positional("DIR", options->directory, "The data directory");
  command.format(options->format);
  command.app().add_flag("--keep-going", options->keep_going,
                         "Of a pipe: go on behind a statement that fails; the exit code is 1 all the same");
  command.runs([options](Streams& streams) { return shell(*options, streams); });
}

} // namespace weir::cli
