#include "api/cli/interrupt.hpp"

#include <csignal>

namespace weir::cli {
namespace {

// A handler may touch lock-free atomics and call write(), and little else.
std::atomic<bool> signalled{false};
std::atomic<int> wake_handle{-1};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void on_signal(int) {
  signalled = true;
  WakePipe::wake(wake_handle);
}

void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(signal, &action, nullptr);
}

} // namespace

Interrupt::Interrupt(Kept kept) {
  signalled = false;
  wake_handle = pipe_.handle();
  if (kept == Kept::always) {
    handle(SIGINT, on_signal, 0);
    return;
  }
  handle(SIGINT, on_signal, static_cast<int>(SA_RESETHAND));
  handle(SIGTERM, on_signal, static_cast<int>(SA_RESETHAND));
}

Interrupt::~Interrupt() {
  handle(SIGINT, SIG_DFL, 0);
  handle(SIGTERM, SIG_DFL, 0);
}

bool Interrupt::requested() const noexcept {
  return signalled;
}

std::shared_ptr<std::atomic<bool>> Interrupt::flag() const {
  return {std::shared_ptr<void>(), &signalled}; // it lives as long as the program
}

void Interrupt::clear() noexcept {
  signalled = false; // before the pipe: a signal in between is kept as requested()
  pipe_.drain();
}

} // namespace weir::cli
