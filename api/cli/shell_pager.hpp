// A program that shows a long answer page by page.
//
// Owner: the shell, for one answer. Threading: one thread at a time.
// Invariants: SIGINT is not for the shell while a pager runs: the pager gets it, too, and decides.
#pragma once

#include <weir/result.hpp>

#include <string>
#include <sys/types.h>

namespace weir::cli {

class Pager {
public:
  /// The command line: $PAGER, or `less -FRX` if there is such a program on $PATH. Empty: none is wanted or there.
  [[nodiscard]] static std::string command();

  /// Starts `command` by /bin/sh. Its output goes where the shell's does. Error: `io_error`.
  static Result<Pager> start(const std::string& command);
  Pager(Pager&& other) noexcept;
  Pager& operator=(Pager&&) = delete;
  ~Pager() { finish(); }

  /// What it shows is written here.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  /// No more comes. Returns once the reader has seen enough.
  void finish() noexcept;

private:
  Pager(int descriptor, pid_t pid) : descriptor_(descriptor), pid_(pid) {}
  int descriptor_ = -1;
  pid_t pid_ = -1;
};

} // namespace weir::cli
