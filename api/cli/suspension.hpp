// Ctrl-Z as a question, where stopping at once would leave the terminal to others as an editor of lines has set it.
//
// Purpose: whoever edits puts the terminal back, stops, and takes it again when the process goes on.
// Owner: the editor, while a line is typed; before and afterwards signals do what they always do.
// Threading: one thread; one Suspension lives at a time.
// Invariants: a SIGTSTP that came and was not answered by stop() stops the process when the Suspension ends. Where it
// is ignored from the start it stays so.
#pragma once

#include "api/cli/wake_pipe.hpp"

namespace weir::cli {

class Suspension {
public:
  Suspension();
  ~Suspension();
  Suspension(const Suspension&) = delete;
  Suspension& operator=(const Suspension&) = delete;

  /// A SIGTSTP came, or a SIGCONT after a stop that nobody was asked about: the terminal is to be put back, stop() to
  /// be called, and the terminal to be taken again.
  [[nodiscard]] bool requested() const noexcept;
  /// Stops the process, if that was asked for, and returns when it goes on.
  void stop() noexcept;
  /// Readable from the signal on.
  [[nodiscard]] int descriptor() const noexcept { return pipe_.descriptor(); }

private:
  WakePipe pipe_;
};

} // namespace weir::cli
