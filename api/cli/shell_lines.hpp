// Lines for the shell: from a terminal, with editing, history and completion, or from a pipe.
//
// Owner: the shell. Threading: one thread at a time; `names` may be asked from there only. One ShellEditor lives at a
// time, since the library under it has one state.
#pragma once

#include "api/cli/completion.hpp"
#include "api/cli/interrupt.hpp"
#include "api/cli/prompt.hpp"
#include "api/cli/shell_history.hpp"
#include "api/cli/shell_session.hpp"
#include "api/cli/terminal_signals.hpp"

#include <functional>
#include <optional>
#include <string>

namespace weir::cli {

/// Standard input, which is no terminal.
class PipedLines : public ShellLines {
public:
  explicit PipedLines(Prompt& input) : input_(input) {}
  [[nodiscard]] bool at_terminal() const noexcept override { return false; }
  Result<ShellLine> next(const std::string& prompt, const std::string& begun) override;
  void remember(const std::string&) override {}

private:
  Prompt& input_;
};

/// Standard input, which is one. Whoever stops or ends the process gets the terminal as it was before; when it goes on
/// the line is there again.
class ShellEditor : public ShellLines {
public:
  using Names = std::function<CompletionNames()>;

  /// `interrupt` must outlive it; Ctrl-C drops the line. `names` must not wait.
  ShellEditor(Interrupt& interrupt, ShellHistory history, Names names);
  ~ShellEditor() override;

  [[nodiscard]] bool at_terminal() const noexcept override { return true; }
  Result<ShellLine> next(const std::string& prompt, const std::string& begun) override;
  void remember(const std::string& text) override;

  /// The proposals for the word of `line` that ends at `cursor`.
  [[nodiscard]] Completions proposals(std::string_view line, std::size_t cursor) const;
  /// The next character that is typed; a line feed if the line is to be dropped, -1 at the end of input.
  int read_character();

private:
  void obey_signal();

  Interrupt& interrupt_;
  std::optional<TerminalSignals> signals_; ///< While a line is typed.
  ShellHistory history_;
  Names names_;
  std::string begun_;
  bool dropped_ = false;
};

} // namespace weir::cli
