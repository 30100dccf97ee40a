#include "api/cli/program.hpp"

#include "api/cli/command.hpp"

#include <unistd.h>

namespace weir::cli {
namespace {

constexpr auto add_commands = {add_init,   add_store,    add_import,  add_export,    add_replay,
                               add_tail,   add_query,    add_shell,   add_flush,     add_compact,
                               add_stats,  add_verify,   add_backup,  add_restore,   add_salvage,
                               add_schema, add_consumer, add_context, add_retention, add_model};

/// What to type for help with what went wrong.
std::string help_command(const CLI::App& program) {
  const auto chosen = program.get_subcommands();
  return "see weir " + (chosen.empty() ? std::string() : chosen.front()->get_name() + ' ') + "--help";
}

} // namespace

int run_program(int argc, const char* const* argv) {
  Output out(STDOUT_FILENO);
  Console console(STDERR_FILENO);
  Streams streams{out, console};

  CLI::App program("weir stores events durably, replays them in order, and answers questions about them.", "weir");
  program.set_version_flag("--version", "weir " WEIR_VERSION);
  program.require_subcommand(0, 1); // More could be the name of a context. None is told below, in our words.
  program.get_formatter()->label("SUBCOMMAND", "COMMAND");
  program.footer("Exit codes: 0 success, 1 failed, 2 wrong usage. weir COMMAND --help shows options and an example.");
  Action action;
  for (const auto add : add_commands)
    add(program, action);
  try {
    program.parse(argc, argv);
    if (!action)
      throw CLI::RequiredError("A command");
  } catch (const CLI::Success& wanted) { // --help or --version
    std::ostringstream text;
    program.exit(wanted, text, text);
    out.buffer() += text.str();
    action = [](Streams& s) -> Result<ExitCode> {
      WEIR_TRY(s.out.flush());
      return ExitCode::success;
    };
  } catch (const CLI::ParseError& error) {
    console.error(fail(Errc::invalid_argument, error.what(), help_command(program)));
    return static_cast<int>(ExitCode::usage);
  }

  const auto result = action(streams);
  if (result)
    return static_cast<int>(*result);
  if (out.reader_gone())
    return static_cast<int>(ExitCode::success);
  console.error(result.error());
  return static_cast<int>(ExitCode::failed);
}

} // namespace weir::cli
