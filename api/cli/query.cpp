#include "api/cli/command.hpp"
#include "api/cli/interrupt.hpp"
#include "api/cli/query_arguments.hpp"
#include "api/cli/query_output.hpp"
#include "api/cli/terminal.hpp"
#include "engine/text.hpp"

#include <memory>
#include <variant>

namespace weir::cli {
namespace {

struct QueryCommand {
  std::string directory;
  std::string text;
  ExecuteOptions execute;
  bool plot = false;
  std::optional<Format> format;
};

/// Whoever asks wants nothing changed.
bool only_reads(const Statement& statement) {
  return !std::holds_alternative<StoreStatement>(statement) && !std::holds_alternative<DefineStatement>(statement) &&
         !std::holds_alternative<FlushStatement>(statement) && !std::holds_alternative<RememberStatement>(statement) &&
         !std::holds_alternative<ForgetStatement>(statement);
}

bool can_be_plotted(const Statement& statement) {
  if (std::holds_alternative<ShowViewStatement>(statement))
    return true; // its answer tells
  const auto* const query = std::get_if<QueryStatement>(&statement);
  return query != nullptr && query->query.per_unit && query->explain == QueryStatement::Explain::none;
}

/// An option that the statement could only ignore is wrong usage.
Status check_options(const QueryCommand& command, const Statement& statement) {
  constexpr const char* help = "see weir query --help";
  const auto explain = command.execute.explain;
  if (explain != QueryStatement::Explain::none && !std::holds_alternative<QueryStatement>(statement))
    return fail(Errc::invalid_argument,
                format("{} wants a QUERY, and this statement is none",
                       explain == QueryStatement::Explain::plan ? "--explain" : "--analyze"),
                help);
  if (command.plot && !can_be_plotted(statement))
    return fail(Errc::invalid_argument, "--plot wants a query with PER, like QUERY * COUNT PER DAY", help);
  return {};
}

Result<Statement> parse(const QueryCommand& command) {
  auto statement = parse_statement(command.text, command.execute.parameters);
  if (!statement)
    return statement;
  if (!only_reads(*statement))
    return fail(Errc::invalid_argument, "weir query only reads; weir shell takes any statement");
  return statement;
}

Result<Executed> execute_until_interrupted(Engine& engine, const Statement& statement, ExecuteOptions options) {
  const Interrupt interrupt;
  options.query.cancel = interrupt.flag();
  return execute(engine, statement, options);
}

Result<ExitCode> print(const Executed& executed, const QueryCommand& command, Streams& streams) {
  AnswerStyle style;
  style.format = chosen_format(command.format, streams.out);
  style.plot = command.plot;
  style.width = terminal_width(streams.out.descriptor());
  style.utf8 = locale_is_utf8();
  WEIR_TRY(print_answer(executed, style, streams.out));
  if (!executed.message.empty())
    streams.console.line(executed.message);
  return ExitCode::success;
}

Result<ExitCode> query(const QueryCommand& command, Streams& streams) {
  const auto statement = parse(command);
  if (!statement) {
    streams.console.error(statement.error());
    if (std::string place = caret(command.text, statement.error()); !place.empty()) {
      place.erase(place.find_last_not_of('\n') + 1);
      streams.console.line(place);
    }
    return ExitCode::failed;
  }
  if (const Status checked = check_options(command, *statement); !checked) {
    streams.console.error(checked.error());
    return ExitCode::usage;
  }
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  const auto executed = execute_until_interrupted(*engine, *statement, command.execute);
  return close_after(*engine, executed ? print(*executed, command, streams) : executed.error());
}

/// Options that stand for a value which may be wrong.
void add_values(CLI::App& app, const std::shared_ptr<QueryCommand>& options) {
  app.add_option_function<std::vector<std::string>>(
         "VALUE",
         [options](const std::vector<std::string>& values) {
           for (const std::string& value : values)
             options->execute.parameters.positional.push_back(parse_argument_value(value));
         },
         "Values for each ? of the text, in order")
      ->type_name("");
  app.add_option_function<std::vector<std::string>>(
         "--param",
         [options](const std::vector<std::string>& arguments) {
           for (const std::string& argument : arguments) {
             auto named = parse_named_argument(argument);
             if (!named)
               throw CLI::ValidationError("--param", named.error().message);
             options->execute.parameters.named.push_back(*std::move(named));
           }
         },
         "A value for :NAME of the text; may be given several times")
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
  app.add_option_function<std::string>(
         "--timeout",
         [options](const std::string& text) {
           const auto timeout_ms = parse_timeout(text);
           if (!timeout_ms)
             throw CLI::ValidationError("--timeout", timeout_ms.error().message);
           options->execute.query.timeout_ms = *timeout_ms;
         },
         "Longest it may take, like 500ms, 30s or 5m; 60s if left out")
      ->type_name("TIME");
}

} // namespace

void add_query(CLI::App& program, Action& chosen) {
  const Command command(program, chosen, "query", "Ask a question over all contexts",
                        "weir query data 'QUERY order_placed WHERE payload.total > 100 COUNT BY payload.country'\n"
                        "  weir query data 'QUERY * FOR ? SINCE :since' order-42 --param since=2024-03-01T00:00:00Z\n"
                        "  weir query data 'QUERY order_placed COUNT PER DAY' --plot");
  const auto options = std::make_shared<QueryCommand>();
  options->execute.query.as_stored = true; // upcasters are code of a service, and this program has none
  command.positional("DIR", options->directory, "The data directory");
  command.positional("TEXT", options->text, "The query, or another statement that reads");
  CLI::App& app = command.app();
  add_values(app, options);
  command.format(options->format);
  const auto explain = [&](const char* name, QueryStatement::Explain kind, const char* help) {
    return app.add_flag_callback(
        name, [options, kind] { options->execute.explain = kind; }, help);
  };
  CLI::Option* const plan =
      explain("--explain", QueryStatement::Explain::plan, "Print how a QUERY would be answered, without running it");
  CLI::Option* const analyze =
      explain("--analyze", QueryStatement::Explain::analyze, "Run it, and print what it took instead of the rows");
  CLI::Option* const plot =
      app.add_flag("--plot", options->plot, "Print the answer of a query with PER, or of a view of one, as bars");
  plan->excludes(analyze);
  plot->excludes(plan)->excludes(analyze);
  for (CLI::Option* const without_rows : {plan, analyze, plot})
    without_rows->excludes(app.get_option("--format"));
  command.runs([options](Streams& streams) { return query(*options, streams); });
}

} // namespace weir::cli
