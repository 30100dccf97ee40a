// Each measurement in a process of its own.
//
// Purpose: no cell inherits another's heap, caches or threads, and a store can be killed as a crash would.
// Threading: the caller must be the process's only thread, because fork() copies no other. Errors: what the child
// threw, or how it died, as std::runtime_error.
#pragma once

#include "bench/figures.hpp"

#include <functional>

namespace weir::bench {

enum class Ending {
  exits,  ///< After `work`, without running destructors of what the parent made.
  killed, ///< By SIGKILL as soon as `work` has returned: whatever it left open stays open.
};

/// Runs `work` in a forked process and returns what it returned there.
Figures in_child(const std::function<Figures()>& work, Ending ending = Ending::exits);

} // namespace weir::bench
