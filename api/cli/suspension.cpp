#include "api/cli/suspension.hpp"

#include <atomic>
#include <csignal>

namespace weir::cli {
namespace {

// A handler may touch lock-free atomics and call write(), and little else.
std::atomic<bool> asked_to_stop{false}, went_on{false};
std::atomic<int> suspension_wake{-1};

void on_stop_or_continue(int signal) {
  (signal == SIGTSTP ? asked_to_stop : went_on) = true;
  WakePipe::wake(suspension_wake);
}

void set_handler(int signal, void (*handler)(int)) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = handler;
  sigaction(signal, &action, &before);
  if (before.sa_handler == SIG_IGN)
    sigaction(signal, &before, nullptr);
}

/// As if nobody had asked for it to be told.
void stop_now() {
  set_handler(SIGTSTP, SIG_DFL);
  ::raise(SIGTSTP);
}

} // namespace

Suspension::Suspension() {
  asked_to_stop = went_on = false;
  suspension_wake = pipe_.handle();
  set_handler(SIGTSTP, on_stop_or_continue);
  set_handler(SIGCONT, on_stop_or_continue);
}

Suspension::~Suspension() {
  set_handler(SIGCONT, SIG_DFL);
  set_handler(SIGTSTP, SIG_DFL);
  if (asked_to_stop)
    stop_now();
}

bool Suspension::requested() const noexcept {
  return asked_to_stop || went_on;
}

void Suspension::stop() noexcept {
  if (asked_to_stop) {
    stop_now();
    set_handler(SIGTSTP, on_stop_or_continue);
  }
  asked_to_stop = went_on = false; // before the pipe: a signal in between is kept as requested()
  pipe_.drain();
}

} // namespace weir::cli
