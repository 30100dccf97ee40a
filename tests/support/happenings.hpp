// What engines do by themselves, told to tests that wait for it.
//
// Purpose: an engine says nothing of a merge it has made, a file it has removed or a disk that has room again. But all
// of that it does in jobs of its executor. A watched executor tells after each of them, and who waits for a condition
// looks at it again only then. Tests tell of what their own threads do.
// Owner: the process; engines come and go. Threading: any thread.
#pragma once

#include "engine/io/executor.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace weir::test {

/// Everybody who waits looks at his condition again.
void tell_waiting();

/// How often somebody told so far.
[[nodiscard]] std::uint64_t times_told();

/// Waits until somebody told more than `seen` times; false if nobody does before `deadline`.
[[nodiscard]] bool wait_to_be_told(std::uint64_t seen, std::chrono::steady_clock::time_point deadline);

/// True as soon as `condition` holds, false if it does not for two minutes (a loaded machine is slow). It must come to
/// hold by a job of a watched executor, or by what tell_waiting() is called after. Not for use inside such a job.
template <class Condition> [[nodiscard]] bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (true) {
    const std::uint64_t seen = times_told();
    if (condition())
      return true;
    if (!wait_to_be_told(seen, deadline))
      return condition();
  }
}

/// Real threads that tell whenever a job has ended or was destroyed unrun; for EngineSeams::make_executor.
[[nodiscard]] std::unique_ptr<io::IoExecutor> make_watched_executor(std::size_t read_threads);

} // namespace weir::test
