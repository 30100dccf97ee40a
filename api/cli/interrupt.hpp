// Ctrl-C as a question that work may ask, where ending at once would leave things unsaid.
//
// Purpose: import stops reading, waits for what it sent, and says how much is stored.
// Owner: the command that needs it. Threading: requested() from any thread; one Interrupt lives at a time.
// Invariants: only the first SIGINT or SIGTERM is kept; a second one ends the process as usual.
#pragma once

namespace weir::cli {

class Interrupt {
public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  [[nodiscard]] bool requested() const noexcept;
  /// Readable from the first signal on, so that poll() can wait for input and for the signal together.
  [[nodiscard]] int descriptor() const noexcept { return pipe_[0]; }

private:
  int pipe_[2] = {-1, -1};
};

} // namespace weir::cli
