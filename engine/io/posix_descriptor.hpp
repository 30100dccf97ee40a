// A file descriptor that closes itself, and system calls' errors as ours.
//
// Purpose: shared by the files of the POSIX file system; the simulated disk borrows its errors, and nobody else
// includes it. Threading: plain values.
#pragma once

#include <weir/result.hpp>

#include <cerrno>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace weir::io {

class Descriptor {
public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  // Linux frees the number even when close() is interrupted, so it is never called again.
  ~Descriptor() {
    if (number_ >= 0)
      ::close(number_);
  }

  [[nodiscard]] int get() const noexcept { return number_; }
  [[nodiscard]] bool valid() const noexcept { return number_ >= 0; }
  /// Gives the number away, for fdopendir.
  [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }

private:
  int number_ = -1;
};

/// Repeats `call` while it fails with EINTR.
template <class Call> auto retry_interrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR)
      return result;
  }
}

/// "cannot open: Permission denied": `disk_full` for ENOSPC, EDQUOT and EFBIG, `not_found` for ENOENT, else `io_error`.
[[nodiscard]] Error system_error(int error_number, std::string_view what, std::string where);

} // namespace weir::io
