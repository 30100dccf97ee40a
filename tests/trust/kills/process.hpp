// A child process that talks in lines and is killed.
//
// Owner: the test. Threading: one thread.
// Invariants: whatever the child wrote before it died is still read; no child outlives its HostProcess.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace weir::trust {

class HostProcess {
public:
  enum class Heard { line, silence, end };

  /// Starts the program `arguments[0]`; throws std::runtime_error if it cannot.
  explicit HostProcess(const std::vector<std::string>& arguments);
  ~HostProcess();
  HostProcess(const HostProcess&) = delete;
  HostProcess& operator=(const HostProcess&) = delete;

  /// Waits for the next line until `deadline`: `line` puts it into `text`, valid until the next call; `silence` means
  /// that none came in time, `end` that the child has closed its side.
  Heard hear(std::string_view& text, std::chrono::steady_clock::time_point deadline);
  void kill();
  /// Waits for the child's death: true if it was ours to decide (SIGKILL), false if it ended by itself.
  [[nodiscard]] bool died_by_kill();
  /// Waits for the child's end: its exit code, or -1 if a signal ended it. Either this or died_by_kill() is called.
  [[nodiscard]] int exit_code();

private:
  int wait();

  pid_t pid_ = -1;
  int pipe_ = -1;
  std::string buffer_;
  std::size_t read_to_ = 0; ///< Start in `buffer_` of what has not been handed out.
};

} // namespace weir::trust
