#include "trust/model/apart.hpp"

#include <cstring>
#include <map>
#include <stdexcept>
#include <type_traits>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::trust {

namespace {

// Ten times what the longest sequence takes under a sanitizer.
constexpr unsigned seconds_max = 300;

/// What a child writes into its pipe; the text follows.
struct Report {
  Outcome::Kind kind = Outcome::Kind::good;
  std::uint64_t at = 0;
  Tally tally;
};
static_assert(std::is_trivially_copyable_v<Report>);

void write_all(int fd, const void* bytes, std::size_t size) {
  const char* at = static_cast<const char*>(bytes);
  while (size != 0) {
    const ssize_t wrote = ::write(fd, at, size);
    if (wrote <= 0)
      _exit(3);
    at += wrote;
    size -= static_cast<std::size_t>(wrote);
  }
}

[[noreturn]] void child(int fd, const Work& work) {
  ::alarm(seconds_max); // SIGALRM ends the process
  Report report;
  std::string text;
  try {
    report.tally = work(report.at);
  } catch (const Mismatch& mismatch) {
    report.kind = mismatch.lost ? Outcome::Kind::acknowledged_lost : Outcome::Kind::wrong_answer;
    text = mismatch.what();
  } catch (const std::exception& e) {
    report.kind = Outcome::Kind::crashed;
    text = e.what();
  }
  write_all(fd, &report, sizeof report);
  write_all(fd, text.data(), text.size());
  _exit(0); // the parent's buffers and handlers are not ours to run
}

struct Child {
  std::size_t piece = 0;
  pid_t pid = 0;
  std::string received;
};

Outcome outcome_of(const Child& child, int status) {
  Outcome outcome;
  if (WIFSIGNALED(status) || WEXITSTATUS(status) != 0 || child.received.size() < sizeof(Report)) {
    const bool hung = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    outcome.kind = hung ? Outcome::Kind::hung : Outcome::Kind::crashed;
    outcome.what = hung                  ? "not done after " + std::to_string(seconds_max) + " s"
                   : WIFSIGNALED(status) ? "ended by signal " + std::to_string(WTERMSIG(status))
                                         : "ended with code " + std::to_string(WEXITSTATUS(status));
    return outcome;
  }
  Report report;
  std::memcpy(&report, child.received.data(), sizeof report);
  outcome.kind = report.kind;
  outcome.at = report.at;
  outcome.tally = report.tally;
  outcome.what = child.received.substr(sizeof report);
  return outcome;
}

} // namespace

void run_all_apart(std::size_t count, std::size_t jobs, const std::function<Work(std::size_t)>& make,
                   const std::function<bool(std::size_t, const Outcome&)>& done) {
  std::map<int, Child> children; // by the reading end of their pipe
  std::size_t next = 0;
  bool more = true;
  while (true) {
    while (more && next < count && children.size() < jobs) {
      int ends[2];
      if (::pipe(ends) != 0)
        throw std::runtime_error("no pipe");
      const Work work = make(next);
      const pid_t pid = ::fork();
      if (pid < 0)
        throw std::runtime_error("no process");
      if (pid == 0) {
        ::close(ends[0]);
        child(ends[1], work);
      }
      ::close(ends[1]);
      children[ends[0]] = {next++, pid, {}};
    }
    if (children.empty())
      return;
    std::vector<pollfd> waiting;
    for (const auto& [fd, each] : children)
      waiting.push_back({fd, POLLIN, 0});
    ::poll(waiting.data(), waiting.size(), -1);
    for (const pollfd& ready : waiting) {
      if (ready.revents == 0)
        continue;
      char buffer[4'096];
      const ssize_t got = ::read(ready.fd, buffer, sizeof buffer);
      Child& child = children[ready.fd];
      if (got > 0) {
        child.received.append(buffer, static_cast<std::size_t>(got));
        continue;
      }
      int status = 0;
      ::waitpid(child.pid, &status, 0);
      ::close(ready.fd);
      const Child ended = std::move(child);
      children.erase(ready.fd);
      more = done(ended.piece, outcome_of(ended, status)) && more;
    }
  }
}

Outcome run_apart(const Work& work) {
  Outcome outcome;
  run_all_apart(
      1, 1, [&](std::size_t) { return work; },
      [&](std::size_t, const Outcome& ended) {
        outcome = ended;
        return true;
      });
  return outcome;
}

} // namespace weir::trust
