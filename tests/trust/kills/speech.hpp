// What a host says to the driver, on its standard output.
//
// One line per message, each written whole by one write() (a pipe does not split so little), so a killed host leaves no
// half message:
//   opening | opened
//   placed SHARD SHARD ...                                              of each context, in their order
//   event CONTEXT SEQUENCE POSITION <tab separated caller fields>       what was found, context by context
//   count N                                                             the same as the engine counts it; ends the
//   showing writing                                                             from here on stores run ack WRITER
//   NUMBER CONTEXT SEQUENCE EVENTS POSITION                  after the receipt came, never before closing | closed ends
//   the host failed TEXT                                                         what must not happen
//
// Threading: any thread.
#pragma once

#include "engine/text.hpp"
#include "trust/kills/workload.hpp"

#include <weir/event.hpp>

#include <csignal>
#include <cstdlib>
#include <string>
#include <unistd.h>

namespace weir::trust {

// What is on its way into the pipe when the parent is gone ends this process by SIGPIPE; nothing else is needed.
inline void say(std::string line) {
  line += '\n';
  std::size_t done = 0;
  while (done < line.size()) {
    const ssize_t n = ::write(STDOUT_FILENO, line.data() + done, line.size() - done);
    if (n < 0)
      std::abort();
    done += static_cast<std::size_t>(n);
  }
}

[[noreturn]] inline void give_up(const std::string& what) {
  say("failed " + what);
  std::_Exit(1);
}

inline void say_acknowledged(const CallId& id, std::uint32_t context, const Receipt& receipt) {
  say(format("ack {} {} {} {} {} {}", id.writer, id.number, context, receipt.sequence, receipt.events,
             receipt.position));
}

/// This process ends, before the calling thread can take another step.
inline void die() noexcept {
  ::kill(::getpid(), SIGKILL);
}

} // namespace weir::trust
