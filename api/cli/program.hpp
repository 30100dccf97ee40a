// The `weir` program: from the command line to an exit code.
#pragma once

namespace weir::cli {

/// Parses the arguments, runs the command and reports its error. Returns 0, 1 (failed) or 2 (usage).
int run_program(int argc, const char* const* argv);

} // namespace weir::cli
