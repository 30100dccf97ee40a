#include "api/cli/interrupt.hpp"

#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <unistd.h>

namespace weir::cli {
namespace {

// A handler may touch lock-free atomics and call write(), and little else.
std::atomic<bool> signalled{false};
std::atomic<int> wake_descriptor{-1};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void on_signal(int) {
  signalled = true;
  [[maybe_unused]] const auto written = ::write(wake_descriptor, "", 1);
}

void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(signal, &action, nullptr);
}

} // namespace

Interrupt::Interrupt(Kept kept) {
  // Without the pipe (no descriptors left) a signal is still seen by requested().
  if (::pipe2(pipe_, O_CLOEXEC | O_NONBLOCK) != 0)
    pipe_[0] = pipe_[1] = -1;
  signalled = false;
  wake_descriptor = pipe_[1];
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
  for (const int descriptor : pipe_)
    if (descriptor >= 0)
      ::close(descriptor);
}

bool Interrupt::requested() const noexcept {
  return signalled;
}

std::shared_ptr<std::atomic<bool>> Interrupt::flag() const {
  return {std::shared_ptr<void>(), &signalled}; // it lives as long as the program
}

void Interrupt::clear() noexcept {
  signalled = false; // before the pipe: a signal in between is kept as requested()
  char bytes[16];
  while (::read(pipe_[0], bytes, sizeof bytes) > 0) {
  }
}

} // namespace weir::cli
