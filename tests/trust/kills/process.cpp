#include "trust/kills/process.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::trust {

namespace {
constexpr std::size_t read_bytes = std::size_t{256} << 10U;
} // namespace

HostProcess::HostProcess(const std::vector<std::string>& arguments) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw std::runtime_error("no pipe");
  pipe_ = ends[0];
  // Room for the acknowledgements of a life, so that the pipe slows nobody down; refused room costs only speed.
  (void)::fcntl(pipe_, F_SETPIPE_SZ, 1 << 20);
  std::vector<char*> argv;
  for (const std::string& argument : arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  const int failed = ::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failed != 0) {
    ::close(pipe_);
    throw std::runtime_error("cannot start " + arguments.front());
  }
}

HostProcess::~HostProcess() {
  ::close(pipe_);
  if (pid_ > 0) {
    kill();
    (void)died_by_kill();
  }
}

HostProcess::Heard HostProcess::hear(std::string_view& text, std::chrono::steady_clock::time_point deadline) {
  std::size_t searched = read_to_;
  while (true) {
    const std::size_t line_end = buffer_.find('\n', searched);
    if (line_end != std::string::npos) {
      text = std::string_view(buffer_).substr(read_to_, line_end - read_to_);
      read_to_ = line_end + 1;
      return Heard::line;
    }
    buffer_.erase(0, read_to_);
    read_to_ = 0;
    searched = buffer_.size();

    const auto left =
        std::max(deadline - std::chrono::steady_clock::now(), std::chrono::steady_clock::duration::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec timeout{seconds.count(), std::chrono::nanoseconds(left - seconds).count()};
    pollfd ready{pipe_, POLLIN, 0};
    const int polled = ::ppoll(&ready, 1, &timeout, nullptr);
    if (polled == 0)
      return Heard::silence;
    if (polled < 0 && errno == EINTR)
      continue;
    buffer_.resize(searched + read_bytes);
    const ssize_t n = ::read(pipe_, buffer_.data() + searched, read_bytes);
    buffer_.resize(searched + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n == 0 || (n < 0 && errno != EINTR))
      return Heard::end;
  }
}

void HostProcess::kill() {
  if (pid_ > 0)
    ::kill(pid_, SIGKILL);
}

bool HostProcess::died_by_kill() {
  const int status = wait();
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

int HostProcess::exit_code() {
  const int status = wait();
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int HostProcess::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

} // namespace weir::trust
