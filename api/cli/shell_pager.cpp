#include "api/cli/shell_pager.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <spawn.h>
#include <string_view>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace weir::cli {
namespace {

bool on_path(const std::string& program) {
  const char* const path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    if (end > 0 && ::access((std::string(rest.substr(0, end)) + '/' + program).c_str(), X_OK) == 0)
      return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

Error system_failure(int error) {
  return fail(Errc::io_error, format("starting it failed: {}", std::generic_category().message(error)), "pager");
}

} // namespace

std::string Pager::command() {
  if (const char* const wanted = std::getenv("PAGER"))
    return wanted;
  return on_path("less") ? "less -FRX" : "";
}

Result<Pager> Pager::start(const std::string& command) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0)
    return system_failure(errno);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, pipe[0], STDIN_FILENO);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t signals; // ignored here, so it would be there as well
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGPIPE);
  ::posix_spawnattr_setsigdefault(&attributes, &signals);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  std::string shell = "sh", option = "-c", text = command;
  char* const arguments[] = {shell.data(), option.data(), text.data(), nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, "/bin/sh", &files, &attributes, arguments, environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  ::close(pipe[0]);
  if (error != 0) {
    ::close(pipe[1]);
    return system_failure(error);
  }
  return Pager(pipe[1], pid);
}

Pager::Pager(Pager&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), pid_(std::exchange(other.pid_, -1)) {
}

void Pager::finish() noexcept {
  if (descriptor_ >= 0)
    ::close(std::exchange(descriptor_, -1));
  if (pid_ > 0)
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  pid_ = -1;
}

} // namespace weir::cli
