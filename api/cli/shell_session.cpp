#include "api/cli/shell_session.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace weir::cli {
namespace {

using Explain = QueryStatement::Explain;

constexpr std::string_view help =
    R"(A statement ends with a semicolon or an empty line; lines that begin with -- are comments.
  QUERY, EXPLAIN [ANALYZE] QUERY, STORE, REPLAY, DEFINE, REMEMBER, SHOW, FORGET, FLUSH, PING: see docs/query-language.md
  \format table|jsonl|csv    how rows are shown
  \plot [on|off]             answers of PER as bars
  \explain [off|plan|analyze]  how a QUERY would be answered, or what it took, in the place of its rows
  \timing [on|off]           how long each statement takes
  \?                         this text
  \q                         leave; so does Ctrl-D
Tab completes keywords, event types, fields and views. Ctrl-C cancels what is running, or drops what is being typed.)";

std::string duration_text(std::chrono::steady_clock::duration duration) {
  const double ms = std::chrono::duration<double, std::milli>(duration).count();
  return ms < 10'000 ? format("{:.1f} ms", ms) : format("{:.1f} s", ms / 1'000);
}

} // namespace

ShellSession::ShellSession(ShellLines& lines, Execute execute, Print print, Streams& streams, ShellSettings settings)
    : lines_(lines), execute_(std::move(execute)), print_(std::move(print)), streams_(streams), settings_(settings) {
}

Result<ExitCode> ShellSession::run() {
  if (lines_.at_terminal())
    say("weir shell: a semicolon or an empty line ends a statement, \\? helps, \\q leaves");
  for (;;) {
    const auto line = lines_.next(prompt(), statements_.text());
    if (!line)
      return line.error();
    const auto next = take(*line);
    if (!next)
      return next.error();
    if (*next == Next::quit)
      break;
  }
  // Who types has seen what failed; a script asks the exit code.
  return failed_ && !lines_.at_terminal() ? ExitCode::failed : ExitCode::success;
}

Result<ShellSession::Next> ShellSession::take(const ShellLine& line) {
  switch (line.kind) {
  case ShellLine::Kind::dropped: statements_.take_rest(); return Next::go_on;
  case ShellLine::Kind::end:
    // Of a script the end is that of its last statement, too. Who types Ctrl-D wants to leave, and stores nothing by
    // it.
    if (statements_.begun() && !lines_.at_terminal())
      WEIR_TRY(answer(statements_.take_rest()));
    return Next::quit;
  case ShellLine::Kind::text: break;
  }
  const std::string_view text = trimmed(line.text);
  if (!statements_.begun() && text.starts_with('\\'))
    return command(std::string(text));
  if (lines_.at_terminal() && !statements_.begun() && (text == "exit" || text == "quit"))
    return Next::quit;
  statements_.add(line.text);
  while (const auto statement = statements_.next()) {
    lines_.remember(*statement + ';');
    const auto next = answer(*statement);
    if (!next || *next == Next::quit)
      return next;
  }
  return Next::go_on;
}

Result<ShellSession::Next> ShellSession::command(const std::string& text) {
  lines_.remember(text);
  const std::size_t space = std::min(text.find(' '), text.size());
  const std::string name = text.substr(0, space);
  const std::string argument(trimmed(std::string_view(text).substr(space)));
  if (name == "\\q" && argument.empty())
    return Next::quit;
  if (name == "\\?" && argument.empty()) {
    streams_.out.buffer() += std::string(help) + '\n';
    WEIR_TRY(streams_.out.flush());
    return Next::go_on;
  }
  if (name == "\\format")
    return set_format(argument);
  if (name == "\\explain")
    return set_explain(argument);
  if (name == "\\timing")
    return set_switch(settings_.timing, "timing", argument);
  if (name == "\\plot")
    return set_switch(settings_.plot, "plot", argument);
  return failed(fail(Errc::invalid_argument, format("there is no command {}; \\? lists them", text)), {});
}

Result<ShellSession::Next> ShellSession::answer(const std::string& statement) {
  const auto begin = std::chrono::steady_clock::now();
  const auto executed = execute_(statement, settings_.explain);
  const auto took = std::chrono::steady_clock::now() - begin;
  if (!executed) {
    if (executed.code() == Errc::cancelled && lines_.at_terminal())
      statements_.take_rest(); // typed before Ctrl-C, so not wanted either
    return failed(executed.error(), statement);
  }
  if (const Status printed = print_(*executed, settings_); !printed) {
    if (streams_.out.reader_gone() || printed.code() != Errc::invalid_argument)
      return printed.error();
    return failed(printed.error(), {});
  }
  if (!executed->message.empty())
    say(executed->message);
  if (settings_.timing)
    streams_.console.line("took " + duration_text(took));
  return Next::go_on;
}

ShellSession::Next ShellSession::failed(const Error& error, const std::string& statement) {
  failed_ = true;
  streams_.console.error(error);
  if (std::string place = caret(statement, error); !place.empty()) {
    place.erase(place.find_last_not_of('\n') + 1);
    streams_.console.line(place);
  }
  return lines_.at_terminal() || settings_.keep_going ? Next::go_on : Next::quit;
}

ShellSession::Next ShellSession::set_format(std::string_view name) {
  if (name == "table")
    settings_.format = Format::table;
  else if (name == "jsonl")
    settings_.format = Format::jsonl;
  else if (name == "csv")
    settings_.format = Format::csv;
  else
    return failed(fail(Errc::invalid_argument, "\\format wants table, jsonl or csv"), {});
  return Next::go_on;
}

ShellSession::Next ShellSession::set_explain(std::string_view name) {
  if (name == "off" || (name.empty() && settings_.explain != Explain::none))
    settings_.explain = Explain::none;
  else if (name == "plan" || name.empty())
    settings_.explain = Explain::plan;
  else if (name == "analyze")
    settings_.explain = Explain::analyze;
  else
    return failed(fail(Errc::invalid_argument, "\\explain wants off, plan or analyze"), {});
  constexpr std::string_view names[] = {"off", "plan", "analyze"};
  say(format("explain is {}", names[static_cast<int>(settings_.explain)]));
  return Next::go_on;
}

ShellSession::Next ShellSession::set_switch(bool& value, std::string_view name, std::string_view wanted) {
  if (wanted != "on" && wanted != "off" && !wanted.empty())
    return failed(fail(Errc::invalid_argument, format("\\{} wants on or off", name)), {});
  value = wanted.empty() ? !value : wanted == "on";
  say(format("{} is {}", name, value ? "on" : "off"));
  return Next::go_on;
}

std::string ShellSession::prompt() const {
  if (!statements_.begun())
    return "weir> ";
  return format("   {}> ", statements_.missing() == ' ' ? '-' : statements_.missing());
}

void ShellSession::say(std::string_view text) {
  if (lines_.at_terminal())
    streams_.console.line(text);
}

} // namespace weir::cli
