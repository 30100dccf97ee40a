// Ctrl-C as a question that work may ask, where ending at once would leave things unsaid.
//
// Purpose: import stops reading, waits for what it sent, and says how much is stored; a query is cancelled.
// Owner: the command that needs it. Threading: requested() from any thread; one Interrupt lives at a time.
// Invariants: `once`: only the first SIGINT or SIGTERM is kept; a second one ends the process as usual.
#pragma once

#include "api/cli/wake_pipe.hpp"

#include <atomic>
#include <cstdint>
#include <memory>

namespace weir::cli {

class Interrupt {
public:
  enum class Kept : std::uint8_t {
    once,
    always, ///< Every SIGINT is kept, for somebody who goes on afterwards; SIGTERM ends the process as usual.
  };
  explicit Interrupt(Kept kept = Kept::once);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  [[nodiscard]] bool requested() const noexcept;
  /// As requested(), for whoever wants a flag, as QueryOptions::cancel does.
  [[nodiscard]] std::shared_ptr<std::atomic<bool>> flag() const;
  /// As if no signal had come.
  void clear() noexcept;
  /// Readable from the first signal on, so that poll() can wait for input and for the signal together.
  [[nodiscard]] int descriptor() const noexcept { return pipe_.descriptor(); }

private:
  WakePipe pipe_; ///< Without it a signal is still seen by requested().
};

} // namespace weir::cli
