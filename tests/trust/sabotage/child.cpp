#include "trust/sabotage/child.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::trust {

namespace {

using Clock = std::chrono::steady_clock;
// Many times what the longest takes under a sanitizer.
constexpr std::chrono::seconds time_max{300};
constexpr std::size_t output_bytes_max = 256 * 1024;

[[noreturn]] void be_child(int fd, const ChildWork& work) {
  ::setpgid(0, 0); // so that what it starts itself ends with it
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(fd, STDOUT_FILENO);
  ::dup2(fd, STDERR_FILENO);
  int code = 2;
  try {
    code = work();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
  }
  std::fflush(nullptr);
  ::_exit(code); // the parent's handlers are not ours to run
}

struct Child {
  std::size_t number = 0;
  pid_t pid = 0;
  Clock::time_point began;
  bool late = false;
  std::string output;
};

Ending ending_of(const Child& child, int status) {
  Ending ending;
  ending.output = child.output;
  ending.seconds = std::chrono::duration<double>(Clock::now() - child.began).count();
  const auto says = [&](const char* text) { return child.output.find(text) != std::string::npos; };
  if (child.late) {
    ending.how = "not done after " + std::to_string(time_max.count()) + " s";
  } else if (WIFSIGNALED(status)) {
    ending.how = "signal " + std::to_string(WTERMSIG(status));
    if (WTERMSIG(status) == SIGABRT && says("broken invariant"))
      ending.kind = Ending::Kind::found;
  } else {
    ending.how = "exit code " + std::to_string(WEXITSTATUS(status));
    if (WEXITSTATUS(status) == 0)
      ending.kind = Ending::Kind::passed;
    else if (WEXITSTATUS(status) == 1 && !says("Sanitizer")) // which ends with 1, too
      ending.kind = Ending::Kind::found;
  }
  return ending;
}

} // namespace

void run_children(std::size_t count, std::size_t jobs, const std::function<ChildWork(std::size_t)>& make,
                  const std::function<void(std::size_t, const Ending&)>& done) {
  std::map<int, Child> children; // by the reading end of their pipe
  std::size_t next = 0;
  while (true) {
    while (next < count && children.size() < jobs) {
      int ends[2];
      if (::pipe(ends) != 0)
        throw std::runtime_error("no pipe");
      const ChildWork work = make(next);
      std::fflush(nullptr);
      const pid_t pid = ::fork();
      if (pid < 0)
        throw std::runtime_error("no process");
      if (pid == 0) {
        ::close(ends[0]);
        be_child(ends[1], work);
      }
      ::close(ends[1]);
      children[ends[0]] = {next++, pid, Clock::now(), false, {}};
    }
    if (children.empty())
      return;
    std::vector<pollfd> waiting;
    for (const auto& [fd, each] : children)
      waiting.push_back({fd, POLLIN, 0});
    constexpr int look_ms = 1'000;
    ::poll(waiting.data(), waiting.size(), look_ms);
    for (auto& [fd, each] : children)
      if (Clock::now() - each.began > time_max && !std::exchange(each.late, true))
        ::kill(-each.pid, SIGKILL);
    for (const pollfd& ready : waiting) {
      if (ready.revents == 0)
        continue;
      char buffer[4'096];
      const ssize_t got = ::read(ready.fd, buffer, sizeof buffer);
      Child& child = children[ready.fd];
      if (got > 0) {
        if (child.output.size() < output_bytes_max)
          child.output.append(buffer, static_cast<std::size_t>(got));
        continue;
      }
      int status = 0;
      ::waitpid(child.pid, &status, 0);
      ::close(ready.fd);
      const Child ended = std::move(child);
      children.erase(ready.fd);
      done(ended.number, ending_of(ended, status));
    }
  }
}

} // namespace weir::trust
