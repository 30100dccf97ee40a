#include "bench/process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::bench {

namespace {

constexpr std::string_view good = "good\n"; ///< Last line of a child that did its work.
constexpr std::string_view bad = "bad\n";   ///< Last line of one that threw; before it stands what.

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written <= 0)
      ::_exit(3);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

[[noreturn]] void be_child(int descriptor, const std::function<Figures()>& work, Ending ending) {
  constexpr unsigned seconds_max = 900;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL); // who stops the program does not want it to go on unseen
  ::alarm(seconds_max);               // a store that hangs must not take the others' figures with it
  std::string report;
  // A reference that `work` holds lives on until the kill: it belongs to the parent's frame.
  try {
    report = work().to_text() + std::string(good);
  } catch (const std::exception& error) {
    report = std::string(error.what()) + '\n' + std::string(bad);
  }
  write_all(descriptor, report);
  if (ending == Ending::killed)
    ::kill(::getpid(), SIGKILL);
  ::_exit(0);
}

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

} // namespace

Figures in_child(const std::function<Figures()>& work, Ending ending) {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0)
    throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
  std::fflush(nullptr); // or the child prints again what is buffered here
  const pid_t child = ::fork();
  if (child < 0)
    throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  if (child == 0) {
    ::close(pipe[0]);
    be_child(pipe[1], work, ending);
  }
  ::close(pipe[1]);
  std::string report = read_all(pipe[0]);
  ::close(pipe[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR)
    continue;
  if (report.ends_with(bad))
    throw std::runtime_error(report.substr(0, report.size() - bad.size() - 1));
  if (!report.ends_with(good))
    throw std::runtime_error(WIFSIGNALED(status) ? std::string("the process died: ") + ::strsignal(WTERMSIG(status))
                                                 : std::string("the process ended early"));
  return Figures::parse(std::string_view(report).substr(0, report.size() - good.size()));
}

} // namespace weir::bench
