// Ctrl-Z and the end of the process as questions, where obeying at once would leave the terminal to others as an editor
// of lines has set it.
//
// Purpose: whoever edits puts the terminal back, obeys, and takes it again if the process goes on.
// Owner: the editor, while a line is typed; before and afterwards signals do what they always do.
// Threading: one thread; one TerminalSignals lives at a time.
// Invariants: SIGTSTP, SIGTERM and SIGQUIT do what they always do, but in obey(), or at the latest when the
// TerminalSignals ends. Where one is ignored from the start it stays so.
#pragma once

#include "api/cli/wake_pipe.hpp"

namespace weir::cli {

class TerminalSignals {
public:
  TerminalSignals();
  ~TerminalSignals();
  TerminalSignals(const TerminalSignals&) = delete;
  TerminalSignals& operator=(const TerminalSignals&) = delete;

  /// One of them came, or a SIGCONT after a stop that nobody was asked about: the terminal is to be put back, obey() to
  /// be called, and the terminal to be taken again.
  [[nodiscard]] bool pending() const noexcept;
  /// Stops or ends the process, if that was asked for; returns when it goes on.
  void obey() noexcept;
  /// Readable from the signal on.
  [[nodiscard]] int descriptor() const noexcept { return pipe_.descriptor(); }

private:
  WakePipe pipe_;
};

} // namespace weir::cli
