// A conversation in the query language: lines in, answers out.
//
// Purpose: `weir shell` without its terminal and its engine, which are handed in.
// Owner: the command. Threading: one thread at a time.
// Invariants: at a terminal an error is told and the next line is asked for; of a script it is the end, unless asked
// otherwise. A script's exit code says whether anything failed.
#pragma once

#include "api/cli/command.hpp"
#include "api/cli/shell_statements.hpp"
#include <weir/execute.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace weir::cli {

struct ShellLine {
  enum class Kind : std::uint8_t {
    text,
    dropped, ///< Ctrl-C: what was being typed is not wanted.
    end,     ///< Of input.
  };
  Kind kind = Kind::text;
  std::string text; ///< Without its end.
};

/// Where lines come from.
class ShellLines {
public:
  virtual ~ShellLines() = default;
  /// Somebody types, reads prompts and sees errors.
  [[nodiscard]] virtual bool at_terminal() const noexcept = 0;
  /// `begun`: the lines of a statement that is not whole yet, for those who help to type the next.
  virtual Result<ShellLine> next(const std::string& prompt, const std::string& begun) = 0;
  /// A statement that was typed, or a command.
  virtual void remember(const std::string& text) = 0;
};

struct ShellSettings {
  Format format = Format::table;
  QueryStatement::Explain explain = QueryStatement::Explain::none;
  bool timing = false;
  bool plot = false;
  bool keep_going = false; ///< A script goes on behind an error.
};

class ShellSession {
public:
  using Execute = std::function<Result<Executed>(const std::string& statement, QueryStatement::Explain explain)>;
  /// Prints an answer, as print_answer() does. An error that is neither of the plot nor of the output ends the session.
  using Print = std::function<Status(const Executed& executed, const ShellSettings& settings)>;

  ShellSession(ShellLines& lines, Execute execute, Print print, Streams& streams, ShellSettings settings);

  /// Until the end of input, \q, or a script's error.
  Result<ExitCode> run();

private:
  enum class Next : std::uint8_t { go_on, quit };

  Result<Next> take(const ShellLine& line);
  Result<Next> command(const std::string& text);
  Result<Next> answer(const std::string& statement);
  /// Tells the error; what that means for the session.
  Next failed(const Error& error, const std::string& statement);
  Next set_format(std::string_view name);
  Next set_explain(std::string_view name);
  Next set_switch(bool& value, std::string_view name, std::string_view wanted);
  [[nodiscard]] std::string prompt() const;
  void say(std::string_view text);

  ShellLines& lines_;
  Execute execute_;
  Print print_;
  Streams& streams_;
  ShellSettings settings_;
  ShellStatements statements_;
  bool failed_ = false;
};

} // namespace weir::cli
