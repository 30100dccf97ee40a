// A pipe that signal handlers write to, so that poll() can wait for input and for a signal together.
//
// Owner: whoever installs the handler. Threading: wake() from anywhere, signal handlers included; the rest by the
// owner.
#pragma once

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace weir::cli {

class WakePipe {
public:
  /// Without a pipe (no descriptors left) descriptor() is -1, and nobody is woken.
  WakePipe() {
    if (::pipe2(ends_, O_CLOEXEC | O_NONBLOCK) != 0)
      ends_[0] = ends_[1] = -1;
  }
  ~WakePipe() {
    for (const int end : ends_)
      if (end >= 0)
        ::close(end);
  }
  WakePipe(const WakePipe&) = delete;
  WakePipe& operator=(const WakePipe&) = delete;

  /// Readable from the first wake() on, until drain().
  [[nodiscard]] int descriptor() const noexcept { return ends_[0]; }
  /// What wake() takes: a handler keeps it in an atomic.
  [[nodiscard]] int handle() const noexcept { return ends_[1]; }
  static void wake(int handle) noexcept {
    const int error = errno; // belongs to whom the signal has interrupted
    [[maybe_unused]] const auto written = ::write(handle, "", 1);
    errno = error;
  }
  void drain() const noexcept {
    char bytes[16];
    while (::read(ends_[0], bytes, sizeof bytes) > 0) {
    }
  }

private:
  int ends_[2] = {-1, -1};
};

} // namespace weir::cli
