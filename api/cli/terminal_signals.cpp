#include "api/cli/terminal_signals.hpp"

#include <atomic>
#include <csignal>

namespace weir::cli {
namespace {

constexpr int watched_signals[] = {SIGTSTP, SIGTERM, SIGQUIT, SIGCONT};

// A handler may touch lock-free atomics and call write(), and little else.
std::atomic<int> signal_to_obey{0};
std::atomic<bool> went_on{false};
std::atomic<int> terminal_wake_handle{-1};

void on_terminal_signal(int signal) {
  if (signal == SIGCONT)
    went_on = true;
  else
    signal_to_obey = signal;
  WakePipe::wake(terminal_wake_handle);
}

void set_handler(int signal, void (*handler)(int)) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = handler;
  sigaction(signal, &action, &before);
  if (before.sa_handler == SIG_IGN)
    sigaction(signal, &before, nullptr);
}

void set_handlers(void (*handler)(int)) {
  for (const int signal : watched_signals)
    set_handler(signal, handler);
}

} // namespace

TerminalSignals::TerminalSignals() {
  signal_to_obey = 0;
  went_on = false;
  terminal_wake_handle = pipe_.handle();
  set_handlers(on_terminal_signal);
}

TerminalSignals::~TerminalSignals() {
  set_handlers(SIG_DFL);
  if (const int signal = signal_to_obey)
    ::raise(signal);
}

bool TerminalSignals::pending() const noexcept {
  return signal_to_obey != 0 || went_on;
}

void TerminalSignals::obey() noexcept {
  if (const int signal = signal_to_obey.exchange(0)) {
    set_handler(signal, SIG_DFL);
    ::raise(signal);
    set_handler(signal, on_terminal_signal);
  }
  went_on = false; // before the pipe: a signal in between is kept as pending()
  pipe_.drain();
}

} // namespace weir::cli
