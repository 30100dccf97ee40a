// Tests in processes of their own: how each ended is what it says.
//
// Purpose: a mistake that a test is to find may also end the process, or never let it end. Owner: the stage. Threading:
// the calling process has one thread. Invariants: no child is left behind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace weir::trust {

struct Ending {
  enum class Kind : std::uint8_t {
    passed,
    found,  ///< It says that something is wrong: exit code 1, or a broken invariant of the engine.
    crashed ///< Whatever else ended it, too much time included: that shows nothing.
  };
  Kind kind = Kind::crashed;
  std::string how; ///< "exit code 2", "signal 11", "not done after 300 s"
  std::string output;
  double seconds = 0;
};

/// What a child does; its result is the exit code.
using ChildWork = std::function<int()>;

/// Runs `count` children, `jobs` at a time, and tells `done` of each in the order in which they end.
void run_children(std::size_t count, std::size_t jobs, const std::function<ChildWork(std::size_t)>& make,
                  const std::function<void(std::size_t, const Ending&)>& done);

} // namespace weir::trust
